"""How numbers are written: marks that decide, and numbers that may be codes."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pyarrow as pa
import pytest

from bench_suite.contracts import DataInvalid

Typed = Callable[..., tuple[str, list[Any]]]


@pytest.mark.parametrize(
    "values",
    [
        ["12345678901234567890", "1"], ["9007199254740993", "2"], ["1e5", "12E7"],
        pa.array([2**53 + 1, 2]), pa.array([2**64 - 1, 2], pa.uint64()),
    ],
)  # fmt: skip
def test_numbers_that_a_model_cannot_hold_or_that_may_be_codes_are_refused_until_stated(
    typed: Typed, values: Any
) -> None:
    with pytest.raises(DataInvalid, match=r'state columns = { x = "category" }, or "number" to read it as one'):
        typed(values)
    texts = values if isinstance(values, list) else list(map(str, values.to_pylist()))
    assert typed(values, columns={"x": "category"}) == ("category", texts)
    assert typed(values, columns={"x": "number"}) == ("number", [float(text) for text in texts])


def test_a_point_is_not_taken_for_a_mark_that_the_suite_states(typed: Typed) -> None:
    assert typed(["1.5", "2.25"], thousands=".")[0] == "category"
    with pytest.raises(DataInvalid, match=r'1\.234 may be 1234 .*state thousands = "\." too, or leave decimal out'):
        typed(["1.234", "2.345"], decimal=",")
    assert typed(["52.12", "48.1"], decimal=",") == ("number", [52.12, 48.1])
