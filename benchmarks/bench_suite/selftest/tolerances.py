"""Chance: how far a number that is known may be off because examples, resamples or orders were drawn."""

from __future__ import annotations

import math
from statistics import NormalDist

from bench_suite.selftest.checks import CHANCE, Check, around
from bench_suite.suite.plan import Cell

NORMAL = NormalDist()
SIGMAS = NORMAL.inv_cdf(1 - CHANCE / 2)
"Standard deviations that are left as seldom as `CHANCE` says: 4.9."
LEVEL = 0.95
"Of intervals."
Z = NORMAL.inv_cdf((1 + LEVEL) / 2)
"Standard errors from a number to the bounds of its interval: 1.96."
OFTEN = f"at 1 − {CHANCE:.0e}"
"How often a tolerance of chance holds, in words."


def accuracy_of(cell: Cell, accuracy: float, examples: int) -> Check:
    """An accuracy that may differ as that of as many drawn examples does."""
    reach = SIGMAS * math.sqrt(accuracy * (1 - accuracy) / examples)
    return around("quality/accuracy", cell, accuracy, reach, f"binomial of {examples} examples, {OFTEN}")


def bootstrap_width(share: float, n: int, resamples: int) -> tuple[float, float]:
    """Width of the 95 % percentile interval of a share of n examples, 2 · 1.96 · √(p (1 − p) / n), and its reach.

    Its bounds are quantiles of B resamples, each with a standard error of √(q (1 − q) / B) / density; besides, a share
    goes in steps of 1 / n.
    """
    error, tail = math.sqrt(share * (1 - share) / n), (1 - LEVEL) / 2
    of_bound = error * quantile_error(tail, resamples, NORMAL.pdf(NORMAL.inv_cdf(tail)))
    return 2 * NORMAL.inv_cdf(1 - tail) * error, SIGMAS * math.sqrt(2) * of_bound + 2 / n


def bootstrap_middle(share: float, n: int, resamples: int) -> float:
    """How far the middle of that interval may lie from the share: half of what its two bounds may, and a step."""
    return (bootstrap_width(share, n, resamples)[1] - 2 / n) / 2 + 1 / n


def quantile_error(share: float, draws: int, density: float) -> float:
    """Standard error of the quantile at `share` of so many draws, of which there are `density` a unit there."""
    return math.sqrt(share * (1 - share) / draws) / density
