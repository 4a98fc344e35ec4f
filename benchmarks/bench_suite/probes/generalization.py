"""Generalisation: how much worse a model is on test examples than on training examples, and on shifted examples."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from bench_suite.contracts import Interval, Metric, Predictions, Trained
from bench_suite.stats.probabilities import require_probabilities

VERSION = 1
QUESTION = "generalisation"
PROBLEMS = ("classification", "regression")
METRICS = {
    "accuracy_gap": {
        "title": "accuracy on train minus test",
        "about": (
            "how much lower the accuracy is on test than on the training examples; near 0 the model does not learn by "
            "heart"
        ),
        "unit": "fraction",
        "better": "lower",
        "range": (-1.0, 1.0),
    },
    "loss_gap": {
        "title": "loss on test minus train",
        "about": "how much higher the loss is on test than on the training examples",
        "unit": "loss",
        "better": "lower",
        "range": (None, None),
    },
    "shift_accuracy_gap": {
        "title": "accuracy on test minus the shift",
        "about": "how much lower the accuracy is on examples from elsewhere than on test",
        "unit": "fraction",
        "better": "lower",
        "range": (-1.0, 1.0),
    },
    "shift_loss_gap": {
        "title": "loss on the shift minus test",
        "about": "how much higher the loss is on examples from elsewhere than on test",
        "unit": "loss",
        "better": "lower",
        "range": (None, None),
    },
}
SMALLEST = float(np.finfo(np.float32).eps)  # as in `log_loss`: a score of 0 costs 16 nats, not infinity


def probe(trained: Trained, options: None) -> Iterator[Metric]:
    """Yield train minus test accuracy and test minus train loss, and the same between test and each shift.

    Loss is the negative logarithm of the true class's score in nats, or the squared error in units of the training
    targets' variance. Each gap is a difference of two means over independent examples: its 95 % interval is
    ± 1.96 √(s₁²/n₁ + s₂²/n₂) (Welch 1947, normal limit).
    """
    scale = float(trained.data.spec.get("scale", 1.0))
    test = trained.predictions("test")
    if trained.history is None:
        reason = "nothing was trained here, so there are no training examples to compare with"
        yield Metric("accuracy_gap", None, reason)
        yield Metric("loss_gap", None, reason)
    else:
        train = trained.predictions("train")
        yield _gap("accuracy_gap", _correct(train), _correct(test))
        yield _gap("loss_gap", _loss(test, scale), _loss(train, scale))
    for split in trained.data.splits:
        if split.startswith("shift:"):
            shifted, at = trained.predictions(split), {"shift": split.removeprefix("shift:")}
            yield _gap("shift_accuracy_gap", _correct(test), _correct(shifted), at)
            yield _gap("shift_loss_gap", _loss(shifted, scale), _loss(test, scale), at)


def _correct(predictions: Predictions) -> np.ndarray | str:
    """Return (n,) 1.0 for right predictions and 0.0 for wrong ones, or the reason why there are none."""
    if predictions["predictions"].dtype.kind not in "iu":
        return "accuracy is defined for classes only"
    return (predictions["predictions"] == predictions["targets"]).astype(np.float64)


def _loss(predictions: Predictions, scale: float) -> np.ndarray | str:
    """Return (n,) losses, or the reason why there are none."""
    targets = predictions["targets"]
    if predictions["predictions"].dtype.kind not in "iu":
        return ((predictions["predictions"] - targets) / scale) ** 2
    if "scores" not in predictions.columns:
        return "the model returns no scores"
    try:
        require_probabilities(np.asarray(predictions["scores"]))
    except ValueError as error:
        return str(error)
    scores = np.asarray(predictions["scores"], dtype=np.float64)[np.arange(len(targets)), targets]
    return -np.log(np.maximum(scores, SMALLEST))


def _gap(name: str, first: np.ndarray | str, second: np.ndarray | str, at: dict[str, str] | None = None) -> Metric:
    """Return the mean of the first minus the mean of the second, with its interval."""
    if isinstance(first, str) or isinstance(second, str):
        return Metric(name, None, str(first if isinstance(first, str) else second), at=at or {})
    value = float(first.mean() - second.mean())
    n = min(len(first), len(second))
    if n < 2:
        return Metric(name, value, "a single example has no variance", at=at or {}, n=n)
    half = 1.959964 * float(np.sqrt(first.var(ddof=1) / len(first) + second.var(ddof=1) / len(second)))
    if half == 0.0:
        same = "all examples of a split have the same score, such as all right"
        return Metric(name, value, f"{same}, so there is no variance for an interval", at=at or {}, n=n)
    return Metric(name, value, at=at or {}, interval=Interval(value - half, value + half), n=n)
