"""The interface of an experiment tracker: what its exporter has to do, during a run and with a finished one."""

from __future__ import annotations

import time
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from bench_suite.contracts import BenchError, Record
from bench_suite.suite.cell import name_of


@dataclass(frozen=True)
class TrackedCell:
    """A cell, as far as a tracker needs it; a finished run knows no more of it."""

    id: str
    labels: Mapping[str, Any]
    "`task`, `model`, `engine`, `precision`, `seed`, and each further axis by its name."

    @property
    def name(self) -> str:
        """The name of the cell for people: `mnist, mlp, seed 0`."""
        return name_of(self.labels)


@dataclass(frozen=True)
class Point:
    """A point of a training curve."""

    curve: str
    "`train/…` for a curve over optimizer steps, `epoch/…` for one over epochs."
    step: int
    "The number of steps done, or the epoch from 1."
    value: float
    "A finite number."
    at: float = field(default_factory=time.time)
    "When it was measured, in seconds since 1970."


@dataclass(frozen=True)
class Written:
    """What a tracker tells the user at its end."""

    target: str
    "The folder or the address to which it has written, and what it has left out."
    command: str
    "How to open it, after a word: `curves: tensorboard --logdir …`."


class Tracker(ABC):
    """An experiment tracker to which one run is written, cell by cell.

    A cell may be written a second time, after a kill or by a second export. Then nothing may appear twice.
    """

    def is_written(self, cell: TrackedCell, record: Record) -> bool:
        """Return whether the cell with this record is there already, so that a second export can pass over it."""
        return False

    @abstractmethod
    def add_points(self, cell: TrackedCell, points: Sequence[Point]) -> None:
        """Add points to the curves of a cell; the first call for a cell creates what the tracker has for it.

        Args:
            cell: the cell.
            points: in the order in which they were measured.
        """

    @abstractmethod
    def finish(self, cell: TrackedCell, record: Record) -> None:
        """Write the options, final metrics and artifacts of a cell that has ended, with any status."""

    @abstractmethod
    def close(self, *, complete: bool) -> Written:
        """Write what concerns the run as a whole, and end.

        Args:
            complete: False if the run was interrupted or killed, or has cells that were not run.
        """


def unwritable(folder: Path, error: OSError) -> BenchError:
    """Return the error for the user if a folder of a tracker cannot be written."""
    return BenchError(f"{folder} cannot be written ({error.strerror or error}): choose another folder, or make room")
