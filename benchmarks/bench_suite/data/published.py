"""Splits of published data sets in a folder `$BENCH_DATA/<hub id>`, for the tasks that name their files' layout.

Parquet files with the names of the hub are read without importing `datasets`, which takes two seconds.
"""

from __future__ import annotations

import re
from pathlib import Path

from bench_suite.data.class_names import class_names, with_class_names
from bench_suite.data.column_types import ColumnOptions
from bench_suite.data.csv_text import TextOptions
from bench_suite.data.file_listing import has_data
from bench_suite.data.file_sets import FileSet
from bench_suite.data.folder_files import folder_files
from bench_suite.data.hub import Fetched, hub_command
from bench_suite.data.places import downloaded_commit
from bench_suite.data.raw_tables import read_tables
from bench_suite.data.schema import read_types

MAX_BYTES = 1 << 37
"Most bytes of one file: published data sets are known, so nothing needs to be bounded tightly."


def folder_split(folder: Path, hub_id: str, config: str | None, split: str) -> Fetched | tuple[str, ...]:
    """Return a split of a published data set; the names of the others if the folder does not have it.

    Args:
        folder: The folder `$BENCH_DATA/<hub id>`.
        hub_id: `owner/name`.
        config: The hub's name of the configuration; a folder without configurations needs none.
        split: The hub's name of the split.

    Raises:
        DataInvalid: A file is missing or cannot be read.
    """
    files = _parquet(folder, hub_id, config, split)
    if files is None:
        if not has_data(folder):
            return ()
        files = folder_files(folder, hub_id, config, optional_config=True)
    if split not in files.splits:
        return tuple(files.splits)
    one = FileSet(hub_id, files.root, files.format, {split: files.splits[split]}, download=hub_command(hub_id))
    raw = read_tables(one, TextOptions(), MAX_BYTES)
    columns = raw.tables[split][0].column_names
    typed = read_types(raw, ColumnOptions(), columns, hub_id)
    named = {
        column: known
        for table in raw.tables[split]
        for column in columns
        if (known := class_names(table.schema.metadata, column)) is not None
    }
    table = typed.tables[split].replace_schema_metadata(with_class_names(None, {**files.classes, **named}))
    commit = downloaded_commit(folder, files.splits[split][0])
    return Fetched(table, f"folder:{hub_id}", commit, files.licence, (folder,))


def _parquet(folder: Path, hub_id: str, config: str | None, split: str) -> FileSet | None:
    """Return the Parquet files of a split with the hub's names; None if there are none."""
    name = re.compile(rf"{re.escape(split)}(-\d+-of-\d+(-[0-9a-f]{{16}})?)?\.parquet")
    for parent in (*((folder / config,) if config else ()), folder, folder / "data"):
        if parent.is_dir():
            files = tuple(sorted(file for file in parent.iterdir() if name.fullmatch(file.name)))
            if files:
                return FileSet(hub_id, folder, "parquet", {split: files})
    return None
