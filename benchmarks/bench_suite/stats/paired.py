"""Statistics of a comparison: paired differences, tests against a tolerance, and corrections for many tests.

Every difference is head − base of a quantity for which higher is better. Each function names its source.
Run `pytest -m slow tests/stats/test_paired.py -s` to simulate coverage and error rates; `docs/appendix/comparing.md`
lists them.
"""

from __future__ import annotations

import itertools
import math
import sys
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cache
from typing import Any, Literal

import numpy as np

SampleUnit = Literal["test examples", "clusters"]
"What a difference counts as independent observations of the test set."

MIN_P = sys.float_info.min
"The smallest p-value: no evidence is complete, so no p-value is 0."
SLACK = 1e-12
"Differences below this come from rounding."
MAX_ENUMERATED_SEEDS = 13
"Up to this number of seeds all sign flips are enumerated (8,192 flips)."
SAMPLED_FLIPS = 9_999
"Sign flips that are drawn at random for more seeds."
_FEW = 8
"NumPy adds fewer numbers than this one after another, as a loop over them does in a tenth of the time."


@dataclass(frozen=True)
class Difference:
    """A mean difference and the parts of its variance."""

    value: float
    "Mean over seeds and examples."
    examples: float
    "Variance from the choice of the n test examples: a."
    seeds: float
    "Variance from the choice of the S seeds: b."
    variance: float
    "Variance of the mean: V."
    df: float
    "Degrees of freedom of V."
    n: int
    "Number of test examples or clusters (see `sample_unit`); 0 if single examples were not compared."
    count: int
    "Number of seeds S, or of processes on the smaller side."
    variance_per_loss: float = 0.0
    "Least variance that each unit of a loss adds: 1/(nS) for answers; 0 if it is not known."
    differing: float | None = None
    "Share of the differences that are not 0, over all seeds, if all differences are −1, 0 or 1."
    discordant: tuple[int, int] | None = None
    "One seed and differences of −1, 0 or 1: the examples on which head is worse, and those on which it is better."
    sample_unit: SampleUnit = "test examples"
    "What `n` counts."
    between_runs: float = 0.0
    "The part of V that is the variance between the runs of a base, which more examples or seeds do not reduce."

    @property
    def error(self) -> float:
        """Return the standard error √V."""
        return math.sqrt(self.variance)

    def interval(self, level: float = 0.95) -> tuple[float, float]:
        """Return value ± t(df) · √V."""
        half_width = quantile((1 + level) / 2, self.df) * self.error
        return self.value - half_width, self.value + half_width


# ── differences ─────────────────────────────────────────────────────────────────────────────────


def nested_difference(differences: np.ndarray, clusters: np.ndarray | None = None, *, alike: int = 0) -> Difference:
    """Return the mean of d[s, i], the difference on example i under seed s, crossed over S seeds and n examples.

    V = a + b − r, and never below the larger of a and b. a = variance over examples of d̄(·, i) / n, b = variance over
    seeds of d̄(s, ·) / S. r = residual variance / (nS), which a and b both contain. With clusters
    a = Σ_c (Σ_{i ∈ c} (d_i − δ))² · C/(C − 1) / n² (Miller 2024, arXiv 2411.00640).
    Degrees of freedom (Satterthwaite): V² / (a²/(n − 1) + b²/(S − 1)).
    With one seed V = a, which describes these two trained models and no other seed.

    Args:
        differences: (S, n), S ≥ 1, n ≥ 2: score of head − score of base on the same example and the same seed.
        clusters: (n,) labels; examples of one label (a patient, an author) are not independent.
        alike: number of further examples whose difference is 0 under every seed (only without clusters).

    Raises:
        ValueError: There are fewer than two examples or clusters, or a difference is not a finite number.
    """
    d = np.atleast_2d(np.asarray(differences, dtype=np.float64))
    count, n = len(d), d.shape[1] + alike
    if n < 2:
        raise ValueError("one example" if n else "no examples")
    if not np.isfinite(d).all():
        raise ValueError(f"{int((~np.isfinite(d)).sum())} differences are not finite numbers")
    value = float(d.sum()) / (count * n)
    of_example, of_seed = d.mean(axis=0), d.sum(axis=1) / n
    units = n
    if clusters is None:
        examples = (float(np.square(of_example - value).sum()) + alike * value**2) / (n - 1) / n
    else:
        _, cluster_index = np.unique(np.asarray(clusters), return_inverse=True)
        sums = np.bincount(cluster_index, weights=of_example - value)
        units = len(sums)
        if units < 2:
            raise ValueError("one cluster: all examples have the same label")
        examples = float(np.square(sums).sum()) * units / (units - 1) / n**2
    residual = 0.0
    if count > 1:
        rest = d - of_example - (of_seed - value)[:, None]
        squares = float(np.square(rest).sum()) + alike * float(np.square(of_seed - value).sum())
        residual = squares / ((count - 1) * (n - 1)) / (n * count)
    difference = _combine(of_seed.tolist(), examples, residual, units)
    if clusters is not None:
        difference = replace(difference, sample_unit="clusters")
    if not ((d == 0) | (np.abs(d) == 1)).all():
        return difference
    share = float((d != 0).sum()) / (count * n)
    difference = replace(difference, variance_per_loss=1 / (units * count), differing=share)
    if count == 1 and clusters is None:
        difference = replace(difference, discordant=(int((d < 0).sum()), int((d > 0).sum())))
    return difference


