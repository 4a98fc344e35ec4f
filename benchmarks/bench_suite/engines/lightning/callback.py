"""The callback of a training in Lightning's `Trainer`: seeds, windows, evaluation, checkpoints and the end."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch

from bench_suite.contracts import BenchError
from bench_suite.engines.lightning.own_module import OwnOptimizers
from bench_suite.training.checkpoints import generator_state, restore_generators
from bench_suite.training.frameworks import Batches
from bench_suite.training.lightning_modules import has_own_step


class Interrupted(Exception):
    """The report of a window ended a training on several devices."""


class Hooks:
    """The callback that seeds, counts, reports, evaluates, saves and stops; a mixin of Lightning's `Callback`."""

    def __init__(self, batches: Batches, own_optimizers: OwnOptimizers | None) -> None:
        super().__init__()
        self.batches, self.run = batches, batches.run
        self.error: BaseException | None = None
        "The error that ended the training."
        self._own_optimizers = own_optimizers
        self._generators = generator_state()

    def on_train_start(self, trainer: Any, module: Any) -> None:
        """Undo what Lightning drew of the global generators, and load the state of a user's optimisers."""
        if self._own_optimizers is not None:
            schedulers = [config.scheduler for config in trainer.lr_scheduler_configs]
            self._own_optimizers.attach(trainer.optimizers, schedulers)
        restore_generators(self._generators)

    def on_before_backward(self, trainer: Any, module: Any, loss: torch.Tensor) -> None:
        """Weight the gradients of a user's step by the rank's share of the batch, as `Fitting.shared` does."""
        if self.run.has_ranks and has_own_step(self.run.model) and loss.requires_grad:
            share = self.batches.parts[0].share(self.run.placement.devices)
            loss.register_hook(lambda gradient: gradient * share)

    def on_train_batch_end(self, trainer: Any, module: Any, outputs: Any, batch: Any, batch_idx: int) -> None:
        """Count the step; stop the training if the report of a window says so."""
        loss = outputs.get("own_loss", outputs.get("loss")) if isinstance(outputs, Mapping) else outputs
        if not isinstance(loss, torch.Tensor):
            raise BenchError(
                f"the training_step of {type(module).__name__} returned no loss: return a tensor without dimensions, "
                'or a dict with it as "loss", in each step and with manual optimisation too'
            )
        if not self.batches.end_step(loss):
            trainer.should_stop = True
            if self.run.has_ranks:
                raise Interrupted  # other ranks are still in their step, and Lightning would wait for them

    def on_validation_start(self, trainer: Any, module: Any) -> None:
        """Stop the clock: a user's `validation_step` is no part of the training's time."""
        self.run.clock.pause()

    def on_validation_end(self, trainer: Any, module: Any) -> None:
        """Continue the clock."""
        self.run.clock.resume()

    def on_train_epoch_end(self, trainer: Any, module: Any) -> None:
        """Evaluate; stop the training if its target is reached or the patience is exhausted."""
        if not self.run.interrupted and self.run.end_epoch():
            trainer.should_stop = True

    def on_exception(self, trainer: Any, module: Any, exception: BaseException) -> None:
        """Note the error, since Lightning raises another one after Ctrl-C."""
        self.error = exception
