"""The files of records of a run, read once: through the index of the run if they are large."""

from __future__ import annotations

import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from bench_suite.contracts import Record
from bench_suite.store.columns import Collector
from bench_suite.store.index import Index, Stamp, read_index, write_index
from bench_suite.store.json_reader import Damage
from bench_suite.store.records import merge, parse_lines

INDEXED_BYTES = 1_000_000
"""Size of all records from which on a run has an index. Fewer bytes are parsed in less time than it takes to import
pyarrow."""

_State = tuple[tuple[str, int, int, int], ...]


@dataclass(frozen=True)
class Reading:
    """What the files of records contain."""

    records: tuple[Record, ...]
    "Merged, in order of first appearance."
    torn: int
    "Number of lines that could not be read."
    damages: tuple[str, ...]
    "Which lines and files could not be read, and why."


class RecordFiles:
    """The files of records of one run; what was read is kept until a file changes."""

    def __init__(self, run: Path, *, read_only: bool = False) -> None:
        """Read nothing yet.

        Args:
            run: the folder of the run.
            read_only: whether to write no index.
        """
        self._run = run
        self._read_only = read_only
        self._state: _State | None = None
        self._reading = Reading((), 0, ())

    def paths(self) -> list[Path]:
        """Return the files, in the order of their writers."""
        return sorted((self._run / "records").glob("*.jsonl"))

    @property
    def sizes(self) -> dict[str, int]:
        """Number of bytes of each file, by name, when the last call of `read` began to read it."""
        return {name: size for name, size, _, _ in self._state or ()}

    def read(self) -> Reading:
        """Return what the files contain; they are read only if one has changed since the last call."""
        paths = self.paths()
        state = _state(paths)
        if state is None or state != self._state:
            size = sum(size for _, size, _, _ in state or ())
            self._reading = self._read_large(paths) if state and size >= INDEXED_BYTES else self._read_small(paths)
            self._state = state
        return self._reading

    def _read_small(self, paths: list[Path]) -> Reading:
        items = [item for path in paths for item in self._items(path, [])]
        damages = [item for item in items if not isinstance(item, Record)]
        torn = sum(isinstance(item, Damage) for item in damages)
        records = merge(item for item in items if isinstance(item, Record))
        return Reading(tuple(records), torn, tuple(map(str, damages)))

    def _read_large(self, paths: list[Path]) -> Reading:
        index = read_index(self._run, paths)
        if index is None:
            index = self._indexed(paths)
        return Reading(tuple(index.columns.records()), index.torn, index.damages)

    def _indexed(self, paths: list[Path]) -> Index:
        """Return an index made of the records, and write it unless a file cannot be read."""
        collector, damages, torn = Collector(), [], 0
        stamped: list[tuple[str, int, int]] = []
        for path in paths:
            for item in self._items(path, stamped):
                if isinstance(item, Record):
                    collector.add(item)
                else:
                    damages.append(str(item))
                    torn += isinstance(item, Damage)
        index = Index(collector.columns(), Stamp(tuple(stamped)), torn, tuple(damages))
        if len(stamped) == len(paths) and not self._read_only:
            write_index(self._run, index)
        return index

    def _items(self, path: Path, stamped: list[tuple[str, int, int]]) -> Iterator[Record | Damage | str]:
        """Yield the record in each line of a file, or why it is none, or why the file cannot be read.

        Args:
            path: the file.
            stamped: receives the name, size and checksum of what was read.
        """
        relative = path.relative_to(self._run).as_posix()
        try:
            with path.open("rb") as file:
                lines = _CheckedLines(file)
                yield from parse_lines(lines, relative)
                stamped.append((path.name, lines.size, lines.checksum))
        except OSError as error:
            yield f"{relative}: {error.strerror or error}"


class _CheckedLines:
    """The lines of a file, whose size and checksum are known at the end."""

    def __init__(self, file: IO[bytes]) -> None:
        self._file = file
        self.size = 0
        self.checksum = 0

    def __iter__(self) -> Iterator[bytes]:
        for line in self._file:
            self.size += len(line)
            self.checksum = zlib.crc32(line, self.checksum)
            yield line


def _state(paths: list[Path]) -> _State | None:
    """Return what changes whenever a file changes; None if a file cannot be examined."""
    try:
        statuses = [path.stat() for path in paths]
    except OSError:
        return None
    return tuple(
        (path.name, status.st_size, status.st_mtime_ns, status.st_ino) for path, status in zip(paths, statuses)
    )
