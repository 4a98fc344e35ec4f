"""What a run calls while it goes on: progress on the terminal, event files for TensorBoard."""

from __future__ import annotations

from bench_suite.contracts import History, Record, Window
from bench_suite.suite.plan import Cell


class RunCallback:
    """Called at each step of a run. Its methods do nothing; a subclass overrides those that it needs.

    The run waits for each call, so a method should return quickly.
    """

    def begin(self, run: str, *, resumed: bool, wanted: bool, done: int, notes: tuple[str, ...], busy: bool) -> None:
        """Called when the run begins.

        Args:
            run: the run's id.
            resumed: whether the run is an earlier one that goes on.
            wanted: whether a resume was asked for.
            done: number of cells that a resume found complete.
            notes: notes that every record of the run will contain.
            busy: whether the machine's load is above its number of cores.
        """

    def cell(self, cell: Cell) -> None:
        """Called when a cell begins."""

    def step(self, cell: Cell, what: str) -> None:
        """Called when a cell begins to load data, to train, or to apply a probe; `what` names it."""

    def window(self, cell: Cell, window: Window) -> None:
        """Called when a window of training has closed."""

    def trained(self, cell: Cell, history: History | None) -> None:
        """Called when a training has ended; `history` is None if the model reports nothing of its fit."""

    def record(self, cell: Cell, record: Record) -> None:
        """Called when the record of a cell is on disk."""
