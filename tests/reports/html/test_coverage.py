"""The grid of tasks and models."""

from __future__ import annotations

import re
from collections.abc import Callable

from bench_suite.contracts import Record
from bench_suite.reports.html.coverage import MAX_MODELS, coverage
from bench_suite.reports.html.view import Coverage
from bench_suite.store.runs import Run

Make = Callable[..., Run]
Make_record = Callable[..., Record]


def of(run: Run) -> Coverage:
    shown = coverage(run, run.records())
    assert shown is not None
    return shown


def test_a_run_of_one_task_has_no_grid(make_run: Make, record: Make_record) -> None:
    run = make_run(record(model="a"), record(model="b"))
    assert coverage(run, run.records()) is None


def test_each_pair_says_how_many_seeds_ran_or_why_it_does_not_apply(make_run: Make, record: Make_record) -> None:
    left_out = [["loans", "cnn", "takes image, the task is table"]]
    shown = of(
        make_run(
            record(task="mnist", model="mlp"), record(task="mnist", model="mlp", seed=1),
            record(task="mnist", model="cnn"), record(task="loans", model="mlp"), left_out=left_out,
        )
    )  # fmt: skip
    assert list(shown.grid.header) == ["Task", "mlp", "cnn"]
    assert list(shown.grid.rows) == [
        ["mnist", "ran: 2 seeds", "ran: 1 seed"], ["loans", "ran: 1 seed", "does not apply ¹"],
    ]  # fmt: skip
    assert list(shown.grid.notes) == ["¹ takes image, the task is table"]
    assert shown.summary == "4 pairs of task and model: 3 ran, 1 not applicable (4 of 4 cells ran)"
    assert not shown.open


def test_a_failure_opens_the_grid_and_has_its_reason(make_run: Make, record: Make_record) -> None:
    broken = record(task="loans", seed=1, status="failed", reason="ValueError: x", metrics=())
    shown = of(make_run(record(task="mnist"), record(task="loans"), broken))
    assert shown.grid.rows[1][1] == "1 of 2 seeds ran, 1 failed ¹"
    assert list(shown.grid.notes) == ["¹ ValueError: x"]
    assert shown.summary == "2 pairs of task and model: 1 ran, 1 ran in part (2 of 3 cells ran, 1 failed)"
    assert shown.open


def test_the_counts_of_pairs_sum_to_all_of_them(make_run: Make, record: Make_record) -> None:
    cells = [record(task="mnist", model=model) for model in "ab"]
    cells.append(record(task="loans", model="a", status="failed", reason="x", metrics=()))
    left_out, text = [["imdb", "a", "takes image"]], '[matrix]\nexclude = [{ task = "loans", model = "b" }]'
    shown = of(make_run(*cells, left_out=left_out, text=text))
    assert shown.summary == (
        "6 pairs of task and model: 2 ran, 2 left out by the suite's exclude, 1 without a result, 1 not applicable "
        "(2 of 3 cells ran, 1 failed)"
    )
    assert sum(int(number) for number in re.findall(r"[:,] (\d+) ", shown.summary.split("(")[0])) == 6


def test_a_pair_without_a_cell_was_excluded_or_not_asked_for_or_not_run(make_run: Make, record: Make_record) -> None:
    cells = (record(task="mnist", model="a"), record(task="loans", model="b"))
    words = {
        "left out by the suite's `exclude`": {"text": '[matrix]\nexclude = [{ task = "loans", model = "a" }]'},
        "not asked for": {"only": ["task=mnist"]},
        "not run": {"cells": 4},
        "no cell": {"text": "not [TOML"},
    }
    for word, info in words.items():
        assert of(make_run(*cells, **info)).grid.rows[1][1] == word
    assert of(make_run(*cells, cells=4)).open


def test_a_large_grid_is_cut(make_run: Make, record: Make_record) -> None:
    cells = [record(task=task, model=f"m{number}") for task in ("a", "b") for number in range(MAX_MODELS + 3)]
    shown = of(make_run(*cells))
    assert len(shown.grid.header) == MAX_MODELS + 1
    assert shown.grid.notes[-1] == f"The first of 2 tasks and {MAX_MODELS + 3} models."


def test_an_entry_of_another_form_in_a_damaged_run_is_left_out(make_run: Make, record: Make_record) -> None:
    left_out = [["mnist", "cnn"], ["loans", "cnn", "takes image"], []]
    shown = of(make_run(record(task="mnist", model="mlp"), record(task="loans", model="mlp"), left_out=left_out))
    assert list(shown.grid.header) == ["Task", "mlp", "cnn"]
