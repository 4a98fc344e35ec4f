"""A check passes if the measured number is in the allowed range; a missing measurement never passes."""

from __future__ import annotations

import math
from typing import Any

import pytest

from bench_suite.selftest import runner
from bench_suite.selftest.checks import Measured, NotMeasured, around, between, exactly, judge


@pytest.fixture(scope="module")
def cell() -> Any:
    return runner.plan_checks()[0].cells[0]


def nothing() -> Any:
    return Measured(None, {})  # type: ignore[arg-type]  # no run is needed where nothing is read of it


@pytest.mark.parametrize(
    ("value", "holds"), [(0.8, True), (0.8 + 5e-7, True), (0.8 + 2e-6, False), (0.79, False), (math.nan, False)]
)
def test_an_exact_number_may_differ_by_rounding_only(cell: Any, value: float, holds: bool) -> None:
    assert judge(exactly("quality/accuracy", cell, 0.8, lambda measured: value), nothing()).holds is holds


def test_a_count_may_not_differ_at_all(cell: Any) -> None:
    assert judge(exactly("compute/flops", cell, 16_778_240, lambda measured: 16_778_240.0), nothing()).holds
    assert not judge(exactly("compute/flops", cell, 16_778_240, lambda measured: 16_778_241.0), nothing()).holds


def test_bounds_belong_to_what_is_allowed(cell: Any) -> None:
    check = between("throughput/train", cell, 1000, 700, 1000, "", read=lambda measured: 1000.0)
    assert judge(check, nothing()).holds
    assert not judge(around("x", cell, 1.0, 0.5, "", read=lambda measured: 1.51), nothing()).holds


def test_what_was_not_measured_is_outside_with_its_reason(cell: Any) -> None:
    finding = judge(exactly("quality/accuracy", cell, 0.8), nothing())
    assert not finding.holds
    assert (finding.measured, finding.reason) == (None, "the cell was not run")

    def absent(measured: Measured) -> float:
        raise NotMeasured("the model gives no scores")

    assert judge(exactly("quality/roc_auc", cell, 0.8, absent), nothing()).reason == "the model gives no scores"
    assert judge(exactly("x", cell, 1, lambda measured: math.nan), nothing()).reason == "the value is nan"
