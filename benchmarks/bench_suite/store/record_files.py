"""The files of records of a run, read once: through the index of the run if they are large."""

from __future__ import annotations

import zlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from bench_suite.contracts import Record
from bench_suite.store.collector import Collector
from bench_suite.store.columns import Columns
from bench_suite.store.index import FileStamp, Index, begins, read_index, write_index
from bench_suite.store.json_reader import Damage
from bench_suite.store.known_lines import KnownLines
from bench_suite.store.reading_progress import Reported
from bench_suite.store.records import merge, parse_lines

INDEXED_BYTES = 1_000_000
"""Size of all records from which on a run has an index. Fewer bytes are parsed in less time than it takes to import
pyarrow."""
ADDED_SHARE = 0.1
"Share of the bytes in the index that may be added before a new one is made, if they are more than `INDEXED_BYTES`."

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
        self._index: Index | None = None
        self._reading = Reading((), 0, ())

    def paths(self) -> list[Path]:
        """Return the files, in the order of their writers."""
        return sorted((self._run / "records").glob("*.jsonl"))

    @property
    def sizes(self) -> dict[str, int]:
        """Number of bytes of each file, by name, when the last call of `read` began to read it."""
        return {name: size for name, size, _, _ in self._state or ()}

    def read(self) -> Reading:
        """Return what the files contain; they are read only if one has changed since the last call.

        If lines were added to a large run, only these are parsed.
        """
        paths = self.paths()
        state = _state(paths)
        if state is None or state != self._state:
            size = sum(size for _, size, _, _ in state or ())
            if state and size >= INDEXED_BYTES:
                self._reading = self._read_large(paths, size)
            else:
                self._reading = self._read_small(paths)
            self._state = state
        return self._reading

    def _read_small(self, paths: list[Path]) -> Reading:
        records: list[Record] = []
        damages: list[str] = []
        torn = 0
        for path in paths:
            relative = self._relative(path)
            try:
                with path.open("rb") as file:
                    for item in parse_lines(file, relative):
                        if isinstance(item, Record):
                            records.append(item)
                        else:
                            damages.append(str(item))
                            torn += 1
            except OSError as error:
                damages.append(_cannot_be_read(relative, error))
        return Reading(tuple(merge(records)), torn, tuple(damages))

    def _read_large(self, paths: list[Path], size: int) -> Reading:
        self._index = self._index_of(paths, size)
        if self._index is not None and (reading := self._joined(self._index, paths)) is not None:
            return reading
        self._index = self._indexed(paths, size)
        return _reading(self._index)

    def _index_of(self, paths: list[Path], size: int) -> Index | None:
        """Return an index that was made of these files, or of most of what they contain."""
        for index in (self._index, read_index(self._run) if self._index is None else None):
            if index is not None and begins(index, paths):
                indexed = sum(stamp.size for stamp in index.files)
                if size - indexed <= max(INDEXED_BYTES, ADDED_SHARE * indexed):
                    return index
        return None

    def _indexed(self, paths: list[Path], size: int) -> Index:
        """Return an index made of the records, and write it unless a file cannot be read."""
        known, stamps, are_whole = KnownLines(Collector()), [], True
        with Reported(size) as reported:
            for path in paths:
                stamp, is_whole = self._collect(path, known, reported=reported)
                stamps.append(stamp)
                are_whole = are_whole and is_whole
        index = Index(known.collector.columns(), tuple(stamps))
        if are_whole and not self._read_only:
            del known  # its tables of texts are not needed to write the columns
            write_index(self._run, index)
            stored = read_index(self._run)  # other processes may have written another, and it may not be writable
            if stored is not None and stored.files == index.files:
                return stored
        return index

    def _joined(self, index: Index, paths: list[Path]) -> Reading | None:
        """Return what an index contains and what was added to the files since.

        Returns:
            None if a record that was added has to be merged with one that counts for more: the index has only what
            became of those of its cell.
        """
        stamps = {stamp.name: stamp for stamp in index.files}
        added: dict[str, tuple[FileStamp, Columns]] = {}
        for path in paths:
            earlier = stamps.get(path.name)
            if earlier is None or _size(path) > earlier.size:
                known = KnownLines(Collector())
                stamp, _ = self._collect(path, known, earlier)
                added[path.name] = stamp, known.collector.columns()
        return _joined(index, [path.name for path in paths], added) if added else _reading(index)

    def _collect(
        self, path: Path, known: KnownLines, earlier: FileStamp | None = None, reported: Reported | None = None
    ) -> tuple[FileStamp, bool]:
        """Add the records in a file to columns.

        Args:
            path: the file.
            known: receives them.
            earlier: what was read of the file before; by default nothing.
            reported: is told how much was read.

        Returns:
            What is read of the file now, of which `cells`, `torn` and `damages` are those of the added lines alone; and
            whether it could be read to its end.
        """
        relative = self._relative(path)
        lines, before = _CheckedLines(earlier), len(known.collector.positions)
        damages: list[str] = []
        torn, is_whole = 0, True
        try:
            with path.open("rb") as file:
                for content in lines.of(file):
                    if not known.add(content):
                        for item in parse_lines([content], relative, lines.number):
                            if isinstance(item, Damage):
                                damages.append(str(item))
                                torn += 1
                            else:
                                known.collector.add(item)
                    if reported is not None:
                        reported.add(len(content))
        except OSError as error:
            damages.append(_cannot_be_read(relative, error))
            is_whole = False
        cells = len(known.collector.positions) - before
        stamp = FileStamp(
            path.name, lines.size, lines.checksum, lines.complete, lines.number, cells, torn, tuple(damages)
        )
        return stamp, is_whole

    def _relative(self, path: Path) -> str:
        return path.relative_to(self._run).as_posix()


