"""The trackers of a run: each has a process of its own, which repeats the calls of the run's callback.

A tracker costs a training the time of putting a call into a queue. What it cannot do costs a warning.
"""

from __future__ import annotations

import os
import queue
import subprocess
import sys
import threading
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Any

from bench_suite.components.discovery import Component
from bench_suite.contracts import BenchError, Finding, History, Record, Window, describe_error
from bench_suite.execution.callbacks import RunCallback
from bench_suite.execution.tracker_process import Call, Done, Failed, Follow, Known, Ready, Start
from bench_suite.execution.worker_process import read_frame, write_frame
from bench_suite.store.commands import bench
from bench_suite.suite.plan import Cell

START_SECONDS = 120.0
"How long a tracker may take to import its library and to check that it can work."
CELL_SECONDS = 2.0
"How long a cell waits until a tracker that is up to date has written it, so that it disturbs no measurement after it."
END_SECONDS = 60.0
"How long the end of a run waits for a tracker."
MAX_WAITING = 20_000
"Calls that may wait for a tracker; from then on, windows of trainings are left out."
_START = "import sys; from bench_suite.execution.tracker_process import main; sys.exit(main(sys.argv[1]))"


class TrackerProcess:
    """A tracker, as the process that drives the run sees it."""

    def __init__(self, exporter: Component) -> None:
        """Start the process; `wait_until_ready` says whether it can work."""
        self.name = exporter.name
        self.failed: str | None = None
        "Why the tracker is no longer called; None while it is."
        self.where = ""
        "After the end: where it has written, and how to open it."
        self._run = "RUN"
        self._can_export = "export_to" in exporter.functions
        self._queue: queue.SimpleQueue[Any] = queue.SimpleQueue()
        self._changed = threading.Condition()
        self._ready = self._ended = False
        self._number = self._done = 0
        self._cells: set[str] = set()
        self._process = subprocess.Popen(
            [sys.executable, "-c", _START, str(os.getpid())],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL,
            start_new_session=os.name == "posix",
        )  # fmt: skip
        for target in (self._send, self._receive):
            threading.Thread(target=target, daemon=True, name=f"tracker {self.name}").start()
        self._queue.put(Start(exporter, tuple(sys.path)))

    def wait_until_ready(self) -> None:
        """Wait until the tracker has loaded.

        Raises:
            BenchError: it does not load, or refuses to work here.
        """
        with self._changed:
            self._changed.wait_for(lambda: self._ready or self.failed is not None, START_SECONDS)
        if self.failed is not None:
            raise BenchError(f"{self.name}: {self.failed}")
        if not self._ready:
            raise BenchError(f"{self.name}: it did not start within {START_SECONDS:.0f} s; leave it out of [run] log")

    def follow(self, path: str) -> None:
        """State the run that begins, by its folder."""
        self._run = Path(path).name
        self._queue.put(Follow(path))

    def call(self, method: str, cell: Cell | None, arguments: tuple[Any, ...], named: Mapping[str, Any]) -> None:
        """Let the tracker repeat a call, later."""
        if self.failed is not None or (method == "window" and self._number - self._done > MAX_WAITING):
            return
        if cell is not None and cell.id not in self._cells:
            self._cells.add(cell.id)
            self._queue.put(Known(cell))
        self._number += 1
        self._queue.put(Call(self._number, method, None if cell is None else cell.id, arguments, tuple(named.items())))

    def wait(self, seconds: float) -> bool:
        """Wait until the tracker has repeated all calls; return False if the time was not enough."""
        with self._changed:
            return self._changed.wait_for(lambda: self._done >= self._number or self.failed is not None, seconds)

    def close(self, seconds: float | None) -> None:
        """Wait for the end of the process; end it if it takes longer than some seconds. None: do not wait."""
        self._queue.put(None)
        if seconds is None:
            return
        try:
            self._process.wait(seconds)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._fail(f"it had not written everything {END_SECONDS:.0f} s after the end of the run")
        with self._changed:
            self._changed.wait_for(lambda: self._ended, 1.0)

    def warning(self) -> str:
        """Return what to tell the user about a tracker that has failed."""
        reason = (self.failed or "").partition("\n")[0]
        command = bench("export", self._run, "--format", self.name.replace("_", "-"))
        advice = f"; when the run has ended: {command}"
        return f"{self.name}: the run goes on without it: {reason}{advice if self._can_export else ''}"

    def _fail(self, message: str) -> None:
        with self._changed:
            self.failed = self.failed or message
            self._changed.notify_all()

    def _send(self) -> None:
        file: Any = self._process.stdin
        try:
            while (order := self._queue.get()) is not None:
                write_frame(file, order)
        except OSError:  # the process has ended, which the end of its output says
            pass
        except Exception as error:  # noqa: BLE001 - a component's value may raise anything when it is pickled
            self._fail(f"a call cannot be sent to it: {describe_error(error)}")
        with suppress(OSError, ValueError):
            file.close()

    def _receive(self) -> None:
        file: Any = self._process.stdout
        with suppress(EOFError, OSError, ValueError):
            while True:
                answer = read_frame(file)
                if isinstance(answer, Failed):
                    self._fail(answer.message)
                with self._changed:
                    self._ready = self._ready or isinstance(answer, Ready)
                    if isinstance(answer, Done):
                        self._done, self.where = answer.number, answer.where
                    self._changed.notify_all()
        with self._changed:
            ended_well = self._done >= self._number and self._process.wait() == 0
            self.failed = self.failed or (None if ended_well else f"its process ended ({self._process.wait()})")
            self._ended = True
            self._changed.notify_all()


