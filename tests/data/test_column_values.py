"""Values of a column in plain types, and as texts."""

from __future__ import annotations

from typing import Any

import pyarrow as pa
import pytest

from bench_suite.data.column_values import plain, word_of


@pytest.mark.parametrize(
    ("value", "word"),
    [(1000001.0, "1000001"), (0.5, "0.5"), (True, "true"), (7, "7"), (None, None), (float("nan"), None), (0.1, "0.1")],
)
def test_a_stored_value_as_text(value: Any, word: str | None) -> None:
    assert word_of(value) == word


def test_rare_forms_of_text_are_plain_text() -> None:
    for kind in (pa.large_string(), pa.string_view(), pa.dictionary(pa.int8(), pa.string())):
        column = pa.chunked_array([pa.array(["a", "b"]).cast(kind)])
        assert plain(column).type == pa.string()
