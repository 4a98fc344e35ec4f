"""The process in which a worker runs: it reads the units to run, one after another, and sends events.

Frames on its standard input and output are a length of eight bytes and a pickled object. What components print goes to
standard error.
"""

from __future__ import annotations

import io
import os
import pickle
import signal
import sys
import threading
import time
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any, BinaryIO

from bench_suite.contracts import BenchError
from bench_suite.execution.events import Called, Event, WorkerFailed
from bench_suite.store.atomic import hold_interrupts
from bench_suite.training.fresh_process import end_with_parent

WINDOW_SECONDS = 0.2
"Windows of a training are sent at most so often: they are for people."


@dataclass(frozen=True)
class Order:
    """A unit that a worker is to run."""

    unit: str
    "Id of the unit."
    cores: tuple[int, ...]
    "The processors that it may use."
    written: tuple[str, ...]
    "Ids of its cells that have a record already."
    checked: tuple[str, ...]
    "Keys of the data that need no check."


def write_frame(file: IO[bytes], content: Any) -> None:
    """Write an object as one frame."""
    data = pickle.dumps(content)
    file.write(len(data).to_bytes(8, "big") + data)
    file.flush()


def read_frame(file: IO[bytes]) -> Any:
    """Return the object of the next frame. Raises EOFError at the end of the file, or within a frame."""
    size = file.read(8)
    data = file.read(int.from_bytes(size, "big")) if len(size) == 8 else b""
    if len(size) < 8 or len(data) < int.from_bytes(size, "big"):
        raise EOFError
    return pickle.loads(data)


class Sender:
    """Sends events to the parent, each whole, from any thread."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self._lock = threading.Lock()
        self._last_window = 0.0

    def __call__(self, event: Event) -> None:
        """Send an event; windows of a training that follow one another quickly are left out."""
        if isinstance(event, Called) and event.method == "window":
            now = time.monotonic()
            if now - self._last_window < WINDOW_SECONDS:
                return
            self._last_window = now
        with hold_interrupts(), self._lock:
            write_frame(self._file, event)


def main(job: str, parent: str) -> int:
    """Run units until the standard input ends; return the exit status."""
    end_with_parent(int(parent))
    orders, events = os.fdopen(os.dup(0), "rb"), os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(line_buffering=True)
    send = Sender(events)
    try:
        signal.signal(signal.SIGINT, signal.default_int_handler)
        from bench_suite.environment import usable_cores
        from bench_suite.execution.sharing import pin
        from bench_suite.execution.worker import Worker

        all_cores = usable_cores()
        with Worker(Path(job), send) as worker:
            while True:
                try:
                    order: Order = read_frame(orders)
                except EOFError:
                    return 0
                pin(order.cores or all_cores)
                for _ in worker.run(order.unit, order.written, order.checked):
                    pass
    except KeyboardInterrupt:
        send(WorkerFailed("interrupted", 130, interrupted=True))
        return 130
    except BenchError as error:
        send(WorkerFailed(str(error), error.exit_status))
        return error.exit_status
