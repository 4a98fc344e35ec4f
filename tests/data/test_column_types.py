"""What a suite may state about columns."""

from __future__ import annotations

from typing import Any

import pytest

from bench_suite.data.column_types import ColumnOptions, check_column_options


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
