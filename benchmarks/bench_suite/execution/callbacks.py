"""The callback of a run, for progress on the terminal and for experiment trackers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from bench_suite.contracts import Finding, History, Record, Window
from bench_suite.suite.plan import Cell


class RunCallback:
    """A callback whose methods are called at each step of a run and do nothing; a subclass overrides some of them.

    The run waits for each call, so a method should return quickly.
    """

    def begin(self, run: str, *, resumed: bool, wanted: bool, done: int, notes: tuple[str, ...], busy: bool) -> None:
        """Called when the run begins.

        Args:
            run: the run's id.
            resumed: whether an earlier run is continued.
            wanted: whether a resume was asked for.
            done: number of cells that are complete already.
            notes: notes that every record of the run will contain.
            busy: whether the machine's load is above its number of cores.
        """

    def data_notes(self, task: str, notes: Mapping[str, object]) -> None:
        """Called when the data of a task have been loaded, with what changes the meaning of numbers on them.

        Args:
            task: label of the task.
            notes: such as `test`: "80 of the 400 examples of `train`, drawn by content"; not empty.
        """

    def findings(self, task: str, findings: Sequence[Finding]) -> None:
        """Called when the data of a task, or the results of the run, have been checked, with at least one finding.

        Args:
            task: label of the task.
            findings: the findings, the worst first.
        """

    def cell(self, cell: Cell) -> None:
        """Called when a cell begins."""

    def step(self, cell: Cell, what: str) -> None:
        """Called when a part of a cell begins.

        Args:
            cell: the cell.
            what: the part: "data", "checking the data", "building", "encoding", "training", or the label of a probe.
        """

    def training(self, cell: Cell, epochs: int, steps: int) -> None:
        """Called when the training of a network begins.

        Args:
            cell: the cell.
            epochs: number of its epochs.
            steps: number of its steps, about; fewer if it stops early.
        """

    def window(self, cell: Cell, window: Window) -> None:
        """Called when a window of training has closed."""

    def epoch(self, cell: Cell, row: Mapping[str, float]) -> None:
        """Called when an epoch of a training has ended, with its row of `History.epochs`; some engines never do."""

    def trained(self, cell: Cell, history: History | None) -> None:
        """Called when a training has ended; `history` is None if the model reports nothing of its fit."""

    def record(self, cell: Cell, record: Record) -> None:
        """Called when the record of a cell is on disk."""

    def warning(self, text: str) -> None:
        """Called if something beside the cells fails, such as a tracker that no longer answers; the run goes on."""

    def end(self, *, complete: bool) -> None:
        """Called when the run ends, after its summaries.

        Args:
            complete: whether all cells that were to run have their records; False after Ctrl-C or an error.
        """
