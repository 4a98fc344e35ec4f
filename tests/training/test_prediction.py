"""Prediction: one output row for each example, whatever the batch size."""

from __future__ import annotations

from typing import Any, ClassVar

import numpy as np
import pytest
import torch
from torch import nn

from bench_suite.contracts import Data, Evaluation, Network, Placement
from bench_suite.data.encoded import Encoded, encoded, stack
from bench_suite.data.preparation import prepare
from bench_suite.data.sources import Sources
from bench_suite.metrics.log_loss import log_loss
from bench_suite.models import mlp
from bench_suite.problems import classification
from bench_suite.tasks import loans
from bench_suite.training.prediction import concatenate_rows, mean_loss, predict, prepare_prediction

PLACEMENT = Placement("cpu", 1, "32-true")


@pytest.fixture(scope="module")
def data() -> Data:
    return prepare(loans.load(loans.Options(), Sources(offline=True)), 0.1, smoke=False)


@pytest.fixture(scope="module")
def network(data: Data) -> Network:
    torch.manual_seed(0)
    return mlp.build(data, mlp.Options(dropout=0.5))


@pytest.fixture(scope="module")
def columns(data: Data, network: Network) -> Encoded:
    return encoded(network, data.splits["test"])


def evaluation(data: Data, batch_size: int) -> Evaluation:
    return Evaluation(batch_size, data.spec, None)


@pytest.mark.parametrize("batch_size", [1, 7, 10_000])
def test_the_batch_size_makes_no_difference(data: Data, network: Network, columns: Encoded, batch_size: int) -> None:
    expected = predict(network, classification, columns, evaluation(data, 64), PLACEMENT)
    outputs = predict(network, classification, columns, evaluation(data, batch_size), PLACEMENT)
    assert outputs["scores"].shape == (len(columns), 2)
    assert outputs["scores"] == pytest.approx(expected["scores"], abs=1e-6)


def test_dropout_is_off_and_nothing_keeps_a_graph(data: Data, network: Network, columns: Encoded) -> None:
    first, second = (predict(network, classification, columns, evaluation(data, 64), PLACEMENT) for _ in range(2))
    assert np.array_equal(first["scores"], second["scores"])
    assert not network.module.training


def test_rows_come_in_the_order_they_are_asked_for(data: Data, network: Network, columns: Encoded) -> None:
    every = predict(network, classification, columns, evaluation(data, 64), PLACEMENT)
    rows = np.array([5, 0, 5, 300])
    some = predict(network, classification, columns, evaluation(data, 3), PLACEMENT, rows)
    assert some["scores"] == pytest.approx(every["scores"][rows], abs=1e-6)
    once = prepare_prediction(network, classification, columns, evaluation(data, 3), PLACEMENT, rows)()
    assert once["scores"] == pytest.approx(every["scores"][rows], abs=1e-6)


def test_mean_loss_is_that_of_the_predictions(data: Data, network: Network, columns: Encoded) -> None:
    outputs = predict(network, classification, columns, evaluation(data, 64), PLACEMENT)
    targets = data.splits["test"].take(np.arange(len(columns)))["target"]
    loss = mean_loss(network, classification, columns, 61, data.spec, PLACEMENT)
    assert loss == pytest.approx(log_loss(targets, outputs["scores"]), rel=1e-4)


def test_rows_of_different_lengths_become_a_list_of_rows() -> None:
    assert concatenate_rows([np.zeros((2, 3)), np.ones((1, 3))]).shape == (3, 3)
    ragged = concatenate_rows([np.zeros((2, 3)), np.ones((1, 4))])
    assert [len(row) for row in ragged] == [3, 3, 4]
    assert concatenate_rows([["a"], ["b", "c"]]) == ["a", "b", "c"]


def test_a_problem_that_says_texts_gets_a_list_of_texts(data: Data, columns: Encoded) -> None:
    class Words:
        METRICS: ClassVar[dict[str, dict[str, str]]] = {}

        @staticmethod
        def loss(outputs: torch.Tensor, targets: torch.Tensor, spec: object) -> torch.Tensor:
            return outputs.mean()

        @staticmethod
        def predict(network: Network, batch: Any, evaluation: Evaluation) -> dict[str, list[str]]:
            return {"predictions": ["yes"] * len(batch.targets)}

    network = Network(nn.Identity(), encode=dict, collate=stack)
    outputs = predict(network, Words(), columns, evaluation(data, 50), PLACEMENT)
    assert outputs["predictions"] == ["yes"] * len(columns)