def _reading(index: Index) -> Reading:
    """Return what an index contains."""
    damages = tuple(damage for stamp in index.files for damage in stamp.damages)
    return Reading(tuple(index.columns.records()), sum(stamp.torn for stamp in index.files), damages)


def _joined(index: Index, names: Sequence[str], added: Mapping[str, tuple[FileStamp, Columns]]) -> Reading | None:
    """Return what an index contains and what was added to its files since.

    Args:
        index: the index.
        names: the names of all files, in order.
        added: what was added, by the names of the files.

    Returns:
        None if a record that was added has to be merged with one that counts for more.
    """
    records = index.columns.records()
    stamps = {stamp.name: stamp for stamp in index.files}
    last = max((names.index(stamp.name) for stamp in index.files if stamp.size), default=0)
    known = {record.id for record in records}
    merged: dict[str, Record] = {}
    parts: list[FileStamp] = []
    position = 0
    for number, name in enumerate(names):
        if (stamp := stamps.get(name)) is not None:
            merged |= {record.id: record for record in records[position : position + stamp.cells]}
            position += stamp.cells
            parts.append(stamp)
        if name in added:
            stamp, columns = added[name]
            parts.append(stamp)
            for record in columns.records():
                if number < last and record.id in known:
                    return None
                earlier = merged.get(record.id)
                merged[record.id] = record if earlier is None else merge([earlier, record])[0]
    damages = tuple(damage for stamp in parts for damage in stamp.damages)
    return Reading(tuple(merged.values()), sum(stamp.torn for stamp in parts), damages)


class _CheckedLines:
    """The lines of a file, whose number, size and checksum are known at the end."""

    def __init__(self, earlier: FileStamp | None) -> None:
        self.number = earlier.lines if earlier else 0
        "Number of the last line."
        self.size = earlier.size if earlier else 0
        self.checksum = earlier.checksum if earlier else 0
        self.complete = True

    def of(self, file: IO[bytes]) -> Iterator[bytes]:
        """Yield the lines of a file from `size` on."""
        file.seek(self.size)
        content = b"\n"
        for content in file:
            self.number += 1
            self.size += len(content)
            self.checksum = zlib.crc32(content, self.checksum)
            yield content
        self.complete = content.endswith(b"\n")


def _cannot_be_read(relative: str, error: OSError) -> str:
    return f"{relative}: {error.strerror or error}"


def _size(path: Path) -> int:
    """Return the number of bytes of a file; 0 if it cannot be examined."""
    try:
        return path.stat().st_size
    except OSError:
        return 0


def _state(paths: list[Path]) -> _State | None:
    """Return what changes whenever a file changes; None if a file cannot be examined."""
    try:
        statuses = [path.stat() for path in paths]
    except OSError:
        return None
    return tuple(
        (path.name, status.st_size, status.st_mtime_ns, status.st_ino) for path, status in zip(paths, statuses)
    )
