"""Learning-rate schedules: the factor by which the learning rate is multiplied at each step."""

from __future__ import annotations

import math


def factor(step: int, steps: int, schedule: str, warmup: float) -> float:
    """Factor of the learning rate, in 0..1, for the step numbered `step` of `steps`, counted from 0.

    Over the first `w = ceil(warmup · steps)` steps it rises along a line, (step + 1) / w, so that no step has a
    rate of zero. After them, with progress p = (step − w) / (steps − w) in [0, 1):
    `constant` 1; `linear` 1 − p; `cosine` (1 + cos πp) / 2 (Loshchilov and Hutter 2017, arXiv 1608.03983).
    """
    rising = math.ceil(warmup * steps)
    if step < rising:
        return (step + 1) / rising
    progress = (step - rising) / max(1, steps - rising)
    if schedule == "constant":
        return 1.0
    if schedule == "linear":
        return 1.0 - progress
    if schedule == "cosine":
        return 0.5 * (1.0 + math.cos(math.pi * progress))
    raise ValueError(f"no learning-rate schedule {schedule!r}: there are constant, linear and cosine")
