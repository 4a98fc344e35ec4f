"""Progress of a run on standard error: live on a terminal, plain lines elsewhere."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator, Sequence
from types import TracebackType
from typing import TYPE_CHECKING

from bench_suite.cli.output import printable
from bench_suite.contracts import History, Record, Window
from bench_suite.execution.callbacks import RunCallback
from bench_suite.suite.plan import Cell, name

if TYPE_CHECKING:
    from rich.progress import TaskID


class Progress(RunCallback):
    """A callback that is entered around a run."""

    def __enter__(self) -> Progress:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """End the display; an exception goes on up."""


def progress(cells: int, *, one_thread: bool = False) -> Progress:
    """What fits where standard error goes; `one_thread`: no cell has more, so that fewer need not be advised."""
    return (Live if sys.stderr.isatty() else Plain)(cells, one_thread=one_thread)


def progress_of(cells: Sequence[Cell]) -> Progress:
    """`progress` of a run of these cells."""
    return progress(len(cells), one_thread=all(cell.threads == 1 for cell in cells))


def ending(cell: Cell, record: Record, position: int, cells: int) -> str:
    """One line about a cell that has ended."""
    seconds = record.seconds.get("total", 0.0)
    if record.status != "ok":
        reason = (record.reason or "").splitlines() or [""]
        return f"[{position}/{cells}] {name(cell)}: {record.status} ({reason[0]})"
    failed = [label for label, row in record.probes.items() if row.status == "failed"]
    first = next((row for row in record.metrics if row.value is not None and row.better != "none"), None)
    value = f"{first.name.partition('/')[2]} {first.value:.3f}, " if first else ""
    wrong = f", probe failed: {', '.join(failed)}" if failed else ""
    return f"[{position}/{cells}] {name(cell)}: {value}{seconds:.1f} s{wrong}"


def beginning(
    run: str,
    *,
    resumed: bool,
    wanted: bool,
    done: int,
    cells: int,
    notes: tuple[str, ...],
    busy: bool,
    one_thread: bool,
) -> Iterator[str]:
    """Lines about what a resume found, and about what is noted in every record."""
    if resumed:
        yield f"resuming {run}: {done} of {cells} cells are done"
    elif wanted:
        yield f"there is no run of this suite, with these --set, to resume: starting {run}"
    for note in notes:
        yield f"note: {note}"
    if busy:
        mend = (
            ""
            if one_thread
            else ", and with as many threads as cores training can take many times as long: --set matrix.threads=1 "
            "keeps threads from waiting on each other"
        )
        yield f"      timings will be noisy{mend}"


class Plain(Progress):
    """A line for each cell, without control characters: for CI and files."""

    def __init__(self, cells: int, *, one_thread: bool = False) -> None:
        self.cells = cells
        self.one_thread = one_thread
        self.done = 0
        self.since = time.perf_counter()

    def __enter__(self) -> Plain:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        pass

    def begin(self, run: str, *, resumed: bool, wanted: bool, done: int, notes: tuple[str, ...], busy: bool) -> None:
        """What a resume found."""
        self.done = done
        for line in beginning(
            run,
            resumed=resumed,
            wanted=wanted,
            done=done,
            cells=self.cells,
            notes=notes,
            busy=busy,
            one_thread=self.one_thread,
        ):
            self._say(line)

    def cell(self, cell: Cell) -> None:
        """Nothing: the line comes when the cell has ended."""

    def step(self, cell: Cell, what: str) -> None:
        """A sign of life."""
        self._alive(cell, what)

    def window(self, cell: Cell, window: Window) -> None:
        """A sign of life."""
        self._alive(cell, f"step {window.step}, loss {window.loss:.4f}")

    def trained(self, cell: Cell, history: History | None) -> None:
        """Nothing."""

    def record(self, cell: Cell, record: Record) -> None:
        """The cell's line."""
        self.done += 1
        self.since = time.perf_counter()
        self._say(ending(cell, record, self.done, self.cells))

    def _alive(self, cell: Cell, what: str) -> None:
        """What it is at, no more than once in 30 s."""
        if time.perf_counter() - self.since > 30:
            self.since = time.perf_counter()
            self._say(f"      {name(cell)}: {what}")

    def _say(self, text: str) -> None:
        sys.stderr.write(printable(text, keep="") + "\n")
        sys.stderr.flush()


class Live(Progress):
    """A bar with the cell in progress and the time left; ended cells scroll by above it."""

    def __init__(self, cells: int, *, one_thread: bool = False) -> None:
        from rich.console import Console
        from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeRemainingColumn
        from rich.progress import Progress as Bar

        self.cells = cells
        self.one_thread = one_thread
        self.done = 0
        self.console = Console(stderr=True, highlight=False)
        columns = (
            BarColumn(bar_width=16),
            MofNCompleteColumn(),
            TimeRemainingColumn(compact=True),
            TextColumn("{task.fields[now]}", markup=False),
        )
        self.bar = Bar(*columns, console=self.console, transient=True, refresh_per_second=5)
        self.task: TaskID = self.bar.add_task("cells", total=cells, now="starting")

    def __enter__(self) -> Live:
        self.bar.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.bar.stop()

    def begin(self, run: str, *, resumed: bool, wanted: bool, done: int, notes: tuple[str, ...], busy: bool) -> None:
        """What a resume found."""
        self.done = done
        self.bar.update(self.task, completed=done)
        for line in beginning(
            run,
            resumed=resumed,
            wanted=wanted,
            done=done,
            cells=self.cells,
            notes=notes,
            busy=busy,
            one_thread=self.one_thread,
        ):
            self.console.print(printable(line), markup=False)

    def cell(self, cell: Cell) -> None:
        """Name it beside the bar."""
        self._now(name(cell))

    def step(self, cell: Cell, what: str) -> None:
        """What it is at."""
        self._now(f"{name(cell)}: {what}")

    def window(self, cell: Cell, window: Window) -> None:
        """How far the training is."""
        rate = window.samples / window.seconds if window.seconds else 0.0
        self._now(f"{name(cell)}: step {window.step}, loss {window.loss:.3f}, {rate:,.0f}/s")

    def trained(self, cell: Cell, history: History | None) -> None:
        """Nothing."""

    def record(self, cell: Cell, record: Record) -> None:
        """The cell's line, and a step of the bar."""
        self.done += 1
        style = {"ok": "none", "interrupted": "yellow"}.get(record.status, "red")
        self.console.print(printable(ending(cell, record, self.done, self.cells)), style=style, markup=False)
        self.bar.update(self.task, advance=1)

    def _now(self, text: str) -> None:
        self.bar.update(self.task, now=printable(text, keep=""))
