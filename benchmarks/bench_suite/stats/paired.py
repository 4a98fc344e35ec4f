"""The statistics of a comparison: paired differences over examples and seeds, tests against a tolerance, many at once.

Every difference here is head − base of a quantity of which more is better. Sources stand at each function; coverage and
error rates by simulation in `docs/appendix/comparing.md`, from `pytest -m slow tests/stats/test_paired.py -s`.
"""

from __future__ import annotations

import itertools
import math
import sys
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

MIN = sys.float_info.min
"No p-value is 0: evidence may be strong, never complete."
SLACK = 1e-12
"Differences below this come of rounding."
FLIPS = 9_999
"Sign flips drawn where there are too many to take all."


@dataclass(frozen=True)
class Difference:
    """A mean difference, and the parts of its variance."""

    value: float
    "Mean over seeds and examples."
    examples: float
    "Variance that the choice of n test examples brings: a."
    seeds: float
    "Variance that the choice of S seeds brings: b."
    variance: float
    "Of the mean: V."
    df: float
    "Degrees of freedom of V."
    n: int
    "Test examples (or clusters of them); 0 where they were not looked at."
    count: int
    "Seeds S, or processes."
    least: float = 0.0
    "Variance that each unit of a loss brings, at least: of answers that are lost 1/(nS); 0 where that is not known."
    differing: float | None = None
    "Where differences are −1, 0 or 1, the share of them that is not 0, over all seeds."
    discordant: tuple[int, int] | None = None
    "Of one seed, where differences are −1, 0 or 1: on how many examples head is worse, and on how many better."

    @property
    def error(self) -> float:
        """Its standard error √V."""
        return math.sqrt(self.variance)

    def interval(self, level: float = 0.95) -> tuple[float, float]:
        """value ± t(df) · √V."""
        reach = quantile((1 + level) / 2, self.df) * self.error
        return self.value - reach, self.value + reach


# ── differences ─────────────────────────────────────────────────────────────────────────────────


