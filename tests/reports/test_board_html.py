"""A leaderboard in a notebook: the numbers of the terminal, with notes, and nothing of its text as HTML."""

from bench_suite.reports.board_html import board_parts
from bench_suite.reports.table import tables


def test_the_table_has_ranks_values_with_intervals_and_how_to_read_them(make_run, record, html_text) -> None:
    cells = [record(model=model, seed=seed, accuracy=accuracy)
             for model, accuracy in (("good", 0.9), ("bad", 0.6)) for seed in (0, 1)]  # fmt: skip
    lines = html_text("".join(board_parts(tables([make_run(*cells)])))).split("\n")
    assert lines.index("good") < lines.index("bad")
    assert any(line.startswith("0.900 ± 0.01") for line in lines)
    assert "accuracy ↑" in lines
    assert "measured on Example Processor, 2 cores" in lines
    assert "how to read this" in lines


def test_the_best_values_are_bold_as_in_markdown(make_run, record) -> None:
    cells = [record(model=model, seed=seed, accuracy=accuracy)
             for model, accuracy in (("good", 0.9), ("bad", 0.6)) for seed in (0, 1)]  # fmt: skip
    fragment = "".join(board_parts(tables([make_run(*cells)])))
    assert "<strong>0.900 ± 0.012</strong>" in fragment
    assert "<strong>0.600" not in fragment


def test_nothing_of_a_run_is_read_as_html(hostile_run, html_text) -> None:
    text = html_text("".join(board_parts(tables([hostile_run]))))
    assert "<script>alert(2)</script>" in text


def test_a_smoke_run_is_not_ranked_and_says_so(make_run, record, html_text) -> None:
    text = html_text("".join(board_parts(tables([make_run(record(smoke=True), smoke=True)]))))
    assert "smoke run" in text
    assert "rank" not in text.split("\n")


def test_no_result_is_said(html_text) -> None:
    assert html_text("".join(board_parts([]))) == "no results: no cell has succeeded"
