"""Regression: trained on a standardised scale, predicted in the unit of the target."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch

from bench_suite.contracts import Batch, Data, DataInvalid, Evaluation, Network, Source
from bench_suite.data.splits import MemorySplit
from bench_suite.problems import regression


def data(targets: list[float]) -> Data:
    values = np.array(targets, dtype=np.float64)
    train = MemorySplit(np.arange(len(values)), {"table": np.zeros((len(values), 1)), "target": values})
    return Data("regression", {"unit": "mmol"}, {"train": train}, Source("generated", "values", "0"))


def test_the_scale_is_that_of_the_training_targets_also_far_from_zero() -> None:
    values = 1e9 + np.random.default_rng(0).normal(0.0, 2.0, 100_000)
    spec = regression.fit_spec({"unit": "mmol"}, data(values.tolist()))
    assert spec["unit"] == "mmol"
    assert spec["mean"] == pytest.approx(values.mean(), abs=1e-3)
    assert spec["scale"] == pytest.approx(values.std(), rel=1e-6)


def test_equal_targets_have_a_scale_of_one() -> None:
    assert regression.fit_spec({}, data([7.0, 7.0]))["scale"] == 1.0


def test_a_target_that_is_not_a_number_is_named() -> None:
    with pytest.raises(DataInvalid, match=r"values: 1 targets .* not finite"):
        regression.fit_spec({}, data([1.0, float("nan")]))


def test_an_output_of_zero_predicts_the_mean_and_costs_a_loss_of_one() -> None:
    spec = regression.fit_spec({}, data([1.0, 3.0, 8.0]))
    outputs, targets = torch.zeros(3), torch.tensor([1.0, 3.0, 8.0], dtype=torch.float64)
    module: Any = torch.nn.Module()
    module.forward = lambda **inputs: outputs
    network = Network(module, encode=dict, collate=lambda columns: Batch({}, None))
    predicted = regression.predict(network, Batch({}, targets), Evaluation(3, spec, None))
    assert predicted["predictions"] == pytest.approx(4.0)
    assert float(regression.loss(outputs, targets, spec)) == pytest.approx(1.0)


@pytest.mark.parametrize(
    ("predictions", "reason"),
    [
        (np.array([1.0, np.nan, np.inf]), "2 predictions are not finite numbers"),
        (np.zeros((3, 1)), r"must be numbers \(n,\), not float64 \(3, 1\)"),
        (np.array(["a", "b", "c"]), r"must be numbers"),
    ],
)
def test_answers_that_are_no_numbers_are_refused_with_the_reason(predictions: np.ndarray, reason: str) -> None:
    with pytest.raises(ValueError, match=reason):
        regression.check_predictions({"predictions": predictions}, {})
    regression.check_predictions({"predictions": np.array([1.0, 2.0])}, {})
