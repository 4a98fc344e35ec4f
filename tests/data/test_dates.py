"""Texts and stored values as moments."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pyarrow as pa
import pytest

from bench_suite.contracts import DataInvalid

Typed = Callable[..., tuple[str, list[Any]]]


def test_times_that_are_out_of_range_are_refused(typed: Typed) -> None:
    with pytest.raises(DataInvalid, match="a time is out of range"):
        typed(pa.array([10**15], pa.timestamp("s")))
    with pytest.raises(DataInvalid, match=r'or missing_values = \["0001-01-01T00:00:00\+05:00"\]'):
        typed(["0001-01-01T00:00:00+05:00", "2024-01-01"])
