"""Which rows make a batch, and in which order batches come: drawn anew each epoch, rows of like length together."""

from __future__ import annotations

import torch

from bench_suite.data.encoded import Encoded
from bench_suite.data.ragged import Ragged

POOL = 32
"""Batches among whose rows those of like length are put together: few tokens are padding, and order stays random."""


def epoch_batches(
    examples: Encoded, batch_size: int, order: torch.Generator, padded: str | None = None
) -> list[torch.Tensor]:
    """The batches of one epoch, in the order of training: int64 positions on the device of the columns.

    With `padded`, the name of a `Ragged` column, the drawn order is cut into pools of `POOL` batches, each pool's rows
    are sorted by their length in that column, and the batches so made are shuffled (length buckets, as Khomenko et
    al. 2016, arXiv 1708.05604, have them). Every row stands in one batch.
    """
    rows = torch.randperm(len(examples), generator=order)
    lengths = _lengths(examples, padded)
    if lengths is None:
        return list(rows.to(examples.device).split(batch_size))
    batches: list[torch.Tensor] = []
    for pool in rows.split(POOL * batch_size):
        by_length = pool[torch.argsort(lengths[pool], stable=True)]
        batches += by_length.to(examples.device).split(batch_size)
    return [batches[position] for position in torch.randperm(len(batches), generator=order).tolist()]


def prediction_batches(
    examples: Encoded, rows: torch.Tensor, batch_size: int, padded: str | None = None
) -> tuple[list[torch.Tensor], torch.Tensor | None]:
    """Batches for predicting `rows` ((k,) int64 positions), and where each row went.

    Without `padded` they come as they stand, and the second value is None. With it they are sorted by length, longest
    first, so that what does not fit in memory is found at once; the second value, (k,) int64, gives for each of `rows`
    its position among the batches laid end to end.
    """
    lengths = _lengths(examples, padded)
    if lengths is None:
        return list(rows.to(examples.device).split(batch_size)), None
    order = torch.argsort(lengths[rows.cpu()], descending=True, stable=True)
    back = torch.empty_like(order)
    back[order] = torch.arange(len(order))
    return list(rows.cpu()[order].to(examples.device).split(batch_size)), back


def _lengths(examples: Encoded, padded: str | None) -> torch.Tensor | None:
    """(n,) lengths on the CPU; None where nothing is padded, or the split is on disk and its lengths are unknown."""
    column = examples.columns.get(padded) if padded is not None else None
    return column.lengths.cpu() if isinstance(column, Ragged) else None
