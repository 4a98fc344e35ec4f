"""Is one program slower than another? An anytime-valid t-test on the logarithms of ratios of times.

The test may be looked at after each block and stopped at any time: its error rates hold whatever the rule of stopping.
It is the scale-invariant mixture of Pérez-Ortiz, Lardy, de Heide and Grünwald, "E-statistics, group invariance and
anytime-valid testing", Annals of Statistics 2024. `stats/anytime_power.py` simulates its error rates.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Literal

Verdict = Literal["slower", "not slower", "cannot tell"]
"`not slower`: not slower than the margin."

MIN_BLOCKS = 3
"Blocks from which the test says anything."
MIXTURE = 1.0
"g, the variance of the mixture over effects in units of the variance of a block."
MIN_CHECKED = 10
"Blocks from which their dependence is checked."
DEPENDENT = 2.58
"Standard errors of the lag-1 autocorrelation beyond which blocks count as dependent: 1 % of independent ones."
MAX_BLOCKS = 1_000_000
"More blocks than anybody runs."


@dataclass(frozen=True)
class Decision:
    """What some blocks say about the ratio of two times, head / base."""

    verdict: Verdict
    blocks: int
    ratio: float | None
    "Geometric mean of the ratios; None without a block."
    low: float | None
    "Lower end of the interval of the ratio that holds at any time, at 1 − `level`; None if it has no bound."
    high: float | None
    "Upper end."
    spread: float | None
    "Standard deviation of the logarithm of the ratio between blocks: the A/A noise. None for fewer than two blocks."
    autocorrelation: float | None
    "Of consecutive blocks; None for fewer than `MIN_CHECKED`."
    dependent: bool
    "Whether the blocks depend on one another, so that the error rates may not hold."
    required_blocks: int | None
    "Blocks that would decide, by what was observed; None if it is decided, or nothing is known."


def log_e_value(values: Sequence[float], mean: float = 0.0) -> float:
    """Return the logarithm of the evidence against `mean` as the mean of normal values of unknown variance.

    With n values, ν = n − 1 and T² = n(z̄ − μ₀)² / s²,

        E = (1 + ng)^(−½) · [ (1 + T²/ν) / (1 + T²/(ν(1 + ng))) ]^(n/2),  g = 1.

    If μ₀ is the mean, the chance that E ever reaches 1/α is at most α.

    Args:
        values: logarithms of ratios, one for each block.
        mean: μ₀.

    Returns:
        log E; 0 for fewer than three values.
    """
    n = len(values)
    if n < MIN_BLOCKS:
        return 0.0
    average = math.fsum(values) / n
    squares = math.fsum((value - average) ** 2 for value in values)
    return log_evidence(n, average - mean, squares)


def log_evidence(n: int, distance: float, squares: float) -> float:
    """Return log E of n values.

    Args:
        n: number of values.
        distance: their mean minus μ₀.
        squares: sum of their squared deviations from their mean.
    """
    shrunk = math.log1p(n * MIXTURE)
    if distance == 0.0:
        return -shrunk / 2
    if squares <= 0.0 or (share := n * distance**2 / squares) == math.inf:  # T²/ν
        return (n - 1) / 2 * shrunk
    return -shrunk / 2 + n / 2 * (math.log1p(share) - math.log1p(share / (1 + n * MIXTURE)))


def decide(log_ratios: Sequence[float], margin: float, level: float) -> Decision:
    """Decide on the blocks so far: *slower*, *not slower* than the margin, or *cannot tell*.

    *slower* if the evidence against equal times reaches 1/α and head took longer; *not slower* if that against a
    slowdown of the margin does and head took less than it. If both hold, it is *slower*.

    Args:
        log_ratios: log(t_head / t_base) of each block, in the order of time.
        margin: slowdown that is allowed, such as 0.05.
        level: α, already divided by the number of timings that are decided together.
    """
    n = len(log_ratios)
    if n == 0:
        return Decision("cannot tell", 0, None, None, None, None, None, False, None)
    average = math.fsum(log_ratios) / n
    squares = math.fsum((value - average) ** 2 for value in log_ratios)
    spread = math.sqrt(squares / (n - 1)) if n > 1 else None
    limit, edge = -math.log(level), math.log1p(margin)
    verdict: Verdict = "cannot tell"
    if average > 0 and log_e_value(log_ratios) >= limit:
        verdict = "slower"
    elif average < edge and log_e_value(log_ratios, edge) >= limit:
        verdict = "not slower"
    half = half_width(n, squares, level)
    low, high = (None, None) if half is None else (math.exp(average - half), math.exp(average + half))
    first, dependent = autocorrelation(log_ratios)
    required = None if verdict != "cannot tell" or spread is None else required_blocks(average, spread, margin, level)
    return Decision(verdict, n, math.exp(average), low, high, spread, first, dependent, required)


def half_width(n: int, squares: float, level: float) -> float | None:
    """Return half the width of the interval of all means against which the evidence is below 1/α; None if unbounded.

    With r = (√(1 + ng) / α)^(2/n), T²/ν = (r − 1) / (1 − r / (1 + ng)).
    """
    if n < MIN_BLOCKS:
        return None
    grown = 1 + n * MIXTURE
    power = (math.log(grown) / 2 - math.log(level)) * 2 / n
    if power >= math.log(grown):
        return None
    r = math.exp(power)
    return math.sqrt((r - 1) / (1 - r / grown) * squares / n)


def required_blocks(average: float, spread: float, margin: float, level: float) -> int | None:
    """Return how many blocks would decide if their mean and spread stay; None if no number does.

    Args:
        average: mean of the logarithms of the ratios.
        spread: their standard deviation.
        margin: slowdown that is allowed.
        level: α.
    """
    edge, limit = math.log1p(margin), -math.log(level)
    distance = max(average, edge - average)

    def decides(n: int) -> bool:
        return log_evidence(n, distance, (n - 1) * spread**2) >= limit

    if distance <= 0 or not decides(MAX_BLOCKS):
        return None
    few, many = MIN_BLOCKS - 1, MAX_BLOCKS
    while many - few > 1:
        middle = (few + many) // 2
        few, many = (few, middle) if decides(middle) else (middle, many)
    return many


def autocorrelation(values: Sequence[float]) -> tuple[float | None, bool]:
    """Return the lag-1 autocorrelation, and whether it shows that blocks depend on one another.

    Of n independent values it has a mean of about −1/n and a standard deviation of about 1/√n.
    """
    n = len(values)
    if n < MIN_CHECKED:
        return None, False
    average = math.fsum(values) / n
    left = [value - average for value in values]
    squares = math.fsum(value**2 for value in left)
    if squares == 0.0:
        return None, False
    first = math.fsum(one * other for one, other in pairwise(left)) / squares
    return first, abs(first + 1 / n) > DEPENDENT / math.sqrt(n)
