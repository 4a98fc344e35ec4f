"""The options of a training, as a suite's `[train]` table and a model's `train = {…}` state them.

Read with `ast` like a component's `Options`: literal defaults, help under each field, bounds beside them.
Precision and device are axes, not options of the training: they stand in `contracts.Placement`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True)
class TrainOptions:
    """How a model is trained; an engine's `ACCEPTS` names those of the fields that it understands."""

    epochs: int = 3
    "Passes over the training split; 0 evaluates without training."
    optimizer: Literal["sgd", "adamw"] = "adamw"
    "Update rule: stochastic gradient descent, or Adam with decoupled weight decay."
    learning_rate: float = 1e-3
    "Step size at its highest, after warm-up."
    batch_size: int = 64
    "Examples a step."
    weight_decay: float = 0.0
    "Decay of weights of two or more dimensions; biases and the scales of norms never decay."
    momentum: float = 0.9
    "Momentum of `sgd`; `adamw` has its own two and ignores it."
    nesterov: bool = False
    "Nesterov's variant of momentum, for `sgd`."
    schedule: Literal["constant", "linear", "cosine"] = "constant"
    "Learning rate after warm-up: kept, or brought to zero at the last step along a line or half a cosine."
    warmup: float = 0.0
    "Fraction of all steps over which the learning rate rises from zero along a line."
    gradient_clip: float | None = None
    "Largest Euclidean norm of all gradients together; none leaves them as they are."
    patience: int | None = None
    "Stop after so many epochs without a lower validation loss, and keep the best epoch's weights."
    validation: float = 0.1
    "Fraction of the training split held out to choose on, where the task brings none; 0 trains on everything."
    keep: bool = True
    "Keep weights and history beside the run, so that a probe added later needs no new training."
    deterministic: bool = False
    "Only deterministic kernels: slower on a GPU, needed there for the same predictions bit for bit."


BOUNDS = {
    "epochs": (0, None),
    "learning_rate": (0.0, None),
    "batch_size": (1, None),
    "weight_decay": (0.0, None),
    "momentum": (0.0, 1.0),
    "warmup": (0.0, 1.0),
    "gradient_clip": (0.0, None),
    "patience": (1, None),
    "validation": (0.0, 0.9),
}
