"""Passes over the same examples: which there are, and what differs between two."""

from __future__ import annotations

import numpy as np
import pytest

from bench_suite.probes.stability.passes import AGAIN, ORDER, differences, passes_of


def test_each_pass_changes_one_thing_and_the_cells_own_settings_are_left_out() -> None:
    passes = passes_of(256, 1, (1, 16, 256, 16), (1, 2))
    assert [one.change for one in passes] == [AGAIN, "batch_size=1", "batch_size=16", ORDER, "threads=2"]
    assert [one.batch_size for one in passes] == [256, 1, 16, 256, 256]
    assert [one.threads for one in passes] == [None, None, None, None, 2]
    assert [one.shuffled for one in passes] == [False, False, False, True, False]


def test_of_classes_the_largest_difference_of_a_score_counts() -> None:
    first = {"predictions": np.array([0, 1]), "scores": np.array([[0.7, 0.3], [0.4, 0.6]])}
    second = {"predictions": np.array([0, 0]), "scores": np.array([[0.7, 0.3], [0.6, 0.4]])}
    change = differences(first, second, 1.0)
    assert change.outputs == pytest.approx([0.0, 0.2])
    assert change.classes.tolist() == [False, True]
    without = differences({"predictions": first["predictions"]}, {"predictions": second["predictions"]}, 1.0)
    assert without.outputs.tolist() == [0.0, 1.0]


def test_of_values_the_difference_is_in_standard_deviations_of_the_training_targets() -> None:
    change = differences({"predictions": np.array([1.0, 5.0])}, {"predictions": np.array([1.0, 9.0])}, 8.0)
    assert change.outputs.tolist() == [0.0, 0.5]
    assert change.classes is None


def test_an_output_that_is_no_number_differs_from_any() -> None:
    change = differences({"predictions": np.array([1.0])}, {"predictions": np.array([np.nan])}, 1.0)
    assert change.outputs.tolist() == [np.inf]
