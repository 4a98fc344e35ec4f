"""Tolerances: the variation of a known number because examples, resamples or orders are random."""

from __future__ import annotations

import math
from statistics import NormalDist

from bench_suite.selftest.checks import CHANCE, Check, around
from bench_suite.suite.plan import Cell

NORMAL = NormalDist()
SIGMAS = NORMAL.inv_cdf(1 - CHANCE / 2)
"Standard deviations that are exceeded with the probability `CHANCE`: 4.9."
LEVEL = 0.95
"Level of intervals."
Z = NORMAL.inv_cdf((1 + LEVEL) / 2)
"Standard errors from a number to the bounds of its interval: 1.96."
OFTEN = f"at 1 − {CHANCE:.0e}"
"The probability with which a tolerance that allows for chance holds, as text."


def accuracy_of(cell: Cell, accuracy: float, examples: int) -> Check:
    """Return a check of an accuracy that allows the variation of so many random examples."""
    tolerance = SIGMAS * math.sqrt(accuracy * (1 - accuracy) / examples)
    return around("quality/accuracy", cell, accuracy, tolerance, f"binomial of {examples} examples, {OFTEN}")


def bootstrap_width(share: float, n: int, resamples: int) -> tuple[float, float]:
    """Return the width of the 95 % percentile interval of a share of n examples, and its tolerance.

    The width is 2 · 1.96 · √(p (1 − p) / n). The bounds are quantiles of B resamples, each with a standard error of
    √(q (1 − q) / B) / density. In addition, a share is a multiple of 1 / n.
    """
    error, tail = math.sqrt(share * (1 - share) / n), (1 - LEVEL) / 2
    bound_error = error * quantile_error(tail, resamples, NORMAL.pdf(NORMAL.inv_cdf(tail)))
    return 2 * NORMAL.inv_cdf(1 - tail) * error, SIGMAS * math.sqrt(2) * bound_error + 2 / n


def bootstrap_middle(share: float, n: int, resamples: int) -> float:
    """Return the tolerance of that interval's middle: half of the tolerance of its two bounds, and one step."""
    return (bootstrap_width(share, n, resamples)[1] - 2 / n) / 2 + 1 / n


def quantile_error(share: float, draws: int, density: float) -> float:
    """Return the standard error of the quantile at `share` of so many draws with this probability density there."""
    return math.sqrt(share * (1 - share) / draws) / density
