"""Schedules: the factor of the learning rate at each step."""

from __future__ import annotations

import math


def factor(step: int, steps: int, schedule: str, warmup: float) -> float:
    """Return the factor of the learning rate, in [0, 1].

    It rises linearly, (step + 1) / w, over the first w = ceil(warmup · steps) steps, so no step has a rate of zero.
    After them, with progress p = (step − w) / (steps − w) in [0, 1): `constant` 1; `linear` 1 − p; `cosine`
    (1 + cos πp) / 2 (Loshchilov and Hutter 2017, arXiv 1608.03983).

    Args:
        step: number of the step, from 0.
        steps: of the training.
        schedule: `constant`, `linear` or `cosine`.
        warmup: share of the steps, in [0, 1].

    Raises:
        ValueError: there is no such schedule.
    """
    warmup_steps = math.ceil(warmup * steps)
    if step < warmup_steps:
        return (step + 1) / warmup_steps
    progress = (step - warmup_steps) / max(1, steps - warmup_steps)
    if schedule == "constant":
        return 1.0
    if schedule == "linear":
        return 1.0 - progress
    if schedule == "cosine":
        return 0.5 * (1.0 + math.cos(math.pi * progress))
    raise ValueError(f"no learning-rate schedule {schedule!r}: choose constant, linear or cosine")
