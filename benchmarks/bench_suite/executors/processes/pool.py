"""The pool of worker processes: gives units to them, watches them, and replaces those that crash."""

from __future__ import annotations

import os
import queue
import signal
import subprocess
import sys
import threading
import time
from collections import Counter, deque
from collections.abc import Iterator
from contextlib import ExitStack, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bench_suite.contracts import BenchError, Record
from bench_suite.execution.endings import at_forced_end
from bench_suite.execution.events import Event, Ready, UnitEnded, WorkerFailed
from bench_suite.execution.gpus import GpuLeases, environment_of, visible_gpus
from bench_suite.execution.sharing import CoreLeases, Sharing, machine_cores
from bench_suite.execution.work import Work
from bench_suite.executors.processes.child import Order, read_frame, write_frame
from bench_suite.store.atomic import StoreError
from bench_suite.store.records import read_lines
from bench_suite.suite.plan import Unit

if TYPE_CHECKING:
    from bench_suite.executors.processes import Options

_POSIX = os.name == "posix"
_START = (
    "import signal, sys; signal.signal(signal.SIGINT, signal.SIG_DFL); "  # while it imports, Ctrl-C ends it silently
    "from bench_suite.executors.processes.child import main; sys.exit(main(*sys.argv[1:]))"
)


@dataclass(frozen=True)
class Ended:
    """A worker process has ended: its output is at its end."""


@dataclass(frozen=True)
class Printed:
    """A worker, or a component in it, has printed a line."""

    line: str


class Child:
    """A worker process, as its parent sees it."""

    def __init__(
        self, job: Path, events: queue.SimpleQueue[tuple[Child, Event | Ended | Printed]], gpu: str | None
    ) -> None:
        """Start the process.

        Args:
            job: the file of the job.
            events: takes what the process sends, with the process.
            gpu: the only GPU that it sees; None leaves it all that this process sees.
        """
        self._events = events
        self.gpu = gpu
        # A session of its own: Ctrl-C on the terminal reaches the parent only, which tells the workers.
        self.process = subprocess.Popen(
            [sys.executable, "-c", _START, str(job), str(os.getpid())],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, start_new_session=_POSIX,
            env=environment_of(gpu),
        )  # fmt: skip
        self.unit: Unit | None = None
        "The unit that it runs."
        self.deadline: float | None = None
        "When the unit is stopped, on the monotonic clock."
        self.timed_out = False
        self.ready = False
        self.records: str | None = None
        "Name of its file of records."
        for target in (self._read_events, self._read_text):
            threading.Thread(target=target, daemon=True).start()

    def give(self, order: Order) -> None:
        """Give it a unit."""
        with suppress(OSError):  # it has ended; the end of its output says so
            write_frame(self.process.stdin, order)  # type: ignore[arg-type]  # the stubs of Popen call it IO[bytes]

    def dismiss(self) -> None:
        """Let it end after its unit."""
        with suppress(OSError):
            self.process.stdin.close()  # type: ignore[union-attr]  # it is a pipe, see above

    def interrupt(self) -> None:
        """Interrupt it as Ctrl-C would."""
        if self.process.poll() is None:
            with suppress(OSError):
                self.process.send_signal(signal.SIGINT)

    def kill(self) -> None:
        """End it, and what it has started, at once."""
        with suppress(OSError):
            if _POSIX:
                os.killpg(self.process.pid, signal.SIGKILL)
            else:
                self.process.kill()

    def ending(self) -> str:
        """Return how it ended: the signal's name, or its exit status."""
        status = self.process.wait()
        if status < 0:
            with suppress(ValueError):
                return signal.Signals(-status).name
        return f"exit status {status}"

    def _read_events(self) -> None:
        file: Any = self.process.stdout
        with suppress(EOFError, OSError, ValueError):
            while True:
                self._events.put((self, read_frame(file)))
        self._events.put((self, Ended()))

    def _read_text(self) -> None:
        with suppress(OSError, ValueError):
            for line in self.process.stderr or ():
                self._events.put((self, Printed(line.decode(errors="replace").rstrip("\n"))))


