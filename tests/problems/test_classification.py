"""Classification: the loss is cross-entropy, and the scores come from the same logits."""

from __future__ import annotations

import inspect
from importlib import import_module
from typing import Any

import numpy as np
import pytest
import torch

from bench_suite.contracts import Batch, Evaluation, Network
from bench_suite.metrics.log_loss import log_loss
from bench_suite.problems import classification, regression

SPEC = {"classes": ["a", "b", "c"]}


def fixed(outputs: torch.Tensor) -> Network:
    """Return a network that gives the same output for every input."""
    module: Any = torch.nn.Module()
    module.forward = lambda **inputs: outputs
    return Network(module, encode=dict, collate=lambda columns: Batch({}, None))


def test_mean_loss_is_the_log_loss_of_the_scores() -> None:
    logits, targets = torch.randn(50, 3), torch.randint(0, 3, (50,))
    predicted = classification.predict(fixed(logits), Batch({}, targets), Evaluation(50, SPEC, None))
    loss = classification.loss(logits, targets, SPEC)
    assert float(loss) == pytest.approx(log_loss(targets.numpy(), predicted["scores"]), rel=1e-5)


def test_predictions_are_the_likeliest_class_and_scores_sum_to_one() -> None:
    logits = torch.tensor([[0.0, 2.0, 1.0], [5.0, 0.0, 0.0]])
    predicted = classification.predict(fixed(logits), Batch({}, None), Evaluation(2, SPEC, None))
    assert predicted["predictions"].tolist() == [1, 0]
    assert predicted["predictions"].dtype == np.int64
    assert predicted["scores"].dtype == np.float32
    assert predicted["scores"].sum(axis=1) == pytest.approx(1.0)


def test_scores_of_bfloat16_logits_are_still_float32() -> None:
    predicted = classification.predict(fixed(torch.randn(4, 3).bfloat16()), Batch({}, None), Evaluation(4, SPEC, None))
    assert predicted["scores"].dtype == np.float32


@pytest.mark.parametrize("problem", [classification, regression])
def test_every_default_metric_is_a_function_in_a_file_of_its_name(problem: Any) -> None:
    for name, facts in problem.METRICS.items():
        metric = getattr(import_module(f"bench_suite.metrics.{name}"), name)
        assert set(inspect.signature(metric).parameters) <= {"targets", "predictions", "scores"}
        assert facts["better"] in ("higher", "lower")
        assert facts["unit"]
