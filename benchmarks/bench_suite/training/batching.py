"""Batching: which rows form a batch, and the order of batches; rows of similar length share a batch."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch

from bench_suite.data.encoded import Encoded
from bench_suite.data.ragged import Ragged

POOL = 32
"""Batches whose rows are sorted by length together: few tokens are padding, and the order stays random."""


def shuffled(
    examples: Encoded,
    batch_size: int,
    order: torch.Generator,
    padded: str | None = None,
    *,
    join_last: bool = False,
    classes: Sequence[torch.Tensor] = (),
) -> list[torch.Tensor]:
    """Return the batches of one epoch in the order of training: int64 positions on the device of the columns.

    Each row is in one batch; with `classes`, `draw_balanced` decides which rows are. With `padded`, the random order is
    cut into pools of `POOL` batches, the rows of each pool are sorted by length, and the batches are shuffled: length
    buckets as in Khomenko et al. 2016, arXiv 1708.05604.

    Args:
        examples: of the split, n rows.
        batch_size: rows in a batch; the last batch may have fewer.
        order: generator that draws the order.
        padded: name of the `Ragged` column whose rows are padded; None: no column is.
        join_last: join a last batch of one row to the batch before it, for a network that `needs_several_rows`.
        classes: the rows of each class (`rows_by_class`), if each class is to be drawn equally often.
    """
    rows = draw_balanced(classes, len(examples), order) if classes else torch.randperm(len(examples), generator=order)
    lengths = _lengths(examples, padded)
    if lengths is None:
        return _split(rows.to(examples.device), batch_size, join_last)
    batches: list[torch.Tensor] = []
    pools = _split(rows, POOL * batch_size, join_last)
    for pool in pools:
        by_length = pool[torch.argsort(lengths[pool], stable=True)]
        batches += _split(by_length.to(examples.device), batch_size, join_last)
    return [batches[position] for position in torch.randperm(len(batches), generator=order).tolist()]


def rows_by_class(targets: np.ndarray) -> list[torch.Tensor]:
    """Return the rows of each class that occurs among the targets (n,): int64 positions."""
    return [torch.from_numpy(np.flatnonzero(targets == label)) for label in np.unique(targets)]


def draw_balanced(classes: Sequence[torch.Tensor], count: int, order: torch.Generator) -> torch.Tensor:
    """Return (count,) int64 rows in random order, drawn with replacement, equally many from each class.

    If `count` is no multiple of the number of classes, classes at random have one row more.

    Args:
        classes: the rows of each class, at least one in each.
        count: number of rows to draw.
        order: generator that draws them.
    """
    size, more = divmod(count, len(classes))
    larger = set(torch.randperm(len(classes), generator=order)[:more].tolist())
    parts = [
        rows[torch.randint(len(rows), (size + (position in larger),), generator=order)]
        for position, rows in enumerate(classes)
    ]
    return torch.cat(parts)[torch.randperm(count, generator=order)]


def poisson(rows: int, steps: int, order: torch.Generator) -> list[torch.Tensor]:
    """Return the batches of an epoch in which each row is in each batch with probability 1 / `steps`, independently.

    The guarantee of a private training needs this. A batch may be empty, and a row may be in several or in none.

    Args:
        rows: number of rows.
        steps: number of batches.
        order: generator that draws them.
    """
    return [torch.nonzero(torch.rand(rows, generator=order) < 1.0 / steps).squeeze(1) for _ in range(steps)]


def batch_count(rows: int, batch_size: int, *, join_last: bool = False) -> int:
    """Return the number of batches of an epoch of `rows` rows, as `shuffled` makes them."""
    return len(_sizes(rows, batch_size, join_last))


def needs_several_rows(module: torch.nn.Module) -> bool:
    """Return whether a network has batch normalisation: in training, one row has no variance, or a useless one."""
    return any(isinstance(part, torch.nn.modules.batchnorm._BatchNorm) for part in module.modules())


def _split(rows: torch.Tensor, size: int, join_last: bool) -> list[torch.Tensor]:
    return list(rows.split(_sizes(len(rows), size, join_last)))


def _sizes(rows: int, size: int, join_last: bool) -> list[int]:
    """Return the sizes of batches; with `join_last`, a last one of 1 is part of the one before it."""
    sizes = [size] * (rows // size) + ([rows % size] if rows % size else [])
    if join_last and len(sizes) > 1 and sizes[-1] == 1 and size > 1:
        sizes[-2:] = [size + 1]
    return sizes


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
