"""D006: a shifted test split is named with its AUC and its clearest column, and splits of one source are not."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.metrics import roc_auc_score

from bench_suite.data.checks.shift import mean_auc, shifted_splits


def task_of(make_task, train: np.ndarray, test: np.ndarray):
    return make_task("table", {"train": (train, np.arange(len(train)) % 2), "test": (test, np.arange(len(test)) % 2)})


def test_a_shifted_column_is_named(make_task, random) -> None:
    train, test = random.normal(size=(300, 4)), random.normal(size=(200, 4))
    test[:, 2] += 1.5
    (finding,) = shifted_splits(task_of(make_task, train, test))
    assert "`c2` alone" in finding.summary
    # One normal column that is moved by 1.5: Φ(1.5 / √2) = 0.856 is the best AUC.
    assert finding.values["low"] < 0.856 < finding.values["high"] + 0.06


def test_a_change_of_spread_is_seen_although_means_agree(make_task, random) -> None:
    train, test = random.normal(size=(400, 2)), random.normal(size=(400, 2))
    test[:, 0] *= 4
    (finding,) = shifted_splits(task_of(make_task, train, test))
    assert finding.summary.endswith("no column alone is larger or smaller")


def test_texts_of_another_topic_are_a_shift(make_task, random) -> None:
    words = {"train": "plot actor scene camera film", "test": "chip fan battery screen film"}
    texts = {
        name: [" ".join(random.choice(topic.split(), 6)) + f" {number}" for number in range(120)]
        for name, topic in words.items()
    }
    parts = {name: (of_split, np.arange(120) % 2) for name, of_split in texts.items()}
    assert [one.subject for one in shifted_splits(make_task("text", parts))] == ["train/test"]


def test_splits_of_one_source_are_no_finding(make_task, random) -> None:
    for _ in range(5):
        values = random.normal(size=(400, 3)) ** 3
        assert list(shifted_splits(task_of(make_task, values[:250], values[250:]))) == []


def test_the_interval_of_the_mean_auc_covers_the_truth(random) -> None:
    """Five folds of independent scores, AUC 0.5 or Φ(1 / √2) = 0.760: 93 to 97 % of 1,000 intervals cover it."""
    for distance, truth in ((0.0, 0.5), (1.0, 0.76025)):
        hits = 0
        for _ in range(1000):
            positive = np.arange(300) % 3 == 0
            scores = random.normal(size=300) + distance * positive
            auc, error = mean_auc(positive, scores, np.arange(300) % 5)
            hits += abs(auc - truth) <= 1.959964 * error
        assert 930 <= hits <= 975


def test_the_auc_of_one_fold_is_that_of_scikit_learn(random) -> None:
    positive, scores = np.arange(80) % 2 == 0, random.integers(0, 9, 80).astype(float)
    assert mean_auc(positive, scores, np.zeros(80, int))[0] == pytest.approx(roc_auc_score(positive, scores))
