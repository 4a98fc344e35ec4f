"""Evidence: what a gate goes by, a difference and what the seeds' values alone say of it."""

from __future__ import annotations

import math
from dataclasses import dataclass

from bench_suite.stats.paired import Difference, p_differs, p_not_worse, p_regressed, sign_flips
from bench_suite.stats.power import POWER, min_detectable_effect, min_detectable_loss


@dataclass(frozen=True)
class Evidence:
    """What a gate goes by: a difference, and with several seeds what their values alone say of it.

    Satterthwaite's degrees of freedom are themselves estimated: where seeds decide and there are two or three, a test
    of `main` alone at 0.01 raises 2 to 4 % false alarms (simulated). So a finding must also stand by the seeds alone:
    paired (df = S − 1), or where nothing pairs them by Welch's test of the two sides' values, whichever is clearer, at
    half the level since there are two.
    """

    main: Difference
    seeds: tuple[Difference, ...] = ()
    flips: tuple[float, ...] = ()
    "Differences under each seed, where nothing but they is known: then p is by `sign_flips`."

    def p_regressed(self, tolerance: float) -> float:
        """As the function, of all that must agree."""
        if self.flips:
            return sign_flips([value + tolerance for value in self.flips])
        return self._agreed([p_regressed(each, tolerance) for each in (self.main, *self.seeds)])

    def p_not_worse(self, tolerance: float) -> float:
        """As the function, of all that must agree."""
        if self.flips:
            return sign_flips([-value - tolerance for value in self.flips])
        return self._agreed([p_not_worse(each, tolerance) for each in (self.main, *self.seeds)])

    def p_differs(self) -> float:
        """As the function, of `main` alone: what is not gated is a finding to look at, and goes with its interval."""
        if self.flips:
            return min(1.0, 2 * min(sign_flips(self.flips), sign_flips([-value for value in self.flips])))
        return p_differs(self.main)

    def min_detectable_effect(self, level: float, power: float = POWER) -> float:
        """As the function, of all that must agree; perhaps ∞."""
        if self.flips and level < 0.5 ** len(self.flips):
            return math.inf
        seeds = [min_detectable_effect(each, level / len(self.seeds), power) for each in self.seeds]
        return max(min_detectable_effect(self.main, level, power), min(seeds, default=0.0))

    def min_detectable_loss(self, tolerance: float, level: float, power: float = POWER) -> float:
        """As the function, of all that must agree; perhaps ∞.

        Answers that are lost are the same under each seed, or others: the first makes the mean over examples vary more,
        the second the seeds, by the loss / n and the loss / (nS); each part is given what is worse for it.
        """
        if self.flips and level < 0.5 ** len(self.flips):
            return math.inf
        of_seeds = self.main.least
        growth = of_seeds * self.main.count
        seeds = [min_detectable_loss(each, tolerance, level / len(self.seeds), power, of_seeds) for each in self.seeds]
        return max(min_detectable_loss(self.main, tolerance, level, power, growth), min(seeds, default=0.0))

    def _agreed(self, p: list[float]) -> float:
        main, *seeds = p
        return max(main, min(1.0, len(seeds) * min(seeds))) if seeds else main
