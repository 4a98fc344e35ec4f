"""Classification: the class, out of several, to which an example belongs."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import torch
from torch.nn import functional

from bench_suite.contracts import Batch, BenchError, Evaluation, Network, Threshold

BOUNDS = {"threshold": (0.0, 1.0)}
METRICS = {
    "accuracy": {
        "about": "share of the test examples whose predicted class is the true one",
        "unit": "fraction",
        "better": "higher",
        "ideal": 1.0,
        "range": (0.0, 1.0),
    },
    "balanced_accuracy": {
        "about": (
            "mean over classes of the share of a class that is predicted rightly, so that rare classes count as much "
            "as frequent ones"
        ),
        "unit": "fraction",
        "better": "higher",
        "ideal": 1.0,
        "range": (0.0, 1.0),
        "source": "Brodersen et al. 2010, doi 10.1109/ICPR.2010.764",
    },
    "macro_f1": {
        "title": "F1, mean over classes",
        "about": (
            "mean over classes of F1, which is high only if most examples of the class are found and few others are "
            "taken for it"
        ),
        "unit": "fraction",
        "better": "higher",
        "ideal": 1.0,
        "range": (0.0, 1.0),
        "source": "Opitz and Burst, arXiv 1911.03347",
    },
    "roc_auc": {
        "title": "area under the ROC curve",
        "about": "probability that a positive example scores higher than a negative one; 0.5 is chance",
        "unit": "fraction",
        "better": "higher",
        "ideal": 1.0,
        "range": (0.0, 1.0),
        "source": "Fawcett 2006",
    },
    "average_precision": {
        "about": (
            "mean precision over all thresholds: how well scores rank the examples of the positive class; its share "
            "among all examples is chance"
        ),
        "unit": "fraction",
        "better": "higher",
        "ideal": 1.0,
        "range": (0.0, 1.0),
        "classes": 2,
        "source": "Davis and Goadrich 2006, doi 10.1145/1143844.1143874",
    },
    "binary_f1": {
        "title": "F1 of the positive class",
        "about": "harmonic mean of precision and recall of the positive class",
        "unit": "fraction",
        "better": "higher",
        "ideal": 1.0,
        "range": (0.0, 1.0),
        "classes": 2,
        "source": "van Rijsbergen 1979",
    },
    "log_loss": {
        "about": (
            "mean of −ln of the probability that the model gives the true class; sure and wrong predictions cost most"
        ),
        "unit": "nats",
        "better": "lower",
        "ideal": 0.0,
        "range": (0.0, None),
        "source": "Good 1952",
    },
}


@dataclass(frozen=True)
class Options:
    threshold: Literal["none", "f1", "balanced_accuracy"] | float = "none"
    """Least score of the positive class, of two, with which an example is predicted to be positive. A number states it;
    `f1` and `balanced_accuracy` choose, for each training, the threshold with the greatest value of that metric on the
    validation split; `none` predicts the likeliest class. Scores, and metrics of scores, do not change."""


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


# ── thresholds ──────────────────────────────────────────────────────────────────────────────────


def threshold(
    options: Options, spec: Mapping[str, Any], validation: Callable[[], Mapping[str, Any]]
) -> Threshold | None:
    """Return the threshold that the options state or choose on the validation split; None if they state none.

    Args:
        options: with the option `threshold`.
        spec: of the data, with `classes`, and `positive` if it is not the second class.
        validation: returns `targets` and `scores` of the validation split.

    Raises:
        BenchError: there are not two classes, the model returns no scores, or validation lacks one of the classes.
    """
    stated = options.threshold
    if stated == "none":
        return None
    if len(spec["classes"]) != 2:
        raise BenchError(f"threshold is for two classes, and the data have {len(spec['classes'])}: leave threshold out")
    if not isinstance(stated, str):
        return Threshold(float(stated))
    columns = validation()
    if "scores" not in columns:
        raise BenchError("threshold compares scores, and the model returns none: leave threshold out")
    positive = spec.get("positive", 1)
    true = np.asarray(columns["targets"]) == positive
    if true.all() or not true.any():
        missing = spec["classes"][positive if not true.any() else 1 - positive]
        raise BenchError(
            f"threshold = {stated!r} is chosen on the validation split, which has no example of the class {missing} "
            f"among {len(true)}: set a larger validation, or state the threshold as a number"
        )
    value, score = best_threshold(true, np.asarray(columns["scores"])[:, positive], stated)
    return Threshold(value, stated, score, len(true))


def best_threshold(positive: np.ndarray, scores: np.ndarray, rule: str) -> tuple[float, float]:
    """Return the threshold with the greatest F1 or balanced accuracy, and that value.

    Each distinct score is a cut: examples with at least this score are positive. The threshold lies halfway between it
    and the next lower score; for the lowest score, at half of it. Of equally good cuts, the one nearest to 0.5 is
    taken. Balanced accuracy and Youden's J = sensitivity + specificity - 1 have the same best threshold.

    Args:
        positive: (n,) bool, true for some examples and not for all.
        scores: (n,) of the positive class.
        rule: `f1` or `balanced_accuracy`.
    """
    order = np.argsort(-scores, kind="stable")
    ranked, hits = scores[order].astype(np.float64), positive[order]
    last = np.append(ranked[1:] != ranked[:-1], True)
    least = ranked[last]  # of the examples that are predicted to be positive at each cut
    hit, predicted = np.cumsum(hits)[last], np.flatnonzero(last) + 1
    positives, negatives = int(hits.sum()), int((~hits).sum())
    if rule == "f1":
        values = 2.0 * hit / (predicted + positives)
    else:
        values = (hit / positives + 1.0 - (predicted - hit) / negatives) / 2.0
    cuts = (least + np.append(least[1:], 0.0)) / 2.0
    best = np.flatnonzero(values >= values.max() - 1e-12)
    chosen = best[np.argmin(np.abs(cuts[best] - 0.5))]
    return float(cuts[chosen]), float(values[chosen])


def predictions_at(columns: Mapping[str, Any], spec: Mapping[str, Any], threshold: Threshold) -> dict[str, Any]:
    """Return the columns with `predictions` (n,) int64 that are positive if the score reaches the threshold.

    Raises:
        BenchError: the model returns no scores.
    """
    if "scores" not in columns:
        raise BenchError("threshold compares scores, and the model returns none: leave threshold out")
    positive = spec.get("positive", 1)
    reached = np.asarray(columns["scores"])[:, positive].astype(np.float64) >= threshold.value
    return {**columns, "predictions": np.where(reached, positive, 1 - positive)}
