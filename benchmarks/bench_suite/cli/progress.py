"""The progress of a run on standard error: a live display on a terminal, plain lines elsewhere."""

from __future__ import annotations

import sys
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from types import TracebackType

import click

from bench_suite.cli.output import fold, printable
from bench_suite.cli.run_state import CellState, RunState
from bench_suite.cli.terminal import has_colour, is_live
from bench_suite.contracts import Finding, History, Record, Window
from bench_suite.execution.callbacks import RunCallback
from bench_suite.execution.selection import has_failed
from bench_suite.suite.durations import format_duration
from bench_suite.suite.plan import Cell, name

Expected = Callable[[], Mapping[str, float]]
"Returns the seconds that cells took in earlier runs, by their id."
COLOURS = {"failed": "red", "interrupted": "yellow", "finding": "yellow"}


def make_progress(cells: int, *, one_thread: bool = False, arguments: str | None = None) -> Progress:
    """Return a live display if standard error is a terminal with a cursor, else plain lines.

    Args:
        cells: the number of cells.
        one_thread: no cell uses more than one thread, so the advice to use fewer is omitted.
        arguments: the suite and the flags that choose its cells, as the user typed them; None if there is no such file.
    """
    return _display(RunState(cells), one_thread=one_thread, arguments=arguments)


def progress_for(cells: Sequence[Cell], arguments: str | None = None, expected: Expected | None = None) -> Progress:
    """Return the progress display for a run of these cells.

    Args:
        cells: the cells.
        arguments: as in `make_progress`.
        expected: how long cells took in earlier runs; called when the run begins. None if it is unknown.
    """
    one_thread = all(cell.threads == 1 for cell in cells)
    return _display(RunState(len(cells), cells), one_thread=one_thread, arguments=arguments, expected=expected)


def _display(state: RunState, *, one_thread: bool, arguments: str | None, expected: Expected | None = None) -> Progress:
    if not is_live(sys.stderr):
        return Plain(state, one_thread=one_thread, arguments=arguments, expected=expected)
    return Live(state, one_thread=one_thread, arguments=arguments, expected=expected)


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


class Progress(RunCallback):
    """A run callback that is a context manager around the run; a subclass writes the lines."""

    def __init__(
        self,
        state: RunState,
        *,
        one_thread: bool = False,
        arguments: str | None = None,
        expected: Expected | None = None,
    ) -> None:
        """Make a display; the arguments are those of `make_progress` and `progress_for`."""
        self.state = state
        self.one_thread = one_thread
        self.arguments = arguments
        self._expected = expected

    def __enter__(self) -> Progress:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """End the display; an exception propagates."""

    def write(self, text: str, style: str = "", *, one_line: bool = False) -> None:
        """Write a text of a run.

        Args:
            text: the text, which may contain control characters.
            style: a key of `COLOURS`; empty for none.
            one_line: whether a live display cuts it to one line: all of it is said elsewhere.
        """

    def begin(self, run: str, *, resumed: bool, wanted: bool, done: int, notes: tuple[str, ...], busy: bool) -> None:
        """Write the lines at the start of the run."""
        self.state.begin(done)
        if self._expected is not None:
            self.state.expect(self._expected())
        for line in start_lines(
            run,
            resumed=resumed,
            wanted=wanted,
            done=done,
            cells=self.state.total,
            notes=notes,
            busy=busy,
            one_thread=self.one_thread,
        ):
            self.write(line)

    def data_notes(self, task: str, notes: Mapping[str, object]) -> None:
        """Write a line for each note."""
        for line in data_lines(task, notes):
            self.write(line)

    def findings(self, task: str, findings: Sequence[Finding]) -> None:
        """Write the worst findings."""
        for line in finding_lines(task, findings, self.arguments):
            self.write(line, "finding")

    def cell(self, cell: Cell) -> None:
        """Note that the cell begins; its line follows when it has ended."""
        self.state.start(cell)

    def step(self, cell: Cell, what: str) -> None:
        """Note what the cell does."""
        self.state.step(cell, what)

    def training(self, cell: Cell, epochs: int, steps: int) -> None:
        """Note the length of a training."""
        self.state.training(cell, epochs, steps)

    def window(self, cell: Cell, window: Window) -> None:
        """Note step, loss and rate of a training."""
        self.state.window(cell, window)

    def epoch(self, cell: Cell, row: Mapping[str, float]) -> None:
        """Note the values of an epoch."""
        self.state.of(cell).epoch = row

    def trained(self, cell: Cell, history: History | None) -> None:
        """Note nothing: the next step follows."""

    def record(self, cell: Cell, record: Record) -> None:
        """Write the line of the cell."""
        self.state.end(cell, record)
        style = record.status if record.status in COLOURS else "failed" if has_failed(record) else ""
        style = "failed" if not style and record.status != "ok" else style
        self.write(ended_cell_line(cell, record, self.state.done, self.state.total), style, one_line=True)

    def warning(self, text: str) -> None:
        """Write a line."""
        self.write(f"warning: {text}", "finding")


