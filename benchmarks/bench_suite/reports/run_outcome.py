"""The end of a run as a value: what `bench_suite.run` returns."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields
from typing import TYPE_CHECKING, Literal

from bench_suite.comparison.base_runs.last_runs import LastRuns
from bench_suite.comparison.compare import compare
from bench_suite.comparison.gates import Judgement, applies
from bench_suite.comparison.ratios.gates import judge_run
from bench_suite.contracts import BenchError
from bench_suite.execution.session import Outcome
from bench_suite.reports import notebook_html
from bench_suite.reports.compared import Compared, ComparisonVerdict, comparison_parts
from bench_suite.reports.escaping import printable
from bench_suite.reports.frames import metrics
from bench_suite.reports.stored_run import StoredRun, failure_lines, run_parts
from bench_suite.store.runs import Run

if TYPE_CHECKING:
    import pandas as pd

    from bench_suite.suite.plan import Plan

RunVerdict = Literal["interrupted", "gate failed", "passed"] | ComparisonVerdict
"The result of a run in words."


@dataclass(frozen=True, repr=False)
class RunOutcome(Outcome):
    """What a run has done, the verdicts of its gates, and its comparison with a base."""

    run: StoredRun
    "The run as it is stored."
    comparison: Compared | None = None
    "The comparison with `against`; None without one, or if the run was interrupted or cannot be compared."
    gates: tuple[Judgement, ...] = ()
    "The verdicts of the gates on values; those of tolerances are in `comparison`. Smoke runs are not judged."
    notes: tuple[str, ...] = ()
    "Remarks for the reader: seeds that were added, and why nothing is compared."
    status: int = 0
    "What `bench run` exits with: 0, 1 regressed or below a gate, 3 something failed, 4 cannot tell, 130 interrupted."

    @staticmethod
    def of(
        outcome: Outcome, comparison: Compared | None, gates: Sequence[Judgement], notes: Sequence[str], status: int
    ) -> RunOutcome:
        """Return the same outcome with its verdicts."""
        known = {field.name: getattr(outcome, field.name) for field in fields(outcome)}
        known |= {"run": StoredRun.of(outcome.run)}
        return RunOutcome(**known, comparison=comparison, gates=tuple(gates), notes=tuple(notes), status=status)

    @property
    def verdict(self) -> RunVerdict:
        """The result in words.

        `interrupted`, `regressed` (compared with the base), `gate failed` (a bound, or a finding that the suite
        forbids), `failed` (cells, probes or summaries) and `cannot tell` follow `status`. Without any of these it is
        the verdict of `comparison`, `passed` if gates were judged, or `not judged`.
        """
        if self.status == 1:
            regressed = self.comparison is not None and self.comparison.verdict == "regressed"
            return "regressed" if regressed else "gate failed"
        words: dict[int, RunVerdict] = {130: "interrupted", 3: "failed", 4: "cannot tell"}
        if self.status in words:
            return words[self.status]
        if self.comparison is not None:
            return self.comparison.verdict
        return "passed" if any(gate.verdict == "passed" for gate in self.gates) else "not judged"

    def frame(self) -> pd.DataFrame:
        """Return the metrics of the run, as `bench_suite.frame` does."""
        return metrics([self.run])

    def __repr__(self) -> str:
        """Return the run's id, how many cells have a record, and the verdict."""
        return f"<{type(self).__name__} {self.run.name}: {len(self.records)} of {self.cells} cells, {self.verdict}>"

    def __str__(self) -> str:
        """Return the leaderboard, failures, gates and comparison as plain text."""
        parts = [str(self.run), "\n".join([*failure_lines(self.records), *self.summary_errors, *self._gate_lines()])]
        parts += [str(self.comparison)] if self.comparison is not None else []
        parts += ["\n".join(filter(None, self.notes)), repr(self)]
        return printable("\n\n".join(filter(None, parts)))

    def _repr_html_(self) -> str:
        parts = [
            notebook_html.heading(f"{self.verdict}: {len(self.records)} of {self.cells} cells"),
            *run_parts(self.run),
        ]
        parts.append(notebook_html.bullets([*self.summary_errors, *self._gate_lines()]))
        parts += comparison_parts(self.comparison) if self.comparison is not None else []
        return notebook_html.fragment([*parts, notebook_html.bullets(filter(None, self.notes))])

    def _gate_lines(self) -> list[str]:
        return [f"gate {gate.verdict}: {gate.name}, {gate.where}: {gate.message}" for gate in self.gates]


def compared(base: Run | LastRuns, outcome: Outcome, notes: list[str]) -> Compared | None:
    """Return the comparison of a run with its base; None if there can be none, and add the reason to `notes`."""
    if outcome.interrupted:
        return None
    try:
        # The run has just run the files that its suite names.
        return Compared.of(compare(base, outcome.run, trust=True))
    except BenchError as error:  # no common cell, or a damaged base
        notes.append(f"not compared: {error}")
        return None


def judged_gates(plan: Plan, outcome: Outcome, *, compared: bool, smoke: bool) -> list[Judgement]:
    """Return the verdicts of the gates of a suite on the cells that a run was asked for.

    Args:
        plan: the plan of the run, with the gates of the suite as it is.
        outcome: what the run has done.
        compared: whether a comparison judges the tolerances.
        smoke: whether it is a smoke run, which is not judged.
    """
    if smoke:
        return []
    gates = [gate for gate in plan.suite.gates if any(applies(gate, cell.labels) for cell in plan.cells)]
    undecided = plan.suite.gate_options["undecided"]
    # The run has just run the files that its suite names.
    judgements = judge_run(gates, outcome.run, outcome.records, outcome.run.summaries()[0], undecided, trust=True)
    return [judgement for judgement in judgements if not (compared and judgement.needs_baseline)]
