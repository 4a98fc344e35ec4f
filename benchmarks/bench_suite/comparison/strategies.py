"""Find the evidence for one metric: an ordered list of strategies, each of which gives evidence or nothing."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from functools import cache, cached_property
from statistics import NormalDist

from bench_suite.comparison.evidence import Evidence
from bench_suite.comparison.metric_files import MetricFiles
from bench_suite.comparison.pairing import Pair
from bench_suite.comparison.rescoring import BUILT_IN, Examples, Unpaired, difference_of
from bench_suite.comparison.verdicts import Row
from bench_suite.contracts import MetricRow, Record
from bench_suite.stats.folds import mean_over_folds, members_of
from bench_suite.stats.paired import Difference, seeds_only_difference, unpaired_difference, welch_difference
from bench_suite.store.records import is_timing, label_of
from bench_suite.suite.spec import TIMING_PROCESSES

OTHER_HARDWARE = "the hardware differs or is not known"
OTHER_PROBE_OPTIONS = "the options of its probe differ"
ONE_OBSERVATION = "one observation on each side, without an interval"


class OneObservation(ValueError):
    """A metric with one observation on each side, of which nothing says how much it varies."""


@dataclass(frozen=True)
class Location:
    """The cells in which a metric was measured, and what there is to compare it by."""

    where: str
    "The cells in words: `imdb, minilm`."
    same_hardware: bool
    examples: Examples | Unpaired
    "The stored predictions, or the reason why there are none to pair."
    changed_probes: frozenset[str]
    "Labels of probes whose options differ between the runs."
    pairs: tuple[Pair, ...] = ()
    "The cells, one pair a seed; empty for a metric of the whole run."
    changed_splits: tuple[str, ...] = ()
    "Splits other than train and validation whose examples differ between the runs."
    metric_files: MetricFiles = BUILT_IN
    "The files of metrics that the suite of head names by path."
    folds: tuple[Location, ...] = ()
    "Each fold by itself, if the pairs differ in their fold; empty otherwise."
    names: tuple[str, str] = ("base", "head")
    "What messages call the two sides."


@dataclass(frozen=True)
class PairedMetric:
    """One metric with a value on both sides under every seed."""

    row: Row
    values: Sequence[tuple[MetricRow, MetricRow]]
    "Rows of base and head, one pair a seed."
    location: Location

    @property
    def sign(self) -> float:
        """1, or −1 if lower is better: the sign that makes a loss a negative difference."""
        return -1.0 if self.row.better == "lower" else 1.0

    @cached_property
    def numbers(self) -> list[tuple[float, float]]:
        """Values of base and head, one pair a seed."""
        return [(float(base.value or 0.0), float(head.value or 0.0)) for base, head in self.values]

    @cached_property
    def differences(self) -> list[float]:
        """Sign · (head − base) under each seed."""
        return [self.sign * (head - base) for base, head in self.numbers]

    @cached_property
    def made_of_predictions(self) -> bool:
        """Whether the probe states that the stored predictions of the test split alone make the metric."""
        return all(head.of_predictions for _, head in self.values)

    @cached_property
    def is_timing(self) -> bool:
        """Whether any value is a time or a rate of a machine."""
        return any(is_timing(row) for pair in self.values for row in pair)

    @property
    def is_exact(self) -> bool:
        """Whether all values are counts that do not vary between runs."""
        return all(row.kind == "exact" for pair in self.values for row in pair)

    @property
    def probe_changed(self) -> bool:
        """Whether the options of the metric's probe differ between the runs."""
        return label_of(self.row.metric) in self.location.changed_probes


Strategy = Callable[[PairedMetric], Evidence | None]


