"""Columns that only number the rows: pandas writes its index without a name, and reads it back as `Unnamed: 0`."""

from __future__ import annotations

import re
from collections.abc import Collection

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from bench_suite.data.column_types import columns_line
from bench_suite.data.raw_tables import RawTables

_NAME = re.compile(r"Unnamed: \d+(\.\d+)*|__index_level_\d+__")
"Names that pandas gives to a column without one, in text files and in Parquet files."


def row_number_columns(raw: RawTables, apart: Collection[str]) -> tuple[tuple[str, ...], dict[str, str]]:
    """Return the columns that number the rows, and notes on them and on those that may.

    A column numbers the rows if pandas named it and it holds consecutive whole numbers in each file, from any start: a
    test file or a part of a table may count from 0 again. If its whole numbers are all different, it may number rows
    that were shuffled; it stays an input.

    Args:
        raw: The tables as they stand in the files.
        apart: Columns that are used or stated, which are left alone.
    """
    named = [name for name in _names(raw) if _NAME.fullmatch(name) and name not in apart]
    counting, shuffled = [], []
    for name in named:
        parts = [_whole_numbers(table[name]) for tables in raw.tables.values() for table in tables if _has(table, name)]
        numbers = [part for part in parts if part is not None]
        if len(numbers) < len(parts) or not any(len(part) > 1 for part in numbers):
            continue
        if all((np.diff(part) == 1).all() for part in numbers):
            counting.append(name)
        elif all(len(np.unique(part)) == len(part) for part in numbers):
            shuffled.append(name)
    notes = {}
    if counting:
        lines = "; ".join(f"`{name}`: {columns_line(name, 'number')} would keep it" for name in counting)
        notes["columns that number the rows, left out"] = lines
    if shuffled:
        lines = "; ".join(f"`{name}`: {columns_line(name, 'ignore')} would leave it out" for name in shuffled)
        notes["inputs that may be numbers of rows"] = lines
    return tuple(counting), notes


def _names(raw: RawTables) -> list[str]:
    return list(
        dict.fromkeys(name for tables in raw.tables.values() for table in tables for name in table.column_names)
    )


def _has(table: pa.Table, name: str) -> bool:
    return name in table.column_names


def _whole_numbers(column: pa.ChunkedArray) -> np.ndarray | None:
    """Return (n,) int64; None if a value is missing or no whole number."""
    if column.null_count:
        return None
    try:
        texts = pa.types.is_string(column.type) or pa.types.is_large_string(column.type)
        return (pc.utf8_trim_whitespace(column) if texts else column).cast(pa.int64()).to_numpy()
    except pa.ArrowException:  # texts, fractions, lists and the like
        return None
