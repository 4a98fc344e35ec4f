"""D001, of groups: rows of one customer in train and test are counted, with the line that keeps them together."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from bench_suite.data.checks.checked_task import CheckedTask, NotApplicable
from bench_suite.data.checks.repeated import shared_identifiers

TRAIN, TEST = 100, 60


def task_of(make_task: Any, tested: np.ndarray, options: Any = None) -> CheckedTask:
    """Return a task with customers 0 to 49 in train, each twice, and others in test."""
    random = np.random.default_rng(1)
    parts = {name: (random.normal(size=(n, 2)), np.arange(n) % 2) for name, n in (("train", TRAIN), ("test", TEST))}
    task = make_task("table", parts, options={"split": None} if options is None else options)
    ids = {"train": np.arange(TRAIN) % 50, "test": tested}
    splits = {name: replace(task.split(name), identifiers={"customer": ids[name]}) for name in ids}
    return replace(task, data=replace(task.data, splits=splits))


def test_shared_customers_and_their_rows_are_counted(make_task) -> None:
    tested = np.arange(100, 160)
    tested[[3, 4, 30, 50]] = 7, 7, 8, -1
    (finding,) = shared_identifiers(task_of(make_task, tested))
    assert (finding.code, finding.severity, finding.subject) == ("D001", "warning", "customer")
    assert finding.values == {"share": 3 / 60, "shared": 2.0, "values": 50.0 + 56.0}
    assert {one.split: (one.count, one.rows) for one in finding.evidence} == {
        "train": (4, (7, 8, 57, 58)), "test": (3, (3, 4, 30)),
    }  # fmt: skip
    assert finding.mend == 'split = { test = 0.2, by = "customer" }'


def test_a_few_shared_rows_and_missing_customers_are_no_finding(make_task) -> None:
    tested = np.arange(100, 160)
    tested[[3, 4]] = 7
    tested[10:20] = -1
    task = task_of(make_task, tested)
    train = replace(
        task.split("train"), identifiers={"customer": np.where(np.arange(TRAIN) < 20, -1, np.arange(TRAIN) % 50)}
    )
    task = replace(task, data=replace(task.data, splits={**task.data.splits, "train": train}))
    assert list(shared_identifiers(task)) == []


@pytest.mark.parametrize(
    ("stated", "mend"),
    [
        ({"test": 0.3, "stratify": True}, 'split = { test = 0.3, stratify = true, by = "customer" }'),
        ({"folds": 5}, 'split = { folds = 5, by = "customer" }'),
    ],
)
def test_the_line_keeps_what_the_suite_states(make_task, stated: Any, mend: str) -> None:
    (finding,) = shared_identifiers(task_of(make_task, np.arange(TEST) % 50, {"split": stated}))
    assert finding.mend == mend


def test_splits_that_were_not_drawn_are_not_checked(make_task) -> None:
    task = make_task("table", {"train": (np.zeros((9, 1)), np.zeros(9)), "test": (np.zeros((9, 1)), np.zeros(9))})
    with pytest.raises(NotApplicable):
        list(shared_identifiers(task))
