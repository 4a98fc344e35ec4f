"""By how much one sample lies above another: the Hodges-Lehmann shift and its rank interval."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np

EXACT_PAIRS = 2_500
"Up to this many pairs, the distribution of the rank sum is counted exactly; a normal one stands for it otherwise."


@dataclass(frozen=True)
class Shift:
    """How far a sample lies above another one."""

    value: float
    "The median of the differences of all pairs."
    low: float | None = None
    "Lower end of its interval; None if the samples are too small for one."
    high: float | None = None
    "Upper end; None without an interval."
    level: float = 0.95
    "Least confidence level of the interval."


def shift_between(before: np.ndarray, after: np.ndarray, level: float = 0.95) -> Shift:
    """Estimate how far the values after lie above those before (Hodges and Lehmann 1963, Moses 1953).

    Stray values move the median of the differences little. The interval inverts the rank-sum test, so it assumes no
    form of distribution, only that the two differ by a shift. There is none if the samples are too small: three values
    on either side reach 90 %, not 95 %.

    Args:
        before: (m,) numbers.
        after: (n,) numbers.
        level: confidence level, in (0, 1).
    """
    differences = np.sort(np.subtract.outer(after, before), axis=None)
    value = float(np.median(differences))
    rank = _lower_rank(*sorted((len(before), len(after))), level)
    if rank is None:
        return Shift(value, level=level)
    return Shift(value, float(differences[rank]), float(differences[len(differences) - 1 - rank]), level)


@lru_cache(maxsize=256)
def _lower_rank(m: int, n: int, level: float) -> int | None:
    """Return the index k of the sorted differences that bounds the interval: P(U ≤ k) ≤ (1 − level) / 2."""
    tail = (1 - level) / 2
    if m * n > EXACT_PAIRS:
        from scipy import special

        spread = np.sqrt(m * n * (m + n + 1) / 12)
        return max(0, int(np.floor(m * n / 2 + float(special.ndtri(tail)) * spread - 0.5)))
    below = np.cumsum(_rank_sum_shares(m, n))
    count = int(np.searchsorted(below, tail * (1 + 1e-9), side="right"))
    return count - 1 if count else None


def _rank_sum_shares(m: int, n: int) -> np.ndarray:
    """Return (mn + 1,) the probabilities of each value of the Mann-Whitney U of m and n values without ties.

    Their generating function is the Gaussian binomial coefficient: Π (1 − q^(n+i)) / (1 − q^i) for i = 1 … m. Each
    factor is divided by its mean, so that no number grows.
    """
    shares = np.zeros(m * n + 1)
    shares[0] = 1.0
    for i in range(1, m + 1):
        top = shares.copy()
        top[n + i :] -= shares[: len(shares) - n - i] if n + i <= m * n else 0
        for first in range(i):
            np.add.accumulate(top[first::i], out=top[first::i])
        shares = top * (i / (n + i))
    return np.clip(shares, 0.0, 1.0)


def running_median(values: Sequence[float] | np.ndarray) -> np.ndarray:
    """Return (n,) the median of each value and its two neighbours; the ends take that of their neighbour. n ≥ 3."""
    series = np.asarray(values, dtype=np.float64)
    middle = np.median(np.stack([series[:-2], series[1:-1], series[2:]]), axis=0)
    return np.concatenate([middle[:1], middle, middle[-1:]])
