"""Detection: how well a score separates test examples from others: AUROC, and the others accepted at 95 % of test.

The positive examples are those of the test split: they are to be accepted, the others rejected. The AUROC is the same
if the roles are exchanged; the false positive rate is not (Liang et al. 2018, arXiv 1706.02690, section 4.2).
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
"Test examples below which the threshold could not reject any of them: 5 % of fewer are less than one."
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
    """Return AUROC and false positive rate with percentile bootstrap intervals over the examples of both sets.

    Each resample draws both sets anew, and the threshold from the drawn test examples. With clusters, whole clusters
    are drawn. The percentiles are expanded for few examples as in `stats.intervals.bootstrap_interval`.

    If no resample differs, all examples are separated, or none: the interval is that of Clopper and Pearson, for the
    AUROC of as many pairs as the smaller set has examples.

    Args:
        test: scores of test examples.
        others: scores of the others.
        resamples: number of resamples.
        seed: of the draws.
    """
    values = auroc(test.values, others.values), false_positive_rate(test.values, others.values)
    drawn = [np.concatenate(part) for part in zip(*_resampled(test, others, resamples, seed))]
    pairs = min(len(test), len(others))
    units = min(_units(test), _units(others))
    over = test.clusters is not None or others.clusters is not None
    return (
        _estimate(values[0], drawn[0], units, pairs, clustered=over),
        _estimate(values[1], drawn[1], units, len(others), clustered=over),
    )


def _estimate(value: float, drawn: np.ndarray, units: int, independent: int, *, clustered: bool) -> Estimate:
    if units < 2:
        return Estimate(value, None, "one example, or one cluster of examples, has no interval")
    if drawn.min() == drawn.max():
        if value in (0.0, 1.0) and not clustered:
            return Estimate(value, at_the_end(value, independent, LEVEL), None)
        return Estimate(value, None, "all resamples agree")
    tail = float(special.ndtr(math.sqrt(units / (units - 1)) * special.stdtrit(units - 1, (1 - LEVEL) / 2)))
    low, high = np.quantile(drawn, [tail, 1 - tail])
    return Estimate(
        value, Interval(float(low), float(high), LEVEL, "clusters" if clustered else "examples"), None
    )  # fmt: skip


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
