"""Loader of batches: from memory at once, or read and decoded ahead by worker processes."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import torch
from torch.utils.data import DataLoader, Dataset

from bench_suite.data.encoded import Encoded, LazyEncoded

FEW = 4
"Number of batches up to which a worker is not worth its start (about 50 ms)."
AHEAD = 2
"Batches that each worker reads ahead."


class Feed:
    """The batches of one split, for any number of epochs.

    A split in memory needs no worker: a batch is one index operation a column. A split on disk is read, decoded and
    encoded by `workers` processes (a `DataLoader`), which live for all epochs; without workers, by this process.
    """

    def __init__(self, examples: Encoded, workers: int) -> None:
        self._examples = examples
        self._workers = workers if isinstance(examples, LazyEncoded) else 0
        self._order: list[torch.Tensor] = []
        self._loader: DataLoader[Any] | None = None

    def batches(self, rows: Sequence[torch.Tensor]) -> Iterator[Mapping[str, Any]]:
        """Yield the columns of each batch of rows ((k,) int64 positions). Errors of reading them are passed on."""
        if self._workers == 0 or (self._loader is None and len(rows) <= FEW):
            take = self._examples.take
            for positions in rows:
                yield take(positions)
            return
        self._order[:] = rows
        for columns in self._workers_loader():
            if isinstance(columns, BaseException):
                raise columns
            yield columns

    def _workers_loader(self) -> DataLoader[Any]:
        if self._loader is None:
            self._loader = DataLoader(
                _Reader(self._examples),
                batch_size=None,
                sampler=self._order,  # an item of `_Reader` is a whole batch
                num_workers=self._workers,
                prefetch_factor=AHEAD,
                persistent_workers=True,
                collate_fn=_identity,
            )
        return self._loader


class _Reader(Dataset[Any]):
    """A split whose items are batches. It returns an error as a value: `DataLoader` would wrap it in its traceback."""

    def __init__(self, examples: Encoded) -> None:
        self._examples = examples

    def __getitem__(self, rows: torch.Tensor) -> Any:
        try:
            return self._examples.take(rows)
        except Exception as error:  # noqa: BLE001 - raised again in the main process
            return error


def _identity(columns: Any) -> Any:
    """Return the columns unchanged, because the network collates them."""
    return columns
