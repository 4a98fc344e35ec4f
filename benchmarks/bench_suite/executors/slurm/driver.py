"""The driver: submits the units of a run as tasks, watches their files, and decides about those that ended early."""

from __future__ import annotations

import os
import secrets
import shutil
import sys
import time
from collections import Counter, deque
from collections.abc import Iterator
from contextlib import ExitStack, suppress
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING

from bench_suite.contracts import BenchError, Record
from bench_suite.execution.context import check_key
from bench_suite.execution.endings import at_forced_end
from bench_suite.execution.event_files import EventReader
from bench_suite.execution.events import Called, Event, Ready, WorkerFailed
from bench_suite.execution.sharing import Sharing
from bench_suite.execution.work import Work
from bench_suite.executors.slurm.cluster import ARRAY_SIZE, NODE_LOST, Cluster, Local, Slurm, State
from bench_suite.executors.slurm.launcher import LauncherEnded
from bench_suite.executors.slurm.leases import Leases, NoLeases
from bench_suite.executors.slurm.ledger import FOLDER, Ledger, Task
from bench_suite.executors.slurm.resources import Resources, by_resources
from bench_suite.executors.slurm.task import Ending, Order, ending_file, events_file, read_ending
from bench_suite.store.atomic import StoreError, hold_interrupts, seal
from bench_suite.store.record_tail import RecordTail
from bench_suite.suite.plan import Unit

if TYPE_CHECKING:
    from bench_suite.executors.slurm import Options

MAX_FAILED_STARTS = 3
"Number of tasks, one after another, that may end before they begin with a unit, beyond the retries."
_AGAIN_SECONDS = 2.0


@dataclass
class Watched:
    """A task that is watched."""

    task: Task
    unit: Unit
    events: EventReader
    process: int | None = None
    "Id of the worker's process on its machine; None until it is ready."
    records: str | None = None
    "Name of its file of records."
    failure: WorkerFailed | None = None
    "Why the worker could not go on."
    over_since: float | None = None
    "When it was first seen that it has ended."
    cells: set[str] = field(default_factory=set)
    "Ids of the cells of the unit."
    recovered: bool = False
    "Whether an earlier process submitted it."

    @property
    def events_name(self) -> str:
        """Name of the file of its events."""
        return self.events.path.name


