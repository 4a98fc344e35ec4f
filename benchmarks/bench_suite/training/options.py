"""The options of a training, as a suite's `[train]` table and a model's `train = {…}` state them.

Read with `ast` like a component's `Options`: literal defaults, help under each field, bounds beside them.
Precision and device are axes, not options of the training: they stand in `contracts.Placement`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True)
class TrainOptions:
    """How a model is trained; an engine's `ACCEPTS` names those of the fields that it understands."""

    epochs: int = 3
    "Passes over the training split; 0 evaluates without training."
    optimizer: Literal["sgd", "adamw", "muon"] = "adamw"
    """Update rule: stochastic gradient descent; Adam with decoupled weight decay; or Muon for the matrices and
    convolution kernels (as matrices, outputs × the rest) between the first and the last layer, and AdamW for the rest:
    embeddings, biases, norms (PyTorch 2.9 and later)."""
    learning_rate: float = 1e-3
    "Step size at its highest, after warm-up."
    batch_size: int = 64
    "Examples a step."
    weight_decay: float = 0.0
    "Decay of weights of two or more dimensions; biases and the scales of norms never decay."
    momentum: float = 0.9
    "Momentum of `sgd`; `adamw` and `muon` have their own and ignore it."
    nesterov: bool = False
    "Nesterov's variant of momentum, for `sgd`."
    schedule: Literal["constant", "linear", "cosine"] = "constant"
    "Learning rate after warm-up: kept, or brought to zero at the last step along a line or half a cosine."
    warmup: float = 0.0
    "Fraction of all steps over which the learning rate rises from zero along a line."
    gradient_clip: float | None = None
    "Largest Euclidean norm of all gradients together; none leaves them as they are."
    label_smoothing: float = 0.0
    "Share of each target that is spread evenly over all classes; in training only."
    augment: tuple[Literal["flip", "shift", "cutout", "mixup"], ...] = ()
    """Changes of training images, drawn anew each step, on the device: mirrored, moved by up to an eighth, a square
    of a quarter of the side blanked, two images and their targets mixed."""
    patience: int | None = None
    "Stop after so many epochs without a lower validation loss, and keep the best epoch's weights."
    validation: float = 0.1
    "Fraction of the training split held out to choose on, where the task brings none; 0 trains on everything."
    target: Mapping[str, float] | None = None
    """A metric and the value to train to, such as `{ "quality/accuracy" = 0.97 }`: taken on validation after each
    epoch, and the training ends when it is reached. The probe `target` tells the time, epochs and samples it took."""
    checkpoint: str | None = None
    'How often a long training is saved, such as "10m", "90s" or "1h": a resume goes on from there after a kill.'
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
    "label_smoothing": (0.0, 0.99),
    "patience": (1, None),
    "validation": (0.0, 0.9),
}