def resampled_difference(
    values: Sequence[float], draws: np.ndarray, n: int, *, df: float | None = None, weight: float = 0.0,
    sample_unit: SampleUnit = "test examples",
) -> Difference:  # fmt: skip
    """Return the difference of a metric that is not a mean over examples, from resamples that all seeds share.

    a = variance over resamples of the mean over seeds. r = variance over resamples of a seed's deviation from that
    mean, · S/(S − 1), / S². For a mean over examples these equal the terms of `nested_difference`: the bootstrap's
    factor (n − 1)/n is undone.

    Args:
        values: (S,) the difference under each seed.
        draws: (B, S) the difference under each seed on resample b of the n examples, the same rows on both sides.
        n: number of examples, or of clusters if clusters are drawn.
        df: degrees of freedom of the variance over examples; n − 1 if nothing else is known.
        weight: how much one example can change the metric, so that a loss has a least variance; 0 if not known.
        sample_unit: what `n` counts.

    Raises:
        ValueError: There are fewer than two examples or resamples, or a number is not finite.
    """
    draws = np.asarray(draws, dtype=np.float64)
    if n < 2 or len(draws) < 2:
        raise ValueError("fewer than two examples or resamples")
    if not (np.isfinite(draws).all() and np.isfinite(values).all()):
        raise ValueError("a difference is not a finite number")
    count = draws.shape[1]
    mean_over_seeds = draws.mean(axis=1)
    correction = n / (n - 1)
    residual = 0.0
    if count > 1:
        deviations = draws - mean_over_seeds[:, None]
        residual = float(deviations.var(axis=0, ddof=1).sum()) / (count - 1) / count * correction
    difference = _combine(values, float(mean_over_seeds.var(ddof=1)) * correction, residual, n, df)
    return replace(difference, variance_per_loss=weight / count, sample_unit=sample_unit)


def unpaired_difference(values: Sequence[float], errors: Sequence[float], n: int) -> Difference:
    """Return the difference if single examples cannot be paired: seeds are paired, examples count as independent.

    a is the mean of the squared errors. The interval is rather too wide: on the same examples two models err together.

    Args:
        values: (S,) the difference under each seed.
        errors: (S,) its standard error over the examples of both sides as if independent, √(e_base² + e_head²).
        n: number of examples, 0 if not known.
    """
    examples = _mean([error * error for error in errors])
    return _combine(values, examples, 0.0, n if n > 1 else 0)


def welch_difference(base: Sequence[float], head: Sequence[float]) -> Difference:
    """Return mean of head − mean of base of two independent samples with unequal variances.

    V = v₁/n₁ + v₂/n₂ with Satterthwaite's degrees of freedom (Welch 1947, Biometrika 34).

    Args:
        base: two values or more: a metric under seeds that are not paired, or logarithms of processes' timings.
        head: the same for the other side.

    Raises:
        ValueError: A side has fewer than two values, or a value is not a finite number.
    """
    sides = (base, head)
    if min(map(len, sides)) < 2:
        raise ValueError("a side has fewer than two values: its spread is not known")
    if not all(map(math.isfinite, (*base, *head))):
        raise ValueError("a value is not a finite number")
    parts = [_variance(side) / len(side) for side in sides]
    below = sum(part**2 / (len(side) - 1) for part, side in zip(parts, sides))
    variance = sum(parts)
    df = variance**2 / below if below else math.inf
    value = _mean(head) - _mean(base)
    return Difference(value, 0.0, variance, variance, df, 0, min(map(len, sides)))


