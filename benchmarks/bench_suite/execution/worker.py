"""A worker: a process that runs units of another process's run, and writes their records itself."""

from __future__ import annotations

import os
import socket
import sys
from collections import ChainMap
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack
from pathlib import Path

from bench_suite import environment
from bench_suite.contracts import BenchError, Record
from bench_suite.execution.context import RunContext
from bench_suite.execution.endings import noted_endings
from bench_suite.execution.events import Event, EventCallback, Ready, Recorded, UnitEnded
from bench_suite.execution.job import Job, read_job
from bench_suite.execution.process_state import ProcessState, all_settings
from bench_suite.execution.sources import source_of_program
from bench_suite.execution.unit import run_unit
from bench_suite.execution.work import write_record
from bench_suite.store.atomic import Writer, hold_interrupts
from bench_suite.store.runs import Run
from bench_suite.store.unfinished import UnfinishedCells


class Worker:
    """Runs units of a job; a context manager, within which its own file of records is open."""

    def __init__(self, job: Path, send: Callable[[Event], None]) -> None:
        """Read the job.

        Args:
            job: the file that `Work.job` wrote.
            send: takes each event; it may do nothing.

        Raises:
            BenchError: the job cannot be read, or is of another version of the program.
        """
        self.job: Job = read_job(job)
        self._send = send
        self._stack = ExitStack()
        self._done = dict(self.job.done)
        self._units = {one.id: one for one in self.job.plan.units}
        if source_of_program() != self.job.code:
            raise BenchError("the worker's bench-suite differs from that of the run: install the same one everywhere")

    def __enter__(self) -> Worker:
        job = self.job
        from bench_suite.data.cache import Cache
        from bench_suite.data.sources import Sources

        if job.offline:
            os.environ["HF_HUB_OFFLINE"] = "1"  # before any library of the hub is imported
        run, cache = Run(Path(job.run)), Cache()
        self._writer: Writer = self._stack.enter_context(run.writer())
        unfinished = UnfinishedCells(run.path, shared=True)
        described, notes, machine_busy = job.environment, job.notes, job.machine_busy
        if job.elsewhere:
            import torch  # noqa: F401 - the description has the GPUs only if torch is imported

            busy = environment.busy()
            described, machine_busy = run.add_environment(environment.describe()), busy is not None
            notes = (*notes, busy) if busy is not None else notes
        self.context = RunContext(
            plan=job.plan, run=run, sources=Sources(offline=job.offline, cache=cache),
            callback=EventCallback(self._send), environment=described, code=job.code, smoke=job.smoke,
            notes=notes, machine_busy=machine_busy, elsewhere=job.elsewhere, cache=cache,
            done=dict(job.done), earlier=job.earlier, unfinished=unfinished, max_ends=job.max_ends,
        )  # fmt: skip
        self.context.send = self._send
        self._stack.enter_context(noted_endings(unfinished))
        self.context.state = ProcessState.capture(all_settings())
        self._send(Ready(os.getpid(), self._writer.path.name, socket.gethostname()))
        return self

    def __exit__(self, *error: object) -> None:
        self._stack.close()

    def run(self, unit: str, written: Iterable[str] = (), checked: Iterable[str] = ()) -> Iterator[Record]:
        """Run a unit, and yield each record when it is on disk.

        Args:
            unit: id of the unit.
            written: ids of its cells that have a record already, from a worker that ended.
            checked: keys of the data that other workers have checked.

        Raises:
            KeyboardInterrupt: after the record of the current cell.
            StoreError: the run's files cannot be written.
        """
        context, unfinished = self.context, self.context.unfinished
        assert unfinished is not None
        context.ended_in = unfinished.read()
        context.checked_tasks |= {*checked}
        context.done = ChainMap({id: frozenset(context.plan.probe_keys) for id in written}, self._done)
        for record in run_unit(self._units[unit], context):
            with hold_interrupts():
                write_record(self._writer, record)
                unfinished.end()
                self._send(Recorded(record))
            yield record
        sys.stdout.flush()
        self._send(UnitEnded(unit))
