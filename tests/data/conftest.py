"""Splits on disk that record which rows are read and when, a process that obeys permissions, and columns of texts."""

from __future__ import annotations

import ctypes
import os
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from bench_suite.data.column_types import ColumnOptions
from bench_suite.data.raw_tables import RawTables
from bench_suite.data.schema import read_types


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


PR_CAPBSET_DROP = 24
CAP_DAC_OVERRIDE, CAP_DAC_READ_SEARCH = 1, 2


def _obey_permissions() -> None:
    """Give up, in this process and for good, what lets root read files whatever their mode (Linux)."""
    libc = ctypes.CDLL(None)
    for capability in (CAP_DAC_OVERRIDE, CAP_DAC_READ_SEARCH):
        libc.prctl(PR_CAPBSET_DROP, capability, 0, 0, 0)


@pytest.fixture
def unprivileged(tmp_path: Path) -> Iterator[tuple[Path, Callable[..., subprocess.CompletedProcess[str]]]]:
    """Yield a folder, and a function that runs Python there bound by the modes of files, even for root."""
    home = {"HOME": str(tmp_path), "BENCH_CACHE": str(tmp_path / ".cache"), "HF_HOME": str(tmp_path / ".hf")}

    def run(*arguments: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, *arguments], capture_output=True, text=True, cwd=tmp_path, env={**os.environ, **home},
            check=False, preexec_fn=_obey_permissions if os.geteuid() == 0 else None,
        )  # fmt: skip

    closed = tmp_path / "closed"
    closed.touch(mode=0)
    if os.name != "posix" or run("-c", "open('closed').close()").returncode == 0:
        pytest.skip("this user reads every file whatever its mode")
    closed.unlink()
    yield tmp_path, run
    for path in tmp_path.rglob("*"):  # so that pytest can remove them
        if path.is_dir() and not path.is_symlink():
            path.chmod(0o755)


@pytest.fixture
def typed() -> Callable[..., tuple[str, list[Any]]]:
    """Return the type of a column whose first part is train's file and whose others are test's, and all values."""

    def read(*parts: list[Any], textual: bool = True, **options: Any) -> tuple[str, list[Any]]:
        tables = [pa.table({"x": part if isinstance(part, pa.Array) else pa.array(part)}) for part in parts]
        raw = RawTables({"train": (tables[0],), **({"test": tuple(tables[1:])} if tables[1:] else {})}, textual)
        typed_tables = read_types(raw, ColumnOptions(**options), ["x"], "mine")
        values = [value for table in typed_tables.tables.values() for value in table["x"].to_pylist()]
        return typed_tables.columns["x"].type, values

    return read
