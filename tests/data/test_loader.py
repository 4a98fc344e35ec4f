"""Loading: workers read a split on disk in the requested order for many epochs; their errors are raised unchanged."""

from __future__ import annotations

import os
from typing import Any, ClassVar

import numpy as np
import pytest
import torch

from bench_suite.contracts import Batch, DataInvalid, Network
from bench_suite.data.encoded import Encoded, LazyEncoded
from bench_suite.data.loader import Feed


class OnDisk:
    """Rows that record the process that read them; row `broken` cannot be read."""

    in_memory = False
    groups: ClassVar[dict[str, np.ndarray]] = {}

    def __init__(self, n: int, broken: int | None = None) -> None:
        self.ids, self.broken = np.arange(n), broken

    def __len__(self) -> int:
        return len(self.ids)

    def take(self, rows: np.ndarray) -> Any:
        if self.broken in rows:
            raise DataInvalid(f"row {self.broken} does not decode")
        return {"value": rows * 10, "process": np.full(len(rows), os.getpid()), "target": rows}


def lazy(split: OnDisk) -> LazyEncoded:
    network = Network(torch.nn.Identity(), encode=dict, collate=lambda columns: Batch(columns, columns["target"]))
    return LazyEncoded(network, split)


def batches(n: int, size: int, seed: int) -> list[torch.Tensor]:
    return list(torch.randperm(n, generator=torch.Generator().manual_seed(seed)).split(size))


def test_workers_give_every_batch_in_the_order_asked_for_epoch_after_epoch() -> None:
    feed = Feed(lazy(OnDisk(100)), workers=2)
    for epoch in range(3):
        wanted = batches(100, 9, epoch)
        received = list(feed.batches(wanted))
        assert [columns["value"].tolist() for columns in received] == [(rows * 10).tolist() for rows in wanted]
        assert os.getpid() not in {int(columns["process"][0]) for columns in received}


def test_few_batches_are_read_here() -> None:
    received = list(Feed(lazy(OnDisk(20)), workers=2).batches(batches(20, 10, 0)))
    assert {int(columns["process"][0]) for columns in received} == {os.getpid()}


def test_a_fault_in_a_worker_is_raised_as_what_it_was() -> None:
    with pytest.raises(DataInvalid, match=r"^row 77 does not decode$"):
        list(Feed(lazy(OnDisk(100, broken=77)), workers=2).batches(batches(100, 5, 0)))


def test_an_epoch_that_was_left_early_is_not_seen_in_the_next() -> None:
    feed = Feed(lazy(OnDisk(100)), workers=2)
    next(feed.batches(batches(100, 5, 0)))
    wanted = batches(100, 5, 1)
    assert [c["target"].tolist() for c in feed.batches(wanted)] == [rows.tolist() for rows in wanted]


def test_a_split_in_memory_needs_no_worker() -> None:
    columns = Encoded({"value": torch.arange(30)})
    wanted = batches(30, 3, 0)
    assert [c["value"].tolist() for c in Feed(columns, workers=4).batches(wanted)] == [r.tolist() for r in wanted]
