"""Find the evidence for one metric of head against the mean of several base runs."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace
from statistics import fmean

import numpy as np

from bench_suite.comparison.base_runs.rescoring import difference_of_runs, in_one_order
from bench_suite.comparison.evidence import Evidence
from bench_suite.comparison.rescoring import Examples, Unpaired
from bench_suite.comparison.strategies import OneObservation, PairedMetric, find_evidence, with_seeds
from bench_suite.stats.base_runs import (
    BaseRuns,
    base_runs,
    explained_by,
    runs_only_difference,
    with_base_runs,
)
from bench_suite.stats.paired import Difference, seeds_only_difference


def evidence_of_runs(metrics: Sequence[PairedMetric]) -> Evidence:
    """Return the evidence for the difference of head from the mean of the runs, with the variance between them.

    Args:
        metrics: the metric against each of N ≥ 2 base runs, in the same cells, newest first.

    Raises:
        ValueError: No strategy applies; the message says why.
    """
    first = metrics[0]
    if first.is_timing:
        return _by_processes(metrics)
    reason = ""
    if not first.location.folds:
        try:
            return _by_stored_predictions(metrics)
        except Unpaired as error:
            reason = str(error)
    try:
        evidences = [find_evidence(metric) for metric in metrics]
    except OneObservation:
        return _by_runs_alone(metrics)
    evidence = _by_values(metrics, evidences)
    return replace(evidence, unpaired_reason=reason or evidence.unpaired_reason)


def _mean_numbers(metrics: Sequence[PairedMetric]) -> list[tuple[float, float]]:
    """Return the mean of the runs and the value of head, one pair a seed."""
    return [(fmean(base for base, _ in cell), cell[0][1]) for cell in zip(*(metric.numbers for metric in metrics))]


def _values_of_runs(metrics: Sequence[PairedMetric]) -> list[float]:
    """Return the mean over seeds of each base run, signed so that more is better, (N,)."""
    return [metric.sign * fmean(base for base, _ in metric.numbers) for metric in metrics]


def _by_stored_predictions(metrics: Sequence[PairedMetric]) -> Evidence:
    """Compare example by example.

    Raises:
        Unpaired: Predictions are missing, do not make the metric, or do not reproduce it, in some run.
    """
    first, examples = metrics[0], []
    for metric in metrics:
        if isinstance(metric.location.examples, Unpaired):
            raise metric.location.examples
        examples.append(metric.location.examples)
    if first.row.coordinates:
        raise Unpaired("it has coordinates")
    if not all(metric.made_of_predictions for metric in metrics):
        raise Unpaired("its probe does not state that the predictions of the test split alone make it")
    ordered: list[Examples] = in_one_order(examples)
    result = difference_of_runs(
        first.row.metric, ordered, [metric.numbers for metric in metrics], first.sign, first.location.metric_files
    )
    if result.method == "same predictions":
        return Evidence(result.difference, method=result.method)
    runs = base_runs(_values_of_runs(metrics), result.explained, result.explained_df)
    return _with_runs(result.difference, runs, metrics, Evidence(result.difference, method=result.method), seeds=True)


def _with_runs(
    paired: Difference, runs: BaseRuns, metrics: Sequence[PairedMetric], template: Evidence, *, seeds: bool
) -> Evidence:
    """Return evidence with the variance between runs, and with what seeds and runs alone say."""
    main = with_base_runs(paired, runs)
    of_seeds: tuple[Difference, ...] = ()
    if seeds and (main.variance or main.value):
        of_seeds = with_seeds(main, _mean_numbers(metrics), metrics[0].sign).seeds
    return replace(template, main=main, seeds=of_seeds, base_runs=runs)


def _by_values(metrics: Sequence[PairedMetric], evidences: Sequence[Evidence]) -> Evidence:
    """Compare by recorded values and their intervals.

    The variance of a difference from the mean of the runs is at most that from the run from which it is largest.
    """
    template = max(evidences, key=lambda evidence: evidence.main.variance)
    differences = [fmean(cell) for cell in zip(*(metric.differences for metric in metrics))]
    if not template.main.variance and len({tuple(metric.differences) for metric in metrics}) == 1:
        return evidences[0]  # the same predictions or values in all runs
    means = _mean_numbers(metrics)
    explained, df = 0.0, math.inf
    if len(means) > 1:  # with one seed, nothing says how much of the variance its noise explains
        sign = metrics[0].sign
        parts = [[sign * (base - mean) for (base, _), (mean, _) in zip(metric.numbers, means)] for metric in metrics]
        explained, df = explained_by([seeds_only_difference(part) for part in parts])
    runs = base_runs(_values_of_runs(metrics), explained, df)
    value = fmean(evidence.main.value for evidence in evidences)
    paired = replace(template.main, value=value, discordant=None)
    template = replace(template, flips=tuple(differences) if template.flips else ())
    return _with_runs(paired, runs, metrics, template, seeds=bool(template.seeds))


def _by_runs_alone(metrics: Sequence[PairedMetric]) -> Evidence:
    """Compare single observations by the spread of those of the runs.

    Raises:
        OneObservation: The runs have the same value, so nothing says how much one varies; and head has another.
    """
    runs = base_runs(_values_of_runs(metrics), 0.0)
    if not runs.observed:
        raise OneObservation("one observation a run, the same in all base runs and another in head")
    value = fmean(fmean(metric.differences) for metric in metrics)
    return Evidence(runs_only_difference(value, runs), method="runs", base_runs=runs)


def _by_processes(metrics: Sequence[PairedMetric]) -> Evidence:
    """Compare the logarithms of the processes' medians."""
    sign = metrics[0].sign
    bases = [[sign * math.log(sample) for base, _ in metric.values for sample in base.samples] for metric in metrics]
    return of_processes(bases, [sign * math.log(sample) for _, row in metrics[0].values for sample in row.samples])


def of_processes(bases: Sequence[Sequence[float]], head: Sequence[float]) -> Evidence:
    """Return the evidence of processes: V = variance within head and within the runs + that between runs · (1 + 1/N).

    Args:
        bases: for each of N runs, the logarithms of its processes' medians, signed so that more is better.
        head: those of head.
    """
    within = [float(np.var(own, ddof=1)) / len(own) for own in bases]
    of_head, count = float(np.var(head, ddof=1)) / len(head), len(bases)
    variance = of_head + math.fsum(within) / count**2
    below = of_head**2 / (len(head) - 1)
    below += math.fsum((own / count**2) ** 2 / (len(samples) - 1) for own, samples in zip(within, bases))
    values = [fmean(own) for own in bases]
    paired = Difference(
        fmean(head) - fmean(values), 0.0, variance, variance, variance**2 / below if below else math.inf, 0,
        min(len(head), *map(len, bases)),
    )  # fmt: skip
    runs = base_runs(values, fmean(within), sum(len(own) - 1 for own in bases))
    return Evidence(with_base_runs(paired, runs), method="processes", base_runs=runs)
