"""Evidence: how a metric was compared, and what its difference and its seeds say about a gate."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import Literal

from bench_suite.stats.base_runs import BaseRuns, runs_only_difference
from bench_suite.stats.bounds import flips_upper_bound, lower_bound, upper_bound
from bench_suite.stats.paired import Difference, p_differs, p_not_worse, p_regressed, sign_flips
from bench_suite.stats.power import POWER, is_detectable, min_detectable_effect, min_detectable_loss

Method = Literal[
    "examples", "resampling", "same predictions", "intervals", "exact values", "same values", "seeds", "processes",
    "folds", "runs",
]  # fmt: skip
"""How two sides of a metric are compared:

`examples`          example by example, from stored predictions
`resampling`        by resampling examples, from stored predictions
`same predictions`  the stored predictions do not differ, and they alone make the metric
`intervals`         by the intervals of both sides, as if of independent examples
`exact values`      counts that do not vary between runs, with the same difference under every seed
`same values`       single observations that are equal under every seed
`seeds`             by the values under each seed alone
`processes`         by the logarithms of timings of fresh processes
`folds`             by the values of each fold, with the variance that allows for shared training data
`runs`              by the values of several base runs alone, one observation each
"""


@dataclass(frozen=True)
class Evidence:
    """A difference, how it was found, and with several seeds what their values alone say.

    Satterthwaite's degrees of freedom are estimates: if seeds dominate and there are two or three, a test of `main`
    alone at 0.01 raises 2 to 4 % false alarms (simulated). So a finding must also hold for the seeds alone: paired
    (df = S − 1), or, if nothing pairs them, by Welch's test of both sides' values. The clearer of the two counts, at
    half the level because there are two.

    If base is the mean of several runs, a finding must also hold by their values alone, at the whole level: `main`
    contains the variance between runs, but two or three runs that agree by chance hide it.
    """

    main: Difference
    seeds: tuple[Difference, ...] = ()
    flips: tuple[float, ...] = ()
    "Differences under each seed, if nothing else is known: then p comes from `sign_flips`."
    method: Method = "examples"
    folds: int = 0
    "Number of folds, if the method is `folds`."
    unpaired_reason: str = ""
    "For people: why examples could not be paired, if the method is a substitute for that."
    base_runs: BaseRuns | None = None
    "How much the runs vary, if base is the mean of several: then a finding must also hold by their values alone."

    @property
    def by_runs(self) -> tuple[Difference, ...]:
        """The difference by the values of the base's runs alone; empty if base is one run."""
        return () if self.base_runs is None else (runs_only_difference(self.main.value, self.base_runs),)

    def p_regressed(self, tolerance: float) -> float:
        """Return `paired.p_regressed` combined over the tests that must agree."""
        of_runs = [p_regressed(test, tolerance) for test in self.by_runs]
        if self.flips:
            return max(sign_flips([value + tolerance for value in self.flips]), *of_runs, 0.0)
        return max(self._combine([p_regressed(test, tolerance) for test in (self.main, *self.seeds)]), *of_runs, 0.0)

    def p_not_worse(self, tolerance: float) -> float:
        """Return `paired.p_not_worse` combined over the tests that must agree."""
        of_runs = [p_not_worse(test, tolerance) for test in self.by_runs]
        if self.flips:
            return max(sign_flips([-value - tolerance for value in self.flips]), *of_runs, 0.0)
        return max(self._combine([p_not_worse(test, tolerance) for test in (self.main, *self.seeds)]), *of_runs, 0.0)

    def p_differs(self) -> float:
        """Return `paired.p_differs` without the seeds, for metrics that are not gated and shown with their interval."""
        of_runs = [p_differs(test) for test in self.by_runs]
        if self.flips:
            flipped = min(sign_flips(self.flips), sign_flips([-value for value in self.flips]))
            return max(min(1.0, 2 * flipped), *of_runs, 0.0)
        return max(p_differs(self.main), *of_runs, 0.0)

    def bounds(self, tolerance: float, levels: tuple[float, float]) -> tuple[float, float]:
        """Return the interval that the tests against a tolerance can be read off.

        The lower bound is above −Δ exactly if `p_not_worse` does not exceed its level, the upper one below −Δ exactly
        if `p_regressed` does not. Tests that must agree give the wider bound: that of `main`, or that of the clearest
        test of the seeds, at the level divided by their number.

        Args:
            tolerance: Δ, the loss that is allowed.
            levels: of the lower and the upper bound, each one-sided.

        Returns:
            The bounds; infinite if so few seeds never reach the level. With several base runs, the wider of these and
            those of the runs alone.
        """
        low, high = levels
        runs = self.by_runs
        farthest = min((lower_bound(test, low, tolerance) for test in runs), default=math.inf)
        nearest = max((upper_bound(test, high, tolerance) for test in runs), default=-math.inf)
        if self.flips:
            lowest = -flips_upper_bound([-value for value in self.flips], low)
            return min(lowest, farthest), max(flips_upper_bound(self.flips, high), nearest)
        lows = [lower_bound(test, low / len(self.seeds), tolerance) for test in self.seeds]
        highs = [upper_bound(test, high / len(self.seeds), tolerance) for test in self.seeds]
        return (
            min(lower_bound(self.main, low, tolerance), max(lows, default=math.inf), farthest),
            max(upper_bound(self.main, high, tolerance), min(highs, default=-math.inf), nearest),
        )

    def bounds_of_difference(self, level: float) -> tuple[float, float]:
        """Return the interval that excludes 0 exactly if `p_differs` does not exceed the level."""
        return replace(self, seeds=()).bounds(0.0, (level / 2, level / 2))

    def min_detectable_effect(self, level: float, power: float = POWER) -> float:
        """Return `power.min_detectable_effect` for the tests that must agree; ∞ if the seeds are too few."""
        if self.flips and level < 0.5 ** len(self.flips):
            return math.inf
        seeds = [min_detectable_effect(test, level / len(self.seeds), power) for test in self.seeds]
        runs = [min_detectable_effect(test, level, power) for test in self.by_runs]
        return max(min_detectable_effect(self.main, level, power), min(seeds, default=0.0), *runs)

    def detects(self, margin: float, level: float) -> bool:
        """Return whether `min_detectable_effect` is at most `margin`, in a fraction of its time."""
        if self.flips and level < 0.5 ** len(self.flips):
            return False
        agree = not self.seeds or any(is_detectable(test, margin, level / len(self.seeds)) for test in self.seeds)
        return agree and all(is_detectable(test, margin, level) for test in (self.main, *self.by_runs))

    def min_detectable_loss(self, tolerance: float, level: float, power: float = POWER) -> float:
        """Return `power.min_detectable_loss` for the tests that must agree; ∞ if no loss is found.

        Lost answers may be the same under each seed, or others. The first raises the variance over examples by
        loss / n, the second the variance over seeds by loss / (nS). Each part assumes its worse case.
        """
        if self.flips and level < 0.5 ** len(self.flips):
            return math.inf
        of_seeds = self.main.variance_per_loss
        growth = of_seeds * self.main.count
        seeds = [min_detectable_loss(test, tolerance, level / len(self.seeds), power, of_seeds) for test in self.seeds]
        runs = [min_detectable_loss(test, tolerance, level, power) for test in self.by_runs]
        return max(min_detectable_loss(self.main, tolerance, level, power, growth), min(seeds, default=0.0), *runs)

    def seeds_when(self, level: float, *, regressed: bool) -> int:
        """Return at how many seeds it was decided; with a single look, at all of them."""
        del level, regressed
        return self.main.count

    def _combine(self, p_values: list[float]) -> float:
        """Return the larger of the p of `main` and the smallest p of the seeds, corrected for their number."""
        main, *seeds = p_values
        return max(main, min(1.0, len(seeds) * min(seeds))) if seeds else main
