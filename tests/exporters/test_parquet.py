"""Parquet: the numbers of the records, with types and a description of each column."""

from __future__ import annotations

import io
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from bench_suite.contracts import MetricRow
from bench_suite.exporters.parquet import export, type_of
from bench_suite.store.runs import Run


def table_of(run: Run) -> pa.Table:
    return pq.read_table(io.BytesIO(export(run)))


def test_every_number_is_that_of_the_records(real_run, stored_metrics) -> None:
    rows = table_of(real_run).to_pylist()
    assert len(rows) == len(stored_metrics)
    for row, (record, metric) in zip(rows, stored_metrics):
        assert (row["id"], row["model"], row["seed"]) == (record["id"], record["cell"]["model"], record["cell"]["seed"])
        assert (row["metric"], row["value"], row["n"]) == (metric["name"], metric["value"], metric.get("n"))
        interval = metric.get("interval", {})
        assert [row[name] for name in ("low", "high", "level", "over")] == [
            interval.get(name) for name in ("low", "high", "level", "over")
        ]


def test_columns_are_typed_and_described(real_run) -> None:
    schema = table_of(real_run).schema
    for name, kind in {"seed": "int64", "n": "int64", "value": "double", "low": "double", "task": "string"}.items():
        assert str(schema.field(name).type) == kind
    assert all(schema.field(name).metadata[b"description"] for name in schema.names)
    assert schema.metadata[b"bench-suite.run"] == real_run.name.encode()


def test_any_text_is_kept(hostile_run) -> None:
    rows = table_of(hostile_run).to_pylist()
    texts = [record.cell["note"].encode(errors="backslashreplace").decode() for record in hostile_run.records()]
    assert [row["note"] for row in rows if row["metric"] == "quality/accuracy"] == texts
    assert {row["layers"] for row in rows} == {"[1, 2]"}
    assert {row["cell.n"] for row in rows} == {3}


@pytest.mark.parametrize(
    ("values", "kind"),
    [
        ([1, None, 2], "int64"), ([1, 0.5], "double"), ([True, None], "bool"), ([True, 1], "string"),
        ([1, "a"], "string"), ([None], "string"), ([2**64], "string"), ([0.5, 2**60], "string"), ([[1]], "string"),
    ],
)  # fmt: skip
def test_a_column_has_the_narrowest_type_without_loss(values: list[Any], kind: str) -> None:
    assert str(type_of(values)) == kind


def test_a_run_without_metrics_is_an_empty_table(history_runs) -> None:
    assert table_of(history_runs.add([])).num_rows == 0
    one = history_runs.add([MetricRow("compute/parameters", 2**40, "", "none", kind="exact")])
    assert table_of(one)["value"].to_pylist() == [float(2**40)]
