"""The process in which one tracker runs: it reads the calls of a run, one after another, and repeats them.

A tracker that hangs, fails or crashes, and threads or settings of its library, then concern no cell. Frames on the
standard input and output are those of `worker_process`. The process ends when its input does: after the run, or when
the process that drives the run is killed.
"""

from __future__ import annotations

import importlib
import os
import queue
import signal
import sys
import threading
import traceback
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any, BinaryIO

from bench_suite.components import discovery
from bench_suite.contracts import BenchError, describe_error, error_text
from bench_suite.execution.callbacks import RunCallback
from bench_suite.execution.worker_process import read_frame, write_frame
from bench_suite.store.runs import Run
from bench_suite.suite.packages import is_installed
from bench_suite.suite.plan import Cell

PARENT_SECONDS = 2.0
"How often the process looks whether its parent still lives: other children of it may hold the input open."
NICENESS = 10
"The tracker yields the processors to the training."


@dataclass(frozen=True)
class Start:
    """The exporter that is to follow a run; it is loaded and checked."""

    exporter: discovery.Component
    folders: tuple[str, ...]
    "The folders in which the parent finds modules."


@dataclass(frozen=True)
class Follow:
    """The run that begins."""

    path: str


@dataclass(frozen=True)
class Known:
    """A cell that later calls name by its id."""

    cell: Cell


@dataclass(frozen=True)
class Call:
    """A method of `RunCallback` was called."""

    number: int
    method: str
    cell: str | None
    arguments: tuple[Any, ...] = ()
    named: tuple[tuple[str, Any], ...] = ()


@dataclass(frozen=True)
class Ready:
    """The exporter is loaded and can work."""


@dataclass(frozen=True)
class Done:
    """All calls up to a number have been repeated."""

    number: int
    where: str = ""
    "After the last call: where the tracker has written, and how to open it."


@dataclass(frozen=True)
class Failed:
    """The tracker has raised an error; it is not called again."""

    message: str


class _ParentGone(Exception):
    pass


def main(parent: str) -> int:
    """Repeat calls until the input ends; return the exit status."""
    orders, answers = os.fdopen(os.dup(0), "rb"), os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the process that drives the run says when it ends
    with suppress(OSError, AttributeError):
        os.nice(NICENESS)
    frames: queue.Queue[Any] = queue.Queue()
    threading.Thread(target=_read, args=(orders, frames), daemon=True).start()
    path: Path | None = None
    try:
        start = _next(frames, int(parent))
        sys.path[:] = start.folders
        module = load_tracker(start.exporter)
        write_frame(answers, Ready())
        order = _next(frames, int(parent))
        path = Path(order.path)
        _repeat(module.follow(RunCallback(), Run(path)), frames, answers, int(parent))
    except (_ParentGone, BrokenPipeError):
        return 0
    except BaseException as error:  # noqa: BLE001 - a tracker may raise anything, and the run says that it failed
        with suppress(OSError):
            if path is not None and not isinstance(error, BenchError):
                text = "".join(traceback.format_exception(error))
                (path / f"traceback-{start.exporter.name}.txt").write_text(text, encoding="utf-8", errors="replace")
        message = error_text(error) if isinstance(error, BenchError) else describe_error(error)
        with suppress(OSError):
            write_frame(answers, Failed(message))
        return 1
    return 0


def load_tracker(exporter: discovery.Component) -> ModuleType:
    """Import an exporter and the packages that it states, and let it check that it can work here.

    Raises:
        BenchError: something does not load, or its `check` refuses.
    """
    module = discovery.load(exporter)
    for names in exporter.words("IMPORTS"):
        package = next(filter(is_installed, names.split("|")), names)
        try:
            importlib.import_module(package)
        except Exception as error:  # a package may raise anything
            raise BenchError(f"the package {package} does not load: {describe_error(error)}") from error
    if "check" in exporter.functions:
        module.check(discovery.make_options(exporter, {}))
    return module


def _repeat(callback: RunCallback, frames: queue.Queue[Any], answers: BinaryIO, parent: int) -> None:
    """Repeat calls on a tracker's callback; if the run is killed, end the tracker as incomplete."""
    cells: dict[str, Cell] = {}
    while True:
        try:
            order = _next(frames, parent)
        except _ParentGone:
            callback.end(complete=False)
            raise
        if isinstance(order, Known):
            cells[order.cell.id] = order.cell
            continue
        first = () if order.cell is None else (cells[order.cell],)
        getattr(callback, order.method)(*first, *order.arguments, **dict(order.named))
        if order.method == "end":
            write_frame(answers, Done(order.number, str(getattr(callback, "where", ""))))
            return
        if frames.empty():
            write_frame(answers, Done(order.number))


def _read(file: BinaryIO, frames: queue.Queue[Any]) -> None:
    """Put the frames of a file into a queue, and None at its end."""
    with suppress(EOFError, OSError):
        while True:
            frames.put(read_frame(file))
    frames.put(None)


def _next(frames: queue.Queue[Any], parent: int) -> Any:
    """Return the next frame. Raises _ParentGone at the end of the input, or when the parent has ended."""
    while True:
        try:
            frame = frames.get(timeout=PARENT_SECONDS)
        except queue.Empty:
            if os.getppid() != parent:
                raise _ParentGone from None
            continue
        if frame is None:
            raise _ParentGone
        return frame
