"""What a gate could find: the least loss, and how often it could not tell, from the spread in one run of the suite."""

from __future__ import annotations

import itertools
import math
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace

from bench_suite.comparison.cases import MAX_VALUE, as_share, margin_of
from bench_suite.comparison.evidence import Evidence
from bench_suite.comparison.gates import by_seed, scope_text
from bench_suite.comparison.judged_cells import Part, parts_of
from bench_suite.comparison.metric_rows import Key, by_key, coordinates_text
from bench_suite.comparison.pairing import Group, Pair
from bench_suite.comparison.rescoring import Unpaired, examples_of
from bench_suite.comparison.seed_looks import is_sequential
from bench_suite.comparison.sequential_power import sequential_power, spread_of
from bench_suite.comparison.strategies import Location, PairedMetric, find_evidence
from bench_suite.comparison.verdicts import LEVEL, Row
from bench_suite.contracts import Interval, MetricRow, Record
from bench_suite.stats.folds import FoldMember, mean_over_folds, members_of
from bench_suite.stats.paired import (
    Difference,
    least_variance,
    quantile,
    seeds_only_difference,
    unpaired_difference,
    welch_difference,
)
from bench_suite.store.runs import Run
from bench_suite.suite.spec import Gate, SeedRange, judged_name

MAX_SECONDS = 1.0
"Processor time after which no further cells are looked at: the plan answers at once."
MAX_LOGARITHM = 700.0
"A loss whose logarithm is larger is none that anybody accepts."
STEPS = 10
"Halvings of the interval in which a share lies: 10 find it to 0.1 %."


@dataclass(frozen=True)
class GatePower:
    """What one gate could find, in the cells in which it finds least."""

    metric: str
    scope: str
    "The cells of the gate, in words."
    tolerance: float | str
    "As the suite states it."
    where: str = ""
    "The cells in which the gate finds least; empty if the run has no value."
    seeds: int = 0
    folds: int = 0
    "Number of folds; 0 without folds."
    cells: int = 0
    "Number of cells, that differ in more than their seed, on which this is based."
    left: int = 0
    "Number of further cells that there was no time to look at."
    smallest: float | None = None
    "The least loss, tolerance included, that 95 of 100 comparisons find; None if they find none."
    undecided: float = 1.0
    "Share of comparisons of equally good models that cannot tell."
    unit: str = ""
    relative: bool = False
    "Whether `smallest` is a share of base, as for timings."
    seed_range: SeedRange | None = None
    "The seeds that a comparison may add until it decides; `undecided` is then the share that cannot tell with all."
    expected_seeds: float | None = None
    "Mean number of seeds until equally good models are told apart from a loss, or have the most seeds."
    seeds_by_group: Mapping[str, float] = field(default_factory=dict)
    "The same for each group of cells that the gate is for."
    paired: bool = True
    "Whether the examples of two models could be paired; otherwise they count as independent, so it finds more."
    ratio_to: str = ""
    "The model to whose value the ratio is gated; empty for the metric itself."

    @property
    def name(self) -> str:
        """What is gated, in words."""
        return judged_name(self.metric, self.ratio_to)


def gate_powers(
    gates: Sequence[Gate], run: Run, ids: Sequence[str], seconds: float = MAX_SECONDS, more: int = 0,
    seed_range: SeedRange | None = None,
) -> list[GatePower]:  # fmt: skip
    """Return what each gate with a tolerance could find in a comparison with a run of equally good models.

    Two seeds of the run stand for two equally good models. Their examples are paired as a comparison pairs them, and
    the spread of all seeds is that of the metric. With one seed, the examples of two models count as independent.

    Args:
        gates: the gates of the suite, but those of ratios.
        run: a run of the suite.
        ids: the cells that the suite has now; others in the run are ignored.
        seconds: processor time after which no further cells are looked at.
        more: number of questions that a comparison judges beside those of these gates.
        seed_range: the seeds that a comparison may add.
    """
    questions = questions_of(gates, run, ids)
    level, deadline = LEVEL / max(1, len(questions) + more), math.inf
    powers = [(gate, Powers()) for gate in gates if "tolerance" in gate.rules]
    locations = Locations(run)
    for question, part, key in questions:
        for of_gate in (known for gate, known in powers if gate is question):
            if time.process_time() > deadline and of_gate.known:
                of_gate.left += 1
            elif (power := _power(question, part, key, locations, level, seed_range)) is not None:
                of_gate.known.append(power)
            if math.isinf(deadline):  # the first one also imports what reads predictions
                deadline = time.process_time() + seconds
    return [known.worst(gate) for gate, known in powers]


