"""The progress of a run, as its folder shows it: the cells that ended, those that run, and how long the rest will take.

Nothing is written into the folder. Each record is read once, and a file again only if it has changed.
"""

from __future__ import annotations

import hashlib
import math
import os
import socket
import time
from collections.abc import Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from bench_suite.contracts import MetricRow, Record, Status
from bench_suite.execution.left_running import tasks_left
from bench_suite.execution.selection import has_failed
from bench_suite.reports import formatting
from bench_suite.reports.labels import plain_label
from bench_suite.reports.values import Value
from bench_suite.store.atomic import safe_name
from bench_suite.store.record_tail import RecordTail
from bench_suite.store.run_lock import Driver, driver_of
from bench_suite.store.runs import Run
from bench_suite.store.unfinished import Unfinished, begun_cells

MAX_LATEST = 8
"Number of cells that are listed of those that ended last."
MAX_RUNNING = 64
"Number of running cells that are listed."
MAX_FAILURES = 20
"Number of failed cells that are listed, the newest first."
_TEXT = 300
"Longest text of a reason, in characters."


@dataclass(frozen=True)
class EndedCell:
    """A cell that has a record."""

    cell: str
    "Its id."
    name: str
    status: Status
    failed: bool
    "Whether the cell, or a probe in it, did not end well."
    result: str
    "Its main metric; or why it did not end well."
    seconds: float | None
    ended: float
    "When it ended, in seconds since 1970; 0 if that is unknown."
    tracebacks: tuple[str, ...] = ()
    "Addresses of its tracebacks in the folder of the run."


@dataclass(frozen=True)
class RunningCell:
    """A cell that has begun and has no record yet."""

    cell: str
    name: str
    step: str
    "What it does: `data`, `training`, the label of a probe."
    seconds: float | None
    "How long it has been running."
    step_seconds: float | None
    steps: int
    "Number of training steps that are done; 0 if it does not train."
    planned_steps: int
    "Number of steps of the training, about; 0 if it is not known."
    samples_per_second: float
    loss: float | None
    alive: bool | None
    "Whether its process runs; None if that cannot be told from here."


@dataclass(frozen=True)
class Progress:
    """What is known of a run at one moment."""

    run: str
    title: str
    version: str
    "Changes whenever the results of the run do."
    planned: int
    done: int
    failed: int
    running: tuple[RunningCell, ...]
    latest: tuple[EndedCell, ...]
    "The cells that ended last, the newest first."
    failures: tuple[EndedCell, ...]
    "The cells that failed, the newest first."
    driver: Driver | None
    "The process that drives the run; None if none does."
    tasks_left: int
    "Number of tasks of a cluster that may still run."
    cells_per_minute: float | None
    seconds_left: float | None
    "About how long the cells that are missing will take; None if nothing is known of it."

    @property
    def is_running(self) -> bool:
        """Whether the run goes on, as far as that can be told from here."""
        return self.tasks_left > 0 or (self.driver is not None and self.driver.alive is not False)


class WatchedRun:
    """A run whose progress is asked for again and again."""

    def __init__(self, path: Path) -> None:
        """Read the records that there are.

        Args:
            path: the folder of the run.

        Raises:
            StoreError: the folder is no run, or its `run.json` is damaged.
        """
        self.path = Path(os.path.abspath(path))
        self._info_state = _state_of([self.path / "run.json"])
        self._run = Run(self.path, read_only=True)
        self._cells: dict[str, EndedCell] = {}
        self._started: dict[str, str] = {}
        records = self._run.records()
        self._tail = RecordTail(self.path, self._run.record_sizes)
        for record in sorted(records, key=_end_of):
            self._add(record)

    def version(self) -> str:
        """Return a text that changes whenever the results of the run do; no file is read."""
        files = [*sorted((self.path / "records").glob("*.jsonl")), self.path / "run.json", self.path / "summaries.json"]
        return hashlib.sha256(repr(_state_of(files)).encode()).hexdigest()[:16]

    def run(self) -> Run:
        """Return the run as it is now.

        Raises:
            StoreError: its `run.json` is gone or damaged.
        """
        state = _state_of([self.path / "run.json"])
        if state != self._info_state:
            self._run, self._info_state = Run(self.path, read_only=True), state
        return self._run

    def progress(self) -> Progress:
        """Return the progress of the run.

        Raises:
            StoreError: its `run.json` is gone or damaged.
        """
        version = self.version()  # before anything is read: what is added meanwhile has another one
        run = self.run()
        for path in sorted((self.path / "records").glob("*.jsonl")):
            for record in self._tail.read(path.name):
                self._add(record)
        driver, now = driver_of(self.path), time.time()
        cells = [cell for id, cell in self._cells.items() if not run.planned or id in run.planned]
        running = [_running(cell, run.planned, now) for cell in begun_cells(self.path)]
        busy = {cell.cell for cell in running if cell.alive is not False}
        done = sum(cell.status != "interrupted" and cell.cell not in busy for cell in cells)
        planned = max(len(run.planned) or int(run.info.get("cells") or 0), done)
        pace = self._pace(driver, cells, now)
        failures = [cell for cell in reversed(cells) if cell.failed and cell.cell not in busy]
        return Progress(
            run=run.name,
            title=plain_label(run.info.get("title") or run.info["suite"], _TEXT),
            version=version,
            planned=planned,
            done=done,
            failed=len(failures),
            running=tuple(running[:MAX_RUNNING]),
            latest=tuple(cells[: -MAX_LATEST - 1 : -1]),
            failures=tuple(failures[:MAX_FAILURES]),
            driver=driver,
            tasks_left=sum(tasks_left(self.path).values()),
            cells_per_minute=None if pace is None else 60 / pace.seconds_per_cell,
            seconds_left=None if pace is None else pace.seconds_left(planned - done),
        )

    def _add(self, record: Record) -> None:
        """Note a record; that of a cell which was run again replaces the earlier one, and becomes the newest."""
        self._cells.pop(record.id, None)
        self._cells[record.id] = _ended(record, self._run)
        self._started[record.id] = record.started

    def _pace(self, driver: Driver | None, cells: Iterable[EndedCell], now: float) -> _Pace | None:
        """Return how fast cells have ended since this driver began; None if none runs, or no cell has ended yet.

        Cells that run at the same time share the seconds. If the next cell takes longer than those before it, it counts
        as if it ended now.
        """
        began = None if driver is None or driver.alive is False else _seconds_since_1970(driver.since)
        if driver is None or began is None:
            return None
        ends = [cell.ended for cell in cells if self._started[cell.cell] >= driver.since and began < cell.ended <= now]
        if not ends:
            return None
        seconds = max((max(ends) - began) / len(ends), (now - began) / (len(ends) + 1))
        return _Pace(seconds, now - max(ends))


