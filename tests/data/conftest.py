"""Splits on disk that record which rows are read and when."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest


class DiskSplit:
    """The rows of a file; it records the maximum number of rows read at once."""

    groups: Mapping[str, np.ndarray] = {}
    in_memory = False

    def __init__(self, path: Path, rows: int) -> None:
        np.save(path, np.arange(rows * 4, dtype=np.float32).reshape(rows, 4))
        self.file = np.load(path, mmap_mode="r")
        self.ids = np.arange(rows)
        self.most = 0

    def __len__(self) -> int:
        return len(self.ids)

    def take(self, rows: np.ndarray) -> Mapping[str, Any]:
        self.most = max(self.most, len(rows))
        return {"table": np.array(self.file[rows]), "target": self.ids[rows] % 3}


class Labelled(DiskSplit):
    """The same split, with targets that are known without reading."""

    def __init__(self, path: Path, rows: int, classes: int = 2) -> None:
        super().__init__(path, rows)
        self.targets = self.ids % classes


@pytest.fixture
def disk_split() -> type[DiskSplit]:
    return DiskSplit


@pytest.fixture
def labelled_split() -> type[Labelled]:
    return Labelled
