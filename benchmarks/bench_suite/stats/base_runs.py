"""One run against several earlier ones: the variance between runs that seeds and examples do not explain.

Model of a metric's value in run r, a mean over the same S seeds and n examples in every run: μ + R_r + e_r. R_r is what
all seeds and examples of a run share (a library, the machine, a change of the code), and e_r the noise of its seeds and
examples. Both vary from run to run, in the N runs of the base and in head alike.
`pytest -m slow tests/stats/test_base_runs.py tests/comparison/base_runs/test_error_rates.py -s` simulates coverage and
error rates; `docs/appendix/comparing.md` lists them.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from bench_suite.stats.paired import Difference

STEP_LEVEL = 0.01
"Largest p of the test that says that runs differ by more than their seeds and examples explain."


@dataclass(frozen=True)
class BaseRuns:
    """The values of several runs, and how much they vary."""

    count: int
    "Number of runs N ≥ 2."
    observed: float
    "Sample variance of the runs' values."
    explained: float
    "The part of it that seeds and examples explain: the variance of e_r."
    explained_df: float = math.inf
    "Degrees of freedom of `explained`."

    @property
    def between(self) -> float:
        """Variance between runs that seeds and examples do not explain: s² ≥ 0."""
        return max(0.0, self.observed - self.explained)

    @property
    def factor(self) -> float:
        """1 + 1/N: head is one run more, and the mean of N runs has the N-th part of their variance."""
        return 1.0 + 1.0 / self.count

    def p_of_between(self) -> float:
        """Return the p of "seeds and examples explain how much the runs differ" (F test); 1 if they explain nothing."""
        from scipy import special

        if not self.explained or self.observed <= self.explained:
            return 1.0
        ratio = self.observed / self.explained
        if math.isinf(self.explained_df):
            return float(special.chdtrc(self.count - 1, ratio * (self.count - 1)))
        return float(special.fdtrc(self.count - 1, self.explained_df, ratio))


def base_runs(values: Sequence[float], explained: float, explained_df: float = math.inf) -> BaseRuns:
    """Return how much runs vary.

    Args:
        values: (N,) the value of each run.
        explained: variance of a run's value from its seeds and examples.
        explained_df: degrees of freedom of `explained`.

    Raises:
        ValueError: There are fewer than two runs, or a number is not finite.
    """
    numbers = np.asarray(values, dtype=np.float64)
    if len(numbers) < 2:
        raise ValueError("fewer than two runs: the variance between them is not known")
    if not (np.isfinite(numbers).all() and math.isfinite(explained)):
        raise ValueError("a value is not a finite number")
    observed = 0.0 if (numbers == numbers[0]).all() else float(numbers.var(ddof=1))
    return BaseRuns(len(numbers), observed, explained, max(explained_df, 1.0))


def explained_by(parts: Sequence[Difference]) -> tuple[float, float]:
    """Return the variance of a run's value that seeds and examples explain, and its degrees of freedom.

    Args:
        parts: for each of N runs, its difference from the mean of all of them, paired by seed and example. Such a
            difference has (N − 1)/N of the variance of a run.
    """
    count = len(parts)
    variance = math.fsum(part.variance for part in parts) / (count - 1)
    finite = [part.df for part in parts if math.isfinite(part.df)]
    return variance, min(finite, default=math.inf)


def with_base_runs(paired: Difference, runs: BaseRuns) -> Difference:
    """Return head − the mean of N runs with the variance between runs: V = V(paired) + s² · (1 + 1/N).

    Degrees of freedom (Satterthwaite): V² / (V(paired)² / df + (observed · (1 + 1/N))² / (N − 1)), as s² is known no
    better than the variance that was observed.

    Args:
        paired: the difference from the mean of the runs, paired by seed and example.
        runs: how much the runs vary.
    """
    added = runs.between * runs.factor
    if not added:
        return paired
    variance = paired.variance + added
    below = paired.variance**2 / paired.df + (runs.observed * runs.factor) ** 2 / (runs.count - 1)
    df = max(variance**2 / below, 1.0)
    return replace(paired, variance=variance, df=df, between_runs=added, discordant=None)


def runs_only_difference(value: float, runs: BaseRuns) -> Difference:
    """Return the same difference by the values of the runs alone: Student's t for one further value of N + 1.

    V = max(observed, explained) · (1 + 1/N), df = N − 1. If nothing changed, head and the N runs are exchangeable, so
    for normal values the test is exact, however large the variance between runs is. `with_base_runs` alone is not: two
    runs that agree by chance hide it. Runs whose coarse values are equal by chance vary at least as seeds and examples.
    """
    variance = max(runs.observed, runs.explained) * runs.factor
    return Difference(value, 0.0, variance, variance, runs.count - 1.0, 0, runs.count)


def with_more_runs(runs: BaseRuns, count: int) -> BaseRuns:
    """Return what `count` runs with the same variances would be."""
    return replace(runs, count=count)
