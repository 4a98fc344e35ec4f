"""Compare two runs metric by metric: values, difference with interval, and a verdict against the suite's gates.

Nothing is left out silently. The result lists cells that only one run has, that failed, or whose data, options or
placement differ.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from bench_suite.comparison.base_runs.cases import cases_of_runs
from bench_suite.comparison.base_runs.last_runs import LastRuns, ListedRun
from bench_suite.comparison.cases import cases_of
from bench_suite.comparison.gate_changes import GateChange, changes_of_seeds, gate_changes
from bench_suite.comparison.gates import UNDECIDED_STATUSES, DamagedGate, stated_gates
from bench_suite.comparison.notes import gated_without_value, gates_without_cells, one_sided_metrics, reversed_runs
from bench_suite.comparison.pairing import FAILED, Pairing, UncomparedCell
from bench_suite.comparison.preconditions import ComparisonError, check_different, gate_options, judged_gates
from bench_suite.comparison.ratios.cases import ratio_cases, ratio_notes
from bench_suite.comparison.seed_looks import seed_range_of
from bench_suite.comparison.verdicts import Row, classify_gated, classify_ungated, sort_worst_first
from bench_suite.store.runs import Run


@dataclass(frozen=True)
class Comparison:
    """The result of comparing two runs."""

    base: str
    head: str
    rows: tuple[Row, ...]
    "Worst first."
    uncompared: tuple[UncomparedCell, ...]
    "Cells that are not compared, and probes that failed in head."
    notes: tuple[str, ...]
    "What differs between the runs as a whole."
    gated: bool
    "Whether the suite has any gate."
    status: int
    "Exit status: 1 regressed, 3 cells or probes failed, 4 cannot tell or nothing is compared, else 0."
    options: Mapping[str, str]
    "`undecided` and `new` of the section `[gate]` of head."
    gate_changes: tuple[GateChange, ...] = ()
    "What differs between the gates of the two suites; those by which a loss may pass come first."
    base_word: str = ""
    "What was asked for as base, if that is several runs: `last:5`."
    base_runs: tuple[ListedRun, ...] = ()
    "With several base runs: those that were looked at, newest first; skipped ones have their reason."

    def is_ignored(self, cell: UncomparedCell) -> bool:
        """Return whether a cell that is not compared leaves the exit status as it is."""
        if cell.reason_code in FAILED:
            return False
        if not self.gated:
            return cell.reason_code == "left out" or self.status != 4  # 4: nothing is compared
        accepted = cell.reason_code == "new" and self.options["new"] == "pass" and bool(self.rows)
        return cell.reason_code == "left out" or accepted


def compare(
    base: Run | LastRuns, head: Run, *, trust: bool = False, models: tuple[str, str] | None = None
) -> Comparison:
    """Compare two runs by the gates of `head`, with cells paired by `id`.

    Args:
        base: the earlier run, or several, whose mean is the base value.
        head: the later run.
        trust: run the files of metrics that head's suite names by path.
        models: a model of base and one of head, whose cells are paired although their models differ; the two runs may
            be the same.

    Raises:
        ComparisonError: A run is a smoke run, both are the same run, or they have no cell in common and none failed.
    """
    several, newest = (base, base.runs[0]) if isinstance(base, LastRuns) else (None, base)
    if several is not None and models is not None:
        raise ComparisonError(f"models are compared between two runs: name one run, not {several.word}")
    if models is None or models[0] == models[1]:
        check_different(newest, head)
    if several is not None and len(several.runs) > 1:
        pairing, cases = cases_of_runs(several, head, trust=trust)
    else:
        pairing, cases = cases_of(newest, head, trust=trust, models=models)
        pairing = replace(pairing, notes=(*(several.notes() if several is not None else ()), *pairing.notes))
    gates = judged_gates(head)
    of_ratios = ratio_cases(pairing, newest, head, gates, trust=trust) if models is None else []
    cases += of_ratios
    gated = [case for case in cases if case.row.gated]
    rows = classify_gated(gated) + classify_ungated([case for case in cases if not case.row.gated])
    # The same predictions have no variance, so the smallest loss that would be found is not known.
    rows = [row.having(smallest=None) if row.method == "same predictions" else row for row in rows]
    notes = [*reversed_runs(newest, head), *pairing.notes, *one_sided_metrics(pairing)]
    notes += [*gated_without_value(pairing, gates), *gates_without_cells(pairing, gates)]
    notes += ratio_notes(pairing, of_ratios)
    if several is not None and len(several.runs) > 1 and of_ratios:
        notes.append(f"gates of ratios are compared with {newest.name} alone, the newest of these runs")
    if models is not None and any(gate.ratio_to for gate in gates):
        notes.append("gates of ratios are judged between runs only, not between two models")
    changes: tuple[GateChange, ...] = ()
    try:
        options = (gate_options(newest), gate_options(head))
        changes = gate_changes(stated_gates(newest.info.get("gate", {})), gates, *options)
    except DamagedGate as error:  # the gates of base decide nothing
        notes.append(f"{error} in base: what changed in the gates is not known")
    if gates:
        changes += changes_of_seeds(seed_range_of(newest), seed_range_of(head))
    return Comparison(
        base.name, head.name, tuple(sort_worst_first(rows)), pairing.uncompared, tuple(notes), bool(gates),
        _status(rows, pairing, gate_options(head), gated=bool(gates)), gate_options(head), changes,
        several.word if several is not None else "", several.listed if several is not None else (),
    )  # fmt: skip


def _status(rows: Sequence[Row], pairing: Pairing, options: Mapping[str, str], *, gated: bool) -> int:
    """Return 1 if a gate regressed, 3 if something failed, 4 if a gate cannot tell or nothing is compared, else 0.

    `undecided` and `new` of the section `[gate]` decide what a gate that cannot tell and a new cell count as.
    """
    codes = {cell.reason_code for cell in pairing.uncompared}
    statuses = {1} if any(row.verdict == "regressed" for row in rows) else set()
    statuses |= {3} if codes & set(FAILED) else set()
    statuses |= set() if pairing.groups else {4}
    if gated:
        undecided = any(row.gated and row.verdict == "cannot tell" for row in rows)
        statuses |= {UNDECIDED_STATUSES[options["undecided"]]} if undecided else set()
        statuses |= {1} if "new" in codes and options["new"] == "fail" else set()
        statuses |= {4} if codes - {"left out", "new", *FAILED} else set()
    return next((status for status in (1, 3, 4) if status in statuses), 0)
