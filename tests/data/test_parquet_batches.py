"""Parquet files that are small on disk and large in memory."""

from __future__ import annotations

import io
from decimal import Decimal
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from bench_suite.data import parquet_batches
from bench_suite.data.parquet_batches import bounded_batches

MIN_BYTES = 1 << 20


def batches(table: pa.Table, max_bytes: int, **options: Any) -> list[pa.RecordBatch]:
    file = io.BytesIO()
    pq.write_table(table, file, store_schema=False, **options)
    reader = pq.ParquetFile(file)
    return list(bounded_batches(reader, file, max_bytes))


@pytest.fixture(autouse=True)
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(parquet_batches, "MIN_BYTES", MIN_BYTES)


@pytest.mark.parametrize("nested", [False, True])
def test_a_long_value_in_each_row_comes_in_batches_of_few_rows(nested: bool) -> None:
    words = pa.array(["x" * 100_000] * 200)
    column = pa.StructArray.from_arrays([words], ["bytes"]) if nested else words
    read = batches(pa.table({"a": column, "b": np.arange(200)}), MIN_BYTES)
    assert sum(batch.num_rows for batch in read) == 200
    assert max(batch.nbytes for batch in read) <= MIN_BYTES


@pytest.mark.parametrize("options", [{}, {"row_group_size": 30_000}, {"use_dictionary": False}])
def test_other_tables_come_in_few_batches_with_the_same_values(options: dict[str, Any]) -> None:
    words = np.random.default_rng(0).choice(["red", "green", "blue", None], 100_000)
    table = pa.table({"a": words, "b": np.arange(100_000), "c": pa.array(map(str, range(100_000)))})
    read = batches(table, 8 << 30, **options)
    assert pa.Table.from_batches(read).equals(table)
    assert len(read) == (4 if options.get("row_group_size") else 1)


@pytest.mark.parametrize(
    "kind",
    [pa.string(), pa.large_string(), pa.string_view(), pa.binary(), pa.dictionary(pa.int32(), pa.string()), "decimal"],
)
def test_every_type_that_repeats_values_is_read(kind: Any) -> None:
    if kind == "decimal":
        column = pa.array([Decimal("1.5"), None] * 40_000, pa.decimal128(30, 2))
    else:
        words = pa.array(["x" * 50, None] * 40_000)
        column = words.dictionary_encode() if pa.types.is_dictionary(kind) else words.cast(kind)
    file = io.BytesIO()
    pq.write_table(pa.table({"a": column}), file)
    read = pa.Table.from_batches(list(bounded_batches(pq.ParquetFile(file), file, 8 << 30)))
    assert read["a"].to_pylist() == column.to_pylist()


def test_a_file_without_rows_has_no_batches() -> None:
    assert sum(batch.num_rows for batch in batches(pa.table({"a": pa.array([], pa.string())}), MIN_BYTES)) == 0
