"""Regression: a number for each example, learnt on a standardised scale and predicted in its own unit."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import torch
from torch.nn import functional

from bench_suite.contracts import Batch, Data, DataInvalid, Evaluation, Network

METRICS = {
    "r2": {"unit": "fraction", "better": "higher", "ideal": 1.0},
    "mae": {"unit": "unit of the target", "better": "lower", "ideal": 0.0},
    "rmse": {"unit": "unit of the target", "better": "lower", "ideal": 0.0},
}


def fit_spec(spec: Mapping[str, Any], data: Data) -> dict[str, Any]:
    """What has to be known of the training targets before a model is built: their `mean` and `scale`.

    `scale` is the standard deviation, or 1.0 where all targets are equal. Raises `DataInvalid` where a target of the
    training split is not a finite number.
    """
    train = data.splits["train"]
    count, total, squares = 0, 0.0, 0.0
    # Chunks, and a sum around the first chunk's mean: a split on disk is never held at once.
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
    """Mean squared error of outputs (k,), on the standardised scale, against targets (k,) in their unit: a scalar."""
    return functional.mse_loss(outputs.float(), ((targets - spec["mean"]) / spec["scale"]).float())


def predict(network: Network, batch: Batch, evaluation: Evaluation) -> dict[str, np.ndarray]:
    """`predictions` (k,) float64, in the unit of the target."""
    outputs = network.module(**batch.inputs).float().cpu().numpy().astype(np.float64)
    return {"predictions": outputs * evaluation.spec["scale"] + evaluation.spec["mean"]}


def check_predictions(columns: Mapping[str, Any], spec: Mapping[str, Any]) -> None:
    """Raise ValueError where a model's answers are not one finite number for each example."""
    said = np.asarray(columns["predictions"])
    if said.dtype.kind not in "iuf" or said.ndim != 1:
        raise ValueError(f"predictions must be numbers (n,), not {said.dtype} {said.shape}")
    if not np.isfinite(said).all():
        raise ValueError(f"{int((~np.isfinite(said)).sum())} predictions are not finite numbers")
