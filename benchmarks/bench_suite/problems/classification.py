"""Classification: the class, out of several, to which an example belongs."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import torch
from torch.nn import functional

from bench_suite.contracts import Batch, BenchError, Evaluation, Network

METRICS = {
    "accuracy": {"unit": "fraction", "better": "higher", "ideal": 1.0, "range": (0.0, 1.0)},
    "balanced_accuracy": {
        "unit": "fraction",
        "better": "higher",
        "ideal": 1.0,
        "range": (0.0, 1.0),
        "source": "Brodersen et al. 2010, doi 10.1109/ICPR.2010.764",
    },
    "macro_f1": {
        "unit": "fraction",
        "better": "higher",
        "ideal": 1.0,
        "range": (0.0, 1.0),
        "source": "Opitz and Burst, arXiv 1911.03347",
    },
    "roc_auc": {"unit": "fraction", "better": "higher", "ideal": 1.0, "range": (0.0, 1.0), "source": "Fawcett 2006"},
    "average_precision": {
        "unit": "fraction",
        "better": "higher",
        "ideal": 1.0,
        "range": (0.0, 1.0),
        "classes": 2,
        "source": "Davis and Goadrich 2006, doi 10.1145/1143844.1143874",
    },
    "binary_f1": {
        "unit": "fraction",
        "better": "higher",
        "ideal": 1.0,
        "range": (0.0, 1.0),
        "classes": 2,
        "source": "van Rijsbergen 1979",
    },
    "log_loss": {"unit": "nats", "better": "lower", "ideal": 0.0, "range": (0.0, None), "source": "Good 1952"},
}


def loss(outputs: torch.Tensor, targets: torch.Tensor, spec: Mapping[str, Any]) -> torch.Tensor:
    """Return the mean cross-entropy, a scalar in nats, of logits (k, classes) and class numbers (k,) int64."""
    return functional.cross_entropy(outputs, targets)


def smoothed_loss(
    outputs: torch.Tensor, targets: torch.Tensor, spec: Mapping[str, Any], smoothing: float
) -> torch.Tensor:
    """Return the mean cross-entropy in nats with smoothed labels (Szegedy et al. 2016, arXiv 1512.00567, section 7).

    Args:
        outputs: logits (k, classes).
        targets: class numbers (k,) int64.
        spec: of the problem; not used.
        smoothing: share of each target, in [0, 1], that is spread evenly over all classes.
    """
    return functional.cross_entropy(outputs, targets, label_smoothing=smoothing)


def weighted_loss(
    outputs: torch.Tensor,
    targets: torch.Tensor,
    spec: Mapping[str, Any],
    weights: torch.Tensor,
    smoothing: float = 0.0,
) -> torch.Tensor:
    """Return (1/k) Σ w[yᵢ] lᵢ in nats: the mean over the batch of each example's cross-entropy times its weight.

    The divisor is the number of examples, not the sum of their weights as in PyTorch's `cross_entropy`. With weights
    whose mean over the training examples is 1, the loss of all training examples is the same as PyTorch's, and the mean
    over the batches of an epoch equals it; a batch without rare examples has no larger step than another one.

    Args:
        outputs: logits (k, classes).
        targets: class numbers (k,) int64.
        spec: of the problem; not used.
        weights: (classes,) of each class.
        smoothing: share of each target, in [0, 1], that is spread evenly over all classes.
    """
    losses = functional.cross_entropy(outputs, targets, label_smoothing=smoothing, reduction="none")
    return (weights[targets] * losses).mean()


def check_outputs(outputs: Any, spec: Mapping[str, Any]) -> None:
    """Raise BenchError unless the module returned logits (k, classes), and say what `forward` must return."""
    classes = len(spec["classes"])
    advice = ""
    if isinstance(outputs, torch.Tensor):
        if outputs.is_floating_point() and outputs.ndim == 2 and outputs.shape[1] == classes:
            return
        shape = tuple(outputs.shape)
        returned = f"a tensor of shape {shape} and type {str(outputs.dtype).removeprefix('torch.')}"
        if classes == 2 and (outputs.ndim == 1 or shape[1:] == (1,)):
            advice = "; one logit for two classes is not enough: give the last layer two outputs"
    else:
        returned = f"a {type(outputs).__name__}"
        if isinstance(outputs, Mapping):
            returned += f" with {', '.join(map(str, outputs))}"
        if isinstance(outputs, Mapping | tuple | list):
            advice = "; return the logits alone"
    raise BenchError(
        f"forward must return a tensor of logits, (examples, {classes}) and floating-point; it returned "
        f"{returned}{advice}"
    )


def predict(network: Network, batch: Batch, evaluation: Evaluation) -> dict[str, np.ndarray]:
    """Return `predictions` (k,) int64, the likeliest class, and `scores` (k, classes) float32, their softmax."""
    outputs = network.module(**batch.inputs)
    check_outputs(outputs, evaluation.spec)
    logits = outputs.float()
    scores = logits.softmax(dim=-1)
    return {"predictions": scores.argmax(dim=-1).cpu().numpy(), "scores": scores.cpu().numpy()}


def check_predictions(columns: Mapping[str, Any], spec: Mapping[str, Any]) -> None:
    """Raise ValueError unless predictions are class numbers and scores are finite numbers for each class.

    Args:
        columns: `predictions` (n,), and perhaps `scores` (n, classes).
        spec: of the problem, with `classes`.
    """
    classes = len(spec["classes"])
    predictions = np.asarray(columns["predictions"])
    if predictions.dtype.kind not in "iu" or predictions.ndim != 1:
        raise ValueError(f"predictions must be class numbers (n,), not {predictions.dtype} {predictions.shape}")
    if predictions.size and not 0 <= int(predictions.min()) <= int(predictions.max()) < classes:
        outside = f"{int(predictions.min())} to {int(predictions.max())}"
        raise ValueError(f"a prediction lies outside the {classes} classes: {outside}")
    if "scores" in columns:
        scores = np.asarray(columns["scores"])
        if scores.shape != (len(predictions), classes):
            raise ValueError(f"scores must be (n, {classes}), not {scores.shape}")
        if not np.isfinite(scores).all():
            raise ValueError(f"{int((~np.isfinite(scores)).sum())} scores are not finite numbers")
