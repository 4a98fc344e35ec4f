"""Retries: what becomes of a unit if the worker that runs it ends; executors whose units run elsewhere share it."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Generator, Iterator
from contextlib import suppress
from dataclasses import dataclass

from bench_suite.contracts import BenchError, Record
from bench_suite.execution.events import Event, Ready, UnitEnded, WorkerFailed
from bench_suite.execution.work import Work
from bench_suite.store.atomic import StoreError, seal
from bench_suite.store.records import read_lines
from bench_suite.suite.plan import Unit


@dataclass(eq=False)
class WorkerState:
    """A worker, as the process that drives the run knows it."""

    unit: Unit | None = None
    "The unit that it runs."
    deadline: float | None = None
    "When the unit is stopped, on the monotonic clock."
    timed_out: bool = False
    "Whether the unit was stopped at its deadline."
    ready: bool = False
    process: int | None = None
    "Id of its process, once it is ready."
    host: str = ""
    "Name of the machine of its process, once it is ready."
    records: str | None = None
    "Name of its file of records, once it is ready."

    def begin(self, unit: Unit, timeout: float | None) -> None:
        """Note that it is given a unit, with a time limit in seconds."""
        self.unit, self.timed_out = unit, False
        self.deadline = time.monotonic() + timeout if timeout else None


class Retries:
    """The units in which workers ended, and whether they are tried again."""

    def __init__(self, work: Work, retries: int, jobs: int, release: Callable[[Unit], None]) -> None:
        """Begin with no unit.

        Args:
            work: the work of the run.
            retries: number of times that a step is tried again in which a worker ended.
            jobs: number of units that run at the same time.
            release: called when a worker has ended a unit, or has ended in it.
        """
        self.work = work
        self._retries = retries
        self._jobs = jobs
        self._release = release
        self._written: dict[str, set[str]] = {}
        "Ids of the cells with a record, by unit, of units that are not complete."
        self._ends: Counter[str] = Counter()
        "Number of workers that ended in a unit."
        self._silent: Counter[str] = Counter()
        "Number of those that had not begun a cell."
        self._failed_starts = 0

    def written(self, unit: Unit) -> tuple[str, ...]:
        """Return the ids of the cells of a unit that have a record already."""
        return tuple(self._written.get(unit.id, ()))

    def handle(self, worker: WorkerState, event: Event) -> Record | None:
        """Take in an event of a worker; return the record if it is about one.

        Raises:
            StoreError: the worker cannot write the run's files.
        """
        if isinstance(event, Ready):
            worker.ready, worker.process, worker.host = True, event.process, event.host
            worker.records, self._failed_starts = event.records, 0
        elif isinstance(event, UnitEnded):
            self.free(worker)
            self._written.pop(event.unit, None)
        elif isinstance(event, WorkerFailed):
            if not event.interrupted:
                self.free(worker)
                error = StoreError(event.message)
                error.exit_status = event.exit_status
                raise error
        else:
            record = self.work.handle(event)
            if record is not None and worker.unit is not None:
                self._written.setdefault(worker.unit.id, set()).add(record.id)
            return record
        return None

    def free(self, worker: WorkerState) -> None:
        """Note that a worker runs no unit any more."""
        if worker.unit is not None:
            self._release(worker.unit)
        worker.unit = worker.deadline = None

    def after_end(
        self, worker: WorkerState, ending: str, timeout: float | None, *, stopping: bool = False
    ) -> Generator[Record, None, bool]:
        """Yield the records of a unit in which a worker has ended.

        Args:
            worker: the worker.
            ending: how it ended: a signal's name, or words.
            timeout: the time limit of a unit, in seconds.
            stopping: whether the run ends: then the unit is neither tried again nor recorded as failed.

        Returns:
            Whether the unit is to be tried again.

        Raises:
            BenchError: workers end before they can run a unit.
        """
        unit = worker.unit
        if unit is not None:
            yield from self._unannounced(worker, unit)
            self.free(worker)
        if stopping:
            return False
        if worker.timed_out:
            ending = f"no end after {timeout:g} s, the timeout"
        if not worker.ready:
            self._failed_starts += 1
            if self._failed_starts > self._retries + self._jobs:
                raise BenchError(f"the processes that should run the cells end before they begin ({ending})")
        if unit is None:
            return False
        unfinished = self.work.context.unfinished
        assert unfinished is not None
        cells = {one.id for one in unit.cells}
        cell = None if worker.process is None else unfinished.of_process(worker.host, worker.process, cells)
        if cell is not None:
            unfinished.note_end(cell, ending)
        else:
            self._silent[unit.id] += 1
        self._ends[unit.id] += 1
        attempts = self._retries + 1
        steps = sum(len(one.probes) + 4 for one in unit.cells)
        if self._silent[unit.id] < attempts and self._ends[unit.id] < attempts * steps:
            return True
        done = self._written.pop(unit.id, set())
        rest = [one for one in self.work.missing(unit) if one.id not in done]
        times = self._ends[unit.id]
        yield from self.work.fail(rest, f"the process of this cell ended {times} times ({ending})")
        return False

    def seal(self, worker: WorkerState) -> None:
        """Let nothing count that a worker writes from now on, which is lost but may run still.

        Raises:
            StoreError: its file of records cannot be replaced.
        """
        if worker.records is not None:
            seal(self.work.context.run.path / "records" / worker.records)

    def _unannounced(self, worker: WorkerState, unit: Unit) -> Iterator[Record]:
        """Yield the records that a worker wrote and could no longer announce."""
        known, ids = self._written.setdefault(unit.id, set()), {cell.id for cell in unit.cells}
        if worker.records is None:
            return
        with suppress(OSError):
            path = self.work.context.run.path / "records" / worker.records
            for line in path.read_bytes().splitlines(keepends=True):
                for record in read_lines(line)[0]:
                    if record.id in ids - known:
                        known.add(record.id)
                        yield record
