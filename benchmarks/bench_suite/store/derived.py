"""Results that were computed from the files of a run, in `index/derived/`, so that the next command only reads them.

They are derived: if the folder is removed, nothing is lost but time. A file is used only if it is undamaged and states
the digest that its reader expects, which is one of everything that the result depends on. If a file cannot be written,
there is no error: the folder may be read-only, or the disk full.
"""

from __future__ import annotations

import json
import stat
import time
import zlib
from contextlib import suppress
from pathlib import Path
from typing import Any

from bench_suite.store.atomic import replace_file
from bench_suite.store.index import FOLDER as INDEX

FOLDER = f"{INDEX}/derived"
MAX_BYTES = 1 << 26
"Size of a file at most: 250 times that of the differences of 190 pairs by one metric."
_LEFTOVER_SECONDS = 3600

FileState = tuple[int, int, int, int]
"Size, times of change of content and of status in nanoseconds, and number of a file."


def state_of(path: Path) -> FileState | None:
    """Return what changes whenever a file is written or replaced, even if its time is set back; None without a file."""
    try:
        status = path.stat()
    except OSError:
        return None
    return status.st_size, status.st_mtime_ns, status.st_ctime_ns, status.st_ino


class Derived:
    """The derived results of a run; what was read or written is kept, so that it is also found if nothing is stored."""

    def __init__(self, run: Path, *, read_only: bool = False) -> None:
        """Read nothing yet.

        Args:
            run: the folder of the run.
            read_only: whether to keep results in memory only.
        """
        self._run = run
        self._read_only = read_only
        self._known: dict[str, tuple[str, Any]] = {}

    def read(self, name: str, digest: str) -> Any:
        """Return a result: the JSON value that was written; None if there is none, if it is damaged or of other inputs.

        Args:
            name: the name of the result, letters and digits.
            digest: of its inputs, without spaces.
        """
        if name in self._known and self._known[name][0] == digest:
            return self._known[name][1]
        path = self._path(name)
        # ValueError: it is no JSON. RecursionError: it is nested too deeply.
        with suppress(OSError, ValueError, RecursionError, MemoryError):
            status = path.stat()
            if not stat.S_ISREG(status.st_mode) or status.st_size > MAX_BYTES:  # reading a pipe would wait
                return None
            first, _, content = path.read_bytes().partition(b"\n")
            if first != _first_line(digest, content):
                return None
            value = json.loads(content)
            self._known[name] = (digest, value)
            return value
        return None

    def write(self, name: str, digest: str, value: Any) -> None:
        """Keep a result, and write it, completely or not at all; it replaces one of the same name.

        Args:
            name: the name of the result, letters and digits.
            digest: of its inputs, without spaces.
            value: the result, whose JSON must give an equal value.
        """
        self._known[name] = (digest, value)
        if self._read_only:
            return
        path = self._path(name)
        with suppress(OSError, ValueError, MemoryError):
            content = json.dumps(value, separators=(",", ":")).encode()
            if len(content) > MAX_BYTES // 2:
                return
            path.parent.mkdir(parents=True, exist_ok=True)
            for leftover in path.parent.glob(".*.tmp"):  # a process that was killed may have left it
                if time.time() - leftover.stat().st_mtime > _LEFTOVER_SECONDS:
                    leftover.unlink()
            ignored = self._run / INDEX / ".gitignore"
            if not ignored.exists():
                replace_file(ignored, b"*\n")  # it belongs into no repository
            replace_file(path, _first_line(digest, content) + b"\n" + content)

    def _path(self, name: str) -> Path:
        return self._run / FOLDER / f"{name}.json"


def _first_line(digest: str, content: bytes) -> bytes:
    return f"{digest} {zlib.crc32(content):08x}".encode()
