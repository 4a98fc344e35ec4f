"""Schedules: known values, and properties of every schedule."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bench_suite.training.schedules import factor


@given(st.integers(1, 300), st.sampled_from(["constant", "linear", "cosine"]), st.floats(0.0, 1.0))
def test_the_factor_rises_over_warm_up_and_never_rises_after(steps: int, schedule: str, warmup: float) -> None:
    factors = [factor(step, steps, schedule, warmup) for step in range(steps)]
    assert all(0.0 < value <= 1.0 for value in factors)  # no step has a rate of zero
    top = factors.index(max(factors))
    assert factors[: top + 1] == sorted(factors[: top + 1])
    assert factors[top:] == sorted(factors[top:], reverse=True)


def test_known_values() -> None:
    assert [factor(step, 4, "linear", 0.0) for step in range(4)] == [1.0, 0.75, 0.5, 0.25]
    assert factor(2, 4, "cosine", 0.0) == pytest.approx(0.5)
    assert [factor(step, 8, "constant", 0.5) for step in range(6)] == [0.25, 0.5, 0.75, 1.0, 1.0, 1.0]


def test_an_unknown_schedule_is_named() -> None:
    with pytest.raises(ValueError, match="'step'"):
        factor(0, 1, "step", 0.0)
