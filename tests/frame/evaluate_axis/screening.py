"""Screening for a condition. The decision threshold is an option of the evaluation, not of the training."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch.nn import functional

from bench_suite.contracts import Batch, Evaluation, Network

METRICS = {
    "accuracy": {"unit": "fraction", "better": "higher", "ideal": 1.0},
    "sensitivity": {"unit": "fraction", "better": "higher", "ideal": 1.0},
}
BOUNDS = {"threshold": (0.0, 1.0)}


@dataclass(frozen=True)
class Options:
    threshold: float = 0.5
    "Least score that is called positive."


def loss(outputs: torch.Tensor, targets: torch.Tensor, spec: Mapping[str, Any]) -> torch.Tensor:
    """Return the mean binary cross-entropy in nats of logits (k,) against (k,) 0 or 1."""
    return functional.binary_cross_entropy_with_logits(outputs, targets.float())


def predict(network: Network, batch: Batch, evaluation: Evaluation) -> dict[str, np.ndarray]:
    """Return `predictions` (k,) int64, 1 from the threshold on, and `chances` (k,) float32."""
    chances = network.module(**batch.inputs).sigmoid().cpu().numpy()
    return {"predictions": (chances >= evaluation.options.threshold).astype(np.int64), "chances": chances}


def sensitivity(predictions: np.ndarray, targets: np.ndarray) -> float:
    """Return the share of the positive examples that are found."""
    if not (targets == 1).any():
        raise ValueError("nobody has it")
    return float((predictions[targets == 1] == 1).mean())
