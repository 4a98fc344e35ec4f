"""The task that is checked: indicators are grouped to the columns of their owner, and lines mend what they can."""

from __future__ import annotations

import numpy as np
import pytest

from bench_suite.data.checks.checked_task import CheckedTask, NotApplicable


def table_task(make_task, columns: tuple[str, ...], table: np.ndarray, options=None) -> CheckedTask:
    parts = {"train": (table, np.arange(len(table)) % 2), "test": (table, np.arange(len(table)) % 2)}
    return make_task("table", parts, columns=columns, options=options)


def test_indicators_of_one_category_are_one_column(make_task) -> None:
    table = np.array([[3.0, 1, 0, 0.5], [4.0, 0, 1, 0.5], [np.nan, 0, 0, 0.7]])
    task = table_task(make_task, ("age", "job=nurse", "job=smith", "a=b"), table)
    assert [(one.name, one.positions, one.categories) for one in task.columns] == [
        ("age", (0,), ()),
        ("job", (1, 2), ("nurse", "smith")),
        ("a=b", (3,), ()),  # a number whose name has a sign of equality
    ]
    assert task.columns[1].codes(table).tolist() == [0, 1, -1]


@pytest.mark.parametrize(
    ("options", "line"),
    [
        ({"columns": {}}, 'columns = { "home town" = "ignore", id = "ignore" }'),
        ({"inputs": ("age", "home town", "id")}, 'inputs = ["age"]'),
        ({}, "leave `home town`, `id` out in the task's `load`: this task has no option that does"),
    ],
)
def test_one_line_of_the_task_leaves_all_columns_out(make_task, options, line: str) -> None:
    task = table_task(make_task, ("age",), np.ones((2, 1)), options)
    assert task.without_columns(["home town", "id"]) == line


def test_evidence_names_the_first_rows_and_counts_all(make_task, random) -> None:
    task = table_task(make_task, ("age",), random.normal(size=(30, 1)))
    evidence = task.evidence("test", np.arange(5, 30))
    assert evidence.count == 25
    assert evidence.rows == tuple(range(5, 15))
    assert evidence.ids == tuple(task.split("test").ids[5:15].tolist())


def test_inputs_on_disk_are_not_read_whole(make_task, random) -> None:
    task = table_task(make_task, ("age",), random.normal(size=(4, 1)))
    object.__setattr__(task.split("train"), "in_memory", False)
    with pytest.raises(NotApplicable, match="on disk"):
        task.table("train")


def test_the_line_that_mends_names_an_option_only_if_the_task_has_it(make_task) -> None:
    table, target = np.ones((4, 1)), np.array([0, 1, 0, 1])
    parts = {"train": (table, target, {"sex": target, "age": target}), "test": (table, target, {"sex": target})}
    without = make_task("table", parts)
    assert "split =" not in without.redraw()
    assert "groups =" not in without.without_groups(["sex"])
    assert all("this task has no option" in line for line in (without.redraw(), without.without_groups(["sex"])))
    own = make_task("table", parts, options={"split": None, "groups": ("sex",)})
    assert own.redraw().startswith("split = { test = 0.2, stratify = true }")
    assert own.without_groups(["sex"]) == "groups = []"
    stated = make_task("table", parts, options={"split": {"after": "2026-01-01", "by": "date"}})
    assert stated.redraw().startswith("change the stated `split`")
    number = make_task("table", {"train": (table, table[:, 0]), "test": (table, table[:, 0])}, classes=None,
                       options={"split": None})  # fmt: skip
    assert number.redraw(0.3).startswith("split = { test = 0.3 }"), "numbers are not stratified"
