"""Write files completely or not at all, and records line by line: nothing is lost by a kill, a full disk or Ctrl-C."""

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
from typing import IO

from bench_suite.contracts import BenchError, Record
from bench_suite.store import formats
from bench_suite.store.records import dumps, line, to_json

_LONGEST_INSIDE = 400
"""Number of bytes that the path of a file inside a results folder has at most: the name of the run (70), `cells`, three
names of 80 characters, and what a temporary name adds."""
NO_ROOM = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
"Numbers of the errors that mean that a disk, a quota or a file is full."


class StoreError(BenchError):
    """A run that cannot be written, read or found."""


class StoreFull(StoreError):
    """A full disk, quota or file: nothing more can be written, and what was written before is complete."""


class RecordsLost(StoreError):
    """Records that were written and are not on disk any more."""

    exit_status = 3


class Writer:
    """Appends records to a file that nobody else writes; each record is on disk when `write` returns.

    A forked child cannot write to the file of its parent. If the child closes the writer, the file stays as it is.
    """

    def __init__(self, run: Path) -> None:
        """Create the file.

        Args:
            run: the folder of a run.

        Raises:
            StoreError: no file can be created in the folder.
        """
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
            raise writing_error(error, folder) from error
        self._size = 0
        self._records = 0

    def __enter__(self) -> Writer:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Close the file, and remove it if it is empty; a forked child only closes its own handle."""
        if self._file < 0:
            return
        remove = not self._size and os.getpid() == self._process and self._is_linked()
        os.close(self._file)
        self._file = -1
        if remove:
            with suppress(OSError):
                self.path.unlink()

    def write(self, record: Record) -> None:
        """Append one record and flush it to disk, completely or not at all.

        What does not fit into a line is written to `cells/ID/samples.parquet` and `cells/ID/record.json` first.

        Raises:
            StoreFull: there is no room.
            RecordsLost: the file was removed or replaced since it was created.
            StoreError: the file cannot be written.
        """
        if self._file < 0 or os.getpid() != self._process:
            raise StoreError(f"{self.path.name}: only the process that opened a writer can use it, until it is closed")
        folder = f"cells/{safe_name(record.id)}"
        content, samples_left_out, more_left_out = line(record, f"{folder}/record.json")
        with hold_interrupts():
            if samples_left_out:
                path = self._run / folder / "samples.parquet"
                earlier = path.read_bytes() if path.is_file() else None
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
            with suppress(OSError):  # readers skip a torn line
                os.ftruncate(self._file, self._size)
            raise writing_error(error, self.path) from error
        self._size += len(content)
        self._records += 1
        if not self._is_linked():
            number = f"{self._records} record{'s' if self._records > 1 else ''}"
            raise RecordsLost(
                f"{self.path} was removed, moved or replaced during the run: its {number} cannot be read any more\n"
                "  run these cells again, and leave the folder as it is until the run ends"
            )

    def _is_linked(self) -> bool:
        """Return whether the path still leads to the open file: a removed file can be written, but never read."""
        try:
            return os.path.samestat(self.path.stat(), os.fstat(self._file))
        except OSError:
            return False


def seal(path: Path) -> None:
    """Replace a file of records by a copy of its complete lines, if there is one.

    Its writer may run still, on a machine that is out of reach: what it appends from now on goes to the old file, which
    has no name any more, and its `write` raises `RecordsLost`. So a cell that is run again has one record.

    Raises:
        StoreError: the file cannot be replaced.
    """
    try:
        content = path.read_bytes()
        replace_file(path, content[: content.rfind(b"\n") + 1])
    except FileNotFoundError:
        return
    except OSError as error:
        raise writing_error(error, path) from error


# ── files ───────────────────────────────────────────────────────────────────────────────────────


def safe_name(label: str, max_length: int = 80) -> str:
    """Return a label as the name of a file: letters, digits, `_`, `-`, `=` and `+`.

    The name has no dots, so that it cannot leave its folder or change a suffix. If a character was replaced or cut, a
    hash of the label keeps names of different labels apart.

    Args:
        label: any text.
        max_length: largest number of characters of the name.
    """
    name = re.sub(r"[^A-Za-z0-9_=+-]+", "-", label).strip("-")[:max_length]
    if name and name == label:
        return name
    digest = hashlib.sha256(label.encode("utf-8", errors="surrogatepass")).hexdigest()[:8]
    return f"{name[: max_length - 9]}-{digest}".lstrip("-")


def exists(path: Path) -> bool:
    """Return whether there is such a file or folder; a path that the system refuses, such as a long one, is none."""
    try:
        return path.exists()
    except (OSError, ValueError):
        return False


def check_path_length(root: Path) -> None:
    """Check that the files of a run under `root` have paths that the system accepts.

    Raises:
        StoreError: the path is too long, or the name of one of its folders is.
    """
    limits = {"PC_PATH_MAX": 4096, "PC_NAME_MAX": 255}
    if hasattr(os, "pathconf"):
        limits |= {name: os.pathconf("/", name) for name in limits}
    size = len(os.fsencode(root)) + _LONGEST_INSIDE
    name = max(root.parts, key=lambda part: len(os.fsencode(part)), default="")
    if size > limits["PC_PATH_MAX"]:
        excess = f"the path would need {size} bytes, and the system allows {limits['PC_PATH_MAX']}"
    elif len(os.fsencode(name)) > limits["PC_NAME_MAX"]:
        excess = (
            f"the name of a folder has {len(os.fsencode(name))} bytes, and the system allows {limits['PC_NAME_MAX']}"
        )
    else:
        return
    raise StoreError(
        f"results cannot be written to {shortened(root)}: {excess}\n  choose a shorter path with: --results DIR"
    )


def shortened(path: Path, most: int = 300) -> str:
    """Return the path as text of at most `most` characters, without its middle if it is longer."""
    text = str(path)
    return text if len(text) <= most else f"{text[: most // 2]} … {text[-(most // 2) :]}"


def write_file(path: Path, content: bytes) -> Path:
    """Write a file completely or not at all, create the folders above it, and return its path.

    Raises:
        StoreFull: there is no room.
        StoreError: the file cannot be written.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        replace_file(path, content)
    except OSError as error:
        raise writing_error(error, path) from error
    return path


