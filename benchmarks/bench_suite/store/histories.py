"""Histories: the curves of the training of a cell, in `cells/ID/history.json`; they stay when weights are removed."""

from __future__ import annotations

import math
from dataclasses import asdict, replace
from pathlib import Path

from bench_suite.contracts import History
from bench_suite.store.atomic import inside, safe_name, write_file
from bench_suite.store.formats import history_from_json
from bench_suite.store.records import dumps

MAX_WINDOWS = 2000
"Number of windows that a file has at most: those of a longer training are thinned evenly, which no curve shows."


def write_history(run: Path, id: str, history: History) -> None:
    """Write the history of the training of a cell, without values that are not finite; it replaces an earlier one.

    Args:
        run: the folder of the run.
        id: the cell's id.
        history: the history.

    Raises:
        StoreError: the file cannot be written.
    """
    every = -(-len(history.windows) // MAX_WINDOWS) or 1
    windows = history.windows[::-1][::every][::-1]  # with the last window
    epochs = tuple({name: value for name, value in row.items() if math.isfinite(value)} for row in history.epochs)
    write_file(_path(run, id), dumps(asdict(replace(history, windows=windows, epochs=epochs))).encode())


def read_history(run: Path, id: str) -> History | None:
    """Return the history of the training of a cell.

    Args:
        run: the folder of the run.
        id: the cell's id.

    Returns:
        None if nothing was trained, the cell shares the training of another one, the run is older than this file, or
        the file is damaged.
    """
    try:
        return history_from_json(_path(run, id).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None


def _path(run: Path, id: str) -> Path:
    return inside(run, f"cells/{safe_name(id)}/history.json")
