"""The pool of worker processes: gives units to them, watches them, and replaces those that crash."""

from __future__ import annotations

import queue
import sys
import time
from collections import deque
from collections.abc import Iterator
from contextlib import ExitStack
from typing import TYPE_CHECKING

from bench_suite.contracts import Record
from bench_suite.environment import usable_cores
from bench_suite.execution.child import Child, Ended, Printed
from bench_suite.execution.endings import at_forced_end
from bench_suite.execution.events import Event
from bench_suite.execution.gpus import GpuLeases, environment_of, visible_gpus
from bench_suite.execution.retries import Retries, WorkerState
from bench_suite.execution.sharing import CoreLeases, Sharing
from bench_suite.execution.work import Work
from bench_suite.execution.worker_process import Order
from bench_suite.suite.plan import Unit

if TYPE_CHECKING:
    from bench_suite.executors.processes import Options


class Pool:
    """Runs the units of a run in worker processes; a context manager that leaves no process behind."""

    def __init__(self, work: Work, options: Options, sharing: Sharing) -> None:
        self.work = work
        self.options = options
        self.leases = CoreLeases(usable_cores(), sharing)
        self.retries = Retries(work, options.retries, sharing.jobs, self._release)
        self.gpus = GpuLeases(visible_gpus())
        self.pending = deque(work.todo())
        self.children: dict[Child, WorkerState] = {}
        self.gpus_of: dict[Child, str | None] = {}
        "The only GPUs that a process sees; None if it sees all that this process sees."
        self.events: queue.SimpleQueue[tuple[Child, Event | Ended | Printed]] = queue.SimpleQueue()
        self._stack = ExitStack()

    def __enter__(self) -> Pool:
        self.job = self.work.job(self.options.retries + 1)
        self._stack.enter_context(at_forced_end(self._kill_all))
        return self

    def __exit__(self, *error: object) -> None:
        try:
            for child, state in self.children.items():  # those that run a unit, after an error or -x, write a record
                child.interrupt() if state.unit is not None else child.dismiss()
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
            while self.pending or any(state.unit for state in self.children.values()):
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
            cores = self.leases.take(unit) if self.gpus.has_room(unit) else None
            if cores is None:
                skipped.append(unit)
                if len(skipped) > 64:  # as far as anybody needs to look for a unit that fits
                    break
                continue
            child = self._child(self.gpus.take(unit))
            self.children[child].begin(unit, self.options.timeout)
            child.give(Order(unit.id, cores, self.retries.written(unit), tuple(self.work.context.checked_tasks)))
        self.pending.extendleft(reversed(skipped))

    def _child(self, gpus: str | None) -> Child:
        """Return a process without a unit that sees these GPUs only: one that waits, or a new one."""
        for child, state in self.children.items():
            if state.unit is None and self.gpus_of[child] == gpus:
                return child
        child = Child(self.job, lambda child, event: self.events.put((child, event)), environment_of(gpus))
        self.children[child], self.gpus_of[child] = WorkerState(), gpus
        return child

    def _release(self, unit: Unit) -> None:
        self.leases.give_back(unit.id)
        self.gpus.give_back(unit.id)

    def _next(self, *, stopping: bool = False) -> Iterator[Record]:
        """Wait for the next event, or the next time limit, and yield the records that it brings."""
        deadlines = [state.deadline for state in self.children.values() if state.deadline is not None]
        timeout = max(0.0, min(deadlines) - time.monotonic()) if deadlines else None
        try:
            child, event = self.events.get(timeout=timeout)
        except queue.Empty:
            for child, state in self.children.items():
                if state.deadline is not None and state.deadline <= time.monotonic():
                    state.deadline, state.timed_out = None, True
                    child.kill()
            return
        if isinstance(event, Printed):
            sys.stderr.write(event.line + "\n")
        elif isinstance(event, Ended):
            yield from self._after_end(child, stopping=stopping)
        else:
            record = self.retries.handle(self.children[child], event)
            if record is not None:
                yield record

    def _after_end(self, child: Child, *, stopping: bool) -> Iterator[Record]:
        """Clear up after a process that has ended; a unit that it did not complete is tried again."""
        state = self.children.pop(child)
        del self.gpus_of[child]
        unit, ending = state.unit, child.ending()
        child.kill()  # what it had started
        if unit is not None:
            again = yield from self.retries.after_end(state, ending, self.options.timeout, stopping=stopping)
            if again:
                self.pending.appendleft(unit)

    def _kill_all(self) -> None:
        for child in [*self.children]:
            child.kill()
