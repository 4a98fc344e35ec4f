"""The work of a run as its executor sees it: units to run in this process, or a job from which workers run them."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from bench_suite._version import __version__
from bench_suite.contracts import BenchError, ProbeRow, Record, describe_error
from bench_suite.execution.context import RunContext
from bench_suite.execution.data_findings import add_checked
from bench_suite.execution.events import Called, Checked, Event, Judged, Recorded
from bench_suite.execution.job import FILE, Job, write_job
from bench_suite.execution.record_builder import RecordBuilder
from bench_suite.execution.unit import run_unit
from bench_suite.store.atomic import StoreError, Writer, hold_interrupts
from bench_suite.suite.plan import Cell, Unit


@dataclass
class Work:
    """What an executor may do with the units of a run."""

    context: RunContext
    open_writer: Callable[[], Writer]
    "Opens this process's own file of records, at the first unit that it runs."
    offline: bool = False
    _writer: Writer | None = None
    _cells: dict[str, Cell] = field(default_factory=dict)

    def run(self, unit: Unit) -> Iterator[Record]:
        """Run a unit in this process, and yield each record when it is on disk.

        Raises:
            KeyboardInterrupt: after the record of the current cell.
            StoreError: the run's files cannot be written.
        """
        unfinished = self.context.unfinished
        self._open()
        for record in run_unit(unit, self.context):
            with hold_interrupts():
                self._write(record)
                if unfinished is not None:
                    unfinished.end()
            yield record

    def job(self, max_ends: int, name: str = FILE) -> Path:
        """Write what a worker needs into the folder of the run, and return the path of the file.

        Args:
            max_ends: number of processes that may end in one step of a cell before its record says so.
            name: path of the file in the folder of the run; `close` removes the default one. An executor whose workers
                outlive this process gives another one, and removes it when no worker needs it.
        """
        context = self.context
        incomplete = {cell.id for cell in context.plan.cells if context.missing(cell)}
        return write_job(
            Job(
                plan=context.plan, run=str(context.run.path), environment=context.environment, code=context.code,
                version=__version__, smoke=context.smoke, offline=self.offline, notes=context.notes,
                machine_busy=context.machine_busy, elsewhere=context.elsewhere, max_ends=max_ends,
                done=dict(context.done),
                earlier={id: record for id, record in context.earlier.items() if id in incomplete},
            ),
            name,
        )  # fmt: skip

    def todo(self) -> list[Unit]:
        """Return the units that have a cell to run."""
        return [unit for unit in self.context.plan.units if any(self.context.missing(cell) for cell in unit.cells)]

    def missing(self, unit: Unit) -> list[Cell]:
        """Return the cells of a unit that are still to run."""
        return [cell for cell in unit.cells if self.context.missing(cell)]

    def handle(self, event: Event) -> Record | None:
        """Repeat an event of a worker in this process; return the record if it is about one."""
        if isinstance(event, Recorded):
            return event.record
        if isinstance(event, Checked):
            add_checked(self.context, event.key, event.task, event.findings)
        elif isinstance(event, Judged):
            self.context.baselines[event.key] = event.baselines
        elif isinstance(event, Called):
            first = () if event.cell is None else (self.cell(event.cell),)
            getattr(self.context.callback, event.method)(*first, *event.arguments)
        return None

    def cell(self, id: str) -> Cell:
        """Return the cell with that id."""
        if not self._cells:
            self._cells = {cell.id: cell for cell in self.context.plan.cells}
        return self._cells[id]

    def fail(self, cells: Sequence[Cell], reason: str) -> Iterator[Record]:
        """Write the record `failed` for cells that no worker could run, and yield each."""
        for cell in cells:
            record = RecordBuilder(cell, self.context).failed(BenchError(reason))
            self._write(record)
            if self.context.unfinished is not None:
                self.context.unfinished.forget(record.id)
            yield record

    def close(self) -> None:
        """Close this process's file of records, and remove the job."""
        if self._writer is not None:
            self._writer.close()
            self._writer = None
        (self.context.run.path / FILE).unlink(missing_ok=True)

    def _open(self) -> Writer:
        """Return this process's file of records; it is open before a component can remove the folder."""
        if self._writer is None:
            self._writer = self.open_writer()
        return self._writer

    def _write(self, record: Record) -> None:
        write_record(self._open(), record)


def write_record(writer: Writer, record: Record) -> None:
    """Write a record; if a value in it cannot be written, write that instead of the values."""
    try:
        writer.write(record)
    except (StoreError, KeyboardInterrupt):
        raise
    except Exception as error:  # noqa: BLE001 - a value of a component may raise anything when it becomes text
        reason = f"the record of this cell cannot be written: {describe_error(error)}"
        probes = {label: ProbeRow("skipped", row.key, "the cell is failed") for label, row in record.probes.items()}
        empty: dict[str, Any] = {"metrics": (), "artifacts": (), "data": {}, "notes": (), "unrestored": {}}
        writer.write(replace(record, status="failed", reason=reason, probes=probes, **empty))
