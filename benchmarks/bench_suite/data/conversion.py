"""Conversion of a column of one split to its type, all files together."""

from __future__ import annotations

from collections.abc import Sequence

import pyarrow as pa
import pyarrow.compute as pc

from bench_suite.data.column_types import Column, stored_type
from bench_suite.data.column_values import as_words, blanked
from bench_suite.data.dates import dates_of_text, moments
from bench_suite.data.number_values import numbers_of_text, stored_numbers
from bench_suite.data.picture_tables import by_path


def typed_column(
    column: Column, chunks: Sequence[pa.ChunkedArray], split: str, subject: str,
    converted: Sequence[pa.ChunkedArray] | None,
) -> pa.ChunkedArray:  # fmt: skip
    """Return a column of one split in its type, all files together; `converted` holds the values if they are known."""
    name = f"{subject}, split {split}, column `{column.name}`"
    parts = [_convert(column, chunk, name) for chunk in chunks] if converted is None else converted
    if column.type == "number" and len({part.type for part in parts}) > 1:
        parts = [part.cast(pa.float64()) for part in parts]
    if len({part.type for part in parts}) > 1:
        parts = [part.cast(parts[0].type) for part in parts]
    return pa.chunked_array([array for part in parts for array in part.chunks], parts[0].type)


def _convert(column: Column, values: pa.ChunkedArray, name: str) -> pa.ChunkedArray:
    text = pa.types.is_string(values.type) or pa.types.is_large_string(values.type)
    if column.type == "empty":
        return pa.chunked_array([pa.nulls(len(values), pa.float64())])
    if column.type in ("category", "text"):
        return blanked(values if text else as_words(values), column.missing)
    if column.type == "number":
        return numbers_of_text(column, values, name) if text else stored_numbers(column, values)
    if column.type == "truth value":
        return _truth_values(values, column) if text else values.cast(pa.bool_())
    if column.type == "date" and (text or stored_type(values.type) == "number"):
        return dates_of_text(column, values if text else as_words(values), name)
    if column.type == "date":
        return moments(values, name)
    if column.type == "picture" and text:
        return pa.chunked_array([by_path(blanked(values, column.missing).cast(pa.string()).combine_chunks())])
    return values


def _truth_values(values: pa.ChunkedArray, column: Column) -> pa.ChunkedArray:
    lower = pc.utf8_lower(pc.utf8_trim_whitespace(blanked(values, column.missing)))
    return pc.equal(lower, pa.scalar("true", lower.type))
