"""The ratio of a metric to a reference model: its logarithm in one run, or its change between two, with evidence."""

from __future__ import annotations

import math
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import replace

from bench_suite.comparison.evidence import Evidence, Method
from bench_suite.comparison.ratios.examples import Ratio, by_examples
from bench_suite.comparison.rescoring import Unpaired
from bench_suite.comparison.strategies import (
    ONE_OBSERVATION,
    OTHER_PROBE_OPTIONS,
    PairedMetric,
    standard_error,
    with_seeds,
)
from bench_suite.stats.folds import mean_over_folds, members_of
from bench_suite.stats.paired import Difference, seeds_only_difference, unpaired_difference
from bench_suite.stats.ratios import log_ratio_error, welch_contrast
from bench_suite.suite.spec import TIMING_PROCESSES


class UnknownSpread(ValueError):
    """A ratio with nothing to show how much it varies."""


OTHER_HARDWARE = "model and reference ran on different hardware, or on hardware that is not known"


def evidence_of_ratio(ratios: Sequence[Ratio], *, probe_changed: bool = False) -> Evidence:
    """Return the weighted sum of the logarithms of ratios with its evidence, by the first way that applies.

    Of one ratio it is the logarithm itself. Of head and base, with weights 1 and −1, it is how the ratio changed: a
    difference of differences. Timings: by the samples of all processes. Other metrics: paired by seed and test example
    as far as the predictions are stored; else by the intervals as if of independent examples; else by the seeds alone.

    Args:
        ratios: one, or those of head and of base in this order, with the same seeds.
        probe_changed: whether the options of the metric's probe differ between the two runs.

    Raises:
        UnknownSpread: Nothing shows how much the ratio varies.
        ValueError: A value is not above 0, or the sides cannot be compared; the message says why.
    """
    logarithms = [ratio.logarithms() for ratio in ratios]
    if any(ratio.metric.is_timing for ratio in ratios):
        if probe_changed:
            raise ValueError(OTHER_PROBE_OPTIONS)
        return _by_processes(ratios)
    by_seed = _weighted(ratios, logarithms)
    if ratios[0].metric.location.folds:
        return _by_folds(ratios, by_seed, probe_changed=probe_changed)
    unpaired_reason = ""
    try:
        return _with_seeds(*by_examples(ratios), ratios, logarithms)
    except Unpaired as error:
        unpaired_reason = str(error)
    if probe_changed:
        raise ValueError(OTHER_PROBE_OPTIONS)
    if (exact := _by_exact_values(ratios, by_seed)) is not None:
        return exact
    if (errors := _errors(ratios)) is not None:
        n = min(row.n or 0 for ratio in ratios for pair in ratio.metric.values for row in pair)
        main = unpaired_difference(by_seed, errors, n)
        return replace(_with_seeds(main, "intervals", ratios, logarithms), unpaired_reason=unpaired_reason)
    if len(by_seed) == 1:
        raise UnknownSpread(ONE_OBSERVATION)
    if not all(ratio.metric.location.same_hardware for ratio in ratios):
        raise ValueError(OTHER_HARDWARE)
    flips = tuple(by_seed) if len(ratios) > 1 else ()
    main = seeds_only_difference(by_seed)
    return Evidence(main, flips=flips, method="seeds", unpaired_reason=unpaired_reason)


def _weighted(ratios: Sequence[Ratio], of_ratios: Sequence[Sequence[float]]) -> list[float]:
    """Return the weighted sum of the logarithms under each seed."""
    return [math.fsum(ratio.weight * log for ratio, log in zip(ratios, seed)) for seed in zip(*of_ratios, strict=True)]


def _with_seeds(
    main: Difference, method: Method, ratios: Sequence[Ratio], logarithms: Sequence[Sequence[float]]
) -> Evidence:
    """Return the evidence; with two ratios and several seeds it also holds what the seeds alone say."""
    if len(ratios) == 1 or method == "same predictions":
        return Evidence(main, method=method)
    head, base = logarithms
    return replace(with_seeds(main, list(zip(base, head, strict=True)), ratios[0].weight), method=method)


