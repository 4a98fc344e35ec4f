"""Memory that an import of a table takes, known before it is read, and the refusal of a table that does not fit."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

from bench_suite.contracts import BenchError
from bench_suite.environment import MEBIBYTE, format_bytes
from bench_suite.training.process_memory import available_memory

ROW = 180
"Bytes of a row at the peak: hashes, positions, and what sorting takes."
COLUMN = 40
"Bytes of a value of a further column."
WHOLE = 10
"Bytes of memory for each byte of a file that is read whole, such as a list of JSON."
REMEDY = "split it by task or model, and import each part"


def memory_for(rows: int, columns: int) -> int:
    """Return about how many bytes an import of some rows of a table takes at its peak."""
    return rows * (ROW + COLUMN * columns)


def checker(paths: Sequence[Path], columns: int, known: int = 0) -> Callable[[int, int], None]:
    """Return a function that refuses a table by its rows and bytes.

    Args:
        paths: the files of the table; the last one is being read.
        columns: number of columns that are needed.
        known: rows of the files before it.
    """
    left = available_memory()

    def check(rows: int, size: int) -> None:
        wanted = memory_for(known + rows, columns)
        if left is not None and wanted > left * MEBIBYTE:
            raise BenchError(
                f"{paths[-1].name}: {known + rows:,} rows or more ({size:,} bytes) take about {format_bytes(wanted)} "
                f"of memory, and {format_bytes(left * MEBIBYTE)} are free: {REMEDY}, or leave out columns that "
                "are not needed with --score, --scores or --group"
            )

    return check


def check_estimate(path: Path, row_bytes: float, check: Callable[[int, int], None]) -> None:
    """Refuse a file by the number of rows that its size and the length of its first rows suggest."""
    size = path.stat().st_size
    check(int(size / max(row_bytes, 1.0)), size)
