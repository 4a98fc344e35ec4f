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
from bench_suite.data.csv_text import UNNAMED, TextOptions, decoded, read_bytes, read_text
from bench_suite.data.datasets_package import import_datasets
from bench_suite.data.file_names import COMPRESSIONS, METADATA, ending, is_picture, split_of
from bench_suite.data.file_sets import FileSet
from bench_suite.data.parquet_batches import bounded_batches

if TYPE_CHECKING:
    import pyarrow as pa

IMAGE, LABEL, FILE_NAME = "image", "label", "file_name"
"Names of the columns of a folder of pictures, as in `datasets`."


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


def read_tables(files: FileSet, options: TextOptions, max_bytes: int) -> RawTables:
    """Return the tables of a file set.

    Raises:
        DataInvalid: A file cannot be read, or files have different columns.
    """
    _check_shards(files)
    every = [file for paths in files.splits.values() for file in paths]
    if files.format == "pictures" or all(file.name in METADATA for file in every):
        raw = _pictures(files, options, max_bytes)
    else:
        tables = {
            split: tuple(_read_of(files, file, options, max_bytes) for file in paths)
            for split, paths in files.splits.items()
        }
        _check_same_content(files, tables)
        raw = RawTables(tables, files.format == "csv", _left_out(files, tables))
    _check_columns(files, raw)
    return raw


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


def _read_of(files: FileSet, file: Path, options: TextOptions, max_bytes: int) -> pa.Table:
    """Return the table of a file; an error names the file, and the command that downloads it again if there is one."""
    try:
        return _read(file, files.label(file), options, max_bytes)
    except DataInvalid as error:
        if not files.download:
            raise
        raise DataInvalid(f"{error}\n  to download it again: {files.download}") from error


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


def _read(file: Path, name: str, options: TextOptions, max_bytes: int) -> pa.Table:
    format = ending(file.name)
    if format in (".csv", ".tsv"):
        return read_text(file, name, options, max_bytes)
    if format == ".parquet":
        return _read_parquet(file, name, max_bytes)
    if format == ".arrow":
        return _read_arrow(file, name, max_bytes)
    return _read_json(file, name, max_bytes, options.encoding)


def _read_parquet(file: Path, name: str, max_bytes: int) -> pa.Table:
    import pyarrow as pa
    import pyarrow.parquet as pq

    from bench_suite.environment import format_bytes

    try:
        before = file.stat()
        packed = file.suffix.lower() in COMPRESSIONS
        with pa.BufferReader(read_bytes(file, name, max_bytes)) if packed else file.open("rb") as stream:
            reader = pq.ParquetFile(stream)
            metadata = reader.metadata
            size = sum(metadata.row_group(group).total_byte_size for group in range(metadata.num_row_groups))
            batches, total = [], size
            if size <= max_bytes:  # a column that repeats one value is small in the file and large in memory
                total = 0
                for batch in bounded_batches(reader, stream, max_bytes):
                    batches.append(batch)
                    total += batch.nbytes
                    if total > max_bytes:
                        break
            if total > max_bytes:
                raise DataInvalid(
                    f"{name} holds {format_bytes(total)} or more, and {format_bytes(max_bytes)} are allowed: state a "
                    "larger max_bytes"
                )
            table = pa.Table.from_batches(batches, reader.schema_arrow if not batches else batches[0].schema)
        after = file.stat()
        if (before.st_size, before.st_mtime_ns) != (after.st_size, after.st_mtime_ns):
            raise DataInvalid(f"{name} changed while it was read: run again when nothing writes to it")
    except (pa.ArrowException, OSError, EOFError) as error:
        raise DataInvalid(f"{name} cannot be read as Parquet (is it complete?): {_reason(error)}") from error
    return _check_names(table, name)


def _read_arrow(file: Path, name: str, max_bytes: int) -> pa.Table:
    import pyarrow as pa

    content = read_bytes(file, name, max_bytes)  # not mapped: a file that changes later would change the values
    try:
        try:
            table = pa.ipc.open_stream(content).read_all()
        except pa.ArrowInvalid:
            table = pa.ipc.open_file(content).read_all()
    except (pa.ArrowException, OSError) as error:
        raise DataInvalid(f"{name} cannot be read as Arrow (is it complete?): {_reason(error)}") from error
    return _check_names(table, name)


