"""D005: constant and empty columns, pictures of one colour, and texts without a word."""

from __future__ import annotations

import numpy as np

from bench_suite.data.checks.constants import constant_inputs


def test_constant_and_empty_columns_are_named_and_others_are_not(make_task, random) -> None:
    table = random.normal(size=(40, 5))
    table[:, 1] = 7.0
    table[:, 2] = np.nan
    table[:20, 3], table[20:, 3] = np.nan, 1.0  # whether it is missing may say something
    test = table.copy()
    test[0, 1] = 8.0
    task = make_task("table", {"train": (table, np.arange(40) % 2), "test": (test, np.arange(40) % 2)})
    (finding,) = constant_inputs(task)
    assert finding.subjects == ("c1", "c2")
    assert finding.severity == "warning", "since one of them varies elsewhere"
    assert "`c1` has the same value (7); not so in test, `c2` has no value" in finding.summary
    test[0, 1] = 7.0
    (finding,) = constant_inputs(task)
    assert finding.severity == "note"


def test_one_line_leaves_all_constant_columns_out(make_task) -> None:
    table, target = np.ones((20, 3)), np.arange(20) % 2
    table[:, 0] = np.arange(20)
    options = {"inputs": ("c0", "c1", "c2")}
    task = make_task("table", {"train": (table, target), "test": (table, target)}, options=options)
    assert [one.mend for one in constant_inputs(task)] == ['inputs = ["c0"]']


def test_a_column_with_a_single_category_is_constant(make_task, random) -> None:
    table = np.column_stack([random.normal(size=10), np.ones(10)])
    task = make_task(
        "table", {"train": (table, np.arange(10) % 2), "test": (table, np.arange(10) % 2)}, columns=("age", "city=Ulm")
    )
    (finding,) = constant_inputs(task)
    assert finding.subject == "city"
    assert "(Ulm)" in finding.summary


def test_pictures_of_one_colour_are_named(make_task, random) -> None:
    train = random.integers(0, 256, size=(30, 8, 8, 3), dtype=np.uint8)
    train[[4, 9]] = (10, 20, 30)
    train[11, :, :, 0] = 5  # one channel only
    test = np.zeros((3, 8, 8, 3), dtype=np.uint8)
    findings = {one.subject: one for one in constant_inputs(
        make_task("image", {"train": (train, np.arange(30) % 2), "test": (test, np.arange(3) % 2)}))}  # fmt: skip
    assert findings["train"].evidence[0].rows == (4, 9)
    assert findings["train"].severity == "warning"
    assert findings["test"].severity == "error", "a whole split of blank pictures was not read rightly"


def test_texts_without_a_letter_or_digit_are_empty(make_task) -> None:
    task = make_task("text", {"train": (["ok", " ", "", "…", "7", "ф"], [0, 1] * 3), "test": (["yes", "no"], [1, 0])})
    (finding,) = constant_inputs(task)
    assert finding.evidence[0].rows == (1, 2, 3)
