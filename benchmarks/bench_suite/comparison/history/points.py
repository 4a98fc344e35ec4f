"""The runs of a suite as series of points: one metric of the same cells on the same machine, in the order of commits.

A series never mixes machines, placements (device, threads, precision), options or seeds. Runs that are left out are
named, with the reason.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

from bench_suite.comparison.gates import by_seed
from bench_suite.contracts import Interval, MetricRow, Record
from bench_suite.environment import without_memory
from bench_suite.stats.intervals import over_cells
from bench_suite.store.columns import heads_of, metric_at
from bench_suite.store.records import is_timing
from bench_suite.store.runs import Run

Reason = Literal[
    "smoke", "dirty", "several commits", "unknown hardware", "several machines", "other options",
    "other seeds", "failed", "no value",
]  # fmt: skip
"""Why a run is no point of a series:

`smoke`             it is a smoke run
`dirty`             files of its repository differed from the commit
`several commits`   it was resumed under another commit
`unknown hardware`  no machine is stored with its records
`several machines`  its cells ran on different machines
`other options`     its cells have the same labels and other options, and too few runs have these
`other seeds`       it lacks seeds or folds of the newest whole run
`failed`            a cell failed
`no value`          the metric has no value
"""
_JSON = json.JSONEncoder(sort_keys=True, default=str)


@dataclass(frozen=True)
class LeftOut:
    """A run that is no point of a series, or of none."""

    run: str
    reason: Reason
    where: str = ""
    "The series; empty for all of them."
    detail: str = ""
    "More for people."


@dataclass(frozen=True)
class Point:
    """A metric of one run."""

    run: str
    started: str
    value: float
    "The mean over seeds; of times and rates, their geometric mean."
    interval: Interval | None
    cells: int
    "How many cells the value is the mean of."
    commit: str | None = None
    branch: str | None = None
    incomplete: bool = False
    "Whether the run lacks other cells."
    doubts: tuple[str, ...] = ()
    "What makes the value doubtful: `busy` for the machine, or a mark of the metric such as `throttled`."
    facts: Mapping[str, str] = field(default_factory=dict)
    "What may change a value beside the code: versions and data, as text by name."


@dataclass(frozen=True)
class Series:
    """The points of one metric of cells that differ only in seed and fold, on one machine, oldest first."""

    where: str
    qualifier: str
    "What distinguishes it from another series of these cells on this machine, such as `threads 4`; empty if unique."
    task: str
    model: str
    at: tuple[tuple[str, Any], ...]
    "Coordinates of the metric."
    hardware: Mapping[str, Any]
    unit: str
    better: str
    timing: bool
    exact: bool
    "Whether the metric is a count that does not vary between runs."
    range: tuple[float | None, float | None] | None
    points: tuple[Point, ...]

    @property
    def name(self) -> str:
        """The cells and coordinates in words: `digits, mlp, batch_size 64`."""
        coordinates = [f"{axis} {value}" for axis, value in self.at]
        return ", ".join(filter(None, [self.where, *coordinates, self.qualifier]))

    @property
    def values(self) -> list[float]:
        """The values, oldest first."""
        return [point.value for point in self.points]


@dataclass(frozen=True)
class Cells:
    """The cells of a run that differ only in seed and fold, on one machine."""

    run: Run
    where: str
    records: tuple[Record, ...]
    hardware: str
    "As JSON."
    placement: str
    "Device, threads, precision and the like, as JSON."


def usable_runs(runs: Iterable[Run], *, dirty: bool = False) -> tuple[list[Run], list[LeftOut]]:
    """Return the runs that can be points, and those that cannot.

    Args:
        runs: the runs.
        dirty: accept runs of a working tree that differed from its commit.
    """
    usable: list[Run] = []
    left_out: list[LeftOut] = []
    for run in runs:
        git = run.info.get("git") or {}
        states = [git, *(state or {} for state in run.info.get("resumed_git") or ())]
        if run.info.get("smoke"):
            left_out.append(LeftOut(run.name, "smoke"))
        elif len({state.get("commit") for state in states}) > 1:
            left_out.append(LeftOut(run.name, "several commits"))
        elif any(state.get("dirty") for state in states) and not dirty:
            left_out.append(LeftOut(run.name, "dirty"))
        else:
            usable.append(run)
    return usable, left_out


def series_of(metric: str, runs: Sequence[Run], min_points: int = 2) -> tuple[list[Series], list[LeftOut]]:
    """Return the series of a metric, and the runs that are left out of one.

    The newest run that has all seeds and folds of some cells decides which ones a series is about. Runs of the same
    cells with other options are a series of their own if there are enough of them.

    Args:
        metric: name of the metric, `probe/metric`.
        runs: the runs of one suite, oldest first.
        min_points: number of runs with other options that are a series.
    """
    groups: dict[tuple[str, str, str], list[Cells]] = {}
    left_out: list[LeftOut] = []
    for run in runs:
        for where, records in by_seed(run.planned_records()).items():
            cells = _cells(run, where, records, metric)
            if isinstance(cells, Cells):
                groups.setdefault((where, cells.hardware, cells.placement), []).append(cells)
            elif cells is not None:
                left_out.append(LeftOut(run.name, cells, where))
    placements: dict[tuple[str, str], list[str]] = {}
    for where, hardware, placement in groups:
        placements.setdefault((where, hardware), []).append(placement)
    series: list[Series] = []
    for (where, hardware, placement), members in groups.items():
        others = [json.loads(other) for other in placements[where, hardware] if other != placement]
        series += _series(metric, members, left_out, _difference(json.loads(placement), others), min_points)
    return series, left_out


def _cells(run: Run, where: str, records: Sequence[Record], metric: str) -> Cells | Reason | None:
    """Return cells that differ only in seed and fold; or why they are left out; None if the metric is not theirs."""
    if not any(_has(record, metric) for record in records):
        return "failed" if any(_failed(record, metric) for record in records) else None
    machines = {_JSON.encode(without_memory(run.environment(one.environment).get("hardware") or {})) for one in records}
    if "{}" in machines:
        return "unknown hardware"
    if len(machines) > 1:
        return "several machines"
    placements = sorted({_JSON.encode(record.options.get("placement") or {}) for record in records})
    (hardware,) = machines
    return Cells(run, where, tuple(records), hardware, placements[0])


def _difference(placement: Mapping[str, Any], others: Sequence[Mapping[str, Any]]) -> str:
    """Return in words what of a placement differs from others: `threads 4`."""
    names = [name for name in placement if any(other.get(name) != placement[name] for other in others)]
    return ", ".join(f"{name} {placement[name]}" for name in names)


def _series(
    metric: str, members: Sequence[Cells], left_out: list[LeftOut], qualifier: str, min_points: int
) -> Iterator[Series]:
    """Yield the series of the same cells under the same placement, one for each of the metric's coordinates."""
    rest = list(members)
    while rest:
        whole = [cells for cells in rest if not _is_partial(cells)]
        reference = (whole or rest)[-1]
        wanted = {record.id: record for record in reference.records if _has(record, metric)}
        own = [cells for cells in rest if any(record.id in wanted for record in cells.records)]
        is_newest = len(rest) == len(members)
        rest = [cells for cells in rest if cells not in own]
        if not is_newest and len(own) < min_points:
            left_out += [LeftOut(cells.run.name, "other options", cells.where) for cells in own]
            continue
        options = "" if is_newest else f"with the options until {str(own[-1].run.info['started'])[:10]}"
        yield from _same_cells(metric, reference, own, wanted, left_out, ", ".join(filter(None, (qualifier, options))))


