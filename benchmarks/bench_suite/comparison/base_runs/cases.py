"""Compare head with the mean of several base runs: each metric with its values and its evidence, as `cases` does."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from statistics import fmean
from typing import Literal

from bench_suite.comparison.base_runs.evidence import evidence_of_runs
from bench_suite.comparison.base_runs.last_runs import LastRuns
from bench_suite.comparison.base_runs.pairing import RunsGroup, pair_with_runs, with_pairs
from bench_suite.comparison.cases import case_of, unmeasured_gates, with_drift_note
from bench_suite.comparison.changed_examples import changes_text, location_of
from bench_suite.comparison.evidence import Evidence
from bench_suite.comparison.judged_cells import Part, deciding, parts_of
from bench_suite.comparison.metric_files import MetricFiles
from bench_suite.comparison.metric_rows import Key, Rows, by_key, coordinates_text, rows_of, without_value
from bench_suite.comparison.pairing import FAILED, Pairing
from bench_suite.comparison.preconditions import ComparisonError, check_no_smoke, judged_gates
from bench_suite.comparison.rescoring import Unpaired
from bench_suite.comparison.strategies import Location, PairedMetric, find_evidence
from bench_suite.comparison.verdicts import Case, Row
from bench_suite.contracts import ArtifactRow, MetricRow, Predictions
from bench_suite.stats.base_runs import STEP_LEVEL
from bench_suite.store.commands import bench
from bench_suite.store.records import is_timing, label_of
from bench_suite.store.runs import Run
from bench_suite.suite.spec import Gate

Obstacle = Literal[
    "no value", "other unit", "other probe options", "other test examples", "other hardware", "no evidence"
]
"""Why a base run does not count for a metric of cells that it has.

