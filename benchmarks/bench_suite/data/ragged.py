"""Ragged: a column whose rows have different lengths, without padding."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    import torch


@dataclass(frozen=True, slots=True, eq=False)
class Ragged:
    """Rows of different lengths, laid end to end. Row `i` is `values[offsets[i]:offsets[i + 1]]`.

    Both fields are NumPy arrays, or both are tensors on one device; what is selected is of the same kind.
    """

    values: Any
    "(total, ...) all rows, one after another."
    offsets: Any
    "(n + 1,) int64, from 0 to `total`, never falling."

    @staticmethod
    def from_lists(rows: Iterable[Sequence[Any]], dtype: Any = None) -> Ragged:
        """NumPy rows laid end to end; `dtype` is that of the values (needed where all rows may be empty)."""
        arrays = [np.asarray(row, dtype=dtype) for row in rows]
        offsets = np.zeros(len(arrays) + 1, dtype=np.int64)
        np.cumsum([len(array) for array in arrays], out=offsets[1:])
        filled = [array for array in arrays if len(array)]
        values = np.concatenate(filled) if filled else np.empty(0, dtype=np.int64 if dtype is None else dtype)
        return Ragged(values, offsets)

    @staticmethod
    def concatenate(parts: Sequence[Ragged]) -> Ragged:
        """The rows of all `parts` (NumPy, at least one), in order."""
        offsets = np.zeros(sum(len(part) for part in parts) + 1, dtype=np.int64)
        np.cumsum(np.concatenate([part.lengths for part in parts]), out=offsets[1:])
        return Ragged(np.concatenate([part.values[part.offsets[0] : part.offsets[-1]] for part in parts]), offsets)

    def __len__(self) -> int:
        return len(self.offsets) - 1

    def __iter__(self) -> Iterator[Any]:
        bounds = self.offsets.tolist()
        for start, stop in pairwise(bounds):
            yield self.values[start:stop]

    @property
    def lengths(self) -> Any:
        """(n,) int64 length of each row."""
        return self.offsets[1:] - self.offsets[:-1]

    def __getitem__(self, rows: Any) -> Ragged:
        """The rows at `rows`: (k,) positions, in that order and as often as they stand there, or a slice.

        A few array operations whatever `k` is: this is called once a training step.
        """
        if isinstance(rows, slice):
            start, stop, step = rows.indices(len(self))
            if step == 1:
                offsets = self.offsets[start : max(start, stop) + 1]
                return Ragged(self.values[offsets[0] : offsets[-1]], offsets - offsets[0])
            rows = np.arange(start, stop, step)
        if isinstance(self.values, np.ndarray):
            rows = np.asarray(rows)
            if rows.dtype == bool:
                rows = np.flatnonzero(rows)
            rows = np.where(rows < 0, rows + len(self), rows)
            starts = self.offsets[rows]
            lengths = self.offsets[rows + 1] - starts
            offsets = np.zeros(len(lengths) + 1, dtype=np.int64)
            np.cumsum(lengths, out=offsets[1:])
            return Ragged(self.values[np.repeat(starts - offsets[:-1], lengths) + np.arange(offsets[-1])], offsets)
        return self._select_tensor(rows)

    def _select_tensor(self, rows: Any) -> Ragged:
        import torch

        rows = torch.as_tensor(rows, device=self.offsets.device)
        starts = self.offsets.index_select(0, rows)
        lengths = self.offsets.index_select(0, rows + 1) - starts
        offsets = lengths.new_zeros(len(lengths) + 1)
        torch.cumsum(lengths, 0, out=offsets[1:])
        index = torch.repeat_interleave(starts - offsets[:-1], lengths)
        index += torch.arange(len(index), device=index.device)
        return Ragged(self.values.index_select(0, index), offsets)

    def padded(self, value: Any, length: int | None = None) -> Any:
        """(n, length, ...) array or tensor, rows left-aligned and filled up with `value`.

        `length` defaults to that of the longest row; longer rows are cut.
        """
        lengths = self.lengths
        if length is None:
            length = int(lengths.max()) if len(self) else 0
        if isinstance(self.values, np.ndarray):
            shape = (len(self), length, *self.values.shape[1:])
            kept = np.arange(length) < lengths[:, None]
            source = (self.offsets[:-1, None] + np.arange(length))[kept]
            filled = np.full(shape, value, dtype=self.values.dtype)
            filled[kept] = self.values[source]
            return filled
        import torch

        positions = torch.arange(length, device=lengths.device)
        kept = positions < lengths[:, None]
        source = (self.offsets[:-1, None] + positions)[kept]
        filled = self.values.new_full((len(self), length, *self.values.shape[1:]), value)
        filled[kept] = self.values.index_select(0, source)
        return filled

    def torch(self) -> Ragged:
        """The same rows as tensors; shares memory with NumPy arrays that may be written to, else copies."""
        import torch

        def tensor(array: Any) -> torch.Tensor:
            if isinstance(array, torch.Tensor):
                return array
            return torch.from_numpy(array if array.flags.writeable else array.copy())

        return Ragged(tensor(self.values), tensor(self.offsets))

    def to(self, device: Any, non_blocking: bool = False) -> Ragged:
        """The same rows on `device`, as tensors."""
        rows = self.torch()
        return Ragged(
            rows.values.to(device, non_blocking=non_blocking), rows.offsets.to(device, non_blocking=non_blocking)
        )

    def lists(self) -> list[list[Any]]:
        """Each row as a Python list."""
        return [row.tolist() for row in self]


def padded(tokens: Ragged, value: int = 0) -> tuple[torch.Tensor, torch.Tensor]:
    """Whole numbers of k rows side by side, as the `collate` of a network over texts gives them.

    Args:
        tokens: k rows, of tensors or NumPy arrays, of any integer dtype.
        value: what rows shorter than the longest are filled up with, on the right.

    Returns:
        (k, L) int64, L the length of the longest row, 0 where there is none; and (k,) int64, the length of each row.
        Both lie where the values do.
    """
    import torch

    tokens = tokens.torch()
    lengths = tokens.lengths
    longest = int(lengths.max()) if len(tokens) else 0
    kept = torch.arange(longest, device=lengths.device) < lengths[:, None]
    filled = torch.full(kept.shape, value, dtype=torch.int64, device=lengths.device)
    # Row after row is how `values` lie already, so that nothing is looked up: 40 µs for 64 texts of 200 words, where
    # one index a word takes 70 and `Ragged.padded` 180.
    return filled.masked_scatter_(kept, tokens.values.long()), lengths
