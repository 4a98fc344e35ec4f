"""The trivial baseline of a board, from the stored confusion matrix."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from bench_suite.contracts import Artifact, Record
from bench_suite.reports.html.boards import board
from bench_suite.reports.html.trivial import majority
from bench_suite.reports.table import tables
from bench_suite.store.runs import Run

Make = Callable[..., Run]
Make_record = Callable[..., Record]
COUNTS = {"rows": ["no", "yes"], "columns": ["no", "yes"], "values": [[20, 5], [15, 60]]}


def with_matrix(make_run: Make, record: Make_record, data: Any = COUNTS, probe: str = "quality", **changes: Any) -> Run:
    run = make_run()
    row = run.write_artifact("a", probe, Artifact("confusion", "matrix", data, "Confusion"))
    with run.writer() as writer:
        writer.write(record(id="a", artifacts=(row,), **changes))
    return run


def test_the_most_frequent_class_reaches_its_share_of_test(make_run: Make, record: Make_record) -> None:
    run = with_matrix(make_run, record)
    [table] = tables([run])
    trivial = majority(run, table)
    assert trivial is not None
    assert (trivial.name, trivial.metric, trivial.value) == ("yes", "quality/accuracy", 0.75)


def test_it_is_no_row_of_the_board_and_has_no_rank(make_run: Make, record: Make_record) -> None:
    run = with_matrix(make_run, record)
    [table] = tables([run])
    shown, data = board(table, "board-0", trivial=majority(run, table))
    assert [row.label for row in shown.rows] == ["minilm"]
    assert len(data["rows"]) == 1
    assert shown.trivial is not None
    assert (shown.trivial.label, shown.trivial.cells[0]) == ("always “yes”", "0.750")
    assert {*shown.trivial.cells[1:]} == {"–"}
    assert "not a model" in shown.trivial.about


@pytest.mark.parametrize("values", [[["many"]], [[0]], [[None]], 3, []])
def test_a_matrix_of_another_form_gives_none(make_run: Make, record: Make_record, values: Any) -> None:
    run = with_matrix(make_run, record, {"rows": ["a"], "columns": ["a"], "values": values})
    assert majority(run, tables([run])[0]) is None


def test_a_matrix_of_another_probe_or_a_lost_file_gives_none(make_run: Make, record: Make_record) -> None:
    run = with_matrix(make_run, record, probe="throughput")
    assert majority(run, tables([run])[0]) is None
    run = with_matrix(make_run, record)
    for file in run.path.glob("cells/*/*/*"):
        file.unlink()
    assert majority(run, tables([run])[0]) is None


def test_folds_have_different_test_splits_and_no_baseline(make_run: Make, record: Make_record) -> None:
    run = with_matrix(make_run, record, axes={"fold": 0})
    assert majority(run, tables([run])[0]) is None
