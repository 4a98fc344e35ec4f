"""Draws: random numbers that depend on the example and on the corruption only.

The same example is corrupted in the same way for every model, seed, batch size and machine, so that models are compared
on the same corrupted examples. All severities draw the same numbers: a higher one does more of the same.
"""

from __future__ import annotations

import zlib
from collections.abc import Iterable

import numpy as np

from bench_suite.contracts import Split
from bench_suite.data.splitting import shuffle_by_content


def generators(contents: Iterable[bytes], name: str) -> list[np.random.Generator]:
    """Return a generator for each example.

    Args:
        contents: the raw value of each example, as bytes.
        name: what the numbers are for; another name gives other numbers.
    """
    purpose = zlib.crc32(name.encode())
    return [np.random.default_rng((zlib.crc32(content), purpose)) for content in contents]


def drawn_rows(split: Split, most: int) -> np.ndarray:
    """Return positions, (k,) int64 ascending, of at most `most` examples of a split, drawn by their content."""
    return np.sort(shuffle_by_content(split.ids)[:most])
