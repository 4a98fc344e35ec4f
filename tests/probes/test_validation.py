"""Claims about `validation`."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from sklearn import metrics as sklearn

from bench_suite.contracts import History
from bench_suite.probes import validation

DRAWS = np.random.default_rng(0)
TARGETS = DRAWS.integers(0, 2, 300)
SCORE = np.clip(TARGETS * 0.3 + DRAWS.random(300) * 0.7, 0.01, 0.99)
COLUMNS = {"targets": TARGETS, "predictions": (SCORE > 0.5).astype(int), "scores": np.stack([1 - SCORE, SCORE], 1)}
EPOCHS = tuple({"epoch": epoch, "loss": 1 / epoch} for epoch in (1, 2, 3))


def measured(trained: Any, history: History | None = None) -> dict[str, Any]:
    trained = SimpleNamespace(
        predictions=trained.predictions, data=trained.data, problem=trained.problem, history=history
    )
    return {metric.name: metric for metric in validation.probe(trained, validation.Options(resamples=200))}


def test_each_metric_is_that_of_the_validation_split(written: Any) -> None:
    right = {**COLUMNS, "predictions": TARGETS}
    metrics = measured(written({"test": right, "validation": COLUMNS}))
    assert metrics["accuracy"].value == pytest.approx(sklearn.accuracy_score(TARGETS, COLUMNS["predictions"]))
    assert metrics["log_loss"].value == pytest.approx(sklearn.log_loss(TARGETS, COLUMNS["scores"]))
    assert metrics["accuracy"].interval.low < metrics["accuracy"].value < metrics["accuracy"].interval.high
    assert metrics["accuracy"].n == 300


def test_without_a_validation_split_there_is_a_reason(written: Any) -> None:
    metrics = measured(written({"test": COLUMNS}))
    assert metrics["accuracy"].value is None
    assert "no validation split" in metrics["accuracy"].reason


def test_the_epochs_and_why_the_training_ended_are_stated(written: Any) -> None:
    trained = written({"test": COLUMNS, "validation": COLUMNS})
    stopped = measured(trained, History(epochs=EPOCHS, best_epoch=2, stopped="no better loss for 1 epoch"))
    assert (stopped["epochs"].value, stopped["epochs"].reason) == (3, "no better loss for 1 epoch")
    assert stopped["best_epoch"].value == 2
    assert validation.CHOSEN in stopped["accuracy"].reason
    whole = measured(trained, History(epochs=EPOCHS))
    assert (whole["epochs"].value, whole["best_epoch"].value) == (3, None)
    assert "no early stopping" in whole["best_epoch"].reason
    assert validation.CHOSEN not in (whole["accuracy"].reason or "")
    assert measured(trained)["epochs"].reason == "nothing was trained"
