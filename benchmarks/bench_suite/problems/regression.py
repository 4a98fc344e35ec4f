"""Regression: a number for each example, learnt on a standardised scale and predicted in the target's unit."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import torch
from torch.nn import functional

from bench_suite.contracts import Batch, BenchError, Data, DataInvalid, Evaluation, Network

METRICS = {
    "r2": {
        "title": "explained variance (R²)",
        "about": (
            "share of the variance of the targets that the predictions explain; 0 is as good as the mean, below 0 is "
            "worse than it"
        ),
        "unit": "fraction",
        "better": "higher",
        "ideal": 1.0,
        "range": (None, 1.0),
    },
    "mae": {
        "title": "mean absolute error",
        "about": "mean distance between prediction and target",
        "unit": "unit of the target",
        "better": "lower",
        "ideal": 0.0,
        "range": (0.0, None),
    },
    "rmse": {
        "title": "root mean squared error",
        "about": (
            "root of the mean squared distance between prediction and target; large errors count more than in `mae`"
        ),
        "unit": "unit of the target",
        "better": "lower",
        "ideal": 0.0,
        "range": (0.0, None),
    },
}

INTERVAL = ("lower", "upper", "level")
"Columns of prediction intervals, which a model may return."


def fit_spec(spec: Mapping[str, Any], data: Data) -> dict[str, Any]:
    """Return the spec with the `mean` and `scale` of the training targets, which a model needs when it is built.

    `scale` is the standard deviation, or 1.0 if all targets are equal.

    Raises:
        DataInvalid: a target of the train split is not a finite number, or the split is empty.
    """
    train = data.splits["train"]
    count, total, squares = 0, 0.0, 0.0
    # In chunks, with sums relative to the first chunk's mean: a split on disk is never in memory as a whole.
    pivot: float | None = None
    for start in range(0, len(train), 65_536):
        values = np.asarray(train.take(np.arange(start, min(start + 65_536, len(train))))["target"], dtype=np.float64)
        if not np.isfinite(values).all():
            bad = int((~np.isfinite(values)).sum())
            raise DataInvalid(f"{data.source.name}: {bad} targets of the train split are not finite numbers")
        pivot = float(values.mean()) if pivot is None else pivot
        count, total = count + len(values), total + float((values - pivot).sum())
        squares += float(((values - pivot) ** 2).sum())
    if pivot is None:
        raise DataInvalid(f"{data.source.name}: the train split has no examples")
    mean = pivot + total / count
    variance = squares / count - (total / count) ** 2
    return {**spec, "mean": mean, "scale": variance**0.5 if variance > 0.0 else 1.0}


def loss(outputs: torch.Tensor, targets: torch.Tensor, spec: Mapping[str, Any]) -> torch.Tensor:
    """Return the mean squared error of outputs (k,), on the standardised scale, and targets (k,) in their unit."""
    return functional.mse_loss(outputs.float(), ((targets - spec["mean"]) / spec["scale"]).float())


def check_outputs(outputs: Any, spec: Mapping[str, Any]) -> None:
    """Raise BenchError unless the module returned one number for each example, and say what `forward` must return."""
    advice = ""
    if isinstance(outputs, torch.Tensor):
        if outputs.is_floating_point() and outputs.ndim == 1:
            return
        shape = tuple(outputs.shape)
        returned = f"a tensor of shape {shape} and type {str(outputs.dtype).removeprefix('torch.')}"
        if shape[1:] == (1,):
            advice = "; return outputs.squeeze(1)"
    else:
        returned = f"a {type(outputs).__name__}"
        if isinstance(outputs, Mapping):
            returned += f" with {', '.join(map(str, outputs))}"
        if isinstance(outputs, Mapping | tuple | list):
            advice = "; return the numbers alone"
    raise BenchError(
        f"forward must return a tensor with one number for each example, (examples,) and floating-point; it returned "
        f"{returned}{advice}"
    )


def predict(network: Network, batch: Batch, evaluation: Evaluation) -> dict[str, np.ndarray]:
    """Return `predictions` (k,) float64, in the unit of the target."""
    outputs = network.module(**batch.inputs)
    check_outputs(outputs, evaluation.spec)
    values = outputs.float().cpu().numpy().astype(np.float64)
    return {"predictions": values * evaluation.spec["scale"] + evaluation.spec["mean"]}


def check_predictions(columns: Mapping[str, Any], spec: Mapping[str, Any]) -> None:
    """Raise ValueError unless `predictions` of the columns is one finite number for each example.

    A model may also return prediction intervals: `lower`, `upper` and `level`, each (n,). `lower` and `upper` are the
    ends in the unit of the target, and `level` is the share of targets that the interval is meant to contain, between 0
    and 1. The three are required together.
    """
    predictions = np.asarray(columns["predictions"])
    if predictions.dtype.kind not in "iuf" or predictions.ndim != 1:
        raise ValueError(f"predictions must be numbers (n,), not {predictions.dtype} {predictions.shape}")
    if not np.isfinite(predictions).all():
        raise ValueError(f"{int((~np.isfinite(predictions)).sum())} predictions are not finite numbers")
    _check_intervals(columns)


def _check_intervals(columns: Mapping[str, Any]) -> None:
    """Raise ValueError unless prediction intervals, if there are any, are complete, ordered and have a level."""
    present = [name for name in INTERVAL if name in columns]
    if not present:
        return
    if len(present) < len(INTERVAL):
        lacking = [name for name in INTERVAL if name not in columns]
        raise ValueError(f"a prediction interval needs lower, upper and level: {', '.join(lacking)} is missing")
    for name in INTERVAL:
        values = np.asarray(columns[name])
        if values.dtype.kind not in "iuf" or values.ndim != 1 or np.isnan(values).any():
            raise ValueError(f"{name} of the prediction intervals must be numbers (n,), without NaN")
    lower, upper, level = (np.asarray(columns[name]) for name in INTERVAL)
    if (lower > upper).any():
        raise ValueError(f"{int((lower > upper).sum())} prediction intervals have a lower end above the upper one")
    if len(level) and not 0.0 < float(level.min()) <= float(level.max()) < 1.0:
        raise ValueError("level of the prediction intervals must lie between 0 and 1")
