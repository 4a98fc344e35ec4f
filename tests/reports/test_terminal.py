"""The leaderboard at the end of a run fits the terminal and holds no control characters."""

from collections.abc import Callable

import pytest

from bench_suite.contracts import Interval, MetricRow, Record
from bench_suite.reports.marks import width
from bench_suite.reports.terminal import terminal_table
from bench_suite.store import Run

Make = Callable[..., Run]
Make_record = Callable[..., Record]


def test_a_table_shows_rank_model_and_values(make_run: Make, record: Make_record) -> None:
    text = terminal_table(make_run(record(model="good"), record(model="bad", accuracy=0.5)))
    lines = text.splitlines()
    assert lines[0] == "imdb – imdb-25k"
    assert [line.split()[:5] for line in lines if line.startswith(("1", "2"))] == [
        ["1", "good", "0.900", "±", "0.012"],
        ["2", "bad", "0.500", "±", "0.012"],
    ]


@pytest.mark.parametrize("wide", [60, 80, 200])
def test_it_fits_the_width_and_names_what_it_left_out(make_run: Make, record: Make_record, wide: int) -> None:
    rows = tuple(
        MetricRow(f"probe_{number}/some_longer_metric", 0.5, "samples/s", "higher", interval=Interval(0.4, 0.6))
        for number in range(5)
    )
    run = make_run(
        record(model="a model of a very long name indeed, " * 4, metrics=rows), record(model="模型" * 30, metrics=rows)
    )
    text = terminal_table(run, wide)
    assert max(map(width, text.splitlines()[:-3])) <= wide
    assert ("not shown: probe_" in text) == (wide < 200)
    assert "0.50 ± 0.10" in text


def test_no_name_brings_control_characters_to_the_terminal(make_run: Make, record: Make_record) -> None:
    text = terminal_table(make_run(record(task="a\x1b[31m\nb", model="c\rd\x07")))
    assert all(character.isprintable() or character == "\n" for character in text)


def test_a_run_without_results_says_so(make_run: Make, record: Make_record) -> None:
    assert terminal_table(make_run()) == "no results to show: no cell has ended well"
    assert terminal_table(make_run(record(status="failed", metrics=()))).startswith("no results")


def test_a_smoke_run_says_so(make_run: Make, record: Make_record) -> None:
    text = terminal_table(make_run(record(smoke=True), smoke=True))
    assert text.startswith("smoke run")
    assert "not ranked" in text


def test_the_first_metric_of_each_probe_goes_before_a_second_one(make_run: Make, record: Make_record) -> None:
    names = ["quality/accuracy", "quality/balanced_accuracy", "other/one", "third/one"]
    rows = tuple(MetricRow(name, 0.5, "fraction", "higher", interval=Interval(0.49, 0.51)) for name in names)
    text = terminal_table(make_run(record(metrics=rows, model="gradient_boosting")), 70)
    assert "not shown: quality/balanced_accuracy" in text
