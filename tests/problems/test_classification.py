"""Classification: the loss is cross-entropy, and the scores come from the same logits."""

from __future__ import annotations

import inspect
from functools import partial
from importlib import import_module
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from sklearn.metrics import balanced_accuracy_score, f1_score

from bench_suite.contracts import Batch, BenchError, Evaluation, Network, Threshold
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
        assert set(inspect.signature(metric).parameters) <= {"targets", "predictions", "scores", "positive"}
        assert facts["better"] in ("higher", "lower")
        assert facts["unit"]


# ── thresholds ──────────────────────────────────────────────────────────────────────────────────

TWO = {"classes": ("no", "yes")}


@st.composite
def scored(draw: st.DrawFn) -> tuple[np.ndarray, np.ndarray]:
    """Draw targets of both classes, and scores with ties."""
    n = draw(st.integers(2, 30))
    targets = draw(arrays(np.bool_, n))
    targets[0], targets[1] = True, False
    tenths = arrays(np.int64, n, elements=st.integers(0, 10))
    return targets, (draw(tenths) / 10).astype(np.float32)


@given(scored(), st.sampled_from(["f1", "balanced_accuracy"]))
@settings(max_examples=60)
def test_no_threshold_is_better_than_the_one_that_is_chosen(case: tuple[np.ndarray, np.ndarray], rule: str) -> None:
    metric = partial(f1_score, zero_division=0.0) if rule == "f1" else balanced_accuracy_score
    targets, scores = case
    value, best = classification.best_threshold(targets, scores, rule)
    assert metric(targets, scores.astype(float) >= value) == pytest.approx(best)
    others = np.linspace(-0.05, 1.05, 12)
    assert best >= max(metric(targets, scores >= other) for other in others) - 1e-9


def test_the_threshold_lies_halfway_between_two_scores_and_near_one_half_if_several_are_best() -> None:
    targets, scores = np.array([False, False, True, True]), np.array([0.1, 0.2, 0.3, 0.9])
    assert classification.best_threshold(targets, scores, "f1") == (pytest.approx(0.25), 1.0)
    # Balanced accuracy is 3/4 from 0.05 to 0.2 and from 0.3 to 0.8; the middle of the second is nearer to one half.
    targets, scores = np.array([False, True, False, True]), np.array([0.05, 0.2, 0.3, 0.8])
    assert classification.best_threshold(targets, scores, "balanced_accuracy") == (pytest.approx(0.55), 0.75)


@pytest.mark.parametrize("positive", [0, 1])
def test_predictions_at_a_threshold_are_positive_from_it_on(positive: int) -> None:
    score = np.array([0.1, 0.25, 0.3, 0.9], dtype=np.float32)
    scores = np.stack([score, 1 - score] if positive == 0 else [1 - score, score], axis=1)
    columns = {"predictions": scores.argmax(1), "scores": scores}
    spec = {**TWO, "positive": positive}
    at = classification.predictions_at(columns, spec, Threshold(0.25))
    assert at["predictions"].dtype == np.int64
    assert (at["predictions"] == positive).tolist() == [False, True, True, True]
    assert at["scores"] is scores


def test_a_threshold_is_chosen_for_the_positive_class_and_says_how() -> None:
    score = np.array([0.1, 0.2, 0.3, 0.9], dtype=np.float32)
    columns = {"targets": np.array([0, 0, 1, 1]), "scores": np.stack([1 - score, score], axis=1)}
    options = classification.Options(threshold="f1")
    of_yes = classification.threshold(options, TWO, lambda: columns)
    assert of_yes == Threshold(pytest.approx(0.25), "f1", 1.0, 4)
    of_no = classification.threshold(options, {**TWO, "positive": 0}, lambda: columns)
    assert of_no == Threshold(pytest.approx(0.75), "f1", 1.0, 4)


def test_a_stated_threshold_needs_no_validation() -> None:
    def validation() -> Any:
        raise AssertionError("validation is not read")

    assert classification.threshold(classification.Options(threshold=0.3), TWO, validation) == Threshold(0.3)
    assert classification.threshold(classification.Options(), SPEC, validation) is None


@pytest.mark.parametrize(
    ("spec", "columns", "message"),
    [
        (SPEC, {}, "threshold is for two classes, and the data have 3"),
        (TWO, {"targets": np.array([0, 1])}, "the model returns none"),
        (TWO, {"targets": np.zeros(5, int), "scores": np.zeros((5, 2))}, "no example of the class yes among 5"),
        (TWO, {"targets": np.ones(5, int), "scores": np.zeros((5, 2))}, "no example of the class no among 5"),
    ],
)
def test_a_threshold_that_cannot_be_chosen_is_refused(spec: Any, columns: Any, message: str) -> None:
    with pytest.raises(BenchError, match=message):
        classification.threshold(classification.Options(threshold="f1"), spec, lambda: columns)


def test_scores_are_needed_to_predict_at_a_threshold() -> None:
    with pytest.raises(BenchError, match="the model returns none"):
        classification.predictions_at({"predictions": np.zeros(2, int)}, TWO, Threshold(0.3))
