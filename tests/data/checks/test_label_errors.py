"""D008: planted wrong labels are named, and the hard examples of clean, overlapping classes are not."""

from __future__ import annotations

import numpy as np
import pytest

from bench_suite.data.checks.label_errors import contradicted_labels, suspect_rows


def clusters(random: np.random.Generator, n: int, distance: float, classes: int = 3) -> tuple[np.ndarray, np.ndarray]:
    """Return (n, 4) normal clusters and their classes; two centres are `distance` apart."""
    target = random.integers(0, classes, n)
    return random.normal(size=(n, 4)) + distance / np.sqrt(2) * np.eye(4)[target], target


def task_of(make_task, table: np.ndarray, target: np.ndarray):
    parts = {"train": (table[:400], target[:400]), "test": (table[400:], target[400:])}
    return make_task("table", parts, classes=("a", "b", "c"))


def test_wrong_labels_are_named_and_hardly_any_right_one(make_task, random) -> None:
    table, target = clusters(random, 600, 8.0)
    wrong = random.choice(600, 24, replace=False)
    target[wrong] = (target[wrong] + 1) % 3
    (finding,) = contradicted_labels(task_of(make_task, table, target))
    assert finding.severity == "warning"
    count = sum(part.count for part in finding.evidence)
    starts = {"train": 0, "test": 400}
    rows = {starts[part.split] + row for part in finding.evidence for row in part.rows}
    assert rows <= {*wrong.tolist()}
    assert 20 <= count <= 26


@pytest.mark.parametrize("distance", [1.5, 3.0, 8.0])
def test_hard_examples_of_clean_classes_are_no_finding(make_task, random, distance: float) -> None:
    assert list(contradicted_labels(task_of(make_task, *clusters(random, 600, distance)))) == []


def test_an_example_is_suspect_only_if_each_repeat_says_so() -> None:
    labels = np.array([0] * 10 + [1] * 10)
    sure = np.where(labels[:, None] == np.arange(2), 0.95, 0.05)
    first, second = sure.copy(), sure.copy()
    first[3], second[3] = (0.02, 0.98), (0.05, 0.95)
    first[14], second[14] = (0.99, 0.01), (0.3, 0.7)
    rows, doubt = suspect_rows(np.stack([first, second]), labels)
    assert rows.tolist() == [3]
    assert doubt[3] == 0.05