def _read_json(file: Path, name: str, max_bytes: int, encoding: str | None) -> pa.Table:
    """Return the rows of a JSON file, one object a line or a list of objects, as `datasets` reads them."""
    import tempfile

    datasets = import_datasets(name)
    content = decoded(read_bytes(file, name, max_bytes), name, encoding)  # bounded, and complete
    if content.strip() in (b"", b"[]", b"{}"):
        raise DataInvalid(f"{name} is empty: one object a line, or a list of objects, is expected")
    with tempfile.TemporaryDirectory() as folder:
        # `datasets` keeps what it read under a name and a time stamp; here it is thrown away with the folder.
        copy = Path(folder, f"rows{'.json' if content.lstrip().startswith(b'[') else '.jsonl'}")
        copy.write_bytes(content)
        try:
            with _quiet(datasets):
                loaded = datasets.load_dataset(
                    "json", data_files=str(copy), split="train", cache_dir=folder, keep_in_memory=True
                )
        except Exception as error:  # `datasets` wraps the readers' errors in several types
            raise DataInvalid(f"{name}: {_json_error(error, folder)}") from error
        table = loaded.data.table.combine_chunks()
    return _check_names(table.replace_schema_metadata(None), name)


def _json_error(error: BaseException, folder: str) -> str:
    cause = error
    while cause.__cause__ is not None:
        cause = cause.__cause__
    line = (str(cause).splitlines() or [type(cause).__name__])[0].replace(folder + os.sep, "")
    return f"its rows cannot be read as JSON, one object a line or a list of objects: {line}"


class _quiet:
    """Context in which `datasets` shows no progress, writes no log and reports nothing to the hub."""

    def __init__(self, datasets: Any) -> None:
        self.datasets = datasets

    def __enter__(self) -> None:
        import logging

        logging.getLogger("datasets").setLevel(logging.CRITICAL)
        self.datasets.config.HF_UPDATE_DOWNLOAD_COUNTS = False
        self.enabled = self.datasets.is_progress_bar_enabled()
        self.datasets.disable_progress_bars()

    def __exit__(self, *_: object) -> None:
        if self.enabled:
            self.datasets.enable_progress_bars()


def _check_names(table: pa.Table, name: str) -> pa.Table:
    names = table.column_names
    if repeated := [column for column in dict.fromkeys(names) if names.count(column) > 1]:
        raise DataInvalid(
            f"{name}: {names.count(repeated[0])} columns are called `{repeated[0]}`: give each a name of its own"
        )
    return table


def _reason(error: BaseException) -> str:
    return getattr(error, "strerror", None) or (str(error).splitlines() or [type(error).__name__])[0]


# ── pictures ────────────────────────────────────────────────────────────────────────────────────


def _pictures(files: FileSet, options: TextOptions, max_bytes: int) -> RawTables:
    """Return pictures by their paths, with the rows of their metadata, or with the names of their folders as labels."""
    metadata = [*files.shared_metadata, *(f for paths in files.splits.values() for f in paths if f.name in METADATA)]
    if not metadata:
        return _pictures_in_folders(files)
    tables: dict[str, tuple[pa.Table, ...]] = {}
    named: set[str] = set()
    for split, paths in files.splits.items():
        own = [file for file in paths if file.name in METADATA]
        pictures = {files.name(file) for file in paths if is_picture(file.name)}
        if own or not files.shared_metadata:
            parts = [_described(file, files, options, max_bytes) for file in own]
            if not own:
                parts = [_in_folders({split: sorted(pictures)})[split]]
                if parts[0][LABEL].null_count:
                    raise DataInvalid(
                        f"{files.subject}: {files.name(metadata[0])} describes the pictures of its split, but no file "
                        f"describes those of `{split}`: add {split}/{metadata[0].name} with the same columns"
                    )
        else:
            described = [_described(file, files, options, max_bytes) for file in files.shared_metadata]
            _check_described(described, files)
            parts = [_of_split(table, pictures) for table in described]
            if not any(part.num_rows for part in parts):
                raise DataInvalid(
                    f"{files.subject}: {files.name(metadata[0])} names no picture of `{split}`: add its rows"
                )
        named |= {path for part in parts for path in _paths(part) if path}
        tables[split] = tuple(parts)
    pictures = {files.name(file) for paths in files.splits.values() for file in paths if is_picture(file.name)}
    left_out = sorted(pictures - named)
    notes = {"pictures that no metadata file names": left_out} if left_out else {}
    return RawTables(tables, ending(metadata[0].name) == ".csv", notes, frozenset(named))


def _check_described(tables: Sequence[pa.Table], files: FileSet) -> None:
    """Refuse metadata that name a picture that is not there: its row would be left out."""
    for table in tables:
        for row, path in enumerate(_paths(table)):
            if path is None or not Path(files.root, path).is_file():
                what = f"names {path}, which is not there" if path else "names no picture"
                raise DataInvalid(
                    f"{files.subject}: row {row} of {files.name(files.shared_metadata[0])} {what}: add the picture, or "
                    "remove the row"
                )