`no value`             it has no value under some seed
`other unit`           its unit or direction differs from that of head
`other probe options`  the options of the metric's probe differ
`other test examples`  it was tested on other examples
`other hardware`       it ran on other hardware, and the metric is a timing
`no evidence`          its timings say too little: too few processes, for example
"""


@dataclass(frozen=True)
class BaseMetric:
    """A metric of some cells in one base run and in head."""

    run: str
    "The name of the run."
    rows: Rows
    location: Location


def cases_of_runs(bases: LastRuns, head: Run, *, trust: bool = False) -> tuple[Pairing, list[Case]]:
    """Return how the cells of head pair with those of several runs, and each metric with its evidence.

    Raises:
        ComparisonError: The runs and head have no cell in common and nothing has failed: they are of different suites.
    """
    check_no_smoke(head)
    paired = pair_with_runs(bases, head)
    pairing = paired.pairing
    if not pairing.groups and not any(cell.reason_code in FAILED for cell in pairing.uncompared):
        reasons = "".join(f"\n  {cell.where}: {cell.reason_code}: {cell.detail}" for cell in pairing.uncompared[:8])
        raise ComparisonError(f"{bases.name} and {head.name} have no cell in common{reasons}")
    gates, files = [gate for gate in judged_gates(head) if not gate.ratio_to], MetricFiles.of(head, trust=trust)
    cases: list[Case] = []
    changes: dict[str, None] = {}
    for group in paired.groups:
        for part in parts_of(group.newest, gates):
            cases += _cases_of_part(part, group, head, files, changes)
    pairing = replace(pairing, notes=(*pairing.notes, *changes))
    if pairing.groups:
        cases += _cases_of_summaries(pairing, bases, head, gates)
    return pairing, [*cases, *unmeasured_gates(gates, pairing, cases)]


class _Reader:
    """A run whose predictions are read once for the cells of one part."""

    def __init__(self, run: Run) -> None:
        self.run = run
        self.known: dict[str, Predictions] = {}

    def read_predictions(self, row: ArtifactRow, /) -> Predictions:
        """Return the predictions of an artifact. Raise BenchError if they cannot be read."""
        if row.file not in self.known:
            self.known[row.file] = self.run.read_predictions(row)
        return self.known[row.file]


def _cases_of_part(
    part: Part, group: RunsGroup, head: Run, files: MetricFiles, changes: dict[str, None]
) -> Iterator[Case]:
    """Yield the metrics of one part; add to `changes` how the test examples of all runs differ from those of head."""
    reader = _Reader(head)
    parts, locations = [], []
    for run, own in group.runs:
        cells = replace(with_pairs(own, part.group.pairs), where=part.group.where)
        parts.append(replace(part, group=cells))
        locations.append(location_of(cells, run, reader, files))
    if all(location.changed_splits for location in locations):
        changes[f"{part.group.pairs[0].head.cell.get('task')}: {changes_text(locations[0])}"] = None
    rows_of_runs = [rows_of(one) for one in parts]
    noted = without_value(rows_of_runs[0])
    for key in dict.fromkeys(itertools.chain.from_iterable(rows_of_runs)):
        empty = [(None, None)] * len(part.group.pairs)
        metrics = [
            BaseMetric(run.name, rows.get(key, empty), location)
            for (run, _), rows, location in zip(group.runs, rows_of_runs, locations)
        ]
        for gate in part.gates.get(key[0], ()) if key not in noted else ():
            if (case := case_of_runs(key, metrics, gate)) is not None:
                yield case


def _cases_of_summaries(pairing: Pairing, bases: LastRuns, head: Run, gates: Sequence[Gate]) -> Iterator[Case]:
    """Yield the metrics of the runs as a whole, as of one cell with one seed."""
    theirs = by_key(head.summaries()[0])
    mine = [by_key(run.summaries()[0]) for run in bases.runs]
    same_hardware = all(group.same_hardware for group in pairing.groups)
    incomplete = any(cell.reason_code != "failed probe" for cell in pairing.uncompared)
    location = Location("all cells", same_hardware, Unpaired("it is a metric of the whole run"), frozenset())
    for key in dict.fromkeys((*mine[0], *theirs)):
        judges: Sequence[Gate | None] = deciding(gate for gate in gates if gate.metric == key[0] and not gate.only)
        metrics = [
            BaseMetric(run.name, [(own.get(key), theirs.get(key))], location) for run, own in zip(bases.runs, mine)
        ]
        for gate in judges or [None]:
            case = case_of_runs(key, metrics, gate)
            if case is not None and case.evidence is not None and incomplete:
                note = "it summarises the whole run, and not all of its cells are compared"
                case = Case(replace(case.row, difference=None, tolerance=None, note=note))
            if case is not None:
                yield case


def case_of_runs(key: Key, metrics: Sequence[BaseMetric], gate: Gate | None) -> Case | None:
    """Return the case of one metric against the mean of the base runs that count for it.

    With one such run, it is the comparison with that run, and the note says so. With none, it is the case of the newest
    run, which says why. A count that does not vary is compared with that of the newest run.

    Args:
        key: the metric.
        metrics: newest first.
        gate: the gate that judges it; None without one.
    """
    obstacles = [_obstacle(key, metric) for metric in metrics]
    used = [metric for metric, obstacle in zip(metrics, obstacles) if obstacle is None]
    if len(metrics) == 1 or not used:
        case = case_of(key, metrics[0].rows, metrics[0].location, gate)
        return case and with_drift_note(case)
    notes = [_count_note(metrics, obstacles)] if len(used) < len(metrics) else []
    newest = used[0]
    exact = all(row is not None and row.kind == "exact" for metric in used for pair in metric.rows for row in pair)
    if len(used) == 1 or exact:
        if exact and len({tuple(_numbers(metric)) for metric in used}) > 1:
            notes.append(f"the base runs differ, and the newest one counts: {bench('history', key[0])} says since when")
        case = case_of(key, newest.rows, newest.location, gate)
        return _with_notes(case and with_drift_note(case), notes)

    def find(paired: PairedMetric) -> Evidence:
        rows = [[(base, head) for base, head in metric.rows if base and head] for metric in used]
        return evidence_of_runs(
            [PairedMetric(paired.row, values, metric.location) for values, metric in zip(rows, used)]
        )

    case = case_of(key, _mean_rows(used), newest.location, gate, find)
    runs = case.evidence.base_runs if case is not None and case.evidence is not None else None
    if runs is not None and runs.p_of_between() <= STEP_LEVEL:
        notes.append(
            f"the base runs differ by more than seeds and examples explain: {bench('history', key[0])} says since when"
        )
    return _with_notes(case, notes)


def _with_notes(case: Case | None, notes: Sequence[str]) -> Case | None:
    if case is None or not notes:
        return case
    return replace(case, row=replace(case.row, note="; ".join(filter(None, (*notes, case.row.note)))))


def _count_note(metrics: Sequence[BaseMetric], obstacles: Sequence[Obstacle | None]) -> str:
    """Return how many base runs count, and why the others do not."""
    reasons: dict[str, list[str]] = {}
    for metric, obstacle in zip(metrics, obstacles):
        if obstacle is not None:
            reasons.setdefault(obstacle, []).append(metric.run)
    count = sum(obstacle is None for obstacle in obstacles)
    left = "; ".join(f"{reason}: {', '.join(runs)}" for reason, runs in reasons.items())
    return f"by {count} of {len(metrics)} base runs ({left})"


def _obstacle(key: Key, metric: BaseMetric) -> Obstacle | None:
    """Return why a base run does not count for a metric; None if it does."""
    location = metric.location
    if not metric.rows or not all(base and head and base.value is not None for base, head in metric.rows):
        return "no value"
    pairs = [(base, head) for base, head in metric.rows if base and head]
    if any((base.unit, base.better) != (head.unit, head.better) for base, head in pairs):
        return "other unit"
    if label_of(key[0]) in location.changed_probes:
        return "other probe options"
    if any(is_timing(row) for pair in pairs for row in pair):
        if not location.same_hardware:
            return "other hardware"
        if all(head.value is not None for _, head in pairs) and not _has_evidence(key, metric, pairs):
            return "no evidence"
        return None
    return "other test examples" if location.changed_splits else None


def _has_evidence(key: Key, metric: BaseMetric, pairs: Sequence[tuple[MetricRow, MetricRow]]) -> bool:
    """Return whether a timing can be compared with this run alone."""
    try:
        find_evidence(PairedMetric(_row_of(key, metric), pairs, metric.location))
    except ValueError:
        return False
    return True


def _row_of(key: Key, metric: BaseMetric) -> Row:
    first = next(row for pair in metric.rows for row in reversed(pair) if row is not None)
    return Row(key[0], metric.location.where, False, coordinates_text(key), first.unit, first.better)


def _numbers(metric: BaseMetric) -> list[float]:
    return [float(base.value or 0.0) for base, _ in metric.rows if base is not None]


def _mean_rows(metrics: Sequence[BaseMetric]) -> Rows:
    """Return the rows of the newest run with the means of all runs, one a cell, with those of head."""
    cells = zip(*(_numbers(metric) for metric in metrics))
    means = [values[0] if len(set(values)) == 1 else fmean(values) for values in cells]  # without rounding errors
    return [
        (replace(base, value=mean), head)
        for mean, (base, head) in zip(means, metrics[0].rows, strict=True)
        if base is not None
    ]
