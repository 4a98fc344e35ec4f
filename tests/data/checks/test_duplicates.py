"""D001, exact: the rows that two splits share, and coarse tables in which equal rows are chance."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from bench_suite.data.checks.duplicates import exact_duplicates, split_pairs


def test_shared_rows_are_named_in_both_splits(make_task, random) -> None:
    train, test = random.normal(size=(100, 3)), random.normal(size=(50, 3))
    test[[7, 20]] = train[[40, 3]]
    (finding,) = exact_duplicates(
        make_task("table", {"train": (train, np.arange(100) % 2), "test": (test, np.arange(50) % 2)})
    )
    assert (finding.code, finding.severity, finding.subject) == ("D001", "warning", "train/test")
    assert {part.split: part.rows for part in finding.evidence} == {"train": (3, 40), "test": (7, 20)}
    assert finding.values["share"] == 2 / 50


def test_each_pair_of_splits_is_compared_and_two_tested_splits_are_not() -> None:
    assert split_pairs(("train", "validation", "test", "shift:noisy")) == [
        ("train", "test"),
        ("train", "shift:noisy"),
        ("validation", "test"),
        ("validation", "shift:noisy"),
        ("train", "validation"),
    ]


def test_a_table_of_few_values_gives_a_note_because_its_rows_repeat_anyhow(make_task, random) -> None:
    values = random.integers(0, 3, size=(300, 2)).astype(float)
    (finding,) = exact_duplicates(
        make_task("table", {"train": (values[:200], np.zeros(200, int)), "test": (values[200:], np.zeros(100, int))})
    )
    assert finding.severity == "note"


def test_texts_that_differ_are_no_finding(make_task) -> None:
    texts = [f"review number {number}" for number in range(30)]
    task = make_task("text", {"train": (texts[:20], [0, 1] * 10), "test": (texts[20:], [0, 1] * 5)})
    assert list(exact_duplicates(task)) == []
    again = make_task("text", {"train": (texts[:20], [0, 1] * 10), "test": (texts[15:], [0, 1] * 7 + [0])})
    (finding,) = exact_duplicates(again)
    assert finding.evidence[1].rows == (0, 1, 2, 3, 4)


@pytest.mark.parametrize(
    ("modality", "policy", "options", "mend"),
    [
        ("text", None, {}, "none is needed: a run removes them from train before it trains"),
        ("text", "keep", {"duplicates": "keep"}, 'duplicates = "drop" removes them'),
        ("table", "ask", {"duplicates": None}, 'duplicates = "drop" removes them'),
        ("table", None, {}, "remove them from train in the task's `load`"),
    ],
)
def test_what_to_do_follows_what_a_run_does(make_task, modality: str, policy, options, mend: str) -> None:
    texts = [f"review number {number}" for number in range(30)]
    inputs = texts if modality == "text" else np.random.default_rng(0).normal(size=(30, 2))
    parts = {"train": (inputs[:20], [0, 1] * 10), "test": (inputs[15:], [0, 1] * 7 + [0])}
    task = make_task(modality, parts, options=options)
    (finding,) = exact_duplicates(replace(task, data=replace(task.data, duplicates=policy)))
    assert finding.mend.startswith(mend)
