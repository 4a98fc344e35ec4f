"""Rows that stay on disk: 32,768 of 8 KiB. The sign of the first number is the class; the other numbers are noise."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from bench_suite.contracts import Data, Source
from bench_suite.data.fingerprint import file_hash
from bench_suite.data.splits import Subset

VERSION = 1
MODALITY = "table"
PROBLEM = "classification"
ROWS, TEST, WIDTH = 32_768, 2_048, 2_048
ROW_BYTES = WIDTH * 4


@dataclass(frozen=True)
class Options:
    in_memory: bool = False
    "Say that the rows are in memory, so that the harness holds them: more than it may have."


@dataclass(frozen=True, eq=False)
class Rows:
    """A split that reads rows on access, each at its offset in the file; no row is mapped or kept."""

    file: int
    in_memory: bool
    groups: Mapping[str, np.ndarray] = field(default_factory=dict)

    @property
    def ids(self) -> np.ndarray:
        """Return (n,) int64: the row numbers, as all rows differ."""
        return np.arange(ROWS)

    def __len__(self) -> int:
        return ROWS

    def take(self, rows: Any) -> Mapping[str, Any]:
        """Return `table` (k, 2048) float32 and `target` (k,) int64."""
        table = np.empty((len(rows), WIDTH), dtype=np.float32)
        for position, row in enumerate(np.asarray(rows).tolist()):
            os.preadv(self.file, [table[position]], row * ROW_BYTES)
        return {"table": table, "target": (table[:, 0] > 0).astype(np.int64)}


def load(options: Options, sources: Any) -> Data:
    """Return train and test as views of one file; write the file beside this one if it does not exist."""
    path = Path(__file__).with_name("rows.bin")
    if not path.exists():
        _write(path)
    whole = Rows(os.open(path, os.O_RDONLY), options.in_memory)
    splits = {"train": Subset(whole, np.arange(TEST, ROWS)), "test": Subset(whole, np.arange(TEST))}
    source = Source("generated", "rows", file_hash(path), notes={"bytes": path.stat().st_size})
    return Data("classification", {"classes": ("minus", "plus")}, splits, source)


def _write(path: Path) -> None:
    draw = np.random.default_rng(0)
    with path.open("wb") as file:
        for _ in range(0, ROWS, 1_024):
            table = draw.random((1_024, WIDTH), dtype=np.float32)
            table -= 0.5
            table[:, 0] *= 16.0
            file.write(table.tobytes())
