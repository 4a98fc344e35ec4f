"""The progress of a run on standard error: a live display on a terminal, plain lines elsewhere."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from types import TracebackType
from typing import TYPE_CHECKING

from bench_suite.cli.output import printable
from bench_suite.contracts import Finding, History, Record, Window
from bench_suite.execution.callbacks import RunCallback
from bench_suite.suite.plan import Cell, name

if TYPE_CHECKING:
    from rich.progress import TaskID


class Progress(RunCallback):
    """A run callback that is a context manager around the run."""

    def __enter__(self) -> Progress:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """End the display; an exception propagates."""


def make_progress(cells: int, *, one_thread: bool = False, arguments: str | None = None) -> Progress:
    """Return a live display if standard error is a terminal, else plain lines.

    Args:
        cells: the number of cells.
        one_thread: no cell uses more than one thread, so the advice to use fewer is omitted.
        arguments: the suite and the flags that choose its cells, as the user typed them; None if there is no such file.
    """
    return (Live if sys.stderr.isatty() else Plain)(cells, one_thread=one_thread, arguments=arguments)


def progress_for(cells: Sequence[Cell], arguments: str | None = None) -> Progress:
    """Return the progress display for a run of these cells; `arguments` as in `make_progress`."""
    return make_progress(len(cells), one_thread=all(cell.threads == 1 for cell in cells), arguments=arguments)


def ended_cell_line(cell: Cell, record: Record, position: int, cells: int) -> str:
    """Return the line about a cell that has ended."""
    seconds = record.seconds.get("total", 0.0)
    if record.status != "ok":
        reason = (record.reason or "").splitlines() or [""]
        return f"[{position}/{cells}] {name(cell)}: {record.status} ({reason[0]})"
    failed = [label for label, row in record.probes.items() if row.status == "failed"]
    first_metric = next((row for row in record.metrics if row.value is not None and row.better != "none"), None)
    value = f"{first_metric.name.partition('/')[2]} {first_metric.value:.3f}, " if first_metric else ""
    failed_probes = f", probe failed: {', '.join(failed)}" if failed else ""
    return f"[{position}/{cells}] {name(cell)}: {value}{seconds:.1f} s{failed_probes}"


def start_lines(
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
    """Yield the lines at the start of a run.

    Args:
        run: the name of the run.
        resumed: whether the run existed before.
        wanted: whether the user asked to resume a run.
        done: the number of cells that are done.
        cells: the number of cells.
        notes: the notes of every record.
        busy: whether the load of the machine exceeds its number of cores.
        one_thread: whether no cell uses more than one thread.
    """
    if resumed:
        yield f"resuming {run}: {done} of {cells} cells are done"
    elif wanted:
        yield f"no earlier run of this suite with the same --set can be resumed; starting {run}"
    for note in notes:
        yield f"note: {note}"
    if busy:
        advice = (
            ""
            if one_thread
            else "; with as many threads as cores, training can take many times as long: --set matrix.threads=1 "
            "keeps threads from waiting for each other"
        )
        yield f"      timings will be noisy{advice}"


MAX_DATA_NOTES = 8
"Notes on the data of a task that a run shows; the report has all."


def data_lines(task: str, notes: Mapping[str, object]) -> Iterator[str]:
    """Yield a line for each note on the data of a task, and one that counts what is not shown."""
    for key, value in list(notes.items())[:MAX_DATA_NOTES]:
        yield f"data of {task}: {key}: {value}"
    if len(notes) > MAX_DATA_NOTES:
        yield f"data of {task}: {len(notes) - MAX_DATA_NOTES} more notes in the report"


MAX_FINDINGS = 5
"Findings on a task that a run shows, a line for each."


def finding_lines(task: str, findings: Sequence[Finding], arguments: str | None) -> Iterator[str]:
    """Yield a line for each of the worst findings on a task, without notes, and one on how to see the others.

    Args:
        task: its label.
        findings: all findings on it.
        arguments: as in `make_progress`.
    """
    shown = [one for one in findings if one.severity != "note"][:MAX_FINDINGS]
    for finding in shown:
        yield f"{finding.code} {task}: {finding.summary}"
    rest = len(findings) - len(shown)
    of_data = any(one.code not in ("D009", "D011", "D012") for one in findings)
    if rest or of_data:
        command = f"bench data check {arguments}" if of_data and arguments is not None else "see the report"
        count = f"{rest} more finding{'s' if rest > 1 else ''} on {task}, and the" if rest else "the"
        yield f"      {count} rows and lines that mend: {command}"


class Plain(Progress):
    """A display that writes one line per cell, without control characters: for CI and log files."""

    def __init__(self, cells: int, *, one_thread: bool = False, arguments: str | None = None) -> None:
        self.cells = cells
        self.one_thread = one_thread
        self.arguments = arguments
        self.done = 0
        self.since = time.perf_counter()

    def __enter__(self) -> Plain:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        pass

    def begin(self, run: str, *, resumed: bool, wanted: bool, done: int, notes: tuple[str, ...], busy: bool) -> None:
        """Write the lines at the start of the run."""
        self.done = done
        for line in start_lines(
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

    def data_notes(self, task: str, notes: Mapping[str, object]) -> None:
        """Write a line for each note."""
        for line in data_lines(task, notes):
            self._say(line)

    def findings(self, task: str, findings: Sequence[Finding]) -> None:
        """Write the worst findings."""
        for line in finding_lines(task, findings, self.arguments):
            self._say(line)

    def cell(self, cell: Cell) -> None:
        """Write nothing: the line follows when the cell has ended."""

    def step(self, cell: Cell, what: str) -> None:
        """Write a line if the last one is older than 30 s."""
        self._alive(cell, what)

    def window(self, cell: Cell, window: Window) -> None:
        """Write a line if the last one is older than 30 s."""
        self._alive(cell, f"step {window.step}, loss {window.loss:.4f}")

    def trained(self, cell: Cell, history: History | None) -> None:
        """Nothing."""

    def record(self, cell: Cell, record: Record) -> None:
        """Write the line of the cell."""
        self.done += 1
        self.since = time.perf_counter()
        self._say(ended_cell_line(cell, record, self.done, self.cells))

    def warning(self, text: str) -> None:
        """Write a line."""
        self._say(f"warning: {text}")

    def _alive(self, cell: Cell, what: str) -> None:
        """Write what the cell is doing, at most once in 30 s."""
        if time.perf_counter() - self.since > 30:
            self.since = time.perf_counter()
            self._say(f"      {name(cell)}: {what}")

    def _say(self, text: str) -> None:
        sys.stderr.write(printable(text, keep="") + "\n")
        sys.stderr.flush()


class Live(Progress):
    """A progress bar with the current cell and the remaining time, below the lines of the ended cells."""

    def __init__(self, cells: int, *, one_thread: bool = False, arguments: str | None = None) -> None:
        from rich.console import Console
        from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeRemainingColumn
        from rich.progress import Progress as Bar

        self.cells = cells
        self.one_thread = one_thread
        self.arguments = arguments
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
        self.running: dict[str, str] = {}
        "What each cell that runs is doing, by id: several at a time under an executor of several processes."

    def __enter__(self) -> Live:
        self.bar.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.bar.stop()

    def begin(self, run: str, *, resumed: bool, wanted: bool, done: int, notes: tuple[str, ...], busy: bool) -> None:
        """Write the lines at the start of the run."""
        self.done = done
        self.bar.update(self.task, completed=done)
        for line in start_lines(
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

    def data_notes(self, task: str, notes: Mapping[str, object]) -> None:
        """Write a line for each note."""
        for line in data_lines(task, notes):
            self.console.print(printable(line), markup=False)

    def findings(self, task: str, findings: Sequence[Finding]) -> None:
        """Write the worst findings."""
        for line in finding_lines(task, findings, self.arguments):
            self.console.print(printable(line), style="yellow", markup=False)

    def cell(self, cell: Cell) -> None:
        """Show the name of the cell beside the bar."""
        self._now(cell, name(cell))

    def step(self, cell: Cell, what: str) -> None:
        """Show what the cell is doing."""
        self._now(cell, f"{name(cell)}: {what}")

    def window(self, cell: Cell, window: Window) -> None:
        """Show step, loss and rate of the training."""
        rate = window.samples / window.seconds if window.seconds else 0.0
        self._now(cell, f"{name(cell)}: step {window.step}, loss {window.loss:.3f}, {rate:,.0f}/s")

    def trained(self, cell: Cell, history: History | None) -> None:
        """Nothing."""

    def record(self, cell: Cell, record: Record) -> None:
        """Write the line of the cell and advance the bar."""
        self.done += 1
        style = {"ok": "none", "interrupted": "yellow"}.get(record.status, "red")
        self.console.print(printable(ended_cell_line(cell, record, self.done, self.cells)), style=style, markup=False)
        self.running.pop(cell.id, None)
        self.bar.update(self.task, advance=1)

    def warning(self, text: str) -> None:
        """Write a line."""
        self.console.print(printable(f"warning: {text}"), style="yellow", markup=False)

    def _now(self, cell: Cell, text: str) -> None:
        """Show what a cell is doing, and the number of other cells that run."""
        self.running.pop(cell.id, None)
        self.running[cell.id] = text
        others = f"(+{len(self.running) - 1}) " if len(self.running) > 1 else ""
        self.bar.update(self.task, now=printable(f"{others}{text}", keep=""))