def replace_file(path: Path, content: bytes) -> None:
    """Write a file completely or not at all, even if the process is killed: see `replacing`.

    Raises:
        OSError: the file cannot be written.
    """
    with replacing(path) as file:
        file.write(content)


@contextmanager
def replacing(path: Path) -> Iterator[IO[bytes]]:
    """Open a new file that replaces the one at `path` when the block ends, and is removed if an error ends it.

    It has a temporary name until then. Unlike a record, the file is not flushed to disk. Flushing costs 5 ms a file,
    half of what a cell may cost, and protects only against a power cut, after which reading the file reports that it is
    damaged.

    Raises:
        OSError: the file cannot be written.
    """
    temporary = path.with_name(f".{path.name[:100]}.{os.getpid()}-{secrets.token_hex(3)}.tmp")
    try:
        with temporary.open("xb") as file:
            yield file
        temporary.replace(path)
    except BaseException:
        with suppress(OSError):
            temporary.unlink()
        raise


def writing_error(error: OSError, path: Path) -> StoreError:
    """Return the error of writing at `path` with a message that says what to do."""
    why = os.strerror(error.errno) if error.errno else str(error)
    shown = shortened(path)
    if error.errno in NO_ROOM:
        complete = "everything written before is complete"
        return StoreFull(f"no room to write {shown} ({why}); {complete}\n  free some space, then: bench run … --resume")
    if error.errno in (errno.ENOTDIR, errno.EEXIST):
        return StoreError(
            f"results cannot be written under {shown}: it is not a folder\n  choose another with: --results DIR"
        )
    return StoreError(f"results cannot be written to {shown} ({why})\n  choose another folder with: --results DIR")


@contextmanager
def hold_interrupts() -> Iterator[None]:
    """Delay a Ctrl-C until the block ends; then the earlier handler is called. Works in the main thread only."""
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


def inside(folder: Path, relative: str) -> Path:
    """Return the path of a file in a folder.

    Raises:
        StoreError: the path leads out of the folder.
    """
    root = os.path.normpath(folder)
    path = os.path.normpath(os.path.join(root, relative))
    if "\0" in relative or not (path == root or path.startswith(root.rstrip(os.sep) + os.sep)):
        raise StoreError(f"{relative!r} is not inside the run's folder {folder}")
    return Path(path)
