"""Values of a column in Arrow: in plain types, distinct ones, missing ones, and as texts."""

from __future__ import annotations

import json
from collections.abc import Sequence

import pyarrow as pa
import pyarrow.compute as pc

from bench_suite.data.labels import float_name


def plain(column: pa.ChunkedArray) -> pa.ChunkedArray:
    """Return a column with plain values instead of a dictionary, and texts of one kind instead of several."""
    if isinstance(column.type, pa.BaseExtensionType):
        mixed = is_mixed(column.type)
        column = pa.chunked_array([chunk.storage for chunk in column.chunks], column.type.storage_type)
        column = _words_of_json(column) if mixed else column
    if pa.types.is_dictionary(column.type):
        column = column.cast(column.type.value_type)
    kind = column.type
    if pa.types.is_large_string(kind) or str(kind) == "string_view":
        return column.cast(pa.string()) if column.nbytes < 1 << 31 else column.cast(pa.large_string())
    if pa.types.is_large_binary(kind) or str(kind) == "binary_view":
        return column.cast(pa.large_binary()) if pa.types.is_large_binary(kind) else column.cast(pa.binary())
    return column


def is_mixed(kind: pa.DataType) -> bool:
    """Return whether a column holds values of several types, which a JSON file may have in one column."""
    return isinstance(kind, pa.JsonType)


def _words_of_json(column: pa.ChunkedArray) -> pa.ChunkedArray:
    values = [None if text is None else json.loads(text) for text in column.to_pylist()]
    words = [json.dumps(v) if isinstance(v, dict | list) else word_of(v) for v in values]
    return pa.chunked_array([pa.array(words, pa.string())])


def are_texts(chunks: Sequence[pa.ChunkedArray]) -> bool:
    """Return whether all parts of a column hold texts."""
    return all(pa.types.is_string(chunk.type) or pa.types.is_large_string(chunk.type) for chunk in chunks)


def distinct(chunks: Sequence[pa.ChunkedArray]) -> pa.Array:
    """Return the distinct values of a column over all splits and files, without nulls."""
    kind = chunks[0].type
    every = pa.chunked_array([array for chunk in chunks for array in chunk.cast(kind).chunks], kind)
    return pc.unique(every).drop_null()


def without(values: pa.Array, missing: Sequence[str]) -> pa.Array:
    """Return the values that are none of the marks of missing values."""
    return values.filter(is_value(values, missing))


def is_value(values: pa.Array, marks: Sequence[str]) -> pa.Array:
    """Return for each value that it is none of the marks."""
    return pc.invert(pc.is_in(values, value_set=pa.array(marks, values.type)))


def with_spaced(values: pa.Array, marks: tuple[str, ...]) -> tuple[str, ...]:
    """Return marks of missing values, and those values of a column that are such a mark between spaces."""
    trimmed = pc.utf8_trim_whitespace(values)
    spaced = values.filter(pc.and_(pc.not_equal(trimmed, values), pc.invert(is_value(trimmed, marks))))
    return (*marks, *spaced.to_pylist())


def blanked(values: pa.ChunkedArray, missing: Sequence[str]) -> pa.ChunkedArray:
    """Return texts with null for those that stand for a missing value."""
    if not missing:
        return values
    absent = pc.is_in(values, value_set=pa.array(missing, values.type))
    return pc.if_else(absent, pa.scalar(None, values.type), values)


def all_match(values: pa.Array, pattern: str) -> bool:
    """Return whether all texts match a regular expression."""
    return bool(pc.all(pc.match_substring_regex(values, pattern), min_count=0).as_py())


def any_match(values: pa.Array, pattern: str) -> bool:
    """Return whether a text matches a regular expression."""
    return bool(pc.any(pc.match_substring_regex(values, pattern), min_count=0).as_py())


def as_words(values: pa.ChunkedArray) -> pa.ChunkedArray:
    """Return values of any type as texts: whole numbers without a decimal part, however they are stored."""
    if pa.types.is_timestamp(values.type) and values.type.tz is None:
        days = values.cast(pa.date32(), safe=False)
        if pc.all(pc.equal(days.cast(values.type), values), min_count=0).as_py():
            values = days
    distinct = pc.unique(values)
    words = [word_of(value) for value in distinct.to_pylist()]
    positions = pc.index_in(values, value_set=distinct).combine_chunks()
    return pa.chunked_array([pa.array(words, pa.string()).take(positions)])


def word_of(value: object) -> str | None:
    """Return the text of a stored value: `1000001` for 1000001.0, `true` for True; None for null and NaN."""
    if value is None or value != value:
        return None
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float):
        return float_name(value)
    if isinstance(value, bytes):
        try:
            return value.decode()
        except UnicodeDecodeError:
            return value.hex()
    return str(value)
