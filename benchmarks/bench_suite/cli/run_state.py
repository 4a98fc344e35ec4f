"""The state of a run as its progress shows it: what each cell does, how far it is, and how long the rest will take.

A method that a window of training calls only sets fields, since it may be called 20 times a second for each cell.
"""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from bench_suite.contracts import Record, Window
from bench_suite.execution.selection import has_failed
from bench_suite.suite.plan import Cell, name

MAX_SECONDS_KEPT = 20
"The newest times of cells that cost the same, of which the median is expected for the next one."
MIN_FRACTION = 0.02
"Share of a training from which its time left is estimated: the first steps are slower."
TRAINING = "training"
"The step in which a cell trains."
MAX_GROUPS = 200
"With more, cells are told apart less exactly: the estimate is computed while the run goes on."
Clock = Callable[[], float]
Group = tuple[str, ...]
"What cells that cost the same have in common."


@dataclass
class CellState:
    """A cell that runs."""

    name: str
    group: Group
    began: float
    step: str = ""
    "What it does: `data`, `training`, the label of a probe."
    step_began: float = 0.0
    epochs: int = 0
    steps: int = 0
    "Number of steps of its training; 0 if it is unknown, or if the cell does not train."
    done_steps: int = 0
    samples_per_second: float | None = None
    loss: float | None = None
    epoch: Mapping[str, float] = field(default_factory=dict)
    "The values of the last epoch that has ended, as in `History.epochs`."
    first_window: tuple[int, float] | None = None
    "Step and time of the first window: a resumed training begins in the middle."

    @property
    def trains(self) -> bool:
        """Whether the cell trains a network and its steps are known."""
        return self.steps > 0

    @property
    def fraction(self) -> float:
        """The share of the training that is done."""
        return min(1.0, self.done_steps / self.steps) if self.steps else 0.0

    @property
    def current_epoch(self) -> int:
        """The number of the epoch that runs, from 1."""
        return min(self.epochs, 1 + self.done_steps * self.epochs // self.steps) if self.steps else 0

    def training_left(self, now: float) -> float | None:
        """Return the seconds until the training ends; None as long as nothing can be said."""
        if not self.trains or self.first_window is None:
            return None
        step, moment = self.first_window
        if self.done_steps - step < MIN_FRACTION * self.steps:
            return None
        return (now - moment) / (self.done_steps - step) * max(0, self.steps - self.done_steps)


@dataclass
class _Group:
    """The cells that cost the same, since they differ in their seed and fold only."""

    waiting: int = 0
    expected: list[float] = field(default_factory=list)
    "Seconds of earlier runs."
    measured: list[float] = field(default_factory=list)
    "Seconds of this run, the newest last."

    after_training: list[float] = field(default_factory=list)
    "Seconds from the end of the training to that of the cell, of this run."


class RunState:
    """The cells of a run: those that have ended, those that run, and those that wait."""

    def __init__(self, total: int, cells: Sequence[Cell] = (), clock: Clock = time.perf_counter) -> None:
        """Begin with no cell that has ended.

        Args:
            total: the number of cells.
            cells: the cells, if they are known.
            clock: returns the seconds of a clock that never goes back.
        """
        self.total = total
        self.done = 0
        "Cells that have ended, those of earlier processes of the run included."
        self.failed = 0
        "Cells of this process that did not end well, or in which a probe failed."
        self.running: dict[str, CellState] = {}
        self.clock = clock
        self.began = clock()
        self._work = 0.0
        self._cells = cells
        self._group = next(of for of in _GROUPINGS if len({of(cell) for cell in cells}) <= MAX_GROUPS)
        self._groups: dict[Group, _Group] = {}
        self._seconds: dict[Group, float] | None = None
        "What a cell of each group probably takes; None if it has to be computed again."
        for cell in cells:
            self._groups.setdefault(self._group(cell), _Group()).waiting += 1

    @property
    def elapsed(self) -> float:
        """Seconds since the run began."""
        return self.clock() - self.began

    @property
    def longest_running(self) -> list[CellState]:
        """The cells that run, those first that began first; another thread may add some meanwhile."""
        return sorted(self.running.values(), key=lambda one: one.began)

    def begin(self, done: int) -> None:
        """Note that the run begins, of which so many cells are done."""
        self.done = done

    def expect(self, seconds: Mapping[str, float]) -> None:
        """Note how long cells took in earlier runs, by their id."""
        for cell in self._cells:
            if cell.id in seconds:
                self._groups.setdefault(self._group(cell), _Group()).expected.append(seconds[cell.id])
        self._seconds = None

    def of(self, cell: Cell) -> CellState:
        """Return the state of a cell, which runs from now on if it did not before."""
        state = self.running.get(cell.id)
        if state is None:
            group = self._group(cell)
            state = self.running[cell.id] = CellState(name(cell), group, self.clock(), step_began=self.clock())
            if group in self._groups:
                self._groups[group].waiting = max(0, self._groups[group].waiting - 1)
        return state

    def start(self, cell: Cell) -> None:
        """Note that a cell begins; it may have begun before, in a process that has ended."""
        state = self.of(cell)
        self.running[cell.id] = CellState(state.name, state.group, self.clock(), step_began=self.clock())

    def step(self, cell: Cell, what: str) -> None:
        """Note what a cell does."""
        state = self.of(cell)
        state.step, state.step_began = what, self.clock()
        if what != TRAINING:
            state.steps = 0

    def training(self, cell: Cell, epochs: int, steps: int) -> None:
        """Note that a training of so many epochs and steps begins."""
        state = self.of(cell)
        state.epochs, state.steps, state.done_steps, state.first_window = epochs, steps, 0, None

    def window(self, cell: Cell, window: Window) -> None:
        """Note how far a training is."""
        state = self.of(cell)
        state.done_steps, state.loss = window.step, window.loss
        if window.seconds:
            state.samples_per_second = window.samples / window.seconds
        if state.first_window is None:
            state.first_window = (window.step, self.clock())

    def end(self, cell: Cell, record: Record) -> None:
        """Note that a cell has its record."""
        self.of(cell)
        state = self.running.pop(cell.id)
        self.done += 1
        self.failed += has_failed(record)
        seconds = float(record.seconds.get("total", 0.0))
        self._work += seconds
        self._seconds = None
        if record.status == "ok":
            group = self._groups.setdefault(state.group, _Group())
            group.measured = [*group.measured[-MAX_SECONDS_KEPT + 1 :], seconds]
            before = sum(record.seconds.get(part, 0.0) for part in _UP_TO_TRAINING)
            group.after_training = [*group.after_training[-MAX_SECONDS_KEPT + 1 :], max(0.0, seconds - before)]

    def cell_left(self, state: CellState, now: float) -> float | None:
        """Return the seconds until a cell ends: by its training and cells like it; None if nothing is known."""
        group, seconds = self._groups.get(state.group, _Group()), self._expected().get(state.group)
        training = state.training_left(now)
        expected = None if seconds is None else max(0.0, seconds - (now - state.began))
        if training is None:
            return expected
        if group.after_training:
            return training + statistics.median(group.after_training)
        return training if expected is None else max(training, expected)

    def left(self) -> float | None:
        """Return the seconds until the run ends: an estimate, None as long as nothing can be said.

        A cell of which nothing is known is expected to take as long as the mean cell. The cells that wait run side by
        side as they have done so far.
        """
        now, running, known = self.clock(), self.longest_running, self._expected()
        waiting = max(0, self.total - self.done - len(running))
        lefts = [self.cell_left(state, now) for state in running]
        if not known:
            return max((left for left in lefts if left is not None), default=None) if not waiting else None
        mean = statistics.fmean(known.values())
        of_running = [
            left if left is not None else max(0.0, mean - (now - state.began)) for left, state in zip(lefts, running)
        ]
        groups = list(self._groups.items())
        counted = sum(group.waiting for _, group in groups)
        of_groups = sum(group.waiting * known.get(key, mean) for key, group in groups)
        of_waiting = waiting * (of_groups / counted if counted else mean)
        work = self._work + sum(now - state.began for state in running)
        at_once = max(1.0, work / self.elapsed) if self.elapsed > 0 else 1.0
        return max([(of_waiting + sum(of_running)) / at_once, *of_running])

    def _expected(self) -> dict[Group, float]:
        """Return what a cell of each group takes: by this run, else by earlier runs at the pace of this one."""
        if self._seconds is None:
            groups = list(self._groups.items())
            measured = {key: statistics.median(group.measured) for key, group in groups if group.measured}
            expected = {key: statistics.median(group.expected) for key, group in groups if group.expected}
            before = sum(seconds for key, seconds in expected.items() if key in measured)
            pace = sum(seconds for key, seconds in measured.items() if key in expected) / before if before > 0 else 1.0
            self._seconds = {key: pace * seconds for key, seconds in expected.items()} | measured
        return self._seconds


_UP_TO_TRAINING = ("data", "build", "encode", "train")
"Keys of `Record.seconds`."


def _by_labels(cell: Cell) -> Group:
    return tuple(str(value) for axis, value in cell.labels.items() if axis not in ("seed", "fold"))


def _by_model(cell: Cell) -> Group:
    return (cell.task.label, cell.model.label)


def _together(cell: Cell) -> Group:
    return ()


_GROUPINGS: tuple[Callable[[Cell], Group], ...] = (_by_labels, _by_model, _together)