class Plain(Progress):
    """A display that writes one line per cell, without control characters: for CI and log files.

    If nothing was written for a while, a line says how far the run is: a sign of life for services that end a silent
    job. It comes from a thread, since one step may take minutes.
    """

    since: float
    "When the last line was written."

    def __init__(
        self,
        state: RunState,
        *,
        one_thread: bool = False,
        arguments: str | None = None,
        expected: Expected | None = None,
    ) -> None:
        super().__init__(state, one_thread=one_thread, arguments=arguments, expected=expected)
        self.since = state.clock()
        self._stop = threading.Event()
        self._lock = threading.RLock()

    def __enter__(self) -> Plain:
        threading.Thread(target=self._beat_until_stopped, name="bench-progress", daemon=True).start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stop.set()

    def write(self, text: str, style: str = "", *, one_line: bool = False) -> None:
        """Write a line to standard error."""
        line = printable(text, keep="")
        if style in COLOURS and has_colour(sys.stderr):
            line = click.style(line, fg=COLOURS[style])
        with self._lock:
            self.since = self.state.clock()
            sys.stderr.write(line + "\n")
            sys.stderr.flush()

    def step(self, cell: Cell, what: str) -> None:
        """Note what the cell does, and write a line if the last one is old."""
        super().step(cell, what)
        self.beat()

    def beat(self) -> None:
        """Write how far the run is if the last line is old: 30 s in a short run, up to 5 min in a long one."""
        with self._lock:
            if self.state.clock() - self.since > silence(self.state.elapsed):
                self.write(heartbeat(self.state))

    def _beat_until_stopped(self) -> None:
        while not self._stop.wait(BEAT_SECONDS):
            with suppress(Exception):  # a sign of life must never end a run
                self.beat()


BEAT_SECONDS = 5.0
"How often the age of the last line is checked."
MIN_SILENCE, MAX_SILENCE = 30.0, 300.0
"Services end a job that is silent for 10 minutes."
MAX_SHOWN = 2
"Cells that a heartbeat names."


def silence(elapsed: float) -> float:
    """Return the seconds without a line after which a run says how far it is: 1/20 of its time, within limits."""
    return min(MAX_SILENCE, max(MIN_SILENCE, elapsed / 20))


def heartbeat(state: RunState) -> str:
    """Return a line on how far a run is: cells, time, time left, and what the cells do that have run longest."""
    left = state.left()
    end = "" if left is None else f", about {format_duration(max(1, round(left)))} left"
    running = state.longest_running
    texts = [_activity(one) for one in running[:MAX_SHOWN]]
    texts += [f"{len(running) - MAX_SHOWN} more run"] if len(running) > MAX_SHOWN else []
    what = f": {'; '.join(texts)}" if texts else ""
    return f"      {state.done} of {state.total} cells after {format_duration(state.elapsed)}{end}{what}"


def _activity(one: CellState) -> str:
    if not one.trains:
        return f"{one.name}: {one.step or 'beginning'}"
    loss = "" if one.loss is None else f", loss {one.loss:.4f}"
    return f"{one.name}: training, {100 * one.fraction:.0f} %, epoch {one.current_epoch} of {one.epochs}{loss}"


class Live(Progress):
    """A display with a line for the run and one for each cell that runs, below the lines of the ended cells."""

    def __enter__(self) -> Live:
        from bench_suite.cli.live import Region
        from bench_suite.cli.live_lines import lines

        self.region = Region(
            lambda columns, rows, ascii_only: lines(self.state, columns, rows, ascii_only=ascii_only), sys.stderr
        )
        self.region.__enter__()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.region.__exit__(kind, error, trace)

    def write(self, text: str, style: str = "", *, one_line: bool = False) -> None:
        """Write a line above the region."""
        from bench_suite.reports.shortening import cut

        line, columns = printable(text, keep=""), self.region.columns
        self.region.print(cut(line, columns) if one_line else fold(line, columns), COLOURS.get(style, ""))
