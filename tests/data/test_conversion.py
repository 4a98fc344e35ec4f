"""Columns of one split in the type that is stated."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Any

import pyarrow as pa
import pytest

from bench_suite.contracts import DataInvalid

Typed = Callable[..., tuple[str, list[Any]]]


def test_bytes_and_numbers_of_dates_are_read_as_stated(typed: Typed) -> None:
    assert typed(pa.array([b"a", b"\xff"]), columns={"x": "category"}) == ("category", ["a", "ff"])
    assert typed(pa.array([20240102]), columns={"x": "date:%Y%m%d"}) == ("date", [datetime(2024, 1, 2)])
    with pytest.raises(DataInvalid, match="holds int64, and the suite states"):
        typed(pa.array([20240102]), columns={"x": "date"})
    with pytest.raises(DataInvalid, match="holds int64, no pictures and no paths"):
        typed(pa.array([1]), columns={"x": "picture"})
