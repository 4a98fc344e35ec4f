"""Unfinished cells: a small file for each cell that has begun and has no record yet.

A process that crashes leaves the file behind, so that the next resume knows in which cell, and in which step of it, the
process ended: `unfinished/CELL.json`. Beside it lies `unfinished/HOST-PROCESS.txt`, in which Python writes the stacks
of the threads when a signal such as SIGSEGV ends the process. Processes of several machines may have the same id.
"""

from __future__ import annotations

import json
import math
import os
import socket
import time
from collections.abc import Callable, Set
from contextlib import suppress
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import IO, Any, TypeVar

from bench_suite.store.atomic import safe_name, writing_error

_Opened = TypeVar("_Opened")
FOLDER = "unfinished"
MAX_ENDS = 2
"Number of processes that may end in one step of a cell; then a resume reports the step as failed."
_BYTES = 1024
WINDOW_SECONDS = 1.0
"A training is noted at most so often: it is for people who watch the run."
_FLAGS = os.O_WRONLY | os.O_CREAT | os.O_TRUNC | getattr(os, "O_CLOEXEC", 0)


@dataclass(frozen=True)
class Unfinished:
    """A cell that has begun and has no record."""

    cell: str
    "Id of the cell."
    process: int
    "Id of the process that began it."
    host: str = ""
    "Name of the machine of that process."
    step: str = ""
    "The step that was going on: `data`, `building`, `encoding`, `training`, or the label of a probe."
    probe: bool = False
    "Whether the step is a probe."
    ends: int = 0
    "Number of earlier processes that ended in the step `ended_in`, one after another."
    ended_in: str = ""
    "The step in which the earlier process ended; empty if there was none."
    progress: str = ""
    "What the training had saved when the cell began: a process that saved more is no repeated crash."
    cause: str = ""
    "How the process ended, for the reader; empty if it could not note it."
    began: float = 0.0
    "When the cell began, in seconds since 1970; 0 in files of older versions."
    step_began: float = 0.0
    "When the step began, likewise."
    steps: int = 0
    "Number of training steps that are done, if the step is a training that reports them."
    planned_steps: int = 0
    "Number of steps of that training, about; 0 if it is not known."
    samples_per_second: float = 0.0
    "Rate of the training, of late."
    loss: float | None = None
    "Loss of the training, of late; None if there is none, or no number."
    stacks: str = ""
    "The stacks of its threads when a signal ended it; not stored in this file."


def begun_cells(run: Path) -> list[Unfinished]:
    """Return the cells of a run that have begun and have no record, as their processes noted them.

    Damaged files are left out.

    Args:
        run: the folder of the run.
    """
    cells = []
    for path in sorted((run / FOLDER).glob("*.json")):
        with suppress(OSError, ValueError, TypeError):
            entry = json.loads(path.read_bytes())
            cell = Unfinished(**{field.name: entry[field.name] for field in fields(Unfinished) if field.name in entry})
            if all(isinstance(getattr(cell, name), kind) for name, kind in _TYPES.items()):
                cells.append(replace(cell, stacks=""))
    return cells


