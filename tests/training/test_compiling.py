"""Claims about compiling: any call that compiles is detected and reported separately."""

from __future__ import annotations

import time
from time import perf_counter

import pytest
import torch

from bench_suite.contracts import Placement
from bench_suite.training.clock import Clock
from bench_suite.training.compiling import record_compilations

PLACEMENT = Placement("cpu", 1, "32-true", compiled=True)


class Small(torch.nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.layer = torch.nn.Linear(3, 2)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.layer(x).relu()


def small() -> torch.nn.Module:
    torch.compiler.reset()
    module = Small()
    module.compile(backend="eager")  # traced but not translated: this needs no compiler
    return module


def test_compiling_anew_for_a_batch_of_another_size_is_seen_too() -> None:
    module, seconds = small(), []
    with record_compilations(PLACEMENT, seconds.append) as compiling:
        assert compiling is not None
        module(torch.ones(4, 3))
        first = len(seconds)
        module(torch.ones(4, 3))
        assert len(seconds) == first == 1
        module(torch.ones(2, 3))
        assert len(seconds) == 2
    module(torch.ones(1, 3))
    assert len(seconds) == 2, "outside it nothing is told"
    assert compiling.seconds == pytest.approx(sum(seconds))
    assert compiling.seconds > 0


def test_what_is_not_compiled_is_not_watched() -> None:
    with record_compilations(Placement("cpu", 1, "32-true"), pytest.fail) as compiling:
        assert compiling is None


def test_time_set_aside_is_in_no_window() -> None:
    clock = Clock(lambda window: True, shortest=0.0)
    clock.resume()
    began = perf_counter()
    time.sleep(0.05)
    passed = perf_counter() - began
    clock.step(10, 0.0)
    clock.exclude(passed)
    clock.close(0.5)
    assert clock.warm_up is not None
    assert 0 <= clock.warm_up.seconds == clock.seconds
    assert clock.warm_up.seconds < perf_counter() - began - passed + 1e-3