class Driver:
    """Watches the tasks of a run; a context manager that leaves tasks behind only if this process is killed."""

    def __init__(self, work: Work, options: Options, sharing: Sharing) -> None:
        self.work = work
        self.options = options
        self.run = work.context.run.path
        self.folder = self.run / FOLDER
        self.ledger = Ledger(self.run, options.cluster)
        local = options.cluster == "local"
        self.cluster: Cluster = Local(self.folder) if local else Slurm(self.folder, options)
        self.leases = Leases(sharing, options.gpus) if local else NoLeases()
        self.sharing = sharing
        self.tail = RecordTail(self.run, work.context.run.record_sizes)
        self.watched: dict[str, Watched] = {}
        "By key of the task."
        self.pending: deque[Unit] = deque()
        self.wanted = {cell.id for unit in work.todo() for cell in work.missing(unit)}
        self.written: set[str] = set()
        "Ids of the cells whose record was seen."
        self.ends: Counter[str] = Counter()
        "Number of tasks that ended in a unit before its end."
        self.silent: Counter[str] = Counter()
        "Number of those that had not begun a cell."
        self.failed_starts = 0
        self.asked_to_check: set[str] = set()
        "Keys of the data that a task was told to check."
        self.submitted: list[str] = []
        self.stopping = False
        self._job: Path | None = None
        self._stack = ExitStack()

    def __enter__(self) -> Driver:
        self._stack.enter_context(at_forced_end(self._cancel, outside=False))
        return self

    def __exit__(self, *error: object) -> None:
        try:
            if self.watched:  # after an error or -x: tasks that run a unit write their record first
                self.stopping = True
                self.pending.clear()
                self._interrupt()
                while self.watched:
                    for _ in self._look():
                        pass
            self.ledger.save()
            if not self.ledger.tasks:
                self._clear()
        finally:
            self._stack.close()

    def records(self) -> Iterator[Record]:
        """Yield each record when it is on disk.

        Raises:
            KeyboardInterrupt: after the records of the cells that were interrupted.
            StoreError: a task cannot write the run's files.
            BenchError: the cluster refuses the jobs, or tasks end before they can run a unit.
        """
        try:
            self._recover()
            while self.pending or self.watched:
                self._submit()
                yield from self._look()
        except KeyboardInterrupt:
            self.stopping = True
            self.pending.clear()
            self._interrupt()
            while self.watched:
                yield from self._look()
            raise

    # ── submitting ──────────────────────────────────────────────────────────────────────────────

    def _recover(self) -> None:
        """Watch the tasks that an earlier process submitted, and note the units that none of them runs."""
        units = {unit.id: unit for unit in self.work.context.plan.units}
        for task in self.ledger.tasks.values():
            if task.unit in units:  # others belong to cells that this resume leaves out: they go on
                self._watch(task, units[task.unit], recovered=True)
                self.leases.take(units[task.unit])
        taken = {one.unit.id for one in self.watched.values()}
        self.pending.extend(unit for unit in self.work.todo() if unit.id not in taken)
        if self.watched:
            _say(f"{len(self.watched)} tasks of an earlier bench run are collected ({self._jobs()})")

    def _watch(self, task: Task, unit: Unit, *, recovered: bool = False) -> None:
        reader = EventReader(events_file(self.run, task.key))
        self.watched[task.key] = Watched(
            task, unit, reader, cells={cell.id for cell in unit.cells}, recovered=recovered
        )

    def _submit(self) -> None:
        """Submit the units for which there is room, in arrays of units that need the same."""
        leased = {}
        skipped: list[Unit] = []
        while self.pending and len(skipped) < 64:  # as far as anybody needs to look for a unit that fits
            unit = self.pending.popleft()
            lease = self.leases.take(unit)
            if lease is None:
                skipped.append(unit)
            else:
                leased[unit.id] = (unit, lease)
        self.pending.extendleft(reversed(skipped))
        if not leased:
            return
        for resources, units in by_resources((unit for unit, _ in leased.values()), self.sharing.exclusive).items():
            for start in range(0, len(units), ARRAY_SIZE):
                part = units[start : start + ARRAY_SIZE]
                orders = [self._order(unit, *leased[unit.id][1]) for unit in part]
                with hold_interrupts():  # a job that the ledger lacks would be lost
                    orders, jobs = self._submitted(orders, resources)
                    tasks = [Task(order.key, order.unit, job) for order, job in zip(orders, jobs)]
                    self.ledger.add(tasks)
                for task, unit in zip(tasks, part):
                    self._watch(task, unit)
                self._announce(jobs)

    def _submitted(self, orders: list[Order], resources: Resources) -> tuple[list[Order], list[str]]:
        """Submit orders, once more if the process that submits them has ended; return them and the ids of their jobs.

        Under other keys the second time: a task of the first time that started is in no ledger, so it runs nothing.
        """
        try:
            return orders, self.cluster.submit(orders, resources)
        except LauncherEnded:
            again = [replace(order, key=secrets.token_hex(6)) for order in orders]
            return again, self.cluster.submit(again, resources)

    def _announce(self, jobs: list[str]) -> None:
        if self.options.cluster == "local":
            return
        array = jobs[0].partition("_")[0]
        first = "" if self.submitted else "; if this process ends, they go on: collect them with bench run … --resume"
        self.submitted.append(array)
        _say(f"submitted job {array} with {len(jobs)} task{'s' if len(jobs) != 1 else ''}{first}")

    def _order(self, unit: Unit, cores: tuple[int, ...], gpus: str | None) -> Order:
        """Return the order for a unit; of the units with the same data, one is told to check them."""
        if self._job is None:
            self._job = self.work.job(self.options.retries + 1, f"{FOLDER}/job-{secrets.token_hex(4)}.pickle")
        keys = {check_key(cell) for cell in unit.cells}
        checked = {*self.work.context.checked_tasks} if self.ends[unit.id] else {*self.asked_to_check}
        self.asked_to_check |= keys
        return Order(
            secrets.token_hex(6), str(self.run), str(self._job), unit.id,
            tuple(cell.id for cell in unit.cells if cell.id in self.written),
            tuple(sorted(keys & (checked | self.work.context.checked_tasks))),
            self.options.timeout, self.options.cluster == "local", cores, gpus,
        )  # fmt: skip

    # ── watching ────────────────────────────────────────────────────────────────────────────────

    def _look(self) -> Iterator[Record]:
        """Read what the tasks have written, yield new records, and clear up after tasks that have ended."""
        try:
            names = set(os.listdir(self.folder))
        except OSError:
            names = set()
        seen = False
        started = [one for one in self.watched.values() if one.events_name in names]
        for one in started:
            for event in one.events.read():
                seen = True
                self._handle(one, event)
        for one in started:
            for record in self._new_records(one):
                seen = True
                yield record
        jobs = {one.task.job for one in self.watched.values()}
        states = self.cluster.ended(jobs)
        for one in [*self.watched.values()]:
            noted = ending_file(self.run, one.task.key).name in names
            if noted or one.task.job in states:
                seen |= noted
                yield from self._over(one, states.get(one.task.job, State()), noted=noted)
        if not seen:
            time.sleep(self.cluster.poll_seconds)

    def _new_records(self, one: Watched) -> Iterator[Record]:
        if one.records is None:
            return
        for record in self.tail.read(one.records):
            if record.id in self.wanted and record.id not in self.written:
                self.written.add(record.id)
                yield record

    def _handle(self, one: Watched, event: Event) -> None:
        if isinstance(event, Ready):
            one.process, one.records, self.failed_starts = event.process, event.records, 0
        elif isinstance(event, WorkerFailed):
            one.failure = event
        elif not isinstance(event, Called) or event.cell is None or event.cell in self.wanted - self.written:
            self.work.handle(event)

    def _over(self, one: Watched, state: State, *, noted: bool) -> Iterator[Record]:
        """Clear up after a task that has ended, unless its files may still be on their way."""
        rest = [cell for cell in self.work.missing(one.unit) if cell.id not in self.written]
        now = time.monotonic()
        one.over_since = now if one.over_since is None else one.over_since
        lag = self.cluster.lag_seconds if noted else max(1.0, self.cluster.lag_seconds)
        if rest and now - one.over_since < lag:
            return
        ending = read_ending(ending_file(self.run, one.task.key)) or Ending()
        if rest and not self.stopping:
            state = self.cluster.ended([one.task.job], now=True).get(one.task.job, state)
        if rest and not noted and one.records is not None:  # it may run still, on a node out of reach
            seal(self.run / "records" / one.records)
            yield from self._new_records(one)
            rest = [cell for cell in rest if cell.id not in self.written]
        del self.watched[one.task.key]
        self.ledger.remove(one.task)
        self.leases.give_back(one.unit.id)
        if not rest or self.stopping:
            return
        if one.failure is not None and not one.failure.interrupted:
            if one.recovered:  # what ended the earlier run, such as a full disk, may be mended
                self.pending.append(one.unit)
                return
            error = StoreError(one.failure.message)
            error.exit_status = one.failure.exit_status
            raise error
        yield from self._after_early_end(one, ending, state)

    def _after_early_end(self, one: Watched, ending: Ending, state: State) -> Iterator[Record]:
        """Try a unit again whose task ended before its end, or record its cells as failed."""
        unit = one.unit
        known_state = state.name not in ("", "COMPLETED", "FAILED")
        cause = state.text if known_state else ending.cause or state.text or "no cause is known"
        unfinished = self.work.context.unfinished
        assert unfinished is not None
        begun = [cell for cell in unfinished.read().values() if cell.cell in one.cells - self.written]
        for cell in begun:
            unfinished.note_end(cell, cause)
        self.ends[unit.id] += 1
        if not begun and state.name not in NODE_LOST:
            self.silent[unit.id] += 1
        attempts = self.options.retries + 1
        if one.process is None and state.name not in NODE_LOST:
            self.failed_starts += 1
            if self.failed_starts > self.options.retries + MAX_FAILED_STARTS:
                raise BenchError(
                    f"the tasks that should run the cells end before they begin ({cause})\n  see {self._log(one)}"
                )
        steps = sum(len(cell.probes) + 4 for cell in unit.cells)
        if (
            state.name == "CANCELLED"
            or self.silent[unit.id] >= attempts
            or self.ends[unit.id] >= attempts * steps
        ):  # fmt: skip
            rest = [cell for cell in self.work.missing(unit) if cell.id not in self.written]
            times = self.ends[unit.id]
            reason = (
                f"the task of this cell ended {times} time{'s' if times != 1 else ''} ({cause}); see {self._log(one)}"
            )
            for record in self.work.fail(rest, reason):
                self.written.add(record.id)
                yield record
        else:
            self.pending.append(unit)

    def _log(self, one: Watched) -> str:
        return f"{self.run.name}/{FOLDER}/{one.task.job}_0_log.err"

    # ── ending ──────────────────────────────────────────────────────────────────────────────────

    def _jobs(self) -> str:
        arrays = dict.fromkeys(one.task.job.partition("_")[0] for one in self.watched.values())
        return f"job{'s' if len(arrays) != 1 else ''} {' '.join([*arrays][:10])}{' …' if len(arrays) > 10 else ''}"

    def _interrupt(self) -> None:
        if self.options.cluster == "slurm":
            _say(f"{self._jobs()} interrupted; this process waits for their records; Ctrl-C again cancels them")
        self.cluster.interrupt([one.task.job for one in self.watched.values()])

    def _cancel(self) -> None:
        processes = [one.process for one in self.watched.values() if one.process is not None]
        self.cluster.cancel([one.task.job for one in self.watched.values()], processes)

    def _clear(self) -> None:
        """Remove the files by which tasks and driver talk; the logs stay."""
        with suppress(OSError):
            for path in self.folder.iterdir():
                if not path.name.endswith(("_log.err", "_log.out")):
                    shutil.rmtree(path) if path.is_dir() and not path.is_symlink() else path.unlink()


def _say(text: str) -> None:
    sys.stderr.write(text + "\n")
    sys.stderr.flush()
