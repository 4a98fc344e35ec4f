"""Tables of a file set as they stand in the files: text for CSV, the stated types for JSON, Parquet and Arrow.

Nothing is decided here about what a column means (`schema` does that, from all splits and shards together).
"""

from __future__ import annotations

import os
import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bench_suite.contracts import DataInvalid
from bench_suite.data.csv_text import UNNAMED, TextOptions
from bench_suite.data.file_names import METADATA, ending, is_picture
from bench_suite.data.file_sets import FileSet
from bench_suite.data.picture_tables import (
    described_pictures,
    folders_above_classes,
    metadata_files,
    picture_paths,
    pictures_in_folders,
)
from bench_suite.data.table_formats import read_table

if TYPE_CHECKING:
    import pyarrow as pa


@dataclass(frozen=True)
class RawTables:
    """The splits of a data set as they stand in its files."""

    tables: Mapping[str, tuple[pa.Table, ...]]
    "One table for each file of a split, in order; all have the same columns."
    textual: bool
    "Whether each value is the text of a file, so that `schema` decides the types of the columns."
    notes: Mapping[str, Any] = field(default_factory=dict)
    "What was left out."
    opened: frozenset[str] = frozenset()
    "Pictures that rows name, as paths below the folder of the data set."
    from_folders: bool = False
    "Whether the column `label` holds the names of folders."


def read_tables(files: FileSet, options: TextOptions, max_bytes: int) -> RawTables:
    """Return the tables of a file set.

    Raises:
        DataInvalid: A file cannot be read, or files have different columns.
    """
    _check_shards(files)
    every = [file for paths in files.splits.values() for file in paths]
    if files.format == "pictures" or all(file.name in METADATA for file in every):
        raw = _read_pictures(files, options, max_bytes)
    else:
        tables = {
            split: tuple(read_table(files, file, options, max_bytes) for file in paths)
            for split, paths in files.splits.items()
        }
        _check_same_content(files, tables)
        raw = RawTables(tables, files.format == "csv", _left_out(files, tables))
    _check_columns(files, raw)
    return raw


def _read_pictures(files: FileSet, options: TextOptions, max_bytes: int) -> RawTables:
    """Return pictures by their paths, with the rows of their metadata, or with the names of their folders as labels."""
    metadata = metadata_files(files)
    if not metadata:
        in_folders = pictures_in_folders(files)
        notes = folders_above_classes(in_folders)
        return RawTables(
            {split: (table,) for split, table in in_folders.items()}, textual=False, notes=notes, from_folders=True
        )
    tables = described_pictures(files, options, max_bytes)
    named = {path for parts in tables.values() for part in parts for path in picture_paths(part) if path}
    pictures = {files.name(file) for paths in files.splits.values() for file in paths if is_picture(file.name)}
    left_out = sorted(pictures - named)
    left_out_notes: dict[str, Any] = {"pictures that no metadata file names": left_out} if left_out else {}
    return RawTables(tables, ending(metadata[0].name) == ".csv", left_out_notes, frozenset(named))


def _left_out(files: FileSet, tables: Mapping[str, Sequence[pa.Table]]) -> dict[str, Any]:
    """Return notes on what is not in the tables: columns without a name, and columns that only some splits have."""
    notes: dict[str, Any] = {}
    unnamed = {
        (table.schema.metadata or {}).get(UNNAMED, b"").decode() for parts in tables.values() for table in parts
    } - {""}
    if unnamed:
        notes[UNNAMED.decode()] = "; ".join(sorted(unnamed))
    of_folders = sorted(
        {
            part.partition("=")[0]
            for paths in files.splits.values()
            for file in paths
            for part in Path(files.name(file)).parts[:-1]
            if "=" in part
        }
    )
    if of_folders:
        notes["names of folders that are not read as a column"] = ", ".join(f"{name}=…" for name in of_folders)
    first = next(iter(tables.values()))[0].column_names if any(tables.values()) else []
    for split, parts in tables.items():
        extra = [column for column in (parts[0].column_names if parts else ()) if column not in first]
        if extra:
            notes[f"columns of `{split}` alone, not used"] = ", ".join(extra)
    return notes


def _check_shards(files: FileSet) -> None:
    """Refuse a split of which some numbered files are missing: `train-00000-of-00002.parquet` alone."""
    for paths in files.splits.values():
        for file in paths:
            counted = re.search(r"-of-(\d+)\b", file.name)
            stem = file.name[: counted.start()].rstrip("0123456789") if counted else ""
            present = sum(other.parent == file.parent and other.name.startswith(stem) for other in paths)
            if counted and present != int(counted[1]):
                repair = f"\n  to get the rest: {files.download}" if files.download else ": add the others"
                pattern = f"{files.name(file.with_name(stem))}*{''.join(file.suffixes)}"
                raise DataInvalid(f"{files.subject}: {present} of {int(counted[1])} files {pattern} are there{repair}")


def _check_same_content(files: FileSet, tables: Mapping[str, Sequence[pa.Table]]) -> None:
    """Refuse a file that is there twice: by a link in any two splits, or by a copy in one, such as `train (1).csv`."""
    known: dict[object, Path] = {}
    for split, paths in files.splits.items():
        sizes = Counter(map(_size, paths))
        for file, table in zip(paths, tables[split]):
            copied = sizes[_size(file)] > 1 and table.num_rows > 1
            for key in (_identity(file), *(((split, _digest(file)),) if copied else ())):
                if (other := known.setdefault(key, file)) is not file:
                    raise DataInvalid(
                        f"{files.subject}: {files.name(other)} and {files.name(file)} have the same content, so each "
                        "row would be read twice: remove one of them, or name the files in path"
                    )


def _identity(file: Path) -> object:
    try:
        state = file.stat()
    except OSError:  # reported when it is read
        return file
    return state.st_dev, state.st_ino


def _size(file: Path) -> int:
    try:
        return file.stat().st_size
    except OSError:  # reported when it is read
        return 0


def _digest(file: Path) -> bytes:
    import hashlib

    try:
        with file.open("rb") as stream:
            return hashlib.file_digest(stream, "sha256").digest()
    except OSError:
        return os.fsencode(file)


def _check_columns(files: FileSet, raw: RawTables) -> None:
    """Refuse files of one split whose columns differ: a missing value would stand where a column is missing."""
    for split, tables in raw.tables.items():
        names = [{*table.column_names} for table in tables]
        for number, columns in enumerate(names[1:], 1):
            if columns != names[0]:
                odd = sorted(columns ^ names[0])[0]
                there, lacking = (number, 0) if odd in columns else (0, number)
                paths = files.splits[split]
                raise DataInvalid(
                    f"{files.subject}: {files.name(paths[there])} has the column `{odd}`, and "
                    f"{files.name(paths[lacking])}, also of `{split}`, has not: give all files of a split the same "
                    "columns, with a line of names in each"
                )