def find_evidence(metric: PairedMetric) -> Evidence:
    """Return the evidence of the first strategy that applies.

    Stored predictions come first: they are the strongest evidence. If they cannot be paired, the evidence carries the
    reason. The other strategies depend on recorded values, so they require that the probe's options are equal.

    Raises:
        ValueError: No strategy applies; the message says why.
    """
    if metric.is_timing:
        return _by_processes(metric)
    if metric.location.folds:
        return _by_folds(metric)
    evidence, unpaired_reason = None, ""
    try:
        # The reason of a location is not raised: it would keep the frames of all its metrics.
        if isinstance(metric.location.examples, Unpaired):
            unpaired_reason = str(metric.location.examples)
        else:
            evidence = _by_stored_predictions(metric, metric.location.examples)
    except Unpaired as error:
        unpaired_reason = str(error)
    if evidence is not None:
        return evidence
    if metric.probe_changed:
        raise ValueError(OTHER_PROBE_OPTIONS)
    for strategy in STRATEGIES_BY_VALUE:
        if (evidence := strategy(metric)) is not None:
            return replace(evidence, unpaired_reason=unpaired_reason)
    raise OneObservation(ONE_OBSERVATION)


def _by_stored_predictions(metric: PairedMetric, examples: Examples) -> Evidence | None:
    """Compare example by example; None for a metric with coordinates, which no file of metrics/ computes.

    Raises:
        Unpaired: The predictions do not reproduce the metric.
    """
    if metric.row.coordinates:
        return None
    if not metric.made_of_predictions:
        raise Unpaired("its probe does not state that the predictions of the test split alone make it")
    difference, method = difference_of(
        metric.row.metric, examples, metric.numbers, metric.sign, metric.location.metric_files
    )
    evidence = Evidence(difference)
    if difference.variance or difference.value:
        evidence = with_seeds(difference, metric.numbers, metric.sign)
    return replace(evidence, method=method)


def _by_same_predictions(metric: PairedMetric) -> Evidence | None:
    """Find no difference if the predictions that alone make the metric are equal, and so is the metric.

    Equal values alone prove nothing: a coarse metric, such as the accuracy of a small group, is often equal by chance.
    """
    examples = metric.location.examples
    if isinstance(examples, Unpaired) or not metric.made_of_predictions or any(metric.differences):
        return None
    return Evidence(examples.no_difference(), method="same predictions") if examples.identical else None


def _by_intervals(metric: PairedMetric) -> Evidence | None:
    """Compare by the intervals of both sides as if of independent examples, if every value has one."""
    errors = [_standard_error(base, head) for base, head in metric.values]
    known = [error for error in errors if error is not None]
    if len(known) < len(errors):
        return None
    n = min(row.n or 0 for pair in metric.values for row in pair)
    difference = unpaired_difference(metric.differences, known, n)
    return replace(with_seeds(difference, metric.numbers, metric.sign), method="intervals")


def _by_exact_values(metric: PairedMetric) -> Evidence | None:
    """Compare counts that do not vary between runs, and single observations that are equal.

    The metric's kind decides, on both sides; the difference must be the same under every seed.
    """
    if len(set(metric.differences)) > 1:
        return None
    kinds = {row.kind for pair in metric.values for row in pair}
    difference = seeds_only_difference(metric.differences)
    if kinds == {"exact"}:
        return Evidence(difference, method="exact values")
    if kinds == {"single"} and metric.differences[0] == 0.0:
        return Evidence(difference, method="same values")
    return None


def _by_seeds(metric: PairedMetric) -> Evidence | None:
    """Compare by the values under each seed alone; None for one seed.

    Raises:
        ValueError: The hardware differs, so that the values of a seed do not pair.
    """
    if len(metric.differences) == 1:
        return None
    if not metric.location.same_hardware:
        raise ValueError(OTHER_HARDWARE)
    difference = seeds_only_difference(metric.differences)
    return Evidence(difference, flips=tuple(metric.differences), method="seeds")


STRATEGIES_BY_VALUE: tuple[Strategy, ...] = (_by_same_predictions, _by_intervals, _by_exact_values, _by_seeds)
"In this order: the first that gives evidence counts."


