"""Classification: which one of several classes an example belongs to."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import torch
from torch.nn import functional

from bench_suite.contracts import Batch, Evaluation, Network

METRICS = {
    "accuracy": {"unit": "fraction", "better": "higher", "ideal": 1.0},
    "balanced_accuracy": {
        "unit": "fraction",
        "better": "higher",
        "ideal": 1.0,
        "source": "Brodersen et al. 2010, doi 10.1109/ICPR.2010.764",
    },
    "macro_f1": {"unit": "fraction", "better": "higher", "ideal": 1.0, "source": "Opitz and Burst, arXiv 1911.03347"},
    "roc_auc": {"unit": "fraction", "better": "higher", "ideal": 1.0, "source": "Fawcett 2006"},
    "log_loss": {"unit": "nats", "better": "lower", "ideal": 0.0, "source": "Good 1952"},
}


def loss(outputs: torch.Tensor, targets: torch.Tensor, spec: Mapping[str, Any]) -> torch.Tensor:
    """Mean cross-entropy in nats of logits (k, classes) against class numbers (k,) int64: a scalar."""
    return functional.cross_entropy(outputs, targets)


def smoothed_loss(
    outputs: torch.Tensor, targets: torch.Tensor, spec: Mapping[str, Any], smoothing: float
) -> torch.Tensor:
    """Mean cross-entropy in nats against targets of which a share `smoothing` is spread evenly over all classes.

    Szegedy et al. 2016, arXiv 1512.00567, section 7. Arguments otherwise as of `loss`.
    """
    return functional.cross_entropy(outputs, targets, label_smoothing=smoothing)


def predict(network: Network, batch: Batch, evaluation: Evaluation) -> dict[str, np.ndarray]:
    """`predictions` (k,) int64, the likeliest class, and `scores` (k, classes) float32, the softmax of the logits."""
    logits = network.module(**batch.inputs).float()
    scores = logits.softmax(dim=-1)
    return {"predictions": scores.argmax(dim=-1).cpu().numpy(), "scores": scores.cpu().numpy()}


def check_predictions(columns: Mapping[str, Any], spec: Mapping[str, Any]) -> None:
    """Raise ValueError where a model's answers are no class numbers, or its scores no finite numbers for each class."""
    classes = len(spec["classes"])
    said = np.asarray(columns["predictions"])
    if said.dtype.kind not in "iu" or said.ndim != 1:
        raise ValueError(f"predictions must be class numbers (n,), not {said.dtype} {said.shape}")
    if said.size and not 0 <= int(said.min()) <= int(said.max()) < classes:
        raise ValueError(f"a prediction lies outside the {classes} classes: {int(said.min())} to {int(said.max())}")
    if "scores" in columns:
        scores = np.asarray(columns["scores"])
        if scores.shape != (len(said), classes):
            raise ValueError(f"scores must be (n, {classes}), not {scores.shape}")
        if not np.isfinite(scores).all():
            raise ValueError(f"{int((~np.isfinite(scores)).sum())} scores are not finite numbers")
