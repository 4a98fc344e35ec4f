"""The number of optimiser steps, counted during the training and not computed from the options."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from torch.optim.optimizer import register_optimizer_step_post_hook

from bench_suite.contracts import Metric, Placement, Trained

VERSION = 1
METRICS = {
    "steps": {"unit": "steps", "better": "none"},
    "steps_after": {"unit": "steps", "better": "none", "ideal": 0.0},
}


@dataclass
class Count:
    """The number of steps so far."""

    steps: int = 0
    over: bool = False


@contextmanager
def during(placement: Placement, options: None) -> Iterator[Count]:
    """Count the steps of every optimiser until the training is over."""
    count = Count()

    def stepped(*_: Any) -> None:
        count.steps += 1

    hook = register_optimizer_step_post_hook(stepped)
    try:
        yield count
    finally:
        hook.remove()
        count.over = True


def probe(trained: Trained, options: None) -> Iterator[Metric]:
    """Yield the count, and a check that a later training is no longer counted."""
    count = trained.meter
    assert count.over
    yield Metric("steps", count.steps, kind="exact")
    if trained.network is None:
        return
    steps = count.steps
    trained.retrain(train={"epochs": 1})
    yield Metric("steps_after", count.steps - steps, kind="exact")