class Trackers(RunCallback):
    """The callback of a run with trackers: passes each call on to another callback first, then to each tracker."""

    def __init__(self, callback: RunCallback, exporters: Sequence[Component], *, waits: bool) -> None:
        """Start a process for each tracker.

        Args:
            callback: the callback to pass on to.
            exporters: those that follow the run.
            waits: whether a cell waits until its calls are written: if its own process measures the next one.
        """
        self._other = callback
        self._waits = waits
        self._trackers = [TrackerProcess(exporter) for exporter in exporters]
        self._behind: set[str] = set()
        self._warned: dict[str, str] = {}
        self._follows = self._ended = False

    def __enter__(self) -> Trackers:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """End the trackers; after an error, their runs are incomplete. Nobody waits after a second Ctrl-C."""
        if not self._ended:
            self._end(END_SECONDS if error is None or isinstance(error, Exception) else 0.0, complete=False)

    @property
    def warnings(self) -> tuple[str, ...]:
        """What the user should know about trackers that have failed."""
        return tuple(self._warned.values())

    @property
    def where(self) -> dict[str, str]:
        """By tracker, after the end: where it has written, and how to open it."""
        return {tracker.name: tracker.where for tracker in self._trackers if tracker.where}

    def wait_until_ready(self) -> None:
        """Wait until all trackers have loaded.

        Raises:
            BenchError: one does not load, or refuses to work here.
        """
        for tracker in self._trackers:
            tracker.wait_until_ready()

    def follow(self, path: str) -> None:
        """State the folder of the run; to be called once, before any other call."""
        self._follows = True
        for tracker in self._trackers:
            tracker.follow(path)

    def begin(self, run: str, *, resumed: bool, wanted: bool, done: int, notes: tuple[str, ...], busy: bool) -> None:
        """Pass the call on."""
        self._other.begin(run, resumed=resumed, wanted=wanted, done=done, notes=notes, busy=busy)
        named = {"resumed": resumed, "wanted": wanted, "done": done, "notes": notes, "busy": busy}
        self._call("begin", None, run, **named)

    def data_notes(self, task: str, notes: Mapping[str, object]) -> None:
        """Pass the call on."""
        self._other.data_notes(task, notes)
        self._call("data_notes", None, task, dict(notes))

    def findings(self, task: str, findings: Sequence[Finding]) -> None:
        """Pass the call on."""
        self._other.findings(task, findings)
        self._call("findings", None, task, tuple(findings))

    def cell(self, cell: Cell) -> None:
        """Pass the call on."""
        self._other.cell(cell)
        self._call("cell", cell)

    def step(self, cell: Cell, what: str) -> None:
        """Pass the call on."""
        self._other.step(cell, what)
        self._call("step", cell, what)

    def training(self, cell: Cell, epochs: int, steps: int) -> None:
        """Pass the call on."""
        self._other.training(cell, epochs, steps)
        self._call("training", cell, epochs, steps)

    def window(self, cell: Cell, window: Window) -> None:
        """Pass the call on."""
        self._other.window(cell, window)
        self._call("window", cell, window)

    def epoch(self, cell: Cell, row: Mapping[str, float]) -> None:
        """Pass the call on."""
        self._other.epoch(cell, row)
        self._call("epoch", cell, dict(row))

    def trained(self, cell: Cell, history: History | None) -> None:
        """Pass the call on, and wait until the curves are written."""
        self._other.trained(cell, history)
        self._call("trained", cell, history)
        self._wait()

    def record(self, cell: Cell, record: Record) -> None:
        """Pass the call on, and wait until the cell is written."""
        self._other.record(cell, record)
        self._call("record", cell, record)
        self._wait()

    def warning(self, text: str) -> None:
        """Pass the call on to the other callback only."""
        self._other.warning(text)

    def end(self, *, complete: bool) -> None:
        """Pass the call on, and wait for the end of the trackers."""
        self._end(END_SECONDS, complete=complete)

    def _end(self, seconds: float, *, complete: bool) -> None:
        """Let the trackers end, and wait for all of them at most so many seconds; with 0, they end by themselves."""
        self._ended = True
        self._call("end", None, complete=complete)
        until = time.monotonic() + seconds
        for tracker in self._trackers:
            tracker.close(max(1.0, until - time.monotonic()) if seconds else None)
        self._warn()
        self._other.end(complete=complete)

    def _call(self, method: str, cell: Cell | None, *arguments: Any, **named: Any) -> None:
        for tracker in self._trackers:
            tracker.call(method, cell, arguments, named)
        self._warn()

    def _wait(self) -> None:
        """Wait for the trackers that are up to date; one that was too slow before has to catch up first."""
        if not self._waits:
            return
        for tracker in self._trackers:
            if tracker.wait(0.0 if tracker.name in self._behind else CELL_SECONDS):
                self._behind.discard(tracker.name)
            else:
                self._behind.add(tracker.name)

    def _warn(self) -> None:
        """Warn of each tracker that has failed, once; before the run begins, `wait_until_ready` raises instead."""
        for tracker in self._trackers if self._follows else ():
            if tracker.failed is not None and tracker.name not in self._warned:
                self._warned[tracker.name] = tracker.warning()
                self._other.warning(tracker.warning())
