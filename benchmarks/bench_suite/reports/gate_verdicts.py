"""What the gates of a run say: by their bounds, and against the baseline of its suite, if there is one."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Literal

from bench_suite.comparison.baselines import WORD, base_run
from bench_suite.comparison.compare import Comparison, compare
from bench_suite.comparison.gates import DamagedGate, Judgement, applies, stated_gates
from bench_suite.comparison.metric_rows import coordinates_text
from bench_suite.comparison.preconditions import NoBaseline, gate_options
from bench_suite.comparison.ratios.gates import judge_run
from bench_suite.comparison.verdicts import Row as VerdictRow
from bench_suite.contracts import BenchError
from bench_suite.reports.comparison import numbers_in_words
from bench_suite.reports.differences import SHARE, difference_value, key_of
from bench_suite.reports.rows import Row
from bench_suite.reports.table import Table
from bench_suite.reports.values import Value
from bench_suite.store.runs import Run, Store
from bench_suite.suite.cell import group_name

Base = Literal["compared", "none", "itself", "not compared", "smoke run"]
"""Whether a run is compared with the baseline of its suite:

`compared`      `comparison` has the result
`none`          the suite has no baseline
`itself`        the run is the baseline
`not compared`  the baseline cannot be read, or the two have nothing in common; `reason` says which
`smoke run`     smoke runs are neither judged nor compared
"""
COLUMN = "baseline run"
"What the head of a column calls the baseline; a model may be called `baseline`."
WORST_FIRST = (
    "regressed", "failed", "absent", "cannot tell", "not judged", "not compared", "no regression found", "passed",
    "not worse than the tolerance",
)  # fmt: skip
"The verdicts of gates in the order of a report."


@dataclass(frozen=True)
class GateVerdict:
    """The verdict of one gate on cells that differ only in their seed and fold."""

    verdict: str
    gate: str
    "What is judged, in words: `quality/accuracy`."
    where: str
    "The cells in words: `imdb, minilm`."
    evidence: str
    "The numbers that decide, or the reason against a verdict, in words."
    note: str = ""
    "What else a reader must know, in words."


@dataclass(frozen=True)
class RunVerdicts:
    """The verdicts of the gates of a run."""

    gates: tuple[GateVerdict, ...]
    "Worst first."
    stated: bool
    "Whether the suite has any gate."
    base: Base
    baseline: str = ""
    "Name of the run that is the baseline."
    reason: str = ""
    "Why the run is not compared, or why its gates are not judged."
    comparison: Comparison | None = None


def verdicts_of(run: Run) -> RunVerdicts:
    """Return the verdicts of the gates of a run: `min` and `max` by its own values, tolerances against the baseline.

    The baseline is that of the run's suite, in the folder of results that contains the run.
    """
    if run.info.get("smoke"):
        return RunVerdicts((), bool(run.info.get("gate")), "smoke run")
    base, baseline, reason, comparison = _compared(run)
    try:
        judgements = _judged(run)
    except DamagedGate as error:
        return RunVerdicts((), True, base, baseline, f"the gates cannot be read: {error}", comparison)
    verdicts = [
        GateVerdict(one.verdict, one.name, one.where, one.message)
        for one in judgements
        if comparison is None or not one.needs_baseline
    ]
    if comparison is not None:
        verdicts += [
            GateVerdict(row.verdict, row.name, row.where, numbers_in_words(row), row.note)
            for row in comparison.rows
            if row.gated
        ]
    verdicts.sort(key=lambda one: WORST_FIRST.index(one.verdict) if one.verdict in WORST_FIRST else 0)
    return RunVerdicts(tuple(verdicts), bool(run.info.get("gate")), base, baseline, reason, comparison)


def _compared(run: Run) -> tuple[Base, str, str, Comparison | None]:
    """Return whether a run is compared with its baseline, the baseline's name, the reason if not, and the result."""
    try:
        base = base_run(Store(run.path.parent), WORD, str(run.info["suite"]))
    except NoBaseline:
        return "none", "", "", None
    except BenchError as error:
        return "not compared", "", str(error), None
    if base.name == run.name:
        return "itself", base.name, "", None
    try:
        return "compared", base.name, "", compare(base, run)
    except BenchError as error:
        return "not compared", base.name, str(error), None


