"""State: everything that changes while a network trains, and the best weights so far."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import torch

from bench_suite.contracts import History
from bench_suite.training.checkpoints import copy_state, load_module_state, module_state
from bench_suite.training.clock import Clock
from bench_suite.training.optimisers import Optimizer
from bench_suite.training.targets import Target


class BestWeights:
    """The weights of the epoch with the lowest validation loss; kept only with early stopping."""

    def __init__(self, patience: int | None) -> None:
        """`patience`: number of epochs without a lower loss after which to stop; None keeps no weights."""
        self.patience = patience
        self.epoch: int | None = None
        self.loss = math.inf
        self.weights: dict[str, Any] = {}

    def is_exhausted(self, epoch: int, loss: float | None, module: torch.nn.Module) -> bool:
        """Record an epoch's validation loss; return whether `patience` epochs have passed since the lowest one."""
        if self.patience is None or loss is None:
            return False
        if loss < self.loss:
            self.epoch, self.loss = epoch, loss
            self.weights = copy_state(module)
        return self.epoch is not None and epoch - self.epoch >= self.patience

    def restore(self, module: torch.nn.Module) -> int | None:
        """Load the best weights into `module`; return their epoch, or None if no weights were kept."""
        if self.epoch is not None:
            load_module_state(module, self.weights)
        return self.epoch

    def state_dict(self) -> dict[str, Any]:
        """Return the best epoch, its loss and its weights."""
        return {"epoch": self.epoch, "loss": self.loss, "weights": self.weights}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Load what `state_dict` returned."""
        self.epoch, self.loss, self.weights = state["epoch"], state["loss"], state["weights"]


@dataclass
class TrainingState:
    """Everything that changes while a network trains: a resumed training continues from it bit for bit.

    The state of the global random generators is not part of it: `training.checkpoints.Timer` saves that beside it.
    """

    module: torch.nn.Module
    update: Optimizer
    order: torch.Generator
    "Draws the order of the examples, once an epoch."
    changes: torch.Generator
    "Draws the changes of a model's own `augment`; on the device of the training."
    loss_sum: torch.Tensor
    "Scalar: sum of the losses of this epoch's examples, so far. A loss that is not finite stays visible in it."
    clock: Clock
    best: BestWeights
    target: Target | None
    epoch: int = 1
    "The current epoch, from 1."
    batch: int = 0
    "Number of batches of this epoch that are done."
    epochs: list[dict[str, float]] = field(default_factory=list)
    "One row for each complete epoch, as in `History.epochs`."
    epoch_order: torch.Tensor = field(default_factory=lambda: torch.empty(0, dtype=torch.uint8))
    "State of `order` before it drew this epoch's order, so that a resumed training draws the same one."

    def end_epoch(self, row: dict[str, float]) -> None:
        """Add the epoch's row and start the next epoch."""
        self.epochs.append(row)
        self.epoch, self.batch = self.epoch + 1, 0
        self.epoch_order = self.order.get_state()
        self.loss_sum.zero_()

    def state_dict(self) -> dict[str, Any]:
        """Return the state as tensors, numbers, strings, and lists and mappings of them."""
        return {
            "module": module_state(self.module),
            "update": self.update.state_dict(),
            "order": self.epoch_order,
            "changes": self.changes.get_state(),
            "loss_sum": self.loss_sum,
            "clock": self.clock.state(),
            "best": self.best.state_dict(),
            "target": self.target.best if self.target is not None else None,
            "epoch": self.epoch,
            "batch": self.batch,
            "epochs": [dict(row) for row in self.epochs],
        }

    def load_state_dict(self, state: Mapping[str, Any] | None) -> None:
        """Load what `state_dict` returned; None changes nothing."""
        if state is None:
            return
        load_module_state(self.module, state["module"])
        self.update.load_state_dict(state["update"])
        self.order.set_state(state["order"])
        self.changes.set_state(state["changes"])
        self.loss_sum.copy_(state["loss_sum"])
        self.clock.restore(state["clock"])
        self.best.load_state_dict(state["best"])
        if self.target is not None:
            self.target.best = state["target"]
        self.epoch, self.batch, self.epochs = state["epoch"], state["batch"], list(state["epochs"])

    def history(self, best_epoch: int | None, stopped: str | None, *, reached: bool = False) -> History:
        """Return the history of the training; `reached`: whether the last complete epoch reached the target."""
        clock = self.clock
        spent = {"seconds": clock.total_seconds(), "epochs": float(len(self.epochs)), "samples": float(clock.samples)}
        return History(
            epochs=tuple(self.epochs),
            windows=tuple(clock.windows),
            steps=clock.steps,
            samples=clock.samples,
            seconds=clock.total_seconds(),
            best_epoch=best_epoch,
            stopped=stopped,
            target=self.target.outcome(spent if reached else None) if self.target is not None else None,
        )