def _same_cells(
    metric: str, reference: Cells, members: Sequence[Cells], wanted: Mapping[str, Record], left_out: list[LeftOut],
    qualifier: str,
) -> Iterator[Series]:  # fmt: skip
    """Yield the series of the cells `wanted`, one for each of the metric's coordinates."""
    points: dict[tuple[tuple[str, Any], ...], list[tuple[Point, MetricRow]]] = {}
    for cells in members:
        own = {record.id: record for record in cells.records}
        common = [own[id] for id in wanted if id in own]
        if len(common) < len(wanted) or any(_failed(record, metric) for record in common):
            reason: Reason = "other seeds" if len(common) < len(wanted) else "failed"
            left_out.append(LeftOut(cells.run.name, reason, cells.where))
            continue
        rows = [_rows(record, metric) for record in common]
        for at in dict.fromkeys(at for of_cell in rows for at in of_cell):
            own_rows = [of_cell[at] for of_cell in rows if at in of_cell]
            point = _point(cells.run, common, own_rows) if len(own_rows) == len(common) else None
            if point is None:
                why = next((row.reason for row in own_rows if row.reason), None) or ""
                left_out.append(LeftOut(cells.run.name, "no value", cells.where, why))
            else:
                points.setdefault(at, []).append((point, own_rows[0]))
    for at, entries in points.items():
        yield _as_series(reference, at, entries, qualifier)