def _by_folds(metric: PairedMetric) -> Evidence:
    """Compare by the differences of the folds, with the corrected variance of `stats.folds`.

    Folds share training data, so they are no independent seeds. S² is at least the folds' mean variance over their test
    examples: folds that agree by chance prove nothing.

    Raises:
        ValueError: The probe's options differ, or the folds' sizes are not known.
    """
    if metric.probe_changed:
        raise ValueError(OTHER_PROBE_OPTIONS)
    parts = _evidence_of_folds(metric)
    if len(parts) == len(metric.location.folds) and all(part.method == "same predictions" for part in parts.values()):
        n, count = sum(part.main.n for part in parts.values()), len(parts)
        return Evidence(Difference(0.0, 0.0, 0.0, 0.0, math.inf, n, count), method="same predictions")
    if (exact := _by_exact_values(metric)) is not None:
        return exact
    records = [pair.head for pair in metric.location.pairs]
    members = members_of(records)
    if members is None:
        raise ValueError("the records do not contain the sizes of the folds")
    mean = mean_over_folds(metric.differences, members)
    mains = [part.main for part in parts.values()]
    count = max(1, len(mains))
    examples = mean.factor * math.fsum(main.examples for main in mains) / count
    per_loss = mean.factor * math.fsum(main.variance_per_loss for main in mains) / count
    difference = Difference(
        mean.value, examples, mean.variance, max(mean.variance, examples),
        mean.df if math.isfinite(mean.df) else mean.folds - 1.0, sum(main.n for main in mains) // _repeats(records),
        mean.seeds, variance_per_loss=per_loss, sample_unit=mains[0].sample_unit if mains else "test examples",
    )  # fmt: skip
    return Evidence(difference, method="folds", folds=mean.folds)


def _repeats(records: Sequence[Record]) -> int:
    """Return the number of repeats that some folds belong to: each repeat has the same examples."""
    return len({record.cell["fold"] // int(record.data["folds"]["folds"]) for record in records})


def _evidence_of_folds(metric: PairedMetric) -> dict[int, Evidence]:
    """Return the evidence of each fold by itself, by its number, as far as there is any."""
    parts = {}
    for location in metric.location.folds:
        fold = location.pairs[0].head.cell["fold"]
        pairs = zip(metric.values, metric.location.pairs, strict=True)
        values = [rows for rows, pair in pairs if pair.head.cell["fold"] == fold]
        with suppress(ValueError):
            parts[fold] = find_evidence(PairedMetric(metric.row, values, location))
    return parts


def _by_processes(metric: PairedMetric) -> Evidence:
    """Compare the logarithms of the processes' medians, of all seeds together, by Welch's test.

    Raises:
        ValueError: The hardware or the probe's options differ, or there are too few processes or impossible timings.
    """
    if not metric.location.same_hardware:
        raise ValueError(OTHER_HARDWARE)
    if any(row.interval is None or row.interval.over != "processes" for pair in metric.values for row in pair):
        raise ValueError("no interval over processes: a single process does not show how much restarts differ")
    sides = [[sample for pair in metric.values for sample in pair[side].samples] for side in (0, 1)]
    min_processes = min(map(len, sides))
    if min_processes < TIMING_PROCESSES:
        raise ValueError(f"a side has {min_processes} processes; at least {TIMING_PROCESSES} are needed")
    if not all(sample > 0 for side in sides for sample in side):
        raise ValueError("a timing is not a positive number")
    if metric.probe_changed:
        raise ValueError(OTHER_PROBE_OPTIONS)
    base, head = ([metric.sign * math.log(sample) for sample in side] for side in sides)
    return Evidence(welch_difference(base, head), method="processes")


def with_seeds(main: Difference, numbers: Sequence[tuple[float, float]], sign: float) -> Evidence:
    """Return evidence that, with several seeds, also holds what the values of base and head alone say."""
    if len(numbers) < 2:
        return Evidence(main)
    sides = [[sign * number for number in side] for side in zip(*numbers)]
    paired = seeds_only_difference([head - base for base, head in zip(*sides)])
    return Evidence(main, (paired, welch_difference(*sides)))


def _standard_error(base: MetricRow, head: MetricRow) -> float | None:
    """Return the standard error of the difference of two values that their intervals imply; None without intervals."""
    errors = standard_error(base), standard_error(head)
    return None if errors[0] is None or errors[1] is None else math.hypot(errors[0], errors[1])


def standard_error(row: MetricRow) -> float | None:
    """Return the standard error of a value that its interval implies; None without an interval."""
    if row.interval is None:
        return None
    return (row.interval.high - row.interval.low) / 2 / _half_width(row.interval.level)


@cache
def _half_width(level: float) -> float:
    """Return half the width of an interval of a normal law, in standard errors."""
    return NormalDist().inv_cdf((1 + level) / 2)
