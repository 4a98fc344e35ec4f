"""Targets: which values reach them, the metric on the validation split, and what is reported of them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import pytest
import torch

from bench_suite.contracts import Batch, BenchError, Data, Network, Placement, Source
from bench_suite.data.encoded import encoded, stack
from bench_suite.data.splits import MemorySplit
from bench_suite.problems import classification, regression
from bench_suite.training.targets import Target

SCORES = np.array([[2.0, 0.0], [2.0, 0.0], [0.0, 2.0], [0.0, 2.0]], dtype=np.float32)
PLACEMENT = Placement("cpu", 1, "32-true")


def data(targets: Any = (0, 1, 1, 1), problem: str = "classification") -> Data:
    """Return four examples whose input is a row of logits."""
    split = MemorySplit(np.arange(4), {"table": SCORES, "target": np.array(targets)})
    splits = {"train": split, "validation": split}
    return Data(problem, {"classes": ("a", "b")}, splits, Source("generated", "four", "0"))


class Scale(torch.nn.Module):
    """Logits that are the input times a factor."""

    factor = 1.0

    def forward(self, table: torch.Tensor) -> torch.Tensor:
        return self.factor * table


def table_only(raw: Mapping[str, Any]) -> Mapping[str, Any]:
    return {"table": raw["table"]}


def collate(columns: Mapping[str, Any]) -> Batch:
    return stack(columns)


def measure(target: Target, network: Network, of: Data) -> float | None:
    return target.value(network, encoded(network, of.splits["validation"]), 2, PLACEMENT)


@pytest.mark.parametrize(
    ("metric", "reached", "missed"), [("accuracy", [0.9, 0.91], [0.89]), ("quality/log_loss", [0.9, 0.5], [0.91])]
)
def test_a_value_reaches_the_target_in_the_direction_of_its_metric(
    metric: str, reached: list[float], missed: list[float]
) -> None:
    target = Target({metric: 0.9}, classification, data())
    assert target.name == metric.rpartition("/")[2]
    assert all(map(target.reaches, reached))
    assert not any(map(target.reaches, missed))


def test_a_lower_error_is_better_in_a_regression() -> None:
    target = Target({"mae": 2.0}, regression, data((0.5, 1.0, 2.0, 3.0), "regression"))
    assert (target.reaches(2.0), target.reaches(2.1), target.reaches(1.0, 0.5)) == (True, False, False)


def test_the_value_is_that_of_the_validation_split_and_the_best_is_remembered() -> None:
    network = Network(Scale(), table_only, collate)
    target = Target({"quality/accuracy": 0.8}, classification, data())
    assert measure(target, network, data()) == 0.75
    assert target.best == 0.75
    network.module.factor = -1.0
    assert measure(target, network, data()) == 0.25
    assert target.best == 0.75
    assert target.outcome(None) == {"metric": "quality/accuracy", "wanted": 0.8, "reached": False, "best": 0.75}


def test_a_metric_that_is_undefined_on_the_split_has_no_value_and_leaves_the_best() -> None:
    of = data((1, 1, 1, 1))
    target = Target({"roc_auc": 0.9}, classification, of)
    assert measure(target, Network(Scale(), table_only, collate), of) is None
    assert target.best is None
    assert target.outcome(None) == {"metric": "roc_auc", "wanted": 0.9, "reached": False}


def test_what_it_took_to_the_target_is_reported() -> None:
    target = Target({"accuracy": 0.7}, classification, data())
    target.best = 0.75
    assert target.outcome({"seconds": 1.5, "epochs": 2, "samples": 8}) == {
        "metric": "accuracy", "wanted": 0.7, "reached": True, "best": 0.75, "seconds": 1.5, "epochs": 2, "samples": 8,
    }  # fmt: skip


@pytest.mark.parametrize(
    ("target", "message"),
    [
        ({"accuracy": 0.9, "log_loss": 0.1}, "target must name one metric and its value, not 2"),
        ({}, "target must name one metric and its value, not 0"),
        ({"quality/acuracy": 0.9}, "target = 'quality/acuracy': .*acuracy"),
    ],
)
def test_a_target_that_cannot_be_measured_says_why(target: dict[str, float], message: str) -> None:
    with pytest.raises(BenchError, match=message):
        Target(target, classification, data())