def _judged(run: Run) -> list[Judgement]:
    """Judge the gates that are for cells of the run; there may be others if it is a run of a part of its suite."""
    gates = stated_gates(run.info.get("gate") or {})
    if not gates:
        return []
    records = run.planned_records()
    own = [gate for gate in gates if any(applies(gate, record.cell) for record in records)]
    return judge_run(own, run, records, run.summaries()[0], gate_options(run)["undecided"])


def headline(verdicts: RunVerdicts) -> str:
    """Return the verdicts in one sentence, as plain text: `1 regressed, 2 passed`."""
    count = Counter(one.verdict for one in verdicts.gates)
    ordered = sorted(count, key=lambda verdict: WORST_FIRST.index(verdict) if verdict in WORST_FIRST else 0)
    parts = [f"{count[verdict]} {verdict}" for verdict in ordered]
    comparison = verdicts.comparison
    missing = 0 if comparison is None else sum(not comparison.is_ignored(cell) for cell in comparison.uncompared)
    parts += [f"{missing} kind{'s' if missing > 1 else ''} of cell not compared"] if missing else []
    return ", ".join(parts)


def with_changes(tables: Sequence[Table], *comparisons: Comparison, reference: str = COLUMN) -> list[Table]:
    """Return tables with a column of the change of the ranking metric since the baseline, after that metric.

    Tables without any compared row stay as they are.

    Args:
        tables: the tables, of one run or of several.
        comparisons: of each run whose rows get their change, as head.
        reference: what the head of the column calls the run that is compared with.
    """
    known = {comparison.head: comparison for comparison in comparisons}
    return [_with_change(table, known, reference) for table in tables]


def _with_change(table: Table, comparisons: Mapping[str, Comparison], reference: str) -> Table:
    sort = table.sort
    if sort is None or sort not in table.columns:
        return table
    coordinates = coordinates_text(key_of(sort))
    known: dict[tuple[str, str], VerdictRow] = {}
    for head in {record.run for row in table.rows for record in row.cells} & comparisons.keys():
        for row in comparisons[head].rows:
            if (row.metric, row.coordinates, row.ratio_to) == (sort.name, coordinates, ""):
                known.setdefault((head, row.where), row)
    compared = [known.get((row.cells[0].run, group_name(row.cells[0].cell))) for row in table.rows]
    if all(row is None or row.difference is None for row in compared):
        return table
    relative = any(row.relative for row in compared if row is not None)
    column = replace(sort, unit=SHARE if relative else sort.unit, reference=reference)
    if column in table.columns:  # a model is called like the run
        column = replace(column, reference=f"{reference} (run)")
    position = table.columns.index(sort) + 1
    rows = tuple(
        replace(row, values={**row.values, column: _change(row, own, comparisons.get(row.cells[0].run))})
        for row, own in zip(table.rows, compared)
    )
    columns = (*table.columns[:position], column, *table.columns[position:])
    return replace(table, columns=columns, rows=rows, baseline=column.reference)


def _change(row: Row, compared: VerdictRow | None, comparison: Comparison | None) -> Value:
    """Return the change of one row; p belongs to gates in one direction only, so a gate's is left out."""
    if len({record.run for record in row.cells}) > 1:  # the value is of all of them, and a comparison of one
        return Value(None, reason="its seeds are of several runs")
    if compared is not None:
        value = difference_value(compared)
        return replace(value, p=None) if compared.gated else value
    if comparison is None:
        return Value(None, reason="its run is not compared")
    name = group_name(row.cells[0].cell)
    reasons = [cell for cell in comparison.uncompared if cell.where == name or cell.where.startswith(f"{name}, ")]
    reason = f"{reasons[0].reason_code}: {reasons[0].detail}" if reasons else "not in the baseline"
    return Value(None, reason=reason)