def nested(differences: np.ndarray, clusters: np.ndarray | None = None, *, alike: int = 0) -> Difference:
    """Mean of d[s, i], the difference on example i under seed s, crossed over S seeds and n examples.

    Arguments:
        differences: (S, n), S ≥ 1, n ≥ 2: score of head − score of base on the same example, the same seeds.
        clusters: (n,) labels; examples of one label (a patient, an author) are not independent.
        alike: so many further examples have a difference of 0 under every seed (only without clusters).

    V = a + b − r: a = variance over examples of d̄(·, i) / n, b = variance over seeds of d̄(s, ·) / S, r = residual
    variance / (nS), which both of them hold; never below the larger of a and b. With clusters a = Σ_c (Σ_{i ∈ c}
    (d_i − δ))² · C/(C − 1) / n² (Miller 2024, arXiv 2411.00640). Degrees of freedom: Satterthwaite's V² / (a²/(n − 1) +
    b²/(S − 1)). One seed: V = a, which speaks of these two trained models and of no other seed.

    Raises ValueError where there are fewer than two examples or clusters, or a difference is not a finite number.
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
        _, which = np.unique(np.asarray(clusters), return_inverse=True)
        sums = np.bincount(which, weights=of_example - value)
        units = len(sums)
        if units < 2:
            raise ValueError("one cluster: all examples have the same label")
        examples = float(np.square(sums).sum()) * units / (units - 1) / n**2
    residual = 0.0
    if count > 1:
        rest = d - of_example - (of_seed - value)[:, None]
        squares = float(np.square(rest).sum()) + alike * float(np.square(of_seed - value).sum())
        residual = squares / ((count - 1) * (n - 1)) / (n * count)
    found = _combined(of_seed, examples, residual, units)
    answers = bool(((d == 0) | (np.abs(d) == 1)).all())
    if answers:
        found = replace(found, least=1 / (units * count), differing=float((d != 0).sum()) / (count * n))
    if answers and count == 1 and clusters is None:
        found = replace(found, discordant=(int((d < 0).sum()), int((d > 0).sum())))
    return found


def resampled(
    values: Sequence[float], draws: np.ndarray, n: int, *, df: float | None = None, weight: float = 0.0
) -> Difference:
    """As `nested`, for a metric that is no mean over examples: from the same resamples of examples for all seeds.

    Arguments:
        values: (S,) the difference under each seed.
        draws: (B, S) the difference under each seed on resample b of the n examples, the same rows on both sides.
        n: examples, or clusters where those are drawn.
        freedom: degrees of freedom of the variance over examples, n − 1 where nothing else is known.
        weight: what one example can change of the metric, so that a loss has a least variance; 0 where not known.

    a = variance over resamples of the mean over seeds; r = variance over resamples of what a seed's difference has
    beside that mean, · S/(S − 1), / S². For a metric that is a mean over examples these are those of `nested`, but for
    the factor (n − 1)/n of the bootstrap, which is undone. Raises ValueError where a number is not finite.
    """
    draws = np.asarray(draws, dtype=np.float64)
    if n < 2 or len(draws) < 2:
        raise ValueError("fewer than two examples or resamples")
    if not (np.isfinite(draws).all() and np.isfinite(values).all()):
        raise ValueError("a difference is not a finite number")
    count = draws.shape[1]
    together = draws.mean(axis=1)
    undo = n / (n - 1)
    residual = 0.0
    if count > 1:
        own = draws - together[:, None]
        residual = float(own.var(axis=0, ddof=1).sum()) / (count - 1) / count * undo
    of_seed = np.asarray(values, dtype=np.float64)
    found = _combined(of_seed, float(together.var(ddof=1)) * undo, residual, n, df)
    return replace(found, least=weight / count)


def unpaired(values: Sequence[float], errors: Sequence[float], n: int) -> Difference:
    """The difference where single examples cannot be paired: seeds are, examples count as if drawn anew.

    Arguments: `values` (S,) the difference under each seed; `errors` (S,) its standard error over the examples of both
    sides taken as independent, √(e_base² + e_head²); `n` examples, 0 where not known. a is the mean of the squared
    errors, so that the interval is rather too wide: on the same examples two models err together.
    """
    examples = float(np.mean(np.square(errors)))
    return _combined(np.asarray(values, dtype=np.float64), examples, 0.0, n if n > 1 else 0)


def welch(base: Sequence[float], head: Sequence[float]) -> Difference:
    """Mean of head − mean of base of two independent samples, of unequal variances (Welch 1947, Biometrika 34).

    Two values or more each: a metric under seeds that nothing pairs, logarithms of timings of processes. V = v₁/n₁ +
    v₂/n₂, Satterthwaite's degrees of freedom. Raises ValueError where there are fewer, or one is not a finite number.
    """
    sides = [np.asarray(side, dtype=np.float64) for side in (base, head)]
    if min(map(len, sides)) < 2:
        raise ValueError("a side has fewer than two values: its spread is not known")
    if not all(np.isfinite(side).all() for side in sides):
        raise ValueError("a value is not a finite number")
    parts = [float(side.var(ddof=1)) / len(side) for side in sides]
    below = sum(part**2 / (len(side) - 1) for part, side in zip(parts, sides))
    variance = sum(parts)
    df = variance**2 / below if below else math.inf
    value = float(sides[1].mean() - sides[0].mean())
    return Difference(value, 0.0, variance, variance, df, 0, min(map(len, sides)))


def over_seeds_alone(values: Sequence[float]) -> Difference:
    """Mean of the differences under S ≥ 2 seeds on one test set, by the spread between seeds alone: df = S − 1."""
    return _combined(np.asarray(values, dtype=np.float64), 0.0, 0.0, 0)


def _combined(
    of_seed: np.ndarray, examples: float, residual: float, n: int, of_examples: float | None = None
) -> Difference:
    """Arguments: `of_examples`, degrees of freedom of `examples`, by default n − 1."""
    count = len(of_seed)
    seeds = float(of_seed.var(ddof=1)) / count if count > 1 else 0.0
    variance = max(examples + seeds - residual, examples, seeds)
    below = examples**2 / (of_examples or n - 1) if n else 0.0
    below += seeds**2 / (count - 1) if count > 1 else 0.0
    df = max(variance**2 / below, 1.0) if below > 0 else math.inf
    return Difference(float(of_seed.mean()), examples, seeds, variance, df, n, count)


# ── tests ───────────────────────────────────────────────────────────────────────────────────────


def p_regressed(difference: Difference, tolerance: float = 0.0) -> float:
    """One-sided p of "it is not worse than the tolerance", δ ≥ −Δ: small where it regressed.

    Exact (`mcnemar`) for right and wrong answers of one seed without a tolerance. Without variance the difference is
    compared with −Δ directly: then p is 1, or the least there is.
    """
    if difference.discordant is not None and tolerance == 0.0:
        return mcnemar(*difference.discordant)
    variance = _variance(difference, tolerance)
    if variance == 0.0:
        return MIN if difference.value < -tolerance - SLACK else 1.0
    return _upper(-(difference.value + tolerance) / math.sqrt(variance), difference.df)


def p_not_worse(difference: Difference, tolerance: float) -> float:
    """One-sided p of "it is worse by the tolerance or more", δ ≤ −Δ: small where it is not worse than the tolerance."""
    variance = _variance(difference, tolerance)
    if variance == 0.0:
        return MIN if difference.value >= -tolerance - SLACK else 1.0
    return _upper((difference.value + tolerance) / math.sqrt(variance), difference.df)


def p_differs(difference: Difference) -> float:
    """Two-sided p of "there is no difference", δ = 0; exact as `p_regressed` is."""
    if difference.discordant is not None:
        return mcnemar_two_sided(*difference.discordant)
    if difference.variance == 0.0:
        return MIN if abs(difference.value) > SLACK else 1.0
    return min(1.0, 2 * _upper(abs(difference.value) / difference.error, difference.df))


def _variance(difference: Difference, tolerance: float) -> float:
    return difference.variance + max(0.0, least_variance(difference, tolerance) - difference.examples)


def least_variance(difference: Difference, tolerance: float) -> float:
    """Least variance over examples at δ = −Δ: a share Δ of them must then differ, whether or not any was seen to.

    Means over S seeds are multiples of 1/S, so their variance is Δ/S − Δ² or more (the idea of a score test, Tango
    1998, Statistics in Medicine 17). Else ten examples without a difference would prove that there is none.
    """
    return max(0.0, tolerance * difference.least - tolerance**2 / difference.n) if difference.least else 0.0


def mcnemar(worse: int, better: int) -> float:
    """One-sided exact mid-p of McNemar's test that head is not worse: small where it is.

    Arguments: on how many examples head is wrong and base right, and the other way round. Under the hypothesis `worse`
    is binomial with ½: P(X > worse) + P(X = worse) / 2 (Fagerland et al. 2013, doi 10.1186/1471-2288-13-91). It speaks
    of these two trained models, not of the method.
    """
    from scipy import stats

    law = stats.binom(worse + better, 0.5)
    return max(float(law.sf(worse) + law.pmf(worse) / 2), MIN)


def mcnemar_two_sided(worse: int, better: int) -> float:
    """Two-sided exact mid-p: 2 · P(X ≤ min) − P(X = min), at most 1; 1 where no example differs."""
    from scipy import stats

    if worse + better == 0:
        return 1.0
    law, least = stats.binom(worse + better, 0.5), min(worse, better)
    return max(min(1.0, float(2 * law.cdf(least) - law.pmf(least))), MIN)


def sign_flips(values: Sequence[float], seed: int = 0) -> float:
    """One-sided p of "the differences under S seeds lie around 0 or above", from flipping their signs: small below.

    All 2^S flips up to S = 13, else (k + 1)/(B + 1) of B drawn ones: never 0. All flips cannot go below 2^−S, so S ≥ 7
    is needed for 0.01.
    """
    d = np.asarray(values, dtype=np.float64)
    if not np.isfinite(d).all() or not len(d):
        raise ValueError("a difference is not a finite number" if len(d) else "no seeds")
    slack = 1e-12 * float(np.abs(d).sum())
    if len(d) <= 13:
        signs = np.array(list(itertools.product((1.0, -1.0), repeat=len(d))))
        return float((signs @ d <= d.sum() + slack).mean())
    signs = np.random.default_rng(seed).choice((1.0, -1.0), (FLIPS, len(d)))
    return (int((signs @ d <= d.sum() + slack).sum()) + 1) / (FLIPS + 1)


# ── many tests ──────────────────────────────────────────────────────────────────────────────────


def holm(values: Sequence[float]) -> list[float]:
    """p-values adjusted so that the chance of any false finding among them stays below the level (Holm 1979)."""
    order = sorted(range(len(values)), key=values.__getitem__)
    adjusted, highest = [0.0] * len(values), 0.0
    for rank, place in enumerate(order):
        highest = max(highest, min(1.0, values[place] * (len(values) - rank)))
        adjusted[place] = highest
    return adjusted


def benjamini_hochberg(values: Sequence[float]) -> list[float]:
    """p-values adjusted so that of the findings at most the level is false on average (Benjamini and Hochberg 1995)."""
    order = sorted(range(len(values)), key=values.__getitem__, reverse=True)
    adjusted, lowest = [0.0] * len(values), 1.0
    for rank, place in enumerate(order):
        lowest = min(lowest, values[place] * len(values) / (len(values) - rank))
        adjusted[place] = lowest
    return adjusted


def quantile(p: float, df: float) -> float:
    """Of Student's t, or of a normal where the degrees of freedom are infinite."""
    from scipy import special

    return float(special.ndtri(p) if math.isinf(df) else special.stdtrit(df, p))


def _upper(t: float, df: float) -> float:
    """P(T ≥ t), never 0."""
    from scipy import special

    return max(float(special.ndtr(-t) if math.isinf(df) else special.stdtr(df, -t)), MIN)