def questions_of(gates: Sequence[Gate], run: Run, ids: Sequence[str]) -> list[tuple[Gate, Part, Key]]:
    """Return what a comparison judges: each gate in the cells that differ only in their seed, at each coordinate."""
    wanted = set(ids)
    records = [record for record in run.planned_records() if record.id in wanted and record.status == "ok"]
    return [
        (gate, part, key)
        for where, members in by_seed(records).items()
        for part in parts_of(Group(where, tuple(Pair(record, record) for record in members), True), gates)
        for key in by_key([row for pair in part.group.pairs for row in pair.head.metrics])
        for gate in part.gates.get(key[0], ())
        if gate is not None
    ]


class Powers:
    """What a gate finds in each of its cells, as far as it is known."""

    def __init__(self) -> None:
        self.known: list[GatePower] = []
        self.left = 0

    def worst(self, gate: Gate) -> GatePower:
        """Return the cells in which the gate tells least often, and of these the ones in which it finds least."""
        worst = max(
            self.known,
            key=lambda power: (power.undecided, math.inf if power.smallest is None else power.smallest),
            default=GatePower(gate.metric, scope_text(gate), gate.rules["tolerance"], ratio_to=gate.ratio_to),
        )
        by_group: dict[str, float] = {}
        for power in self.known:
            for where, seeds in power.seeds_by_group.items():
                by_group[where] = max(seeds, by_group.get(where, 0.0))
        return replace(worst, cells=len(self.known), left=self.left, seeds_by_group=by_group)


def _power(
    gate: Gate, part: Part, key: Key, locations: Locations, level: float, seed_range: SeedRange | None
) -> GatePower | None:
    """Return what a gate finds in some cells that differ only in their seed; None without a value."""
    records = [pair.head for pair in part.group.pairs]
    rows = [by_key(record.metrics).get(key) for record in records]
    known = [row for row in rows if row is not None and row.value is not None]
    if len(known) < len(rows):
        return None
    first, values = known[0], [float(row.value or 0.0) for row in known]
    if max(map(abs, values)) > MAX_VALUE:
        return None
    where = part.group.where + (f" ({coordinates_text(key)})" if key[1] else "")
    row = Row(key[0], part.group.where, True, coordinates_text(key), first.unit, first.better, seeds=len(rows))
    row = replace(row, base=math.fsum(values) / len(values), head=math.fsum(values) / len(values))
    try:
        evidence, relative, paired = without_change(row, known, records, locations)
    except ValueError:
        return None
    margin = margin_of(gate.rules["tolerance"], row, relative=relative) or 0.0
    if seed_range is not None and is_sequential(gate, seed_range) and margin:
        if (spread := spread_of(evidence, len(rows))) is None:
            return None
        looked = sequential_power(spread, seed_range, margin, level)
        smallest_loss = looked.smallest
        return GatePower(
            key[0], scope_text(gate), gate.rules["tolerance"], where, len(rows), unit=first.unit, relative=relative,
            undecided=looked.undecided, paired=paired, seed_range=seed_range, expected_seeds=looked.seeds,
            smallest=as_share(smallest_loss, first.better) if relative and smallest_loss else smallest_loss,
            seeds_by_group={part.group.where: looked.seeds},
        )  # fmt: skip
    smallest = evidence.min_detectable_loss(margin, level)
    power = GatePower(
        key[0], scope_text(gate), gate.rules["tolerance"], where, len(rows), unit=first.unit, relative=relative,
        undecided=1.0 - share_not_worse(evidence, margin, level), paired=paired,
        folds=evidence.folds,
    )  # fmt: skip
    if not math.isfinite(smallest) or (relative and smallest > MAX_LOGARITHM):
        return power
    return replace(power, smallest=as_share(smallest, first.better) if relative else smallest)


