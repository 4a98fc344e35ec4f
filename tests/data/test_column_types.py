"""What a suite may state about columns."""

from __future__ import annotations

import tomllib
from typing import Any

import pytest

from bench_suite.data.column_types import ColumnOptions, check_column_options, columns_line


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"columns": {"x": "numbr"}}, 'columns.x = "numbr"; did you mean "number"'),
        ({"decimal": "1"}, 'decimal = "1" is not one mark'),
        ({"decimal": ",", "thousands": ","}, "decimal and thousands are the same mark"),
    ],
)
def test_a_wrong_statement_is_refused_before_anything_is_read(options: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        check_column_options(ColumnOptions(**options))


@pytest.mark.parametrize(
    ("name", "key"), [("age", "age"), ("Unnamed: 0", '"Unnamed: 0"'), ('a"b', '"a\\"b"'), ("", '""')]
)
def test_a_name_that_is_no_plain_key_is_quoted(name: str, key: str) -> None:
    line = columns_line(name, "number")
    assert line == f'columns = {{ {key} = "number" }}'
    assert tomllib.loads(line) == {"columns": {name: "number"}}
