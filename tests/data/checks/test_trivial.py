"""The trivial predictors of D009: the losses that scikit-learn's dummies and neighbours have."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.dummy import DummyClassifier, DummyRegressor
from sklearn.neighbors import KNeighborsClassifier
from sklearn.preprocessing import StandardScaler

from bench_suite.data.checks.trivial import baselines_of


def test_losses_of_classes_are_those_of_scikit_learn(make_task, random) -> None:
    target = (random.random(400) < 0.3).astype(int)
    table = random.normal(size=(400, 3)) * [1, 10, 100] + 2.0 * target[:, None]
    task = make_task("table", {"train": (table[:300], target[:300]), "test": (table[300:], target[300:])})
    baselines = baselines_of(task)
    assert (baselines.ids == task.split("test").ids).all()
    assert baselines.names["constant"] == "the most frequent class (no)"
    assert baselines.names["column"] == "the column `c0` alone", "the first column is the clearest"
    losses = {name: loss.mean() for name, loss in baselines.losses.items()}
    majority = DummyClassifier(strategy="most_frequent").fit(table[:300], target[:300])
    assert losses["constant"] == pytest.approx(1 - majority.score(table[300:], target[300:]))
    scaler = StandardScaler().fit(table[:300])
    neighbour = KNeighborsClassifier(1).fit(scaler.transform(table[:300]), target[:300])
    expected = 1 - neighbour.score(scaler.transform(table[300:]), target[300:])
    assert losses["neighbour"] == pytest.approx(expected, abs=0.011)
    assert losses["column"] < losses["constant"]


def test_the_median_is_the_baseline_of_a_regression(make_task, random) -> None:
    table, target = random.normal(size=(120, 2)), random.normal(size=120) ** 3
    task = make_task("table", {"train": (table[:80], target[:80]), "test": (table[80:], target[80:])}, classes=None)
    baselines = baselines_of(task)
    median = baselines.losses["constant"]
    assert baselines.names["constant"].startswith("the median (")
    dummy = DummyRegressor(strategy="median").fit(table[:80], target[:80])
    assert median == pytest.approx(np.abs(dummy.predict(table[80:]) - target[80:]))


def test_missing_values_and_texts_have_baselines_too(make_task, random) -> None:
    table = random.normal(size=(60, 2))
    table[::3, 0] = np.nan
    table[:, 1] = np.nan
    parts = {"train": (table[:40], np.arange(40) % 2), "test": (table[40:], np.arange(20) % 2)}
    assert len(baselines_of(make_task("table", parts)).losses) == 3
    texts = [f"text {number}" for number in range(20)]
    parts = {"train": (texts[:12], [0, 1] * 6), "test": (texts[12:], [0, 1] * 4)}
    assert len(baselines_of(make_task("text", parts)).losses) == 1