# ── the evidence of a comparison that changes nothing ───────────────────────────────────────────


def without_change(
    row: Row, rows: Sequence[MetricRow], records: Sequence[Record], locations: Locations
) -> tuple[Evidence, bool, bool]:
    """Return the evidence that equally good models would give, whether it is of logarithms, and whether it is paired.

    Raises:
        ValueError: Nothing is known of the spread.
    """
    alone = Location(row.where, True, Unpaired("no pair"), frozenset())
    if PairedMetric(row, [(own, own) for own in rows], alone).is_timing:
        samples = [math.log(sample) for own in rows for sample in own.samples if sample > 0]
        return Evidence(welch_difference(samples, samples), method="processes"), True, True
    if {own.kind for own in rows} == {"exact"}:
        return Evidence(seeds_only_difference([0.0]), method="exact values"), False, True
    values = [float(own.value or 0.0) for own in rows]
    if (members := members_of(records)) is not None:
        of_folds, is_paired = _of_folds(values, members)
        return of_folds, False, is_paired
    centred = [value - (row.base or 0.0) for value in values]
    of_examples = list(_examples_of_pairs(row, rows, records, locations))
    paired = [difference for difference, method in of_examples if method in ("examples", "resampling")]
    if len(rows) == 1 or not (paired or of_examples):
        return _from_intervals(rows, centred), False, False
    if not paired and all(method == "same predictions" for _, method in of_examples):
        return Evidence(seeds_only_difference([0.0]), method="same predictions"), False, True
    if not paired:
        return _from_intervals(rows, centred), False, False
    return with_all_seeds(paired, centred), False, True


def _of_folds(values: Sequence[float], members: Sequence[FoldMember]) -> tuple[Evidence, bool]:
    """Return the evidence of equally good models from the values of folds, and whether two models could be paired.

    Two seeds of each fold stand for two models. With one seed, two models count as independent: the spread of their
    differences is √2 times that of the values.
    """
    by_fold: dict[int, list[float]] = {}
    for value, member in zip(values, members, strict=True):
        by_fold.setdefault(member.fold, []).append(value)
    first = {member.fold: member for member in reversed(members)}
    paired = all(len(of_fold) > 1 for of_fold in by_fold.values())
    spread = [of_fold[0] - of_fold[1] if paired else math.sqrt(2.0) * of_fold[0] for of_fold in by_fold.values()]
    mean = mean_over_folds(spread, [first[fold] for fold in by_fold])
    if not mean.variance:
        raise ValueError("the folds do not differ")
    return Evidence(
        Difference(0.0, 0.0, mean.variance, mean.variance, mean.df, 0, mean.seeds), method="folds", folds=mean.folds
    ), paired


def pairs_of_seeds(count: int) -> list[tuple[int, int]]:
    """Return at most two pairs of seeds, without a seed in common."""
    return [(index, index + 1) for index in range(0, count - 1, 2)][:2]


def _examples_of_pairs(
    row: Row, rows: Sequence[MetricRow], records: Sequence[Record], locations: Locations
) -> Iterator[tuple[Difference, str | None]]:
    """Yield the difference between the two seeds of each pair, and how it was found."""
    for mine, theirs in pairs_of_seeds(len(rows)):
        try:
            location = locations.of(row.where, records[mine], records[theirs])
            evidence = find_evidence(PairedMetric(row, [(rows[mine], rows[theirs])], location))
        except (ValueError, Unpaired):
            continue
        yield evidence.main, evidence.method


