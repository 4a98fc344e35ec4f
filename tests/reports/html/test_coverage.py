"""The grid of tasks and models."""

from __future__ import annotations

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
    assert shown.summary == "4 of 4 cells ran; 1 pair of task and model left out"
    assert not shown.open


def test_a_failure_opens_the_grid_and_has_its_reason(make_run: Make, record: Make_record) -> None:
    broken = record(task="loans", seed=1, status="failed", reason="ValueError: x", metrics=())
    shown = of(make_run(record(task="mnist"), record(task="loans"), broken))
    assert shown.grid.rows[1][1] == "1 of 2 seeds ran, 1 failed ¹"
    assert list(shown.grid.notes) == ["¹ ValueError: x"]
    assert shown.open


def test_a_pair_without_a_cell_was_excluded_or_not_asked_for_or_not_run(make_run: Make, record: Make_record) -> None:
    cells = (record(task="mnist", model="a"), record(task="loans", model="b"))
    words = {
        "left out by `exclude`": {"text": '[matrix]\nexclude = [{ task = "loans", model = "a" }]'},
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