def seeds_only_difference(values: Sequence[float]) -> Difference:
    """Return the mean of the differences under S seeds on one test set, by the spread between seeds: df = S − 1."""
    return _combine(values, 0.0, 0.0, 0)


def _combine(
    of_seed: Sequence[float], examples: float, residual: float, n: int, examples_df: float | None = None
) -> Difference:
    """Return the difference with V and its degrees of freedom; `examples_df`, those of `examples`, default to n − 1."""
    count = len(of_seed)
    seeds = _variance(of_seed) / count if count > 1 else 0.0
    variance = max(examples + seeds - residual, examples, seeds)
    below = examples**2 / (examples_df or n - 1) if n else 0.0
    below += seeds**2 / (count - 1) if count > 1 else 0.0
    df = max(variance**2 / below, 1.0) if below > 0 else math.inf
    return Difference(_mean(of_seed), examples, seeds, variance, df, n, count)


def _mean(values: Sequence[float]) -> float:
    """Return the mean, the same as NumPy's to the last digit."""
    if not 0 < len(values) < _FEW:
        return float(np.mean(values))
    total = 0.0
    for value in values:  # not `sum`, which rounds in another way from Python 3.12 on
        total += value
    return float(total) / len(values)


def _variance(values: Sequence[float]) -> float:
    """Return the variance of two values or more, with divisor n − 1, the same as NumPy's to the last digit."""
    if len(values) >= _FEW:
        return float(np.var(values, ddof=1))
    mean, squares = _mean(values), 0.0
    for value in values:
        deviation = value - mean
        squares += deviation * deviation
    return float(squares) / (len(values) - 1)


# ── tests ───────────────────────────────────────────────────────────────────────────────────────


def p_regressed(difference: Difference, tolerance: float = 0.0) -> float:
    """Return the one-sided p of "not worse than the tolerance", δ ≥ −Δ: a small p means that it regressed.

    Exact (`mcnemar`) for right and wrong answers of one seed without a tolerance. Without variance the difference is
    compared with −Δ directly, so that p is 1 or `MIN_P`.
    """
    if difference.discordant is not None and tolerance == 0.0:
        return mcnemar(*difference.discordant)
    variance = variance_at(difference, tolerance)
    if variance == 0.0:
        return MIN_P if difference.value < -tolerance - SLACK else 1.0
    return _upper_tail(-(difference.value + tolerance) / math.sqrt(variance), difference.df)


def p_not_worse(difference: Difference, tolerance: float) -> float:
    """Return the one-sided p of "worse by the tolerance or more", δ ≤ −Δ: a small p means not worse than that."""
    variance = variance_at(difference, tolerance)
    if variance == 0.0:
        return MIN_P if difference.value >= -tolerance - SLACK else 1.0
    return _upper_tail((difference.value + tolerance) / math.sqrt(variance), difference.df)


def p_differs(difference: Difference) -> float:
    """Return the two-sided p of "no difference", δ = 0; exact in the same cases as `p_regressed`."""
    if difference.discordant is not None:
        return mcnemar_two_sided(*difference.discordant)
    if difference.variance == 0.0:
        return MIN_P if abs(difference.value) > SLACK else 1.0
    return min(1.0, 2 * _upper_tail(abs(difference.value) / difference.error, difference.df))


def variance_at(difference: Difference, tolerance: float) -> float:
    """Return V, with the variance over examples raised to its least value at δ = −Δ."""
    return difference.variance + max(0.0, least_variance(difference, tolerance) - difference.examples)


def least_variance(difference: Difference, tolerance: float) -> float:
    """Return the least variance over examples at δ = −Δ: a share Δ must then differ, seen or not.

    Means over S seeds are multiples of 1/S, so their variance is at least Δ/S − Δ² (the idea of a score test, Tango
    1998, Statistics in Medicine 17). Without this, ten examples that do not differ would prove that nothing differs.
    """
    if not difference.variance_per_loss:
        return 0.0
    return max(0.0, tolerance * difference.variance_per_loss - tolerance**2 / difference.n)