def _as_series(
    reference: Cells, at: tuple[tuple[str, Any], ...], entries: Sequence[tuple[Point, MetricRow]], qualifier: str
) -> Series:
    newest, labels = entries[-1][1], reference.records[0].cell
    return Series(
        where=reference.where,
        qualifier=qualifier,
        task=str(labels.get("task")),
        model=str(labels.get("model")),
        at=at,
        hardware=json.loads(reference.hardware),
        unit=newest.unit,
        better=newest.better,
        timing=is_timing(newest),
        exact=all(row.kind == "exact" for _, row in entries),
        range=newest.range,
        points=tuple(point for point, _ in entries),
    )


def _point(run: Run, records: Sequence[Record], rows: Sequence[MetricRow]) -> Point | None:
    """Return the point of a run; None if a cell has no value, or a time or rate is not positive."""
    values = [float(row.value) for row in rows if row.value is not None and math.isfinite(row.value)]
    timing = is_timing(rows[0])
    if len(values) < len(rows) or (timing and min(values) <= 0):
        return None
    mean, interval, _ = over_cells(rows, records)
    if timing:
        mean = math.exp(math.fsum(map(math.log, values)) / len(values))
        interval = interval if len(rows) == 1 else None
    git = run.info.get("git") or {}
    doubts = [
        *(["busy"] if any(record.machine_busy for record in records) else []),
        *(m for r in rows for m in r.marks),
    ]
    return Point(
        run.name, str(run.info["started"]), mean, interval, len(rows), git.get("commit"), git.get("branch"),
        is_incomplete(run), tuple(dict.fromkeys(doubts)), _facts(run, records[0]),
    )  # fmt: skip


def is_incomplete(run: Run) -> bool:
    """Return whether a run lacks cells of its suite, or some of them failed."""
    succeeded = sum(record.status == "ok" for record in run.planned_records())
    return bool(run.info.get("only")) or succeeded < int(run.info.get("cells", 0))


def _facts(run: Run, record: Record) -> dict[str, str]:
    """Return what may change a value beside the code, by name."""
    environment = run.environment(record.environment)
    facts = {str(name): str(version) for name, version in (environment.get("packages") or {}).items()}
    facts["Python"] = str((environment.get("python") or {}).get("version", ""))
    facts["system"] = str((environment.get("system") or {}).get("release", ""))
    facts["data"] = str(record.data.get("fingerprint", ""))[:8]
    facts["options"] = _JSON.encode({key: value for key, value in record.options.items() if key != "placement"})
    return facts


def _is_partial(cells: Cells) -> bool:
    """Return whether the run was asked for a part of its suite, or lacks a cell of these."""
    return bool(cells.run.info.get("only")) or any(record.status != "ok" for record in cells.records)


def _has(record: Record, metric: str) -> bool:
    return any(row.name == metric for row in heads_of(record))


def _failed(record: Record, metric: str) -> bool:
    """Return whether the cell failed, or its probe did, so that it has no value of the metric."""
    if _has(record, metric):
        return False
    probe = record.probes.get(metric.partition("/")[0])
    return record.status != "ok" if probe is None else probe.status in ("failed", "skipped")


def _rows(record: Record, metric: str) -> dict[tuple[tuple[str, Any], ...], MetricRow]:
    """Return the metric's rows of a cell, by coordinates."""
    positions = [position for position, row in enumerate(heads_of(record)) if row.name == metric]
    rows = (metric_at(record, position) for position in positions)
    return {tuple(sorted(row.at.items())): row for row in rows}
