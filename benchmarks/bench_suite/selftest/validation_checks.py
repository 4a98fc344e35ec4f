"""Known answers of the probe `validation`: predictions of two splits and a training that are made here."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import numpy as np

from bench_suite.contracts import History, Predictions
from bench_suite.probes import validation
from bench_suite.problems import classification
from bench_suite.selftest.checks import Check, Measured, NotMeasured, exactly
from bench_suite.suite.plan import Cell

TASK = "validation"
EXAMPLES = 100
RIGHT: Mapping[str, int] = {"validation": 75, "test": 100}
"Right answers of each split: an instrument that reads the wrong split shows the other number."
EPOCHS, BEST_EPOCH = 5, 3


def validation_checks(cell: Cell) -> Iterator[Check]:
    """Yield the checks, none of which needs a run.

    Args:
        cell: any cell of the suite; the checks show its copy with the task `validation`.
    """
    shown = replace(
        cell, id=TASK, fraction=1.0, task=replace(cell.task, label=TASK), model=replace(cell.model, label="planted"),
        labels={"task": TASK, "model": "planted"},
    )  # fmt: skip
    share = RIGHT["validation"] / EXAMPLES
    for metric, known in (("accuracy", share), ("epochs", EPOCHS), ("best_epoch", BEST_EPOCH)):
        yield exactly(f"validation, {metric}", shown, known, _reader(metric), needs_run=False)


def _reader(name: str) -> Any:
    def read(_: Measured) -> float:
        metrics = {metric.name: metric for metric in validation.probe(_trained(), validation.Options(resamples=100))}
        value = metrics[name].value
        if value is None:
            raise NotMeasured(str(metrics[name].reason))
        return float(value)

    return read


def _trained() -> Any:
    """Return a trained cell with these predictions, and the history of a training that stopped early."""
    epochs = tuple({"epoch": float(number)} for number in range(1, EPOCHS + 1))
    data = SimpleNamespace(splits=dict.fromkeys(RIGHT), spec={"classes": ("no", "yes")})
    history = History(epochs=epochs, best_epoch=BEST_EPOCH)
    return SimpleNamespace(predictions=_predictions, data=data, problem=classification, history=history)


def _predictions(split: str) -> Predictions:
    targets = np.arange(EXAMPLES) % 2
    answers = np.where(np.arange(EXAMPLES) < RIGHT[split], targets, 1 - targets)
    scores = np.where(np.arange(2) == answers[:, None], 0.9, 0.1).astype(np.float32)
    columns = {"targets": targets, "predictions": answers, "scores": scores}
    return Predictions(split, np.arange(EXAMPLES), columns)
