"""Claims about the board at the end of a run: one line a row, within the width, without control characters."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from bench_suite.contracts import Interval, MetricRow, Record
from bench_suite.reports.board import SMOKE, board
from bench_suite.reports.escaping import width
from bench_suite.store.runs import Run

Make = Callable[..., Run]
Make_record = Callable[..., Record]


def test_a_table_is_a_heading_and_a_line_for_each_row(make_run: Make, record: Make_record) -> None:
    shown = board(make_run(record(model="good"), record(model="bad", accuracy=0.5)))
    (table,) = shown.tables
    assert table.heading.split() == ["imdb", "–", "imdb-25k", "accuracy", "↑", "train", "↑", "samples/s"]
    assert [row.split()[:5] for row in table.rows] == [
        ["1", "good", "0.900", "±", "0.012"],
        ["2", "bad", "0.500", "±", "0.012"],
    ]
    assert shown.lines() == [table.heading, *table.rows, *table.notes, "± half a 95 % interval"]


def test_ties_are_marked_and_the_legend_says_how(make_run: Make, record: Make_record) -> None:
    shown = board(
        make_run(record(model="one"), record(model="other", accuracy=0.901), record(model="bad", accuracy=0.5))
    )
    assert [row.split()[0] for row in shown.tables[0].rows] == ["1=", "1=", "3"]
    assert shown.legend == "± half a 95 % interval; rows sharing a rank (=) or letter cannot be told apart"


@pytest.mark.parametrize("columns", [40, 60, 80, 200])
def test_it_fits_the_width_and_names_what_it_left_out(make_run: Make, record: Make_record, columns: int) -> None:
    rows = tuple(
        MetricRow(f"probe_{number}/some_longer_metric", 0.5, "samples/s", "higher", interval=Interval(0.4, 0.6))
        for number in range(5)
    )
    run = make_run(record(model="a model of a very long name indeed, " * 4, metrics=rows), record(metrics=rows))
    (table,) = board(run, columns).tables
    assert max(map(width, [table.heading, *table.rows])) <= columns
    assert ("not shown in" in " ".join(table.notes)) == (columns < 200)


def test_equal_metrics_of_two_probes_have_the_probe_in_their_heading(make_run: Make, record: Make_record) -> None:
    rows = (MetricRow("a/accuracy", 0.5, "fraction", "higher"), MetricRow("b/accuracy", 0.5, "fraction", "higher"))
    (table,) = board(make_run(record(metrics=rows))).tables
    assert "a/accuracy ↑" in table.heading
    assert "b/accuracy ↑" in table.heading


def test_untrusted_names_cannot_steer_the_terminal(make_run: Make, record: Make_record) -> None:
    hostile = "\x1b[2J\u202e[red]\nx"
    shown = board(make_run(record(task=hostile, model=hostile), record(task=hostile, model="b")))
    assert all(line.isprintable() for line in shown.lines())


def test_a_run_without_results_has_no_tables_and_a_smoke_run_says_so(make_run: Make, record: Make_record) -> None:
    assert board(make_run(record(status="failed", metrics=(), reason="no memory"))).lines() == []
    assert board(make_run(record(smoke=True), smoke=True)).lines()[0] == SMOKE
