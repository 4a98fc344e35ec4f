"""Event files: a worker that outlives the process that drives the run writes its events to a file, which is read later.

A frame of the file is a length of eight bytes and a pickled event. Only the owner can read the file.
"""

from __future__ import annotations

import os
import pickle
import threading
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

from bench_suite.execution.events import Called, Event, Recorded
from bench_suite.store.atomic import hold_interrupts, writing_error

WINDOW_SECONDS = 2.0
"Windows of a training are written at most so often: they are for people."
_LENGTH = 8  # bytes
_FLAGS = os.O_WRONLY | os.O_CREAT | os.O_APPEND | getattr(os, "O_CLOEXEC", 0)


class EventFile:
    """Appends each event to a file that nobody else writes, from any thread; records are left out.

    An event that cannot be written is left out too: the records say whether the run's files can be written.
    """

    def __init__(self, path: Path) -> None:
        """Open the file.

        Raises:
            StoreError: it cannot be opened.
        """
        try:
            self._file = os.open(path, _FLAGS, 0o600)
        except OSError as error:
            raise writing_error(error, path) from error
        self._lock = threading.Lock()
        self._last_window = 0.0

    def __call__(self, event: Event) -> None:
        """Append an event; windows of a training that follow one another quickly are left out."""
        if isinstance(event, Recorded):
            return
        if isinstance(event, Called) and event.method == "window":
            now = time.monotonic()
            if now - self._last_window < WINDOW_SECONDS:
                return
            self._last_window = now
        content = pickle.dumps(event)
        with hold_interrupts(), self._lock:
            size = os.fstat(self._file).st_size
            try:
                rest = memoryview(len(content).to_bytes(_LENGTH, "big") + content)
                while rest:
                    rest = rest[os.write(self._file, rest) :]
            except OSError:
                with suppress(OSError):  # a frame is complete or not there
                    os.ftruncate(self._file, size)


class EventReader:
    """Reads the events of a file, each once, while another process writes it."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._offset = 0

    def read(self) -> Iterator[Event]:
        """Yield the events that were written since the last call; none if there is no such file yet."""
        try:
            with self.path.open("rb") as file:
                file.seek(self._offset)
                content = file.read()
        except OSError:
            return
        start = 0
        while len(content) >= start + _LENGTH:
            end = start + _LENGTH + int.from_bytes(content[start : start + _LENGTH], "big")
            if len(content) < end:
                return
            event: Event = pickle.loads(content[start + _LENGTH : end])
            self._offset += end - start
            start = end
            yield event
