"""Claims about the peak memory of a process: it holds what was allocated, and can begin anew."""

from __future__ import annotations

import numpy as np
import pytest

from bench_suite.training.process_memory import peak_memory, reset_peak


def test_the_peak_holds_what_was_allocated_and_begins_anew() -> None:
    if not reset_peak():
        pytest.skip("this system does not reset the peak")
    before = peak_memory()
    block = np.ones(64 << 20, dtype=np.uint8)
    assert peak_memory() >= before + 60
    del block
    assert peak_memory() >= before + 60, "a peak stays"
    assert reset_peak()
    assert peak_memory() < before + 60
