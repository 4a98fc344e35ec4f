"""Events of a worker: what it tells the process that drives the run, in the order in which it happens.

An event can be pickled. The records themselves are on disk before their event is sent.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from bench_suite.contracts import Finding, History, Record, Window
from bench_suite.execution.callbacks import RunCallback
from bench_suite.suite.plan import Cell

if TYPE_CHECKING:
    from bench_suite.data.checks.trivial import Baselines


@dataclass(frozen=True)
class Ready:
    """The worker is ready for units."""

    process: int
    "Id of its process."
    records: str
    "Name of the file in `records/` that it writes."
    host: str = ""
    "Name of its machine."


@dataclass(frozen=True)
class Called:
    """A method of `RunCallback` was called."""

    method: str
    "Name of the method."
    cell: str | None
    "Id of the cell that is its first argument; None if it has none."
    arguments: tuple[Any, ...] = ()
    "The other arguments."


@dataclass(frozen=True)
class Checked:
    """The data of a task were checked."""

    key: str
    "`check_key` of the data."
    task: str
    "Label of the task."
    findings: tuple[Finding, ...]


@dataclass(frozen=True)
class Judged:
    """The trivial predictors of a test split were computed."""

    key: str
    "`data_key` of the data."
    baselines: Baselines | None
    "None if there are none."


@dataclass(frozen=True)
class Recorded:
    """A record is on disk."""

    record: Record


@dataclass(frozen=True)
class UnitEnded:
    """All cells of the unit have their records."""

    unit: str
    "Id of the unit."


@dataclass(frozen=True)
class WorkerFailed:
    """An error that ends the run, since the run's files cannot be written; or Ctrl-C reached the worker."""

    message: str
    exit_status: int
    interrupted: bool = False
    "Whether it was Ctrl-C."
    facts: Mapping[str, Any] = field(default_factory=dict)
    "`disk_full` if there is no room."


Event = Ready | Called | Checked | Judged | Recorded | UnitEnded | WorkerFailed


class EventCallback(RunCallback):
    """A callback that sends each call as an event, except those that belong to the process that drives the run."""

    def __init__(self, send: Callable[[Event], None]) -> None:
        """`send`: takes each event."""
        self._send = send

    def data_notes(self, task: str, notes: Mapping[str, object]) -> None:
        """Send the call."""
        self._send(Called("data_notes", None, (task, dict(notes))))

    def findings(self, task: str, findings: Sequence[Finding]) -> None:
        """Send nothing: `Checked` has the findings."""

    def cell(self, cell: Cell) -> None:
        """Send the call."""
        self._send(Called("cell", cell.id))

    def step(self, cell: Cell, what: str) -> None:
        """Send the call."""
        self._send(Called("step", cell.id, (what,)))

    def training(self, cell: Cell, epochs: int, steps: int) -> None:
        """Send the call."""
        self._send(Called("training", cell.id, (epochs, steps)))

    def window(self, cell: Cell, window: Window) -> None:
        """Send the call."""
        self._send(Called("window", cell.id, (window,)))

    def epoch(self, cell: Cell, row: Mapping[str, float]) -> None:
        """Send the call."""
        self._send(Called("epoch", cell.id, (dict(row),)))

    def trained(self, cell: Cell, history: History | None) -> None:
        """Send the call."""
        self._send(Called("trained", cell.id, (history,)))
