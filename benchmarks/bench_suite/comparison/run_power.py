"""The power of a run: how many examples, seeds or processes would find a difference of a stated size."""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

from bench_suite.comparison.cases import MAX_VALUE
from bench_suite.comparison.evidence import Evidence
from bench_suite.comparison.gate_power import Locations, without_change
from bench_suite.comparison.gates import by_seed
from bench_suite.comparison.metric_rows import Key, by_key, coordinates_text
from bench_suite.comparison.pairing import Group, Pair
from bench_suite.comparison.rescoring import MIN_EXAMPLES, Unpaired, examples_of
from bench_suite.comparison.strategies import Location, PairedMetric, find_evidence
from bench_suite.comparison.verdicts import Row
from bench_suite.contracts import MetricRow, Record
from bench_suite.stats.paired import quantile
from bench_suite.stats.power import SampleSize, min_detectable_effect, required_sample_size
from bench_suite.store.runs import Run

MAX_PAIRS = 20
"Most pairs of models of one task that are looked at: those that follow one another in the run."

Basis = Literal["two models", "two seeds", "independent models", "processes"]
"""What the spread of a difference is taken from:

`two models`          the paired differences between two models of the run
`two seeds`           those between two seeds of one model, which stand for two equally good models
`independent models`  the interval of one model, as if a second one erred independently of it
`processes`           the times of fresh processes
"""


@dataclass(frozen=True)
class MetricPower:
    """What finds a difference in one metric of one task."""

    metric: str
    where: str
    "The task and the models in words, with the coordinates of the metric."
    basis: Basis
    unit: str
    relative: bool
    "Whether differences are shares, as for times."
    now: SampleSize
    "Examples or clusters, and seeds, of the run; for processes their number, as seeds."
    smallest: float | None
    "The least difference that this many find; None if none is found."
    wanted: SampleSize | None
    "Examples or clusters, and seeds, that find the difference; None if no number does."
    sample_unit: str = "test examples"
    "What `now.n` counts: `test examples`, `clusters`, or `items` if repetitions of an item are the clusters."


@dataclass(frozen=True)
class Unknown:
    """A metric of which the run does not show how much it varies."""

    metric: str
    where: str
    reason: str


@dataclass(frozen=True)
class Aim:
    """The difference to find, and how surely."""

    find: float
    "In the metric's unit; a share for times."
    power: float = 0.8
    "Share of comparisons that find it."
    level: float = 0.05
    "Two-sided level of the test."


def run_powers(run: Run, aim: Aim, metrics: Sequence[str] = ()) -> list[MetricPower | Unknown]:
    """Return for each metric of each task of a run what would find a difference.

    Two models of a task are paired by example. Of several pairs, the one that needs most is returned. With one model,
    two of its seeds stand for two equally good models; with one seed, the examples of two models count as independent.

    Args:
        run: the run.
        aim: the difference to find.
        metrics: names, `probe/metric`; all if there are none.
    """
    records = [record for record in run.planned_records() if record.status == "ok"]
    tasks: dict[str, list[list[Record]]] = {}
    for members in by_seed(records).values():
        tasks.setdefault(str(members[0].cell.get("task")), []).append(members)
    powers: list[MetricPower | Unknown] = []
    for models in tasks.values():
        keys = dict.fromkeys(key for members in models for record in members for key in by_key(record.metrics))
        for key in keys:
            if metrics and key[0] not in metrics:
                continue
            power = _of_metric(key, models, run, aim)
            powers += [] if power is None else [power]
    return powers


def _of_metric(key: Key, models: Sequence[list[Record]], run: Run, aim: Aim) -> MetricPower | Unknown | None:
    """Return the power of one metric of one task; None for a metric without a value, a direction or a variance."""
    measured = [(members, rows) for members in models if (rows := _rows(key, members)) is not None]
    if not measured or measured[0][1][0].better == "none" or all(row.kind == "exact" for row in measured[0][1]):
        return None
    candidates: list[MetricPower] = []
    reason = ""
    for mine, theirs in itertools.islice(itertools.pairwise(measured), MAX_PAIRS):
        try:
            candidates.append(_of_pair(key, mine, theirs, run, aim))
        except ValueError as error:
            reason = str(error)
    for members, rows in measured if not candidates else ():
        try:
            candidates.append(_of_model(key, members, rows, run, aim))
        except ValueError as error:
            reason = str(error)
    if not candidates:
        return Unknown(key[0], _where(key, measured[0][0]), reason)
    return max(candidates, key=lambda power: math.inf if power.wanted is None else power.wanted.n * power.wanted.seeds)


