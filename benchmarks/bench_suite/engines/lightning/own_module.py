"""A user's own `LightningModule`: its optimisers, and the batches that its steps receive."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import torch

from bench_suite.contracts import Batch
from bench_suite.engines.lightning.module import suite_optimizers
from bench_suite.training.batching import prediction_batches
from bench_suite.training.fitting import Fitting
from bench_suite.training.frameworks import Batches
from bench_suite.training.lightning_modules import PlainInputs


class OwnOptimizers:
    """The optimisers and schedulers of a user's `configure_optimizers`, as one optimiser with a state to be saved."""

    def __init__(self) -> None:
        self._parts: list[Any] = []
        self._optimizers: list[Any] = []
        self._saved: Mapping[str, Any] | None = None

    def attach(self, optimizers: list[Any], schedulers: list[Any]) -> None:
        """Take the objects that Lightning made, and load the state of a checkpoint into them."""
        self._parts = [*optimizers, *schedulers]
        self._optimizers = optimizers
        if self._saved is not None:
            for position, part in enumerate(self._parts):
                part.load_state_dict(self._saved[str(position)])

    @property
    def param_groups(self) -> list[dict[str, Any]]:
        """Return the groups of all optimisers; one without a learning rate while there are none."""
        return [group for optimizer in self._optimizers for group in optimizer.param_groups] or [{"lr": math.nan}]

    def step(self) -> None:
        """Do nothing: Lightning steps the optimisers."""

    def state_dict(self) -> dict[str, Any]:
        """Return the state of each optimiser and scheduler, by its position."""
        return {str(position): part.state_dict() for position, part in enumerate(self._parts)}

    def load_state_dict(self, state_dict: Mapping[str, Any]) -> None:
        """Keep a state until the optimisers exist."""
        self._saved = state_dict


@contextmanager
def suite_optimizer(module: Any, run: Fitting, *, enabled: bool) -> Iterator[None]:
    """Give a user's module without `configure_optimizers` the suite's optimiser for the time of the training."""
    if not enabled:
        yield
        return
    module.configure_optimizers = lambda: suite_optimizers(run)
    try:
        yield
    finally:
        del module.configure_optimizers


class OwnBatches:
    """The batches as a user's step receives them: `(x, y)`, or the `Batch` if `build` returned a `Network`."""

    def __init__(self, batches: Batches) -> None:
        self._batches = batches

    def __len__(self) -> int:
        return len(self._batches)

    def __iter__(self) -> Iterator[Any]:
        for batch in self._batches:
            yield _step_input(self._batches.run, self._batches.load(batch))


class ValidationBatches:
    """The batches of the validation split for a user's `validation_step`."""

    def __init__(self, run: Fitting) -> None:
        assert run.validation is not None
        self._run, self._examples = run, run.validation
        rows = torch.arange(len(run.validation))
        self._rows, _ = prediction_batches(run.validation, rows, run.options.batch_size, run.model.padded)

    def __len__(self) -> int:
        return len(self._rows)

    def __iter__(self) -> Iterator[Any]:
        for rows in self._rows:
            batch = self._run.model.collate(self._examples.take(rows))
            yield _step_input(self._run, batch.to(self._run.placement.device))


def _step_input(run: Fitting, batch: Batch) -> Any:
    return run.module.pair(batch) if isinstance(run.module, PlainInputs) else batch