# ── timings, counts, intervals ──────────────────────────────────────────────────────────────────


def _by_processes(ratios: Sequence[Ratio]) -> Evidence:
    """Compare the logarithms of the processes' timings, of all seeds together, by Welch's test over all sides.

    Within a run model and reference must have had the same hardware; two runs need not.
    """
    added: list[list[float]] = []
    subtracted: list[list[float]] = []
    for ratio in ratios:
        if not ratio.metric.location.same_hardware:
            raise ValueError(OTHER_HARDWARE)
        for side, sign in ((0, -ratio.weight), (1, ratio.weight)):
            rows = [pair[side] for pair in ratio.metric.values]
            word = ratio.metric.location.names[side]
            if any(row.interval is None or row.interval.over != "processes" for row in rows):
                raise ValueError(f"{word} has no interval over processes")
            samples = [sample for row in rows for sample in row.samples]
            if len(samples) < TIMING_PROCESSES:
                raise ValueError(f"{word} has {len(samples)} processes; at least {TIMING_PROCESSES} are needed")
            if not all(sample > 0 for sample in samples):
                raise ValueError("a timing is not a positive number")
            (added if sign > 0 else subtracted).append([math.log(sample) for sample in samples])
    return Evidence(welch_contrast(added, subtracted), method="processes")


def _by_exact_values(ratios: Sequence[Ratio], by_seed: Sequence[float]) -> Evidence | None:
    """Compare counts that do not vary between runs; None for others, and for counts that differ between seeds."""
    if not all(ratio.metric.is_exact for ratio in ratios) or len(set(by_seed)) > 1:
        return None
    return Evidence(seeds_only_difference(by_seed), method="exact values")


def _errors(ratios: Sequence[Ratio]) -> list[float] | None:
    """Return the standard error of the sum of logarithms under each seed, by intervals; None if a value has none."""
    of_seeds = []
    for seed in zip(*(ratio.metric.values for ratio in ratios), strict=True):
        rows = [row for pair in seed for row in pair]
        errors = [standard_error(row) for row in rows]
        known = [error for error in errors if error is not None]
        if len(known) < len(errors):
            return None
        of_seeds.append(log_ratio_error([float(row.value or 0.0) for row in rows], known))
    return of_seeds


def _by_folds(ratios: Sequence[Ratio], by_cell: Sequence[float], *, probe_changed: bool) -> Evidence:
    """Compare by the folds, whose training data overlap, with the corrected variance of `stats.folds`.

    The variance is at least that over the test examples of the folds: folds that agree by chance prove nothing.
    """
    parts = []
    for index, fold in enumerate(ratios[0].metric.location.folds):
        number = fold.pairs[0].head.cell["fold"]
        of_fold = []
        for ratio in ratios:
            pairs = zip(ratio.metric.values, ratio.metric.location.pairs, strict=True)
            values = [rows for rows, pair in pairs if pair.head.cell["fold"] == number]
            metric = PairedMetric(ratio.metric.row, values, ratio.metric.location.folds[index])
            of_fold.append(replace(ratio, metric=metric))
        with suppress(ValueError):
            parts.append(evidence_of_ratio(of_fold, probe_changed=probe_changed))
    if len(parts) == len(ratios[0].metric.location.folds) and all(part.method == "same predictions" for part in parts):
        return Evidence(Difference(0.0, 0.0, 0.0, 0.0, math.inf, 0, len(by_cell)), method="same predictions")
    if (exact := _by_exact_values(ratios, by_cell)) is not None:
        return exact
    members = members_of([pair.head for pair in ratios[0].metric.location.pairs])
    if members is None:
        raise ValueError("the records do not contain the sizes of the folds")
    mean = mean_over_folds(by_cell, members)
    mains = [part.main for part in parts]
    examples = mean.factor * math.fsum(main.examples for main in mains) / max(1, len(mains))
    df = mean.df if math.isfinite(mean.df) else mean.folds - 1.0
    main = Difference(mean.value, examples, mean.variance, max(mean.variance, examples), df, 0, mean.seeds)
    return Evidence(main, method="folds", folds=mean.folds)