def _rows(key: Key, members: Sequence[Record]) -> list[MetricRow] | None:
    """Return the rows of a metric in cells that differ in their seed; None if a cell lacks the value."""
    rows = [row for record in members if (row := by_key(record.metrics).get(key)) is not None]
    values = [row.value for row in rows if row.value is not None and abs(row.value) <= MAX_VALUE]
    return rows if rows and len(values) == len(members) else None


def _of_pair(
    key: Key, mine: tuple[list[Record], list[MetricRow]], theirs: tuple[list[Record], list[MetricRow]], run: Run,
    aim: Aim,
) -> MetricPower:  # fmt: skip
    """Return the power from the paired differences between two models.

    Raises:
        ValueError: The models do not pair, so that their differences show nothing.
    """
    seeds = [[(record.cell.get("seed"), record.cell.get("fold")) for record in side] for side, _ in (mine, theirs)]
    if seeds[0] != seeds[1]:
        raise ValueError("the two models have different seeds or folds")
    pairs = tuple(Pair(base, head) for base, head in zip(mine[0], theirs[0], strict=True))
    where = f"{_where(key, mine[0])} and {_name(theirs[0])}"
    row = _row(key, mine[1], where)
    location = Location(where, True, Unpaired("no pair"), frozenset(), pairs)
    metric = PairedMetric(row, list(zip(mine[1], theirs[1], strict=True)), location)
    if not metric.is_timing:
        try:
            examples = examples_of(Group(where, pairs, True), run, run)
        except Unpaired as error:
            raise ValueError(str(error)) from error
        if examples.change is not None:
            raise ValueError(f"the two models were tested on different examples: {examples.change}")
        location = Location(where, True, examples, frozenset(), pairs)
        metric = PairedMetric(row, metric.values, location)
    evidence = find_evidence(metric)
    if evidence.method not in ("examples", "resampling", "processes"):
        raise ValueError(evidence.unpaired_reason or "the two models are not paired by example")
    return _power(metric.row, evidence, "processes" if evidence.method == "processes" else "two models", mine[0], aim)


def _of_model(key: Key, members: Sequence[Record], rows: Sequence[MetricRow], run: Run, aim: Aim) -> MetricPower:
    """Return the power from one model: from two of its seeds, or as if a second model erred independently of it.

    Raises:
        ValueError: Nothing is known of the spread.
    """
    row = _row(key, rows, _where(key, members))
    evidence, relative, paired = without_change(row, rows, members, Locations(run))
    basis: Basis = "processes" if relative else "two seeds" if paired else "independent models"
    return _power(row, evidence, basis, members, aim)


def _power(row: Row, evidence: Evidence, basis: Basis, members: Sequence[Record], aim: Aim) -> MetricPower:
    """Return what finds the difference, by the variance of `evidence`."""
    main, relative = evidence.main, basis == "processes"
    if not main.variance:
        raise ValueError("its values do not vary")
    if main.n and main.n < MIN_EXAMPLES:
        raise ValueError(f"{main.n} {main.sample_unit} are too few to know how much they vary")
    margin = math.log1p(aim.find) if relative else aim.find
    level = aim.level / 2
    smallest = min_detectable_effect(main, level, aim.power)
    wanted = (
        required_sample_size(main, margin, level, aim.power) if main.n else _without_examples(evidence, margin, aim)
    )
    repeated = main.sample_unit == "clusters" and int(members[0].data.get("repetitions", 1)) > 1
    return MetricPower(
        row.metric, row.where, basis, row.unit, relative, SampleSize(main.n, main.count),
        (math.expm1(smallest) if relative else smallest) if smallest < 700 else None, wanted,
        "items" if repeated else main.sample_unit,
    )  # fmt: skip


def _without_examples(evidence: Evidence, margin: float, aim: Aim) -> SampleSize:
    """Return the number of seeds, or of processes on either side, if single examples are not compared."""
    main = evidence.main
    quantiles = quantile(1 - aim.level / 2, math.inf) + quantile(aim.power, math.inf)
    return SampleSize(0, max(main.count, math.ceil(main.variance * main.count * (quantiles / margin) ** 2)))


def _row(key: Key, rows: Sequence[MetricRow], where: str) -> Row:
    value = math.fsum(float(row.value or 0.0) for row in rows) / len(rows)
    first = rows[0]
    return Row(
        key[0], where, False, coordinates_text(key), first.unit, first.better, seeds=len(rows), base=value, head=value
    )


def _where(key: Key, members: Sequence[Record]) -> str:
    at = f" ({coordinates_text(key)})" if key[1] else ""
    return f"{members[0].cell.get('task')}{at}: {_name(members)}"


def _name(members: Sequence[Record]) -> str:
    return str(members[0].cell.get("model"))


def sort_powers(powers: Sequence[MetricPower | Unknown]) -> Iterator[MetricPower | Unknown]:
    """Yield what is known first, in the order of the run."""
    yield from sorted(powers, key=lambda power: isinstance(power, Unknown))
