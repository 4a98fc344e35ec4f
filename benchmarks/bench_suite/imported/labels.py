"""Labels: a column of texts that stores each different text once, so that millions of rows take little memory."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    import pyarrow as pa


@dataclass(frozen=True)
class Labels:
    """A column of texts."""

    words: pa.Array
    "(k,) the different texts, in order of first appearance."
    codes: np.ndarray
    "(n,) int32 or int64: the position in `words` of each row."

    def __len__(self) -> int:
        return len(self.codes)

    def __getitem__(self, row: int) -> str:
        return str(self.words[int(self.codes[row])].as_py())

    def texts_of(self, rows: np.ndarray) -> list[str]:
        """Return the texts of some rows."""
        import pyarrow as pa

        return [str(text) for text in self.words.take(pa.array(self.codes[rows])).to_pylist()]

    def expanded(self) -> np.ndarray:
        """Return the texts, (n,) of objects that equal rows share."""
        return np.asarray(np.array(self.words.to_pylist(), dtype=object)[self.codes])


def labels_of(column: np.ndarray | Labels) -> Labels:
    """Return (n,) texts as labels; labels as they are."""
    import pyarrow as pa

    return column if isinstance(column, Labels) else from_array(pa.array(column, pa.string()))


def from_array(values: pa.Array | pa.ChunkedArray) -> Labels:
    """Return a column of texts without missing values as labels; a dictionary's texts are not copied to each row."""
    import pyarrow as pa

    if not pa.types.is_dictionary(values.type):
        values = values.dictionary_encode()
    if isinstance(values, pa.ChunkedArray):
        values = values.unify_dictionaries()
        codes = [np.asarray(chunk.indices.to_numpy(zero_copy_only=False)) for chunk in values.chunks]
        longest = max(values.chunks, key=lambda chunk: len(chunk.dictionary), default=None)
        words = longest.dictionary if longest is not None else pa.array([], pa.string())
        return Labels(words, np.concatenate(codes) if codes else np.empty(0, dtype=np.int32))
    return Labels(values.dictionary, np.asarray(values.indices.to_numpy(zero_copy_only=False)))


def numbered(count: int) -> Labels:
    """Return the labels `0`, `1`, … of rows that nothing names."""
    import pyarrow as pa

    codes = np.arange(count)
    return Labels(pa.array(codes).cast(pa.string()), codes)


def sort_key(label: str) -> tuple[int, float, str]:
    """Sort labels that are numbers by their value, and others as texts."""
    try:
        number = float(label)
    except ValueError:
        return 1, 0.0, label
    return (0, number, label) if number == number else (1, 0.0, label)  # NaN has no order