class UnfinishedCells:
    """The unfinished cells of a run, written by the process that runs them."""

    def __init__(self, run: Path, *, shared: bool = False) -> None:
        """Note nothing yet.

        Args:
            run: the folder of the run.
            shared: whether other processes note their cells in the same folder at the same time.
        """
        self.folder = run / FOLDER
        self._shared = shared
        self._process = os.getpid()
        self._host = socket.gethostname()
        self._current: Unfinished | None = None
        self._file = -1
        self._noted = 0.0

    def read(self) -> dict[str, Unfinished]:
        """Return the cells in which an earlier process ended, by id, with that end counted in `ends`.

        Damaged files are ignored: then a resume tries the cell once more.
        """
        cells = {}
        for cell in begun_cells(self.folder.parent):
            ends = cell.ends + 1 if cell.step == cell.ended_in else 1
            cells[cell.cell] = self._with_crash(replace(cell, ends=ends, ended_in=cell.step))
        return cells

    def _with_crash(self, cell: Unfinished) -> Unfinished:
        """Return the cell with cause and stacks, as Python wrote them when a signal ended the process."""
        stacks = ""
        with suppress(OSError):
            stacks = self._stacks(cell.host, cell.process).read_text(errors="replace")
        if not stacks.strip():
            return replace(cell, stacks="")
        return replace(cell, stacks=stacks, cause=cell.cause or stacks.splitlines()[0].rpartition(": ")[2])

    def crash_file(self) -> IO[str]:
        """Return a new file for the stacks of this process, in case a signal ends it.

        Raises:
            StoreError: it cannot be created.
        """
        try:
            return self._retried(lambda: self._stacks(self._host, self._process).open("w"))
        except OSError as error:
            raise writing_error(error, self.folder) from error

    def begin(self, cell: str, earlier: Unfinished | None, progress: str = "") -> None:
        """Note that a cell begins.

        Args:
            cell: id of the cell.
            earlier: what `read` returned for it.
            progress: what the training has saved so far, as any text.

        Raises:
            StoreError: the file cannot be written.
        """
        self._close()
        ends, ended_in = (earlier.ends, earlier.ended_in) if earlier and earlier.progress == progress else (0, "")
        now = time.time()
        self._current = Unfinished(
            cell, self._process, self._host, ends=ends, ended_in=ended_in, progress=progress, began=now, step_began=now
        )
        path = self._path(cell)
        try:
            self._file = self._retried(lambda: os.open(path, _FLAGS, 0o644))
            self._write()
        except OSError as error:
            raise writing_error(error, path) from error

    def step(self, step: str, *, probe: bool = False) -> None:
        """Note the step of the current cell that begins; a full disk is found when the record is written."""
        self._change(
            step=step[:200], probe=probe, step_began=time.time(), steps=0, planned_steps=0, samples_per_second=0.0,
            loss=None,
        )  # fmt: skip

    def training_begins(self, steps: int) -> None:
        """Note how many steps the training of the current cell has, about."""
        self._change(planned_steps=steps)

    def training(self, steps: int, samples_per_second: float, loss: float) -> None:
        """Note how far the training of the current cell is; most calls do nothing (`WINDOW_SECONDS`)."""
        now = time.monotonic()
        if now - self._noted >= WINDOW_SECONDS:
            self._noted = now
            finite = loss if math.isfinite(loss) else None
            self._change(steps=steps, samples_per_second=samples_per_second, loss=finite)

    def cause(self, text: str) -> None:
        """Note how this process is about to end."""
        self._change(cause=text[:200])

    def _change(self, **changes: Any) -> None:
        if self._current is not None and os.getpid() == self._process:
            self._current = Unfinished(**{**vars(self._current), **changes})
            with suppress(OSError):
                self._write()

    def end(self) -> None:
        """Note that the current cell has its record, or that the process ends for a reason outside the cell."""
        if self._current is not None and os.getpid() == self._process:
            self._close()
            with suppress(OSError):
                self._path(self._current.cell).unlink()
            self._current = None

    def close(self) -> None:
        """End the current cell, and remove what is empty."""
        self.end()
        with suppress(OSError):
            self._stacks(self._host, self._process).unlink()
        with suppress(OSError):
            if not self._shared and not any(self.folder.glob("*.json")):
                for path in self.folder.glob("*.txt"):
                    path.unlink()
                self.folder.rmdir()

    def of_process(self, host: str, process: int, cells: Set[str]) -> Unfinished | None:
        """Return the one of these cells in which a process ended, as that process noted it; None if it was in none."""
        noted = (cell for id, cell in self.read().items() if id in cells)
        return next((cell for cell in noted if (cell.host, cell.process) == (host, process)), None)

    def forget(self, cell: str) -> None:
        """Remove what is noted of a cell, since it has its record."""
        with suppress(OSError):
            self._path(cell).unlink()

    def note_end(self, cell: Unfinished, cause: str) -> None:
        """Note how the process ended that had begun a cell, unless it noted more itself, or has ended the cell since.

        Raises:
            StoreError: the file cannot be written.
        """
        path = self._path(cell.cell)
        try:
            entry = json.loads(path.read_bytes())
            path.write_text(json.dumps({**entry, "cause": entry["cause"] or cause[:200]}).ljust(_BYTES) + "\n")
        except FileNotFoundError:
            return
        except (OSError, ValueError, KeyError) as error:
            raise writing_error(error if isinstance(error, OSError) else OSError(str(error)), path) from error

    def _retried(self, open_file: Callable[[], _Opened]) -> _Opened:
        """Open a file of the folder, which may be missing, or be removed by another process at the same time."""
        for _ in range(20):
            try:
                return open_file()
            except FileNotFoundError:
                self.folder.mkdir(exist_ok=True)
        return open_file()

    def current(self) -> Unfinished | None:
        """Return the cell that is going on."""
        return self._current

    def _stacks(self, host: str, process: int) -> Path:
        return self.folder / f"{safe_name(host)}-{process}.txt"

    def _path(self, cell: str) -> Path:
        return self.folder / f"{safe_name(cell)}.json"

    def _write(self) -> None:
        """Write the file in one call of one size, so that a crash leaves the old text or the new one."""
        entry = {name: value for name, value in vars(self._current).items() if name != "stacks"}
        # Writing over the text costs 5 µs, a file that is renamed 100 µs.
        content = json.dumps(entry).ljust(_BYTES).encode() + b"\n"
        if hasattr(os, "pwrite"):
            os.pwrite(self._file, content, 0)
        else:
            os.lseek(self._file, 0, os.SEEK_SET)
            os.write(self._file, content)

    def _close(self) -> None:
        if self._file >= 0:
            with suppress(OSError):
                os.close(self._file)
            self._file = -1


_TYPES = {
    "cell": str,
    "process": int,
    "host": str,
    "step": str,
    "probe": bool,
    "ends": int,
    "ended_in": str,
    "progress": str,
    "cause": str,
    "began": float,
    "step_began": float,
    "steps": int,
    "planned_steps": int,
    "samples_per_second": float,
    "loss": float | None,
}
