"""Columns without any value are left out of a board, with one sentence for each reason."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from bench_suite.contracts import MetricRow, ProbeRow, Record
from bench_suite.reports.empty_columns import without_empty_columns
from bench_suite.reports.table import tables
from bench_suite.store.runs import Run

Make = Callable[..., Run]
Make_record = Callable[..., Record]
COLUMNS = {"columns": ["quality/accuracy", "energy/training", "energy/inference"]}


def with_energy(record: Record, value: float | None = None) -> Record:
    reason = None if value else "no energy counter"
    rows = [MetricRow(f"energy/{name}", value, "J", "lower", reason) for name in ("training", "inference")]
    return replace(
        record, metrics=(*record.metrics, *rows), probes={**record.probes, "energy": ProbeRow("ok", "k")}
    )  # fmt: skip


def test_columns_that_are_empty_in_each_row_leave_one_sentence(make_run: Make, record: Make_record) -> None:
    [table] = tables([make_run(*(with_energy(record(model=name)) for name in ("a", "b")), report=COLUMNS)])
    shown, sentences = without_empty_columns(table)
    assert [column.name for column in table.columns] == COLUMNS["columns"]
    assert [column.name for column in shown.columns] == ["quality/accuracy"]
    assert sentences == [
        "No column for energy/training, energy/inference, which have no value in any row: no energy counter"
    ]


def test_a_column_with_a_value_in_one_row_stays(make_run: Make, record: Make_record) -> None:
    run = make_run(with_energy(record(model="a")), with_energy(record(model="b"), 3.0), report=COLUMNS)
    [table] = tables([run])
    assert without_empty_columns(table) == (table, [])


def test_what_ranks_and_what_a_gate_judges_stays(make_run: Make, record: Make_record) -> None:
    run = make_run(with_energy(record()), report=COLUMNS, gate={"energy/training": {"max": 3.0}})
    [table] = tables([run])
    shown, _ = without_empty_columns(table)
    assert [column.name for column in shown.columns] == ["quality/accuracy", "energy/training"]
    only = replace(table, columns=table.columns[2:], sort=None, gated=frozenset())
    assert without_empty_columns(only) == (only, []), "a board has a column"
