"""Class weights: the weight of each class in the training loss, from the option `class_weights`."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from bench_suite.contracts import BenchError, Data
from bench_suite.data.splits import column
from bench_suite.suite.checks import class_weight_errors

ClassWeights = str | Mapping[str, float]
"A value of the option `class_weights`: `none`, `balanced`, or weights by the name of a class."


def check_class_options(class_weights: ClassWeights, sampler: str, data: Data, task: str) -> None:
    """Raise BenchError if `class_weights` or `sampler` cannot be used with these data.

    Args:
        class_weights: the option of that name.
        sampler: the option of that name.
        data: that were loaded.
        task: the name of the task, for the message.
    """
    names = [str(name) for name in data.spec.get("classes", ())]
    for option, is_set in (("class_weights", class_weights != "none"), ("sampler", sampler != "shuffled")):
        if is_set and not names:
            raise BenchError(f"{option} is for classes, and {task} is {data.problem}: leave {option} out")
    if not isinstance(class_weights, str):
        for message in class_weight_errors(class_weights, task, names):
            raise BenchError(message)


def class_weights(stated: ClassWeights, data: Data, sampler: str = "shuffled") -> np.ndarray | None:
    """Return the weight of each class, (classes,) float64; None if no weights are stated.

    `balanced` is n / (k nᶜ), where nᶜ of the n training examples are of class c and k classes occur, as scikit-learn's
    `class_weight="balanced"`. A class that does not occur has the weight 1, which is never used.

    Weights are scaled so that their mean over the examples that an epoch contains is 1: over the training examples, or
    over the classes with `sampler = "balanced"`. The size of the loss, and so of a step or of a penalty, then does not
    depend on whether a table states 5 and 1 or 50 and 10.

    Args:
        stated: the option `class_weights`.
        data: its train split decides.
        sampler: the option `sampler`.

    Raises:
        BenchError: the data have no classes, or a table names other classes than they have.
    """
    if stated == "none":
        return None
    check_class_options(stated, sampler, data, data.source.name)
    names = [str(name) for name in data.spec["classes"]]
    counts = np.bincount(np.asarray(column(data.splits["train"], "target"), dtype=np.int64), minlength=len(names))
    occurring = counts > 0
    if isinstance(stated, str):
        weights = np.where(occurring, counts.sum() / (occurring.sum() * np.maximum(counts, 1)), 1.0)
    else:
        weights = np.array([stated[name] for name in names], dtype=np.float64)
    shares = occurring / occurring.sum() if sampler == "balanced" else counts / counts.sum()
    return weights / float(weights @ shares)
