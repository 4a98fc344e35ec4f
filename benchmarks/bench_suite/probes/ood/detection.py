"""Detection: how well a score separates test examples from others: AUROC, and false positive rate at 95 %.

The examples of the test split are positive: the threshold should accept them, and reject the others. The AUROC is the
same if the roles are exchanged; the false positive rate is not (Liang et al. 2018, arXiv 1706.02690, section 4.2).
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from scipy import special

from bench_suite.contracts import Interval
from bench_suite.stats.intervals import area_under_roc, at_the_end

ACCEPTED = 0.95
"Share of the test examples that the threshold accepts."
MIN_EXAMPLES = 20
"Fewest test examples: 5 % of fewer are less than one, so the threshold could not reject any."
LEVEL = 0.95
CHUNK = 2**17
"Examples times resamples that are computed at once."


@dataclass(frozen=True)
class Scored:
    """The scores of a set of examples, larger for those that look familiar."""

    values: np.ndarray
    "(n,) float64, finite."
    clusters: np.ndarray | None = None
    "(n,) labels: examples of one label are not independent; None if all are."

    def __len__(self) -> int:
        return len(self.values)


@dataclass(frozen=True)
class Estimate:
    """A number with its interval, or with the reason why there is none."""

    value: float
    interval: Interval | None
    reason: str | None


def auroc(test: np.ndarray, others: np.ndarray) -> float:
    """Return the chance that a test example has a larger score than another one; a tie counts a half."""
    positive = np.arange(len(test) + len(others)) < len(test)
    return area_under_roc(positive, np.concatenate([test, others]))


def accepting_threshold(test: np.ndarray) -> float:
    """Return the largest threshold that at least `ACCEPTED` of the test scores (n,) reach."""
    return float(np.sort(test)[_rejected(len(test))])


def false_positive_rate(test: np.ndarray, others: np.ndarray) -> float:
    """Return the share of the other scores that reach the threshold of the test scores."""
    return float((others >= accepting_threshold(test)).mean())


def _rejected(n: int) -> int:
    """Return how many of n test examples may lie below the threshold."""
    return math.floor((1.0 - ACCEPTED) * n + 1e-9)


# ── intervals ───────────────────────────────────────────────────────────────────────────────────


def estimates(test: Scored, others: Scored, resamples: int, seed: int) -> tuple[Estimate, Estimate]:
    """Return AUROC and false positive rate with 95 % intervals over the examples of both sets.

    Each bootstrap resample draws both sets anew, and the threshold from the drawn test examples. With clusters, whole
    clusters are drawn. The interval of the AUROC A is symmetric on the scale of log(A / (1 − A)): ± t · s / (A (1 − A))
    with the standard deviation s of the resamples, since percentiles cover too rarely near 1 (Qin and Hotilovac 2008,
    doi 10.1177/0962280207087173). That of the rate has expanded percentiles as in `stats.intervals.bootstrap_interval`.

    If all resamples agree, the score separates all examples, or none. The interval is then that of Clopper and Pearson;
    for the AUROC it counts as many pairs as the smaller set has examples.

    Args:
        test: scores of test examples.
        others: scores of the others.
        resamples: number of resamples.
        seed: of the draws.
    """
    area, rate = auroc(test.values, others.values), false_positive_rate(test.values, others.values)
    areas, rates = (np.concatenate(part) for part in zip(*_resampled(test, others, resamples, seed)))
    units = min(_units(test), _units(others))
    clustered = test.clusters is not None or others.clusters is not None
    if units < 2:
        reason = "one example, or one cluster of examples, has no interval"
        return Estimate(area, None, reason), Estimate(rate, None, reason)
    return (
        _at_the_end(area, areas, None if clustered else min(len(test), len(others)))
        or Estimate(area, _logit_interval(area, float(areas.std(ddof=1)), units, clustered=clustered), None),
        _at_the_end(rate, rates, None if clustered else len(others))
        or Estimate(rate, _percentiles(rates, units, clustered=clustered), None),
    )


def _at_the_end(value: float, drawn: np.ndarray, independent: int | None) -> Estimate | None:
    """Return the estimate if all resamples agree, else None; `independent` is None if examples have clusters."""
    if drawn.min() < drawn.max() and 0.0 < value < 1.0:
        return None
    if drawn.min() == drawn.max() and value not in (0.0, 1.0):
        return Estimate(value, None, "all resamples agree")
    if independent is None:
        return Estimate(value, None, "all resamples agree")
    return Estimate(value, at_the_end(value, independent, LEVEL), None)


def _logit_interval(value: float, error: float, units: int, *, clustered: bool) -> Interval:
    widened = error * math.sqrt(units / (units - 1)) / (value * (1.0 - value))
    half = float(special.stdtrit(units - 1, (1 + LEVEL) / 2)) * widened
    middle = float(special.logit(value))
    low, high = float(special.expit(middle - half)), float(special.expit(middle + half))
    return Interval(low, high, LEVEL, "clusters" if clustered else "examples")


def _percentiles(drawn: np.ndarray, units: int, *, clustered: bool) -> Interval:
    tail = float(special.ndtr(math.sqrt(units / (units - 1)) * special.stdtrit(units - 1, (1 - LEVEL) / 2)))
    low, high = np.quantile(drawn, [tail, 1 - tail])
    return Interval(float(low), float(high), LEVEL, "clusters" if clustered else "examples")


def _units(scored: Scored) -> int:
    return len(scored) if scored.clusters is None else len(np.unique(scored.clusters))


def _resampled(test: Scored, others: Scored, resamples: int, seed: int) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Yield AUROC and false positive rate of some resamples at a time, each (B,).

    A resample is how often each example was drawn. Both sets are sorted once, so that ranks are sums of these numbers.
    """
    random = np.random.default_rng(seed)
    orders = [np.argsort(scored.values, kind="stable") for scored in (test, others)]
    first, second = test.values[orders[0]], others.values[orders[1]]
    below, up_to = np.searchsorted(first, second, "left"), np.searchsorted(first, second, "right")
    lower = np.searchsorted(second, first, "left")  # others with a smaller score than each test example
    size = max(1, CHUNK // (len(first) + len(second)))
    for start in range(0, resamples, size):
        count = min(size, resamples - start)
        drawn = [_weights(random, scored, count)[:, order] for scored, order in zip((test, others), orders)]
        sums = [np.pad(np.cumsum(weights, axis=1), ((0, 0), (1, 0))) for weights in drawn]
        n, m = sums[0][:, -1], sums[1][:, -1]
        beaten = n[:, None] - (sums[0][:, below] + sums[0][:, up_to]) / 2.0
        area = (drawn[1] * beaten).sum(axis=1) / (n * m)
        rejected = np.floor((1.0 - ACCEPTED) * n + 1e-9)
        threshold = (sums[0][:, 1:] > rejected[:, None]).argmax(axis=1)
        accepted = m - sums[1][np.arange(count), lower[threshold]]
        yield area, accepted / m


def _weights(random: np.random.Generator, scored: Scored, count: int) -> np.ndarray:
    """Return (count, n): how often each example is drawn in so many resamples."""
    labels = None if scored.clusters is None else np.unique(scored.clusters, return_inverse=True)[1]
    units = len(scored) if labels is None else int(labels.max()) + 1
    rows = random.integers(0, units, (count, units)) + np.arange(0, count * units, units)[:, None]
    weights = np.bincount(rows.ravel(), minlength=count * units).reshape(count, units)
    return weights if labels is None else weights[:, labels]
