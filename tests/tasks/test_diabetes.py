"""Diabetes: the numbers that scikit-learn loads, split by content."""

from __future__ import annotations

import numpy as np
from sklearn.datasets import load_diabetes

from bench_suite.contracts import Data
from bench_suite.data.sources import Sources
from bench_suite.tasks import diabetes


def rows_of(data: Data) -> np.ndarray:
    taken = [split.take(np.arange(len(split))) for split in data.splits.values()]
    return np.concatenate([np.column_stack([part["table"], part["target"]]) for part in taken])


def test_patients_are_those_that_scikit_learn_loads() -> None:
    data = diabetes.load(diabetes.Options(), Sources(offline=True))
    oracle = load_diabetes(scaled=False)
    expected, rows = np.column_stack([oracle.data, oracle.target]), rows_of(data)
    assert np.array_equal(rows[np.lexsort(rows.T)], expected[np.lexsort(expected.T)])
    assert data.spec["columns"] == tuple(oracle.feature_names)


def test_442_patients_are_dealt_four_to_one() -> None:
    data = diabetes.load(diabetes.Options(data="sample"), Sources())
    assert {name: len(split) for name, split in data.splits.items()} == {"train": 354, "test": 88}
    target = data.splits["test"].take(np.arange(88))["target"]
    assert target.dtype == np.float64
    assert data.source.name == "diabetes"
    assert data.problem == "regression"
