"""Estimators: matrices from raw splits, a seed, and scores for every class of the task."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch

from bench_suite.contracts import Data, Source, TrainingFailed
from bench_suite.data.splits import MemorySplit
from bench_suite.training import estimators
from bench_suite.training.estimators import class_scores, draw_seed, features, inputs_of, require_two_classes


def split_of(**columns: Any) -> MemorySplit:
    return MemorySplit(np.arange(len(columns["target"])), columns)


def test_a_table_is_taken_as_it_is_and_images_are_rows_of_pixels_from_0_to_1() -> None:
    table = np.array([[1.0, np.nan]], dtype=np.float32)
    assert inputs_of({"table": table}).dtype == np.float64
    np.testing.assert_array_equal(inputs_of({"table": table}), [[1.0, np.nan]])
    image = np.array([[[[0], [51]], [[102], [255]]]], dtype=np.uint8)
    np.testing.assert_allclose(inputs_of({"image": image}), [[0.0, 0.2, 0.4, 1.0]])


def test_features_are_all_rows_and_their_targets() -> None:
    inputs, targets = features(split_of(table=np.arange(6.0).reshape(3, 2), target=[1, 0, 1]))
    np.testing.assert_array_equal(inputs, [[0, 1], [2, 3], [4, 5]])
    assert targets.tolist() == [1, 0, 1]


def test_the_seed_follows_from_that_of_pytorch() -> None:
    torch.manual_seed(3)
    seeds = [draw_seed(), draw_seed()]
    torch.manual_seed(3)
    assert [draw_seed(), draw_seed()] == seeds
    assert seeds[0] != seeds[1]
    assert all(0 <= seed < 2**31 - 1 for seed in seeds)


def test_one_class_alone_is_refused_with_the_name_of_the_data() -> None:
    data = Data("classification", {}, {}, Source("generated", "loans", "0"))
    require_two_classes(np.array([0, 1, 1]), data)
    with pytest.raises(TrainingFailed, match="loans: the train split holds one class only"):
        require_two_classes(np.array([1, 1]), data)


class Fitted:
    """A classifier that knows the classes 0 and 2; its scores are the two columns of its input."""

    classes_ = np.array([0, 2])

    def __init__(self) -> None:
        self.rows: list[int] = []

    def predict_proba(self, inputs: np.ndarray) -> np.ndarray:
        self.rows.append(len(inputs))
        return inputs


def test_scores_have_a_column_for_every_class_in_the_order_of_the_rows(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(estimators, "CHUNK", 2)
    table = np.array([[0.25, 0.75], [0.5, 0.5], [1.0, 0.0]])
    fitted = Fitted()
    scores = class_scores(fitted, split_of(table=table, target=[0, 2, 0]), 4)
    assert scores.dtype == np.float32
    np.testing.assert_array_equal(scores, [[0.25, 0, 0.75, 0], [0.5, 0, 0.5, 0], [1.0, 0, 0.0, 0]])
    assert fitted.rows == [2, 1]
