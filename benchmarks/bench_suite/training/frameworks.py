"""Frameworks: the batches of a training for a library that runs the loop itself, such as Lightning or Transformers."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Protocol

import torch
from torch.utils.data import DataLoader, IterableDataset

from bench_suite.contracts import Batch
from bench_suite.training import devices
from bench_suite.training.distributed import Part
from bench_suite.training.fitting import Fitting


class Batches:
    """The batches of the epochs in the order of the training, for a framework that iterates over them.

    Each iteration is the next epoch, or what is left of it after a resume. `waited` is the time since the last `take`
    that was spent on preparing batches.
    """

    def __init__(self, run: Fitting) -> None:
        self.run = run
        self.parts: list[Part] = []
        "The batches that were handed out and are still to be trained on."
        self.waited = 0.0

    def __len__(self) -> int:
        """Return the number of batches of the current epoch that are still to do."""
        return self.run.steps_in_epoch - self.run.state.batch

    def __iter__(self) -> Iterator[Batch]:
        run = self.run
        self.parts.clear()  # a user's module may have left out the rest of an epoch
        parts = run.begin_epoch()
        columns = run.feed.batches([part.rows for part in parts])
        run.clock.resume()
        for part in parts:
            asked = devices.perf_counter()
            batch = run.model.collate(next(columns))
            self.parts.append(part)
            self.waited += devices.perf_counter() - asked
            yield batch

    def load(self, batch: Batch) -> Batch:
        """Return a batch on the device of the training and changed, as `Fitting.load` does; it counts as waiting."""
        asked = devices.perf_counter()
        loaded = self.run.load(batch)
        self.waited += devices.perf_counter() - asked
        return loaded

    def end_step(self, loss: torch.Tensor) -> bool:
        """Count a step over the oldest batch that is still to be trained on, as `Fitting.end_step` does."""
        waited, self.waited = self.waited, 0.0
        return self.run.end_step(loss, self.parts.pop(0), waited)


class Items(Protocol):
    """What a loader of a framework iterates over: one item for each batch of an epoch."""

    def __iter__(self) -> Iterator[Any]: ...

    def __len__(self) -> int:
        """Return the number of batches of an epoch."""


def loader_of(items: Items) -> DataLoader[Any]:
    """Return a `DataLoader` whose iterations are those of `items`, unchanged.

    Its generator is its own: a `DataLoader` draws a number in each epoch, else from the global generator.
    """
    return DataLoader(_Dataset(items), batch_size=None, collate_fn=_same, generator=torch.Generator().manual_seed(0))


class _Dataset(IterableDataset[Any]):
    """Whole batches as a dataset."""

    def __init__(self, items: Items) -> None:
        self._items = items

    def __iter__(self) -> Iterator[Any]:
        return iter(self._items)

    def __len__(self) -> int:
        return len(self._items)


def _same(batch: Any) -> Any:
    """Return the batch, which the network has collated."""
    return batch
