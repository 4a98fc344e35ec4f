"""One-run audit: a lower bound of ε from guesses which canaries a single training contained.

Each of m canaries is included by a fair coin. An auditor who sees the result guesses r of the coins and is right about
v of them. Under (ε, δ)-differential privacy v is bounded by a binomial variable, so that many right guesses rule small
ε out. Source: Steinke, Nasr and Jagielski 2023, arXiv 2305.08846, theorem 5.2 and appendix D.
"""

from __future__ import annotations

import math

import numpy as np

LEVEL = 0.95
"Confidence level of a bound."
STEPS = 60
"Halvings of the interval in which the bound lies: more than the digits of a float."


def p_value(canaries: int, guesses: int, correct: int, epsilon: float, delta: float = 0.0) -> float:
    """Return the greatest probability of at least `correct` right guesses under (ε, δ)-differential privacy.

    It is P[W ≥ v] + 2 m δ · max over i of P[v > W ≥ v − i] / i, for a binomial W of r guesses that are each right with
    probability e^ε / (1 + e^ε), or 1 if that is more.

    Args:
        canaries: m.
        guesses: r, without abstentions.
        correct: v.
        epsilon: ε, 0 or more.
        delta: δ.

    Raises:
        ValueError: the counts are not 0 ≤ v ≤ r ≤ m.
    """
    from scipy import special

    if not 0 <= correct <= guesses <= canaries:
        raise ValueError(f"{correct} right of {guesses} guesses about {canaries} canaries is impossible")
    if correct == 0:
        return 1.0
    share = 1.0 / (1.0 + math.exp(-epsilon))
    at_least = float(special.betainc(correct, guesses - correct + 1, share))
    if delta == 0.0:
        return at_least
    below = np.arange(correct - 1, -1, -1)
    logarithms = (
        special.gammaln(guesses + 1) - special.gammaln(below + 1) - special.gammaln(guesses - below + 1)
        + special.xlogy(below, share) + special.xlogy(guesses - below, 1.0 - share)
    )  # fmt: skip
    means = np.cumsum(np.exp(logarithms)) / np.arange(1, correct + 1)
    return min(1.0, at_least + 2.0 * canaries * delta * float(means.max()))


def lower_bound(canaries: int, guesses: int, correct: int, delta: float = 0.0, level: float = LEVEL) -> float:
    """Return the ε below which `p_value` is less than 1 − `level`; 0 if no ε is ruled out.

    Whatever the true ε, the bound exceeds it in at most 1 − `level` of audits, if the number of guesses was fixed
    before the coins were seen.

    Args:
        canaries: m.
        guesses: r, without abstentions.
        correct: v.
        delta: δ of the guarantee that is audited.
        level: confidence level, in (0, 1).
    """
    chance = 1.0 - level
    if p_value(canaries, guesses, correct, 0.0, delta) >= chance:
        return 0.0
    low, high = 0.0, 1.0
    while p_value(canaries, guesses, correct, high, delta) < chance:
        low, high = high, 2.0 * high
    for _ in range(STEPS):
        middle = (low + high) / 2.0
        if p_value(canaries, guesses, correct, middle, delta) < chance:
            low = middle
        else:
            high = middle
    return low
