"""Batches of rows of a Parquet file that are bounded in memory, whatever the file repeats.

A file holds each distinct value of a column once and a number for each row, so a megabyte may stand for a terabyte.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import pyarrow as pa
    import pyarrow.parquet as pq

MAX_ROWS = 1 << 20
MIN_BYTES = 1 << 26
"Batches need not be smaller than this, because that costs time and saves nothing."


def bounded_batches(reader: pq.ParquetFile, source: Any, max_bytes: int) -> Iterator[pa.RecordBatch]:
    """Yield the rows of a file in batches of at most about `max_bytes`, so that a caller who adds up can stop in time.

    Args:
        reader: The open file.
        source: What the reader reads from; it is read by nobody else meanwhile.
        max_bytes: Most bytes that the caller reads in all.
    """
    for number in range(reader.metadata.num_row_groups):
        rows = max(MIN_BYTES, max_bytes) // max(1, _longest_row(reader, source, number))
        yield from reader.iter_batches(max(1, min(MAX_ROWS, rows)), row_groups=[number])


def _longest_row(reader: pq.ParquetFile, source: Any, number: int) -> int:
    """Return the most bytes that the repeated values of a row of a row group can take.

    The others are bounded by the size of the row group, because each stands in the file.
    """
    import pyarrow.parquet as pq

    group = reader.metadata.row_group(number)
    repeated = [
        column
        for column in map(group.column, range(group.num_columns))
        if column.physical_type == "BYTE_ARRAY" and column.has_dictionary_page
    ]
    if not repeated or group.num_rows * max(column.total_uncompressed_size for column in repeated) <= MIN_BYTES:
        return sum(column.total_uncompressed_size for column in repeated)
    # One row read as a dictionary brings all values of the dictionary.
    plain = {*reader.schema_arrow.names}
    names = [column.path_in_schema for column in repeated if column.path_in_schema in plain]
    nested = sum(column.total_uncompressed_size for column in repeated if column.path_in_schema not in plain)
    if not names:
        return nested
    dictionaries = pq.ParquetFile(source, read_dictionary=names, metadata=reader.metadata)
    first = next(dictionaries.iter_batches(1, row_groups=[number], columns=names))
    return nested + sum(_longest(first[name]) for name in names)


def _longest(row: pa.Array) -> int:
    """Return the most bytes of a value of a dictionary; of a type that is not read as one, the bytes of its row."""
    import pyarrow as pa
    import pyarrow.compute as pc

    if not isinstance(row, pa.DictionaryArray):
        return row.nbytes
    values = row.dictionary
    if pa.types.is_string(values.type) or pa.types.is_large_string(values.type) or pa.types.is_binary(values.type):
        return pc.max(pc.binary_length(values)).as_py() or 0
    return values.nbytes
