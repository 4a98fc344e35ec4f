"""The files of a data set by split, and what messages call them."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from bench_suite.data.file_names import Format


@dataclass(frozen=True)
class FileSet:
    """The files of a data set, by split."""

    subject: str
    "What messages call the data: the path as the suite states it, or `owner/name`."
    root: Path
    "The folder that names of files are relative to. Only files below it are opened."
    format: Format
    splits: Mapping[str, tuple[Path, ...]]
    "In the order in which they are read. Pictures: the pictures, and metadata if there are any."
    unread: tuple[str, ...] = ()
    "Files that are not read, relative to `root`."
    stated: bool = False
    "Whether the suite or the README names the files of each split."
    classes: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    "Names of the classes of a column, if the README has them."
    licence: str | None = None
    not_applied: Mapping[str, Any] = field(default_factory=dict)
    "Settings of a reader of `datasets` that the README states, and that are not applied here, such as `nrows`."
    shared_metadata: tuple[Path, ...] = ()
    "Metadata of pictures that lie above the folders of the splits."
    download: str = ""
    "The command that downloads the files again; empty for a person's own."
    types: Mapping[str, str] = field(default_factory=dict)
    "Types of texts and numbers that the README states, by column, as `datasets` writes them: `string`, `int64`, …"

    def label(self, file: Path) -> str:
        """Return the full name of a file for messages, such as `photos/train/1.png`."""
        name = self.name(file)
        alone = name in self.subject.split(", ") or any(mark in self.subject for mark in "*?[")
        return name if alone else f"{self.subject}/{name}"

    def name(self, file: Path) -> str:
        """Return what messages call a file: its path below `root`."""
        return relative_name(file, self.root)


def relative_name(file: Path, root: Path) -> str:
    """Return the path of a file as messages state it: relative to `root`, with forward slashes."""
    try:
        return file.relative_to(root).as_posix()
    except ValueError:
        return Path(os.path.relpath(file, root)).as_posix()
