"""What a run states in its `run.json`, without its records."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bench_suite.store import forms
from bench_suite.store.atomic import StoreError, shortened
from bench_suite.store.json_reader import Damage, read_json


@dataclass(frozen=True)
class RunInfo:
    """A run in a list of runs."""

    run: str
    "Id of the run."
    suite: str
    "Name of the suite."
    started: str
    "ISO 8601, UTC, to the millisecond."
    smoke: bool
    "Whether it is a smoke run."
    path: Path
    "The run's folder."
    info: Mapping[str, Any]
    "The content of `run.json`."

    @property
    def records(self) -> int:
        """Number of lines written; a cell that was resumed counts once for each record."""
        return sum(map(_count_lines, (self.path / "records").glob("*.jsonl")))


def read_info(path: Path) -> RunInfo:
    """Return the entry of the run in a folder, for a list of runs.

    Raises:
        StoreError: the folder is no run, or its `run.json` is damaged.
    """
    info = run_json(path)
    return RunInfo(info["run"], info["suite"], info["started"], bool(info.get("smoke")), path, info)


def run_json(path: Path) -> Mapping[str, Any]:
    """Return the content of the `run.json` in a folder.

    Raises:
        StoreError: the folder is no run, or its `run.json` is damaged.
    """
    try:
        info: Mapping[str, Any] = read_json((path / "run.json").read_bytes(), forms.RUN, "run.json")
    except FileNotFoundError:
        raise StoreError(f"{path} is not a run: it has no run.json") from None
    except (OSError, Damage) as error:
        message = message_of(error)
        raise StoreError(f"{shortened(path)} cannot be read as a run: {message}") from error
    return info


def message_of(error: Exception) -> str:
    """Return the message of an error, without the path of this machine that an OSError contains."""
    return (isinstance(error, OSError) and error.strerror) or str(error)


def _count_lines(path: Path) -> int:
    """Return the number of lines of a file; 0 if it cannot be read."""
    count = 0
    with suppress(OSError), path.open("rb") as file:
        while block := file.read(1 << 20):
            count += block.count(b"\n")
    return count