def _described(file: Path, files: FileSet, options: TextOptions, max_bytes: int) -> pa.Table:
    """Return the rows of a metadata file, with the paths in `file_name` as pictures in the column `image`."""
    name = files.name(file)
    table = _read_of(files, file, options, max_bytes)
    if FILE_NAME not in table.column_names:
        listed = ", ".join(table.column_names)
        raise DataInvalid(f"{name} has no column `{FILE_NAME}` with the paths of the pictures (it has: {listed})")
    if IMAGE in table.column_names:
        raise DataInvalid(
            f"{name} has the columns `{FILE_NAME}` and `{IMAGE}`: rename `{IMAGE}`, which holds pictures here"
        )
    folder = Path(files.name(file.parent))
    return with_pictures(table, FILE_NAME, folder, IMAGE)


def with_pictures(table: pa.Table, column: str, folder: Path, name: str | None = None) -> pa.Table:
    """Return a table whose column of paths holds pictures instead: struct<bytes, path> without bytes.

    Args:
        table: The table.
        column: The column of paths, relative to `folder`.
        folder: A folder relative to that of the data set.
        name: New name of the column; its own by default.
    """
    import pyarrow as pa

    stated = [str(path) if path is not None else None for path in table[column].to_pylist()]
    paths = [os.path.normpath(folder / path).replace(os.sep, "/") if path else None for path in stated]
    rest = table.drop_columns([one for one in {column, name or column} if one in table.column_names])
    return rest.add_column(0, name or column, by_path(pa.array(paths, pa.string())))


def by_path(paths: pa.Array) -> pa.Array:
    """Return pictures as paths without bytes, struct<bytes, path>, as `datasets` writes them."""
    import pyarrow as pa

    return pa.StructArray.from_arrays([pa.nulls(len(paths), pa.binary()), paths], names=["bytes", "path"])


def _paths(table: pa.Table) -> Sequence[str | None]:
    return [(row or {}).get("path") for row in table[IMAGE].to_pylist()]


def _of_split(table: pa.Table, pictures: set[str]) -> pa.Table:
    """Return the rows whose picture belongs to a split."""
    import pyarrow as pa

    return table.filter(pa.array([path in pictures for path in _paths(table)], pa.bool_()))


def _pictures_in_folders(files: FileSet) -> RawTables:
    """Return pictures with the names of their folders as labels, as `datasets` does.

    Raises:
        DataInvalid: Some folders lie deeper than others, or there is only one, so that folders are no classes.
    """
    tables = _in_folders({split: [files.name(file) for file in paths] for split, paths in files.splits.items()})
    split = next(iter(tables))
    labelled = [path for table in tables.values() for path in _paths(table.filter(table[LABEL].is_valid()))]
    if len({Path(path or "").parent.name for path in labelled}) < 2:
        raise DataInvalid(
            f"{files.subject} holds pictures and no folders of several classes, so their classes are unknown. Sort "
            f"them into {split}/CLASS/, or name them in {split}/metadata.csv: file_name,label"
        )
    depths = {_depth(path or ""): path for path in labelled}
    if len(depths) > 1:
        raise DataInvalid(
            f"{files.subject}: pictures lie in folders of different depth, such as {depths[min(depths)]} and "
            f"{depths[max(depths)]}, so it is not clear which folders are classes: sort all into SPLIT/CLASS/"
        )
    return RawTables({split: (table,) for split, table in tables.items()}, textual=False)


def _depth(path: str) -> int:
    """Return the number of folders of a picture below the folder of its split."""
    folders = Path(path).parts[:-1]
    split = next((number for number, folder in enumerate(folders) if split_of(folder)), -1)
    return len(folders) - split - 1


def _in_folders(names: Mapping[str, Sequence[str]]) -> dict[str, pa.Table]:
    """Return the pictures of each split with the names of their folders as labels; null in the folder of the split."""
    import pyarrow as pa

    tables = {}
    for split, paths in names.items():
        folders = [Path(path).parent.name for path in paths]
        labels = [
            None if folder == "" or (path.startswith("data/") and path.count("/") == 1) or split_of(folder) else folder
            for folder, path in zip(folders, paths)
        ]
        columns = {IMAGE: by_path(pa.array(paths, pa.string())), LABEL: pa.array(labels, pa.string())}
        tables[split] = pa.table(columns)
    return tables
