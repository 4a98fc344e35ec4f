"""The long table: one row for each metric of each cell, and no label that hides a column."""

from __future__ import annotations

import bench_suite
from bench_suite.contracts import Interval, MetricRow
from bench_suite.reports.long_table import FIXED, long_table

ACCURACY = MetricRow("quality/accuracy", 0.9, "fraction", "higher", interval=Interval(0.8, 0.95), n=100)
BY_SIZE = MetricRow("throughput/inference", None, "samples/s", "higher", at={"batch_size": 8}, reason="no clock")


def test_each_metric_is_a_row_with_its_cell_and_its_coordinates(history_runs) -> None:
    run = history_runs.add([ACCURACY, BY_SIZE], seeds=(0, 1))
    table = long_table(run)
    rows = [dict(zip(table.columns, row)) for row in table.rows()]
    assert [(row["seed"], row["metric"]) for row in rows] == [
        (seed, row.name) for seed in (0, 1) for row in (ACCURACY, BY_SIZE)
    ]
    first, second = rows[:2]
    assert (first["run"], first["suite"], first["id"]) == (run.name, "ci", "mlp-0")
    assert (first["value"], first["low"], first["high"], first["level"], first["over"]) == (
        0.9, 0.8, 0.95, 0.95, "examples",
    )  # fmt: skip
    assert (second["value"], second["reason"], second["at.batch_size"]) == (None, "no clock", 8)
    assert (second["low"], second["n"], first["at.batch_size"]) == (None, None, None)


def test_it_has_the_columns_of_the_frame_and_a_description_of_each(history_runs) -> None:
    run = history_runs.add([ACCURACY, BY_SIZE])
    table = long_table(run)
    assert {*bench_suite.frame(run).columns} <= {*table.columns}
    assert all(map(table.description, table.columns))
    assert table.description("value") == FIXED["value"]


def test_a_label_with_the_name_of_a_column_hides_neither(history_runs) -> None:
    cell = {"task": "bench", "model": "sort", "n": 1000, "unit": "kB", "at.size": 7}
    table = long_table(history_runs.add([ACCURACY], record={"cell": cell}))
    assert len({*table.columns}) == len(table.columns)
    (row,) = (dict(zip(table.columns, row)) for row in table.rows())
    assert (row["n"], row["cell.n"], row["unit"], row["cell.unit"], row["cell.at.size"]) == (
        100, 1000, "fraction", "kB", 7,
    )  # fmt: skip