class Locations:
    """The stored predictions of pairs of cells of one run, each read once."""

    def __init__(self, run: Run) -> None:
        self.run = run
        self._known: dict[tuple[str, str], Location] = {}

    def of(self, where: str, mine: Record, theirs: Record) -> Location:
        """Return two cells of the run as the two sides of a comparison.

        Raises:
            Unpaired: Predictions are missing or damaged.
        """
        key = (mine.id, theirs.id)
        if key not in self._known:
            group = Group(where, (Pair(mine, theirs),), True)
            examples = examples_of(group, self.run, self.run)
            self._known[key] = Location(where, True, examples, frozenset(), group.pairs)
        return self._known[key]


def with_all_seeds(paired: Sequence[Difference], centred: Sequence[float]) -> Evidence:
    """Return the evidence of as many seeds as the run has, from the examples of pairs of them.

    The variance over examples of one pair is shared among S seeds. The variance over seeds is 2 s² / S for the standard
    deviation s of the values. It contains that over examples, so it is at least as large: few seeds may lie close to
    each other by chance.
    """
    first, count = paired[0], len(centred)
    examples = sum(difference.examples for difference in paired) / len(paired) / count
    spread = [value * math.sqrt(2.0) for value in centred]
    variance = max(examples, seeds_only_difference(spread).variance)
    of_seeds = Difference(0.0, 0.0, variance, variance, count - 1.0, 0, count)
    below = examples**2 / max(1, first.n - 1) + variance**2 / (count - 1)
    df = max(variance**2 / below, 1.0) if below else math.inf
    main = Difference(
        0.0, examples, variance, variance, df, first.n, count,
        variance_per_loss=first.variance_per_loss * first.count / count, sample_unit=first.sample_unit,
    )  # fmt: skip
    return Evidence(main, (of_seeds, replace(of_seeds, df=2.0 * (count - 1))))  # paired, and by Welch's test


def _from_intervals(rows: Sequence[MetricRow], centred: Sequence[float]) -> Evidence:
    """Return the evidence of two models whose examples do not pair, from the intervals of their values.

    Raises:
        ValueError: A value has no interval, and there is one seed.
    """
    spread = [value * math.sqrt(2.0) for value in centred]
    errors = [_standard_error(own.interval) for own in rows if own.interval is not None]
    if len(errors) < len(rows):
        if len(rows) == 1:
            raise ValueError("one value without an interval")
        return Evidence(seeds_only_difference(spread), flips=tuple(spread), method="seeds")
    main = unpaired_difference(spread, [error * math.sqrt(2.0) for error in errors], min(own.n or 0 for own in rows))
    if len(rows) == 1:
        return Evidence(main, method="intervals")
    tests = (seeds_only_difference(spread), welch_difference(centred, centred))
    return Evidence(main, tests, method="intervals")


def _standard_error(interval: Interval) -> float:
    return (interval.high - interval.low) / 2 / quantile((1 + interval.level) / 2, math.inf)


# ── the share that cannot tell ──────────────────────────────────────────────────────────────────


def share_not_worse(evidence: Evidence, margin: float, level: float) -> float:
    """Return the share of comparisons of equally good models that are shown to be not worse than the tolerance.

    It is the power with which a difference of the size of the tolerance is found.
    """
    if not margin:
        return 1.0  # without a tolerance, *no regression found* is the other verdict
    main = evidence.main
    raised = main.variance + max(0.0, least_variance(main, margin) - main.examples)
    evidence = replace(evidence, main=replace(main, variance=raised))
    low, high = 0.0, 1.0
    for _ in itertools.repeat(None, STEPS):
        middle = (low + high) / 2
        if evidence.min_detectable_effect(level, middle) <= margin:
            low = middle
        else:
            high = middle
    return low
