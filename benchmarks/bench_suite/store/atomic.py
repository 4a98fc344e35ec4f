"""Writing that loses nothing: files whole or not at all, records line by line, through kills, full disks and Ctrl-C."""

from __future__ import annotations

import errno
import hashlib
import os
import re
import secrets
import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from bench_suite.contracts import BenchError, Record
from bench_suite.store import formats
from bench_suite.store.records import dumps, line, to_json

_NO_ROOM = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)


class StoreError(BenchError):
    """Runs that cannot be written, read or found."""


class StoreFull(StoreError):
    """The disk, the quota or the largest file is full: nothing more can be kept, what was written before is whole."""


class Writer:
    """Appends records to one file that nobody else writes; each is on disk when `write` returns."""

    def __init__(self, run: Path) -> None:
        """`run` is the folder of a run. Raises StoreError where no file can be made in it."""
        self._run = run
        self._process = os.getpid()
        folder = run / "records"
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_APPEND | getattr(os, "O_CLOEXEC", 0)
        try:
            folder.mkdir(exist_ok=True)
            # Numbers grow, so that the order of the files is the order of their writers.
            number = 1 + max((int(path.stem) for path in folder.glob("*.jsonl") if path.stem.isdecimal()), default=0)
            while True:
                self.path = folder / f"{number:05d}.jsonl"
                try:
                    self._file = os.open(self.path, flags, 0o644)
                    break
                except FileExistsError:
                    number += 1
        except OSError as error:
            raise explained(error, folder) from error
        self._size = 0

    def __enter__(self) -> Writer:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Close the file; one that stayed empty is removed."""
        if self._file >= 0:
            os.close(self._file)
            self._file = -1
            if not self._size:
                self.path.unlink(missing_ok=True)

    def write(self, record: Record) -> None:
        """Append one record and flush it to disk; whole or, where that fails, not at all.

        What does not fit a line goes to `cells/ID/samples.parquet` and `cells/ID/record.json` first. Raises StoreFull
        or StoreError.
        """
        if self._file < 0 or os.getpid() != self._process:
            raise StoreError(f"{self.path.name}: a writer belongs to the process that made it, until it is closed")
        folder = f"cells/{safe_name(record.id)}"
        content, samples_left_out, more_left_out = line(record, f"{folder}/record.json")
        with uninterrupted():
            if samples_left_out:
                path = self._run / folder / "samples.parquet"
                earlier = path.read_bytes() if path.exists() else None
                write_file(path, formats.samples_to_parquet(record.metrics, earlier))
            if more_left_out:
                write_file(self._run / folder / "record.json", dumps(to_json(record)).encode())
            self._append(content)

    def _append(self, content: bytes) -> None:
        try:
            rest = memoryview(content)
            while rest:
                rest = rest[os.write(self._file, rest) :]
            os.fsync(self._file)
        except OSError as error:
            with suppress(OSError):  # a torn line is left to the readers, who skip it
                os.ftruncate(self._file, self._size)
            raise explained(error, self.path) from error
        self._size += len(content)


# ── files ───────────────────────────────────────────────────────────────────────────────────────


def safe_name(label: str, most: int = 80) -> str:
    """A label as the name of a file: letters, digits, `_`, `-`, `=` and `+`, at most `most` of them.

    Without dots, so that no name leads anywhere or changes a suffix. Where something had to be replaced, a hash of
    the label keeps two labels apart.
    """
    name = re.sub(r"[^A-Za-z0-9_=+-]+", "-", label).strip("-")[:most]
    if name and name == label:
        return name
    digest = hashlib.sha256(label.encode("utf-8", errors="surrogatepass")).hexdigest()[:8]
    return f"{name[: most - 9]}-{digest}".lstrip("-")


def write_file(path: Path, content: bytes) -> Path:
    """Write a file whole or not at all, with the folders above it; returns its path. Raises StoreFull or StoreError."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        replace(path, content)
    except OSError as error:
        raise explained(error, path) from error
    return path


def replace(path: Path, content: bytes) -> None:
    """Write a file whole or not at all, whenever the process is killed: under a temporary name, then renamed.

    Not flushed to disk, unlike records: that costs 5 ms a file, half of what a cell may cost, and guards against
    nothing but a power cut, after which a damaged file is told as such when it is read. Raises OSError.
    """
    temporary = path.with_name(f".{path.name[:100]}.{os.getpid()}-{secrets.token_hex(3)}.tmp")
    try:
        with temporary.open("xb") as file:
            file.write(content)
        temporary.replace(path)
    except BaseException:
        with suppress(OSError):
            temporary.unlink()
        raise


def explained(error: OSError, path: Path) -> StoreError:
    """The fault of writing at `path`, said to the person at the keyboard."""
    why = os.strerror(error.errno) if error.errno else str(error)
    if error.errno in _NO_ROOM:
        whole = "what was written before is whole"
        return StoreFull(f"no room to write {path} ({why}); {whole}\n  free some space, then: bench run … --resume")
    if error.errno in (errno.ENOTDIR, errno.EEXIST):
        return StoreError(
            f"results cannot be kept under {path}: it is not a folder\n  choose another with: --results DIR"
        )
    return StoreError(f"results cannot be written to {path} ({why})\n  choose another folder with: --results DIR")


@contextmanager
def uninterrupted() -> Iterator[None]:
    """Hold back a Ctrl-C until the block ends: then whoever handled it before does. Only in the main thread."""
    before = signal.getsignal(signal.SIGINT)
    if threading.current_thread() is not threading.main_thread() or before is None:
        yield
        return
    held: list[int] = []
    signal.signal(signal.SIGINT, lambda number, frame: held.append(number))
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)
        if held:
            signal.raise_signal(signal.SIGINT)
