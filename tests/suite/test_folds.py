"""Folds: the cells of a task whose `split` states folds, and errors of the axis `fold`."""

from __future__ import annotations

from typing import Any

import pytest

from bench_suite.suite.document import SuiteError
from bench_suite.suite.folds import read_folds

CSV = {"use": "files", "name": "mine", "path": "mine.csv", "label": "y", "problem": "classification"}
FOLDS = {**CSV, "split": {"folds": 3, "repeats": 2}}
MODEL = [{"use": "logistic_regression"}]


def folds(plan: Any) -> list[tuple[str, int | None, int]]:
    return [(cell.task.label, cell.labels.get("fold"), cell.seed) for cell in plan.cells]


def test_a_task_has_a_cell_for_each_fold_of_each_repeat(plan: Any) -> None:
    planned = plan(tasks=[FOLDS], models=MODEL, matrix={"seed": [0, 1]})
    assert folds(planned) == [("mine", fold, seed) for fold in range(6) for seed in (0, 1)]
    assert [cell.options["task"]["fold"] for cell in planned.cells][::2] == [0, 1, 2, 3, 4, 5]
    assert len({cell.id for cell in planned.cells}) == len({cell.unit for cell in planned.cells}) == 12


def test_folds_leave_other_tasks_and_their_ids_alone(plan: Any) -> None:
    other = {**CSV, "name": "other"}
    alone = plan(tasks=[other, {"use": "loans"}], models=MODEL)
    beside = plan(tasks=[other, FOLDS, {"use": "loans"}], models=MODEL, matrix={"fold": [1]})
    rest = [cell for cell in beside.cells if cell.task.label != "mine"]
    assert [cell.id for cell in rest] == [cell.id for cell in alone.cells]
    assert all("fold" not in cell.labels for cell in rest)


def test_the_matrix_and_selectors_narrow_the_folds(plan: Any) -> None:
    assert [fold for _, fold, _ in folds(plan(tasks=[FOLDS], models=MODEL, matrix={"fold": [4, 0]}))] == [0, 4]
    excluded = plan(tasks=[FOLDS], models=MODEL, matrix={"exclude": [{"fold": [1, 2, 3, 4]}]})
    assert [fold for _, fold, _ in folds(excluded)] == [0, 5]
    chosen = plan(tasks=[FOLDS], models=MODEL, only=["fold=0,3"])
    assert [fold for _, fold, _ in folds(chosen)] == [0, 3]
    matrix = {"fold": [0], "include": [{"fold": 5, "seed": 7}]}
    assert folds(plan(tasks=[FOLDS], models=MODEL, matrix=matrix)) == [("mine", 0, 0), ("mine", 5, 7)]


def test_a_narrowed_matrix_keeps_the_ids_of_its_folds(plan: Any) -> None:
    every = {cell.labels["fold"]: cell.id for cell in plan(tasks=[FOLDS], models=MODEL).cells}
    (cell,) = plan(tasks=[FOLDS], models=MODEL, matrix={"fold": 3}).cells
    assert cell.id == every[3]


def test_the_folds_follow_an_axis_of_splits(plan: Any) -> None:
    splits = [{"folds": 2}, {"test": 0.2}]
    planned = plan(tasks=[CSV], models=MODEL, matrix={"tasks.mine.split": splits})
    assert [(cell.labels["tasks.mine.split"], cell.labels.get("fold")) for cell in planned.cells] == [
        ({"folds": 2}, 0), ({"folds": 2}, 1), ({"test": 0.2}, None),
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("task", "matrix", "message"),
    [
        (FOLDS, {"fold": [0, 6]}, "the task mine has no fold 6: its folds are 0 to 5"),
        (FOLDS, {"include": [{"fold": 6}]}, "the task mine has no fold 6"),
        (CSV, {"fold": [0]}, "no task states any"),
        ({**FOLDS, "fold": 2}, {}, "is set by the axis `fold`"),
        (FOLDS, {"tasks.mine.fold": [1]}, "is set by the axis `fold`"),
        ({**CSV, "split": {"folds": 1}}, {}, "split.folds = 1 is not a whole number from 2"),
        ({**CSV, "split": {"folds": 2.5}}, {}, "split.folds = 2.5 is not a whole number from 2"),
        ({**CSV, "split": {"test": 0.1, "repeats": 2}}, {}, "state folds = 5 too"),
    ],
)
def test_a_wrong_fold_is_refused(plan: Any, task: dict[str, Any], matrix: dict[str, Any], message: str) -> None:
    with pytest.raises(SuiteError, match=message):
        plan(tasks=[task], models=MODEL, matrix=matrix)


def test_no_folds_are_no_folds() -> None:
    assert read_folds({"test": 0.2}) == (0, 1)
    assert read_folds({"folds": 5, "repeats": 3}) == (5, 3)