class Pool:
    """Runs the units of a run in worker processes; a context manager that leaves no process behind."""

    def __init__(self, work: Work, options: Options, sharing: Sharing) -> None:
        self.work = work
        self.options = options
        self.sharing = sharing
        self.leases = CoreLeases(machine_cores(), sharing)
        self.gpus = GpuLeases(visible_gpus())
        self.pending = deque(work.todo())
        self.children: list[Child] = []
        self.written: dict[str, set[str]] = {}
        "Ids of the cells with a record, by unit, of units that are not complete."
        self.crashes: Counter[str] = Counter()
        "Number of processes that ended in a unit."
        self.silent: Counter[str] = Counter()
        "Number of those that had not begun a cell."
        self.failed_starts = 0
        self.events: queue.SimpleQueue[tuple[Child, Event | Ended | Printed]] = queue.SimpleQueue()
        self._stack = ExitStack()

    def __enter__(self) -> Pool:
        self.job = self.work.job(self.options.retries + 1)
        self._stack.enter_context(at_forced_end(self._kill_all))
        return self

    def __exit__(self, *error: object) -> None:
        try:
            for child in self.children:  # those that run a unit, after an error or -x, write their record first
                child.interrupt() if child.unit is not None else child.dismiss()
            for child in self.children:
                child.process.wait()
        finally:
            self._kill_all()
            self._stack.close()

    def records(self) -> Iterator[Record]:
        """Yield each record when it is on disk.

        Raises:
            KeyboardInterrupt: after the records of the cells that were interrupted.
            StoreError: a worker cannot write the run's files.
            BenchError: workers end before they can run a unit.
        """
        try:
            while self.pending or any(child.unit for child in self.children):
                self._start_units()
                yield from self._next()
        except KeyboardInterrupt:
            self.pending.clear()
            for child in self.children:
                child.interrupt()
            while self.children:
                yield from self._next(stopping=True)
            raise
        for child in self.children:
            child.dismiss()

    def _start_units(self) -> None:
        """Give units to processes as long as there are free cores; the timed ones come last."""
        skipped: list[Unit] = []
        while self.pending:
            unit = self.pending.popleft()
            has_gpu = not self.gpus.needs_one(unit) or self.gpus.is_free()
            cores = self.leases.take(unit) if has_gpu else None
            if cores is None:
                skipped.append(unit)
                if len(skipped) > 64:  # as far as anybody needs to look for a unit that fits
                    break
                continue
            child = self._child(self.gpus.take(unit))
            child.unit, child.timed_out = unit, False
            child.deadline = time.monotonic() + self.options.timeout if self.options.timeout else None
            child.give(
                Order(unit.id, cores, tuple(self.written.get(unit.id, ())), tuple(self.work.context.checked_tasks))
            )
        self.pending.extendleft(reversed(skipped))

    def _child(self, gpu: str | None) -> Child:
        """Return a process without a unit that sees this GPU only: one that waits, or a new one."""
        for child in self.children:
            if child.unit is None and child.gpu == gpu:
                return child
        child = Child(self.job, self.events, gpu)
        self.children.append(child)
        return child

    def _next(self, *, stopping: bool = False) -> Iterator[Record]:
        """Wait for the next event, or the next time limit, and yield the records that it brings."""
        deadlines = [child.deadline for child in self.children if child.deadline is not None]
        timeout = max(0.0, min(deadlines) - time.monotonic()) if deadlines else None
        try:
            child, event = self.events.get(timeout=timeout)
        except queue.Empty:
            for child in self.children:
                if child.deadline is not None and child.deadline <= time.monotonic():
                    child.deadline, child.timed_out = None, True
                    child.kill()
            return
        if isinstance(event, Printed):
            sys.stderr.write(event.line + "\n")
        elif isinstance(event, Ended):
            yield from self._after_end(child, stopping=stopping)
        elif isinstance(event, Ready):
            child.ready, child.records, self.failed_starts = True, event.records, 0
        elif isinstance(event, UnitEnded):
            self._free(child)
            self.written.pop(event.unit, None)
        elif isinstance(event, WorkerFailed):
            if not event.interrupted:
                self._free(child)
                error = StoreError(event.message)
                error.exit_status = event.exit_status
                raise error
        else:
            record = self.work.handle(event)
            if record is not None:
                yield from self._note(child, record)

    def _note(self, child: Child, record: Record) -> Iterator[Record]:
        if child.unit is not None:
            self.written.setdefault(child.unit.id, set()).add(record.id)
        yield record

    def _free(self, child: Child) -> None:
        if child.unit is not None:
            self.leases.give_back(child.unit.id)
            self.gpus.give_back(child.unit.id)
        child.unit = child.deadline = None

    def _after_end(self, child: Child, *, stopping: bool) -> Iterator[Record]:
        """Clear up after a process that has ended; a unit that it did not complete is tried again."""
        self.children.remove(child)
        unit, ending = child.unit, child.ending()
        child.kill()  # what it had started
        if unit is None:
            return
        yield from self._unannounced(child, unit)
        self._free(child)
        if stopping:
            return
        if child.timed_out:
            ending = f"no end after {self.options.timeout:g} s, the timeout"
        unfinished = self.work.context.unfinished
        assert unfinished is not None
        cell = unfinished.of_process(child.process.pid)
        if cell is not None:
            unfinished.note_end(cell, ending)
        else:
            self.silent[unit.id] += 1
        self.crashes[unit.id] += 1
        if not child.ready:
            self.failed_starts += 1
            if self.failed_starts > self.options.retries + self.sharing.jobs:
                raise BenchError(f"the processes that should run the cells end before they begin ({ending})")
        attempts = self.options.retries + 1
        steps = sum(len(one.probes) + 4 for one in unit.cells)
        if self.silent[unit.id] >= attempts or self.crashes[unit.id] >= attempts * steps:
            done = self.written.pop(unit.id, set())
            rest = [one for one in self.work.missing(unit) if one.id not in done]
            times = self.crashes[unit.id]
            yield from self.work.fail(rest, f"the process of this cell ended {times} times ({ending})")
        else:
            self.pending.appendleft(unit)

    def _unannounced(self, child: Child, unit: Unit) -> Iterator[Record]:
        """Yield the records that the process wrote and could no longer announce."""
        known, ids = self.written.setdefault(unit.id, set()), {cell.id for cell in unit.cells}
        if child.records is None:
            return
        with suppress(OSError):
            for line in (self.work.context.run.path / "records" / child.records).read_bytes().splitlines(keepends=True):
                for record in read_lines(line)[0]:
                    if record.id in ids - known:
                        known.add(record.id)
                        yield record

    def _kill_all(self) -> None:
        for child in self.children:
            child.kill()