def mcnemar(worse: int, better: int) -> float:
    """Return the one-sided exact mid-p of McNemar's test that head is not worse: a small p means that it is worse.

    Under the hypothesis `worse` is binomial with ½: p = P(X > worse) + P(X = worse) / 2 (Fagerland et al. 2013, doi
    10.1186/1471-2288-13-91). It describes these two trained models, not the method.

    Args:
        worse: number of examples that head has wrong and base right.
        better: number of examples that head has right and base wrong.
    """
    from scipy import stats

    law = stats.binom(worse + better, 0.5)
    return max(float(law.sf(worse) + law.pmf(worse) / 2), MIN_P)


def mcnemar_two_sided(worse: int, better: int) -> float:
    """Return the two-sided exact mid-p: 2 · P(X ≤ min) − P(X = min), at most 1; 1 if no example differs."""
    from scipy import stats

    if worse + better == 0:
        return 1.0
    law, least = stats.binom(worse + better, 0.5), min(worse, better)
    return max(min(1.0, float(2 * law.cdf(least) - law.pmf(least))), MIN_P)


def sign_flips(values: Sequence[float], seed: int = 0) -> float:
    """Return the one-sided p of "the differences under S seeds lie around 0 or above" from flipping their signs.

    All 2^S flips up to S = 13, otherwise (k + 1)/(B + 1) of B random flips, so p is never 0. All flips cannot go below
    2^−S, so 0.01 needs S ≥ 7. `scipy.stats.permutation_test` does not replace it: it refuses one value, and it counts
    some tied flips as different because of rounding.

    Args:
        values: (S,) the difference under each seed.
        seed: seed of the random flips.

    Raises:
        ValueError: There are no values, or one is not a finite number.
    """
    d = np.asarray(values, dtype=np.float64)
    if not np.isfinite(d).all() or not len(d):
        raise ValueError("a difference is not a finite number" if len(d) else "no seeds")
    slack = SLACK * float(np.abs(d).sum())
    signs, more = flipped_signs(len(d), seed)
    return (int((signs @ d <= d.sum() + slack).sum()) + more) / (len(signs) + more)


def flipped_signs(count: int, seed: int = 0) -> tuple[np.ndarray, int]:
    """Return the signs (B, S) that `sign_flips` tries, and what it adds to their number and to that of extreme ones.

    All 2^S and 0 up to S = 13, otherwise B random ones and 1.
    """
    if count <= MAX_ENUMERATED_SEEDS:
        return np.array(list(itertools.product((1.0, -1.0), repeat=count))), 0
    return np.random.default_rng(seed).choice((1.0, -1.0), (SAMPLED_FLIPS, count)), 1


# ── many tests ──────────────────────────────────────────────────────────────────────────────────


def holm(values: Sequence[float]) -> list[float]:
    """Adjust p-values so that the chance of any false finding among them stays below the level (Holm 1979)."""
    order = sorted(range(len(values)), key=values.__getitem__)
    adjusted, highest = [0.0] * len(values), 0.0
    for rank, position in enumerate(order):
        highest = max(highest, min(1.0, values[position] * (len(values) - rank)))
        adjusted[position] = highest
    return adjusted


def benjamini_hochberg(values: Sequence[float]) -> list[float]:
    """Adjust p-values so that at most the level of the findings is false on average (Benjamini and Hochberg 1995).

    `scipy.stats.false_discovery_control` agrees to within rounding, which a test checks. It is not used: p-values that
    lie exactly at the level could change their verdict, and a comparison of several seeds does not need the slow import
    of `scipy.stats`.
    """
    order = sorted(range(len(values)), key=values.__getitem__, reverse=True)
    adjusted, lowest = [0.0] * len(values), 1.0
    for rank, position in enumerate(order):
        lowest = min(lowest, values[position] * len(values) / (len(values) - rank))
        adjusted[position] = lowest
    return adjusted


def quantile(p: float, df: float) -> float:
    """Return a quantile of Student's t, or of a normal law if the degrees of freedom are infinite."""
    return float(_special().ndtri(p) if math.isinf(df) else _special().stdtrit(df, p))


def _upper_tail(t: float, df: float) -> float:
    """Return P(T ≥ t), at least `MIN_P`."""
    return max(float(_special().ndtr(-t) if math.isinf(df) else _special().stdtr(df, -t)), MIN_P)


@cache
def _special() -> Any:
    """Return `scipy.special`: an import in a function that is called 100,000 times takes a tenth of a second."""
    from scipy import special

    return special
