"""Error rates of the anytime-valid test, by simulation: false alarms, and how often a slowdown is found."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from bench_suite.stats.anytime import MIN_BLOCKS, MIXTURE

CHUNK = 2_000
"Trials that are drawn at a time: a matrix of 2,000 × 300 takes 5 MB."


@dataclass(frozen=True)
class Rates:
    """What a number of simulated comparisons ended with."""

    slowdown: float
    "The true slowdown, such as 0.05."
    slower: float
    "Share that ended with *slower*."
    not_slower: float
    "Share that ended with *not slower* than the margin."
    undecided: float
    "Share in which the blocks were spent before anything was decided."
    median_blocks: float
    "Median number of blocks until the end."


def simulate(
    noise: float | Sequence[float], slowdown: float, margin: float, level: float, most_blocks: int = 300,
    trials: int = 2_000, seed: int = 0,
) -> Rates:  # fmt: skip
    """Simulate comparisons that stop as soon as one of the two statements holds.

    Args:
        noise: standard deviation of the logarithm of the ratio, for normal noise; or observed deviations of blocks from
            their mean, which are drawn with replacement.
        slowdown: true slowdown of head.
        margin: slowdown that is allowed.
        level: α, already divided by the number of timings.
        most_blocks: blocks that the budget pays for.
        trials: simulated comparisons.
        seed: of the simulation.
    """
    import numpy as np

    random = np.random.default_rng(seed)
    counts, ends = {"slower": 0, "not slower": 0}, []
    observed = None if isinstance(noise, int | float) else np.asarray(noise, dtype=np.float64)
    if observed is not None:  # deviations from a mean are too small: by the degree of freedom that it took
        observed = (observed - observed.mean()) * math.sqrt(len(observed) / max(1, len(observed) - 1))
    for first in range(0, trials, CHUNK):
        size = (min(CHUNK, trials - first), most_blocks)
        deviations = random.normal(0.0, noise, size) if observed is None else random.choice(observed, size)
        slower, fast = crossings(deviations + math.log1p(slowdown), margin, level)
        counts["slower"] += int((slower < np.minimum(fast + 1, most_blocks)).sum())
        counts["not slower"] += int((fast < np.minimum(slower, most_blocks)).sum())
        ends.append(np.minimum(np.minimum(slower, fast) + 1, most_blocks))
    share = {verdict: count / trials for verdict, count in counts.items()}
    undecided = 1 - share["slower"] - share["not slower"]
    return Rates(
        slowdown, share["slower"], share["not slower"], max(0.0, undecided), float(np.median(np.concatenate(ends)))
    )


def crossings(values, margin: float, level: float):  # type: ignore[no-untyped-def]  # arrays; NumPy is imported late
    """Return the index of the block at which each statement first holds in each trial; the number of blocks if never.

    Args:
        values: (trials, blocks) float64, logarithms of ratios.
        margin: slowdown that is allowed.
        level: α.

    Returns:
        (trials,) int64 of *slower*, and of *not slower*.
    """
    import numpy as np

    blocks = values.shape[1]
    n = np.arange(1, blocks + 1)
    mean = np.cumsum(values, axis=1) / n
    squares = np.maximum(np.cumsum(values**2, axis=1) - n * mean**2, 1e-300)
    limit, edge = -math.log(level), math.log1p(margin)

    def evidence(distance):  # type: ignore[no-untyped-def]  # as above
        share = n * distance**2 / squares
        grown = np.log1p(n * MIXTURE)
        return -grown / 2 + n / 2 * (np.log1p(share) - np.log1p(share / (1 + n * MIXTURE)))

    enough = n >= MIN_BLOCKS
    slower = enough & (mean > 0) & (evidence(mean) >= limit)
    fast = enough & (mean < edge) & (evidence(mean - edge) >= limit)
    return tuple(np.where(holds.any(axis=1), holds.argmax(axis=1), blocks) for holds in (slower, fast))
