"""Tables of pictures: their paths, with the rows of metadata files or with the names of their folders as labels."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from pathlib import Path

import pyarrow as pa

from bench_suite.contracts import DataInvalid
from bench_suite.data.csv_text import TextOptions
from bench_suite.data.file_names import METADATA, is_picture, split_of
from bench_suite.data.file_sets import FileSet
from bench_suite.data.table_formats import read_table

IMAGE, LABEL, FILE_NAME = "image", "label", "file_name"
"Names of the columns of a folder of pictures, as in `datasets`."
MAX_FOLDERS = 5
"Folders that a note names."


def metadata_files(files: FileSet) -> list[Path]:
    """Return the metadata files that describe pictures."""
    return [*files.shared_metadata, *(f for paths in files.splits.values() for f in paths if f.name in METADATA)]


def described_pictures(files: FileSet, options: TextOptions, max_bytes: int) -> dict[str, tuple[pa.Table, ...]]:
    """Return pictures by their paths, with the rows of their metadata, of each split.

    Raises:
        DataInvalid: A metadata file cannot be read, names a picture that is not there, or none of a split.
    """
    metadata = metadata_files(files)
    tables: dict[str, tuple[pa.Table, ...]] = {}
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
        tables[split] = tuple(parts)
    return tables


def _check_described(tables: Sequence[pa.Table], files: FileSet) -> None:
    """Refuse metadata that name a picture that is not there: its row would be left out."""
    for table in tables:
        for row, path in enumerate(picture_paths(table)):
            if path is None or not Path(files.root, path).is_file():
                what = f"names {path}, which is not there" if path else "names no picture"
                raise DataInvalid(
                    f"{files.subject}: row {row} of {files.name(files.shared_metadata[0])} {what}: add the picture, or "
                    "remove the row"
                )


def _described(file: Path, files: FileSet, options: TextOptions, max_bytes: int) -> pa.Table:
    """Return the rows of a metadata file, with the paths in `file_name` as pictures in the column `image`."""
    name = files.name(file)
    table = read_table(files, file, options, max_bytes)
    if FILE_NAME not in table.column_names:
        listed = ", ".join(table.column_names)
        raise DataInvalid(f"{name} has no column `{FILE_NAME}` with the paths of the pictures (it has: {listed})")
    if IMAGE in table.column_names:
        raise DataInvalid(
            f"{name} has the columns `{FILE_NAME}` and `{IMAGE}`: rename `{IMAGE}`, which holds pictures here"
        )
    folder = Path(files.name(file.parent))
    return _with_pictures(table, FILE_NAME, files.root, folder, IMAGE)


def _with_pictures(table: pa.Table, column: str, root: Path, folder: Path, name: str | None = None) -> pa.Table:
    """Return a table whose column of paths holds pictures instead: struct<bytes, path> without bytes.

    Args:
        table: The table.
        column: The column of paths, relative to `folder`.
        root: The folder of the data set.
        folder: A folder relative to that of the data set.
        name: New name of the column; its own by default.
    """
    stated = [str(path) if path is not None else None for path in table[column].to_pylist()]
    paths = [_below(root, folder, path) if path else None for path in stated]
    rest = table.drop_columns([one for one in {column, name or column} if one in table.column_names])
    return rest.add_column(0, name or column, by_path(pa.array(paths, pa.string())))


def _below(root: Path, folder: Path, stated: str) -> str:
    """Return a path that metadata state as one below the folder of the data set, if it lies there."""
    path = os.path.normpath(folder / stated)
    if "\\" in stated and not Path(root, path).is_file():  # written on Windows
        path = os.path.normpath(folder / stated.replace("\\", "/"))
    home = os.path.abspath(root)
    if os.path.isabs(path) and os.path.commonpath([path, home]) == home:
        path = os.path.relpath(path, home)
    return path.replace(os.sep, "/")


def by_path(paths: pa.Array) -> pa.Array:
    """Return pictures as paths without bytes, struct<bytes, path>, as `datasets` writes them."""
    return pa.StructArray.from_arrays([pa.nulls(len(paths), pa.binary()), paths], names=["bytes", "path"])


def picture_paths(table: pa.Table) -> Sequence[str | None]:
    """Return the path of the picture of each row."""
    return [(row or {}).get("path") for row in table[IMAGE].to_pylist()]


def _of_split(table: pa.Table, pictures: set[str]) -> pa.Table:
    """Return the rows whose picture belongs to a split."""
    return table.filter(pa.array([path in pictures for path in picture_paths(table)], pa.bool_()))


def pictures_in_folders(files: FileSet) -> dict[str, pa.Table]:
    """Return pictures with the names of their folders as labels, as `datasets` does.

    Raises:
        DataInvalid: Some folders lie deeper than others, or there is only one, so that folders are no classes.
    """
    tables = _in_folders({split: [files.name(file) for file in paths] for split, paths in files.splits.items()})
    split = next(iter(tables))
    labelled = [path for table in tables.values() for path in picture_paths(table.filter(table[LABEL].is_valid()))]
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
    return tables


def folders_above_classes(tables: Mapping[str, pa.Table]) -> dict[str, str]:
    """Return a note on the folders above those of the classes if there are several: their names are not read."""
    above: set[str] = set()
    merged = ""
    for table in tables.values():
        labelled = table.filter(table[LABEL].is_valid())
        folders = sorted({Path(path).parent for path in picture_paths(labelled) if path})
        parents = {folder.parent.as_posix() for folder in folders}
        if len(parents) < 2:
            continue
        above |= parents
        known: dict[str, Path] = {}
        for folder in folders:
            if (other := known.setdefault(folder.name, folder)) is not folder and not merged:
                merged = f"; pictures of {other.as_posix()}/ and {folder.as_posix()}/ are one class, `{folder.name}`"
    names = sorted(above)
    more = f" and {len(names) - MAX_FOLDERS} more" if len(names) > MAX_FOLDERS else ""
    words = f"{', '.join(names[:MAX_FOLDERS])}{more}: the last folder names the class{merged}"
    return {"folders above those of the classes, not read": words} if names else {}


def _depth(path: str) -> int:
    """Return the number of folders of a picture below the folder of its split."""
    folders = Path(path).parts[:-1]
    split = next((number for number, folder in enumerate(folders) if split_of(folder)), -1)
    return len(folders) - split - 1


def _in_folders(names: Mapping[str, Sequence[str]]) -> dict[str, pa.Table]:
    """Return the pictures of each split with the names of their folders as labels; null in the folder of the split."""
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
