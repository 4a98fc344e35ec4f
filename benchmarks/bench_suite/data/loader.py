"""Feeding: the columns of batch after batch, at once from memory, or read and decoded ahead by worker processes."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import torch
from torch.utils.data import DataLoader, Dataset

from bench_suite.data.encoded import Encoded, LazyEncoded

FEW = 4
"Batches up to which no worker is worth its start (about 50 ms)."
AHEAD = 2
"Batches that each worker reads ahead."


class Feed:
    """Columns of batches, of one split, for as many epochs as are asked for.

    A split in memory needs no worker: a batch is one index operation a column. A split on disk is read, decoded and
    encoded by `workers` processes (a `DataLoader`), which stay for all epochs; with none, by this one.
    """

    def __init__(self, examples: Encoded, workers: int) -> None:
        self._examples = examples
        self._workers = workers if isinstance(examples, LazyEncoded) else 0
        self._order: list[torch.Tensor] = []
        self._loader: DataLoader[Any] | None = None

    def batches(self, rows: Sequence[torch.Tensor]) -> Iterator[Mapping[str, Any]]:
        """The columns at each of `rows` ((k,) int64 positions), in that order. Raises what reading them raises."""
        if self._workers == 0 or (self._loader is None and len(rows) <= FEW):
            take = self._examples.take
            for some in rows:
                yield take(some)
            return
        self._order[:] = rows
        for taken in self._workers_loader():
            if isinstance(taken, BaseException):
                raise taken
            yield taken

    def _workers_loader(self) -> DataLoader[Any]:
        if self._loader is None:
            self._loader = DataLoader(
                _Reader(self._examples),
                batch_size=None,
                sampler=self._order,  # of batches: an item of `_Reader` is a whole one
                num_workers=self._workers,
                prefetch_factor=AHEAD,
                persistent_workers=True,
                collate_fn=_as_it_is,
            )
        return self._loader


class _Reader(Dataset[Any]):
    """A split whose items are batches. A fault comes back as a value: `DataLoader` would wrap it in its traceback."""

    def __init__(self, examples: Encoded) -> None:
        self._examples = examples

    def __getitem__(self, rows: torch.Tensor) -> Any:
        try:
            return self._examples.take(rows)
        except Exception as error:  # noqa: BLE001 - raised again in the process that asked
            return error


def _as_it_is(columns: Any) -> Any:
    """Columns as `take` gave them: nothing to collate here, the network does that."""
    return columns
