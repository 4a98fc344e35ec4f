"""Batching: which rows form a batch, and the order of batches; rows of similar length share a batch."""

from __future__ import annotations

import torch

from bench_suite.data.encoded import Encoded
from bench_suite.data.ragged import Ragged

POOL = 32
"""Batches whose rows are sorted by length together: few tokens are padding, and the order stays random."""


def shuffled(
    examples: Encoded, batch_size: int, order: torch.Generator, padded: str | None = None
) -> list[torch.Tensor]:
    """Return the batches of one epoch in the order of training: int64 positions on the device of the columns.

    Each row is in one batch. With `padded`, the random order is cut into pools of `POOL` batches, the rows of each pool
    are sorted by length, and the resulting batches are shuffled: length buckets as in Khomenko et al. 2016, arXiv
    1708.05604.

    Args:
        examples: of the split, n rows.
        batch_size: rows in a batch; the last batch may have fewer.
        order: generator that draws the order.
        padded: name of the `Ragged` column whose rows are padded; None: no column is.
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
    """Return the batches for a prediction of `rows`, and the position of each row among them.

    With `padded`, rows are sorted by length, the longest first, so that a lack of memory shows at once.

    Args:
        examples: of the split.
        rows: (k,) int64 positions.
        batch_size: rows in a batch; the last batch may have fewer.
        padded: name of the `Ragged` column whose rows are padded; None: no column is.

    Returns:
        The batches, and for each of `rows` its position in their concatenation, (k,) int64; None if rows keep their
        order.
    """
    lengths = _lengths(examples, padded)
    if lengths is None:
        return list(rows.to(examples.device).split(batch_size)), None
    order = torch.argsort(lengths[rows.cpu()], descending=True, stable=True)
    back = torch.empty_like(order)
    back[order] = torch.arange(len(order))
    return list(rows.cpu()[order].to(examples.device).split(batch_size)), back


def _lengths(examples: Encoded, padded: str | None) -> torch.Tensor | None:
    """Return lengths (n,) on the CPU; None if nothing is padded, or if the split is on disk with unknown lengths."""
    column = examples.columns.get(padded) if padded is not None else None
    return column.lengths.cpu() if isinstance(column, Ragged) else None
