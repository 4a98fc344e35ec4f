"""Columns that grow: merged records leave nothing behind, and nothing that was only needed to add others stays."""

from __future__ import annotations

import pytest

from bench_suite.contracts import ArtifactRow, MetricRow, Record
from bench_suite.store.collector import FIELDS, Collector, text_of
from bench_suite.store.columns import CELL_COLUMNS
from bench_suite.store.records import merge


def record(id: str, *names: str, size: int = 2) -> Record:
    rows = tuple(MetricRow(f"{name}/m", 0.5, "s", "lower", samples=(float(size),) * size) for name in names)
    return Record("r", "s", id, "w", {"seed": 0}, {}, "ok", metrics=rows)


@pytest.mark.parametrize("order", ["aba", "aab", "abab", "abcabc", "ccba"])
def test_merged_records_are_columns_as_if_each_cell_had_one_record(order: str) -> None:
    records = [record(id, "xyz"[number % 3], "q", size=number) for number, id in enumerate(order)]
    merged, collectors = merge(records), (Collector(), Collector())
    for collector, these in zip(collectors, (records, merged)):
        for one in these:
            collector.add(one)
    columns, expected = (collector.columns() for collector in collectors)
    assert repr(columns.records()) == repr(merged)
    assert len(columns) == len(merged)
    for name in ("value", "low", "high", "n", "samples", "sample_ends", "ends"):
        assert getattr(columns, name) == getattr(expected, name), name
    for name in CELL_COLUMNS:
        assert len(columns.cells[name].codes) == len(merged)


def test_a_column_of_records_without_artifacts_has_no_text() -> None:
    assert text_of("artifacts", ()) is None
    assert text_of("artifacts", (ArtifactRow("q/x", "text", "f"),)) == '[["q/x","text","f",""]]'
    assert {name: text_of(name, {}) for name in FIELDS if name != "artifacts"} == dict.fromkeys(
        (name for name in FIELDS if name != "artifacts"), "{}"
    )
