"""Judge all gates of a run, with those of ratios: a metric of a model divided by that of a reference model."""

from __future__ import annotations

import math
import statistics
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from bench_suite.comparison.changed_examples import location_of
from bench_suite.comparison.gates import (
    Judgement,
    applies,
    by_seed,
    error_of,
    is_inapplicable,
    judge,
    judge_value,
    scope_text,
    seeds_text,
    with_status,
    without_bounds,
)
from bench_suite.comparison.metric_files import MetricFiles
from bench_suite.comparison.metric_rows import Key, by_key, coordinates_text
from bench_suite.comparison.model_pairs import compatible
from bench_suite.comparison.pairing import Group, obstacle_between_models, pair_of
from bench_suite.comparison.ratios.evidence import UnknownSpread, evidence_of_ratio
from bench_suite.comparison.ratios.examples import Ratio
from bench_suite.comparison.run_differences import machine_of
from bench_suite.comparison.strategies import Location, PairedMetric
from bench_suite.comparison.verdicts import Row
from bench_suite.contracts import Interval, MetricRow, Record
from bench_suite.store.records import label_of
from bench_suite.store.runs import Run
from bench_suite.suite.cell import POOLED
from bench_suite.suite.spec import Gate

LEVEL = 0.95
"Level of the interval of a ratio in one run, as of every other value."


def judge_run(
    gates: Iterable[Gate], run: Run, records: Sequence[Record], summaries: Sequence[MetricRow] = (),
    undecided: str = "exit 4", *, trust: bool = False,
) -> list[Judgement]:  # fmt: skip
    """Judge all gates of a run: those of values as `gates.judge` does, and those of ratios.

    Args:
        gates: each is judged by itself.
        run: has the stored predictions and the hardware of its cells.
        records: its cells.
        summaries: metrics of the run as a whole.
        undecided: `exit 4`, `fail` or `warn`, for *cannot tell*.
        trust: run the files of metrics that the suite names by path.
    """
    judgements: list[Judgement] = []
    for gate in gates:
        if gate.ratio_to:
            judgements += judge_ratio(gate, run, records, undecided, trust=trust)
        else:
            judgements += judge([gate], records, summaries, undecided)
    return judgements


def judge_ratio(
    gate: Gate, run: Run, records: Sequence[Record], undecided: str = "exit 4", *, trust: bool = False
) -> list[Judgement]:
    """Judge `min` and `max` of a gate of a ratio by its mean over seeds and its interval, as `gates.judge` does.

    The interval contains the uncertainty of model and reference. Each cell is divided by the cell of the reference that
    differs from it in the model only. A ratio without such a cell, or with a value that is not above 0, is *absent*.

    Args:
        gate: a gate with `ratio_to`.
        run: has the stored predictions and the hardware of its cells.
        records: cells of the run, with those of the reference.
        undecided: as in `judge_run`.
        trust: as in `judge_run`.
    """
    if not {"min", "max"} & gate.rules.keys():
        return [without_bounds(gate)]
    references = References.of(records, gate.ratio_to)
    groups = by_seed(record for record in records if applies(gate, record.cell))
    files = MetricFiles.of(run, trust=trust)
    judgements = [
        replace(judgement, ratio_to=gate.ratio_to)
        for where, cells in groups.items()
        for judgement in _judge_group(gate, where, cells, references, run, files)
    ]
    none = Judgement(gate.metric, scope_text(gate), "absent", "no cell has measured it", 3, ratio_to=gate.ratio_to)
    return with_status(judgements or [none], undecided)


def _judge_group(
    gate: Gate, where: str, cells: Sequence[Record], references: References, run: Run, files: MetricFiles
) -> Iterator[Judgement]:
    """Yield the judgement of a ratio in cells that differ only in their seed and fold, at each of its coordinates."""
    metric, label = gate.metric, label_of(gate.metric)
    if gate.only.keys() & set(POOLED):
        where = f"{where}, {seeds_text(record.cell for record in cells)}"
    expected = [record for record in cells if not is_inapplicable(metric, label, record)]
    if not expected:
        return
    pairs = []
    for record in expected:
        twin = references.twin_of(record)
        obstacle = twin if isinstance(twin, str) else _obstacle(twin, record, metric)
        if obstacle or isinstance(twin, str):
            yield Judgement(metric, where, "absent", f"{gate.ratio_to}: {obstacle}", 3)
            return
        pairs.append((twin, record))
    sides = [[by_key(record.metrics) for record in side] for side in zip(*pairs)]
    keys = dict.fromkeys(key for side in sides for rows in side for key in rows if key[0] == metric)
    if not keys:
        why = next(filter(None, (error_of(metric, record) for pair in pairs for record in pair)), "")
        yield Judgement(metric, where, "absent", "no cell has measured it" + (f": {why}" if why else ""), 3)
    names = (gate.ratio_to, str(expected[0].cell["model"]))
    location = location_in_run(where, pairs, run, files, names)
    for key in keys:
        at = f"{where} ({coordinates_text(key)})" if key[1] else where
        rows = [(mine.get(key), theirs.get(key)) for mine, theirs in zip(*sides, strict=True)]
        if missing := missing_value(rows, names, metric, pairs):
            yield Judgement(metric, at, "absent", missing, 3)
            continue
        values = [(mine, theirs) for mine, theirs in rows if mine is not None and theirs is not None]
        yield _judge_ratio_value(gate, at, paired_metric(key, values, location))


