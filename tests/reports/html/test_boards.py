"""Boards of the page: what they show, and the data with which the browser sorts and traces."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from bench_suite.contracts import Record
from bench_suite.reports.columns import Column
from bench_suite.reports.html.boards import BOLD, MAX_ROWS, board, legend, shared_remarks, winner
from bench_suite.reports.html.view import Board
from bench_suite.reports.leaderboard import leaderboard
from bench_suite.reports.metric_texts import metric_texts
from bench_suite.reports.table import Table, tables
from bench_suite.store.runs import Run

Make = Callable[..., Run]
Make_record = Callable[..., Record]


def only(run: Run) -> tuple[Board, dict]:
    """Return the board of the only table of a run, and its data."""
    [table] = tables([run])
    return board(table, "board-0")


def test_a_row_has_its_rank_its_interval_and_its_values(make_run: Make, record: Make_record) -> None:
    shown, data = only(make_run(record(model="a", accuracy=0.8), record(model="b"), record(model="b", seed=1)))
    assert [(row.rank.split()[0], row.label, row.seeds) for row in shown.rows] == [("1", "b", "2"), ("2", "a", "1")]
    assert [column.metric for column in shown.columns if column.sorts] == ["accuracy"]
    assert shown.rows[0].cells[0].text.startswith("0.900")
    assert "<svg" in shown.rows[0].bar
    assert [row[1] for row in data["rows"]] == ["b", "a"]


def test_the_best_value_of_a_column_is_marked_and_ties_are_marked_together(make_run: Make, record: Make_record) -> None:
    shown, _ = only(make_run(*(record(model=m, accuracy=v, half_width=0.001) for m, v in (("a", 0.9), ("b", 0.5)))))
    assert [row.cells[0].best for row in shown.rows] == [True, False]


def test_the_legend_explains_bold_values_only_if_there_are_some(make_run: Make, record: Make_record) -> None:
    """Of rows that all tie, and of one row, nothing is bold, here as in Markdown."""
    clear = tables([make_run(*(record(model=m, accuracy=v, half_width=0.001) for m, v in (("a", 0.9), ("b", 0.5))))])
    tied = tables([make_run(*(record(model=m, accuracy=v, half_width=0.2) for m, v in (("a", 0.9), ("b", 0.89))))])
    alone = tables([make_run(record(model="a", half_width=0.2))])
    assert [BOLD in legend(own) for own in (clear, tied, alone)] == [True, False, False]
    assert ["**" in leaderboard([make_run(*own)]) for own in _records(clear, tied, alone)] == [True, False, False]
    assert not any(cell.best for own in (tied, alone) for row in board(own[0], "b")[0].rows for cell in row.cells)
    assert any("cannot be told apart" in line for line in legend(tied))
    assert legend([]) == []


def _records(*shown: list[Table]) -> list[list[Record]]:
    """Return the records behind some tables."""
    return [[record for table in own for row in table.rows for record in row.cells] for own in shown]


def test_the_page_has_the_first_rows_and_the_data_all_of_them(make_run: Make, record: Make_record) -> None:
    count = MAX_ROWS + 5
    shown, data = only(
        make_run(*(record(model=f"m{number:02d}", accuracy=0.5 + number / 100) for number in range(count)))
    )
    assert (len(shown.rows), shown.count, len(data["rows"])) == (MAX_ROWS, count, count)
    assert [row.number for row in shown.rows] == list(range(MAX_ROWS))
    assert data["rows"][0][1] == f"m{count - 1}"


def test_numbers_to_sort_by_are_numbers_and_missing_ones_are_none(make_run: Make, record: Make_record) -> None:
    missing = record(model="b")
    missing = Record(**{**vars(missing), "metrics": missing.metrics[2:]})
    _, data = only(make_run(record(model="a", accuracy=0.123456789), missing))
    by_label = {row[1]: row[5] for row in data["rows"]}
    assert by_label["a"][0] == 0.123457
    assert by_label["b"][0] is None


def test_each_number_is_traced_to_its_cells(make_run: Make, record: Make_record) -> None:
    cells = [record(model="a", seed=seed, accuracy=0.8 + seed / 10) for seed in (0, 1)]
    _, data = only(make_run(*cells))
    [row] = data["rows"]
    ids, seeds, values = row[7:10]
    assert ids == [cell.id for cell in cells]
    assert seeds == [0, 1]
    assert [of_cell[0] for of_cell in values] == [0.8, 0.9]


def test_a_column_says_which_direction_is_better_and_in_which_unit(make_run: Make, record: Make_record) -> None:
    shown, data = only(make_run(record()))
    columns = {column.metric: column for column in shown.columns}
    assert columns["accuracy"].better == "higher"
    assert "samples/s" in columns["train"].about
    assert data["columns"][0][1] == "higher"


def test_a_table_without_a_metric_that_ranks_has_no_small_chart(make_run: Make, record: Make_record) -> None:
    plain = Record(**{**vars(record()), "metrics": ()})
    shown, data = only(make_run(plain))
    assert not shown.ranked
    assert [str(row.bar) for row in shown.rows] == [""]
    assert data["rows"][0][3] is None
    assert isinstance(shown.columns, tuple)
    assert not [column for column in shown.columns if isinstance(column, Column)]


def test_a_sentence_names_the_best_row_or_those_that_tie(make_run: Make, record: Make_record) -> None:
    clear = make_run(record(model="a", accuracy=0.9), record(model="b", accuracy=0.5))
    (table,) = tables([clear])
    assert (
        winner(table)
        == "Best by quality/accuracy: a (0.900 ± 0.012), clearly better than the other; then b (0.500 ± 0.012)."
    )
    tied = make_run(record(model="a", accuracy=0.9), record(model="b", accuracy=0.899))
    (table,) = tables([tied])
    assert winner(table) == "No single best: a, b cannot be told apart by quality/accuracy."
    (table,) = tables([make_run(record(model="a"))])
    assert winner(table) == ""


def test_each_metric_is_explained_once_and_named_in_plain_words(make_run: Make, record: Make_record) -> None:
    run = make_run(record())
    [table] = tables([run])
    texts = metric_texts(run, table.columns)
    shown, data = board(table, "board-0", texts=texts)
    assert [one.name for one in shown.meanings] == [*dict.fromkeys(column.name for column in table.columns)]
    assert shown.meanings[0].text.endswith("Higher is better. Unit: fraction, from 0 to 1.")
    plain = {column.metric: column.plain for column in shown.columns}
    assert (plain["accuracy"], plain["train"]) == ("", "training rate")
    assert [column[3] for column in data["columns"]] == [column.name for column in table.columns]


def test_a_footnote_names_the_rows_that_it_is_about_unless_it_is_about_all(make_run: Make, record: Make_record) -> None:
    late = record(model="b")
    rows = [replace(row, reason="late") if row.name == "throughput/train" else row for row in late.metrics]
    shown, _ = only(make_run(record(model="a"), replace(late, metrics=tuple(rows)), record(model="c")))
    assert any(note.endswith(" b: late") for note in shown.notes)
    shown, _ = only(make_run(replace(late, metrics=tuple(rows))))
    assert any(note.endswith("¹ late") for note in shown.notes)


def test_a_remark_that_all_boards_share_is_taken_out_of_them_once(make_run: Make, record: Make_record) -> None:
    shown, _ = only(make_run(record()))
    boards = [replace(shown, remarks=("no energy", own)) for own in ("a", "b")]
    rest, shared = shared_remarks(boards)
    assert shared == ["no energy"]
    assert [list(one.remarks) for one in rest] == [["a"], ["b"]]
    assert shared_remarks(boards[:1]) == (boards[:1], [])