@dataclass(frozen=True)
class _Pace:
    """How fast the cells of a run end."""

    seconds_per_cell: float
    since_last: float
    "Seconds since the last cell ended."

    def seconds_left(self, cells: int) -> float:
        """Return how long so many cells will take, of which one has begun."""
        return max(0.0, cells * self.seconds_per_cell - min(self.since_last, self.seconds_per_cell))


# ── one cell ────────────────────────────────────────────────────────────────────────────────────


def _ended(record: Record, run: Run) -> EndedCell:
    seconds = record.seconds.get("total")
    return EndedCell(
        record.id, _name(record.id, run.planned, record.cell), record.status, has_failed(record),
        plain_label(_result(record, run.info), _TEXT), seconds if _is_finite(seconds) else None, _end_of(record),
        tuple(_tracebacks(record, run.path)) if has_failed(record) else (),
    )  # fmt: skip


def _result(record: Record, info: Mapping[str, object]) -> str:
    """Return why a cell, or a probe in it, did not end well; else its main metric."""
    if record.status != "ok":
        return record.reason or "no reason given"
    failed = [
        f"probe {label} failed: {row.reason or 'no reason given'}"
        for label, row in record.probes.items()
        if row.status == "failed"
    ]
    if failed:
        return "; ".join(failed)
    report = info.get("report")
    sort = report.get("sort") if isinstance(report, Mapping) else None
    rows = [row for row in record.metrics if row.value is not None and row.better != "none" and not row.at]
    main = next((row for row in rows if row.name == sort), rows[0] if rows else None)
    return "" if main is None else f"{main.name} {_value(main)}"


def _value(row: MetricRow) -> str:
    scale = formatting.scale_for([row.value], row.unit)
    return " ".join(filter(None, [formatting.short(Value(row.value, interval=row.interval), scale), scale.unit]))


def _tracebacks(record: Record, run: Path) -> Iterable[str]:
    """Yield the addresses of the tracebacks of a cell that failed, or in which a probe did."""
    labels = [label for label, row in record.probes.items() if row.status == "failed"]
    for name in ["cell", *labels]:
        address = f"cells/{safe_name(record.id)}/traceback-{safe_name(name)}.txt"
        with suppress(OSError):
            if (run / address).is_file():
                yield address


def _running(cell: Unfinished, planned: Mapping[str, str], now: float) -> RunningCell:
    return RunningCell(
        cell.cell, _name(cell.cell, planned, {}), plain_label(cell.step or "starting", _TEXT),
        _seconds_since(cell.began, now), _seconds_since(cell.step_began, now),
        cell.steps, cell.planned_steps, cell.samples_per_second if _is_finite(cell.samples_per_second) else 0.0,
        cell.loss if _is_finite(cell.loss) else None, _process_runs(cell),
    )  # fmt: skip


def _process_runs(cell: Unfinished) -> bool | None:
    """Return whether the process of a cell runs; None if it is on another machine."""
    if cell.host != socket.gethostname() or os.name != "posix":
        return None
    try:
        os.kill(cell.process, 0)
    except ProcessLookupError:
        return False
    except (OSError, OverflowError):
        return True
    return True


def _name(id: str, planned: Mapping[str, str], labels: Mapping[str, object]) -> str:
    """Return what people call a cell."""
    parts = [str(labels[axis]) for axis in ("task", "model") if axis in labels]
    return plain_label(planned.get(id) or ", ".join(parts) or id, _TEXT)


def _end_of(record: Record) -> float:
    """Return when a cell ended, in seconds since 1970; 0 if its record does not say."""
    began, seconds = _seconds_since_1970(record.started), record.seconds.get("total", 0.0)
    return 0.0 if began is None else began + (seconds if _is_finite(seconds) else 0.0)


# ── values ──────────────────────────────────────────────────────────────────────────────────────


def _is_finite(value: object) -> bool:
    return isinstance(value, float | int) and math.isfinite(value)


def _seconds_since(moment: float, now: float) -> float | None:
    """Return the seconds between a moment and now; None if the moment is not stated."""
    return max(0.0, now - moment) if moment and _is_finite(moment) else None


def _seconds_since_1970(text: str) -> float | None:
    """Return the time that an ISO 8601 text states; None if it states none."""
    try:
        return datetime.fromisoformat(text).timestamp()
    except (ValueError, OverflowError):
        return None


def _state_of(paths: Iterable[Path]) -> list[tuple[str, int, int, int]]:
    """Return what changes whenever one of the files changes; files that are missing are left out."""
    states = []
    for path in paths:
        with suppress(OSError):
            status = path.stat()
            states.append((path.name, status.st_size, status.st_mtime_ns, status.st_ino))
    return states