def _judge_ratio_value(gate: Gate, where: str, metric: PairedMetric) -> Judgement:
    """Judge the mean of a ratio over seeds; one that nothing shows the spread of has no interval."""
    ratio, interval = Ratio(metric), None
    try:
        try:
            main = evidence_of_ratio([ratio]).main
            mean, (low, high) = math.exp(main.value), map(math.exp, main.interval(LEVEL))
            interval = Interval(low, high, LEVEL) if low < high else None
        except UnknownSpread:
            mean = math.exp(statistics.fmean(ratio.logarithms()))
    except (ValueError, OverflowError) as error:
        return Judgement(gate.metric, where, "absent", str(error), 3)
    return judge_value(gate.metric, where, mean, interval, gate.rules)


# ── cells of model and reference ────────────────────────────────────────────────────────────────


@dataclass(frozen=True)
class References:
    """The cells of a reference model, by task, seed and fold."""

    cells: Mapping[tuple[Any, ...], Sequence[Record]]
    none: str = "the run has no such cell"
    "What a missing cell is called."

    @staticmethod
    def of(records: Iterable[Record], model: str, none: str = none) -> References:
        """Return the cells of this model; `none` says what a missing one means."""
        cells: dict[tuple[Any, ...], list[Record]] = {}
        for record in records:
            if str(record.cell.get("model")) == model:
                cells.setdefault(_place_of(record), []).append(record)
        return References(cells, none)

    def twin_of(self, record: Record) -> Record | str:
        """Return the cell that differs from a cell in the model only, or the reason why there is none."""
        twins = [other for other in self.cells.get(_place_of(record), ()) if compatible(other.cell, record.cell)]
        if len(twins) == 1:
            return twins[0]
        seeds = seeds_text([record.cell])
        if twins:
            return f"{len(twins)} of its cells fit that of {seeds}: it has an axis of its own, so none is the reference"
        return f"{self.none} of {seeds}"


def _place_of(record: Record) -> tuple[Any, ...]:
    return tuple(record.cell.get(axis) for axis in ("task", "seed", "fold"))


def _obstacle(reference: Record, record: Record, metric: str) -> str:
    """Return why a cell cannot be divided by that of the reference; empty if nothing is in the way."""
    if reference.status != "ok":
        return f"{reference.status}: {reference.reason or 'no reason given'}"
    if is_inapplicable(metric, label_of(metric), reference):
        return f"it does not measure {metric}"
    if record.status == "ok" and (obstacle := obstacle_between_models(reference, record)):
        return f"{obstacle[0]}: {obstacle[1]}"
    return ""


def location_in_run(
    where: str, pairs: Sequence[tuple[Record, Record]], run: Run, files: MetricFiles, names: tuple[str, str]
) -> Location:
    """Return cells of a reference and of a model of one run, one pair a seed, with what there is to compare them by."""
    machines = [[machine_of(run, record) for record in pair] for pair in pairs]
    same_hardware = all(mine is not None and mine == theirs for mine, theirs in machines)
    group = Group(where, tuple(pair_of(*pair) for pair in pairs), same_hardware, names)
    return location_of(group, run, run, files)


def paired_metric(key: Key, values: Sequence[tuple[MetricRow, MetricRow]], location: Location) -> PairedMetric:
    """Return a metric of a reference and of a model, with a value on both sides under every seed."""
    first = values[0][1]
    row = Row(key[0], location.where, True, coordinates_text(key), first.unit, first.better, seeds=len(values))
    return PairedMetric(row, values, location)


def missing_value(
    rows: Iterable[tuple[MetricRow | None, MetricRow | None]], names: tuple[str, str], metric: str,
    pairs: Sequence[tuple[Record, Record]],
) -> str:  # fmt: skip
    """Return which side has no value, in how many cells, and why; empty if both have one in each cell."""
    listed = list(rows)
    for side, word in enumerate(names):
        without = [index for index, pair in enumerate(listed) if (row := pair[side]) is None or row.value is None]
        if without:
            stated = [row.reason for index in without if (row := listed[index][side]) is not None]
            errors = [error_of(metric, pairs[index][side]) for index in without]
            reason = next(filter(None, (*stated, *errors)), "it was not measured")
            cells = "cells" if any("fold" in record.cell for _, record in pairs) else "seeds"
            return f"{word} has no value under {len(without)} of {len(listed)} {cells}: {reason}"
    return ""
