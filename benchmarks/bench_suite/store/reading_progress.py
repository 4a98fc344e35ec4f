"""How far the reading of many records is, for whoever wants to show it."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from types import TracebackType

Listener = Callable[[int, int], None]
"Called with the number of bytes that were read, and of all bytes; once more with equal numbers at the end."
PATIENCE = 1.0
"Seconds of reading before the first call: most readings are shorter."
INTERVAL = 0.2
"Seconds between two calls, at least."
_STEP = 1 << 20

_listener: ContextVar[Listener | None] = ContextVar("listener", default=None)


@contextmanager
def listening(listener: Listener) -> Iterator[None]:
    """Let a function know how far readings are that happen in the block."""
    token = _listener.set(listener)
    try:
        yield
    finally:
        _listener.reset(token)


class Reported:
    """A reading of so many bytes whose progress the listener is told, if it takes long."""

    def __init__(self, size: int) -> None:
        self._listener = _listener.get()
        self._size = size
        self._done = 0
        self._next_size = _STEP
        self._next_time = time.monotonic() + PATIENCE
        self._is_shown = False

    def __enter__(self) -> Reported:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._is_shown and self._listener is not None:
            self._listener(self._size, self._size)

    def add(self, size: int) -> None:
        """Note that so many bytes more were read."""
        self._done += size
        if self._done < self._next_size or self._listener is None:
            return
        self._next_size = self._done + _STEP
        now = time.monotonic()
        if now >= self._next_time:
            self._next_time = now + INTERVAL
            self._is_shown = True
            self._listener(min(self._done, self._size), self._size)
