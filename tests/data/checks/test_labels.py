"""D002 and D007: contradictory labels, and classes and categories that a split lacks."""

from __future__ import annotations

import numpy as np
import pytest

from bench_suite.data.checks.checked_task import NotApplicable
from bench_suite.data.checks.labels import absent, contradictory_labels


def test_equal_texts_with_different_labels_are_named_across_splits(make_task) -> None:
    texts = ["good", "bad", "fine", "good", "dull"]
    task = make_task("text", {"train": (texts, [1, 0, 1, 0, 0]), "test": (["fine", "new"], [0, 1])})
    (finding,) = contradictory_labels(task)
    assert {part.split: set(part.rows) for part in finding.evidence} == {"train": {0, 2, 3}, "test": {0}}
    assert finding.values["least_error"] == pytest.approx(2 / 7), "one of each contradictory pair must be wrong"


def test_equal_texts_with_equal_labels_are_no_contradiction(make_task) -> None:
    task = make_task("text", {"train": (["a", "a", "b"], [1, 1, 0]), "test": (["a"], [1])})
    assert list(contradictory_labels(task)) == []


def test_a_regression_has_no_contradictory_labels(make_task) -> None:
    table = np.ones((4, 1))
    task = make_task("table", {"train": (table, np.arange(4.0)), "test": (table, np.arange(4.0))}, classes=None)
    with pytest.raises(NotApplicable):
        list(contradictory_labels(task))


def test_a_class_that_train_lacks_is_an_error_with_its_rows(make_task, random) -> None:
    table = random.normal(size=(10, 2))
    classes = ("a", "b", "c", "d")
    task = make_task(
        "table", {"train": (table[:6], [0, 0, 0, 3, 3, 0]), "test": (table[6:], [0, 1, 1, 0])}, classes=classes
    )
    train_lacks, test_lacks, never = absent(task)
    assert (train_lacks.severity, train_lacks.evidence[0].rows) == ("error", (1, 2))
    assert train_lacks.summary.endswith("train lacks: b")
    assert test_lacks.severity == "warning"
    assert test_lacks.summary.endswith(": d")
    assert never.severity == "note"
    assert never.summary.endswith(": c")


def test_categories_that_train_lacks_are_counted_and_rare_ones_are_not(make_task) -> None:
    columns = ("age", "job=nurse", "job=smith")
    train = np.array([[1.0, 1, 0], [2, 0, 1], [3, 1, 0], [4, 0, 1]])
    test = np.array([[1.5, 1, 0], [2.5, 0, 0], [3.5, 0, 0]])
    task = make_task(
        "table", {"train": (train, [0, 1, 0, 1]), "test": (test, [0, 1, 1])}, columns=columns,
        options={"inputs": ("age", "job")},
    )  # fmt: skip
    (finding,) = absent(task)
    assert (finding.severity, finding.subject, finding.evidence[0].rows) == ("warning", "job", (1, 2))
    assert finding.values == {"share": pytest.approx(2 / 3), "count": 2, "share_in_train": 0}
    assert finding.mend.endswith('inputs = ["age"]')
    train[:2, 1:] = 0  # half of train has a rare category too, so a model has seen such rows
    again = make_task("table", {"train": (train, [0, 1, 0, 1]), "test": (test, [0, 1, 1])}, columns=columns)
    assert list(absent(again)) == []


def test_each_column_with_a_category_that_train_lacks_is_named_from_one_row_on(make_task) -> None:
    columns = ("job=nurse", "job=smith", "city=a", "city=b", "flag=yes", "flag=no")
    table = np.tile([[1.0, 0, 1, 0, 1, 0], [0, 1, 0, 1, 0, 1]], (150, 1))
    test = table.copy()
    test[7, :2] = 0  # one of 300
    test[[3, 5, 80, 99], 2:4] = 0
    labels = np.arange(300) % 2
    parts = {"train": (table, labels), "test": (test, labels)}
    (finding,) = absent(make_task("table", parts, columns=columns))
    assert (finding.severity, finding.subjects, finding.evidence[0].rows) == (
        "warning",
        ("job", "city"),
        (3, 5, 7, 80, 99),
    )
    assert finding.values["count"] == 4, "of the worst column"
    assert "1 of 300 (0.3 %) of test in `job`, 4 of 300 (1.3 %) of test in `city`" in finding.summary
    test[[3, 5, 80, 99], 2:4] = table[[3, 5, 80, 99], 2:4]
    (job,) = absent(make_task("table", parts, columns=columns))
    assert (job.severity, job.subject, job.subjects, job.evidence[0].rows) == ("note", "job", (), (7,))
