"""Which files a folder holds: all that are not hidden, through links; and the message if none of them is data."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from pathlib import Path

from bench_suite.contracts import DataInvalid
from bench_suite.data.file_names import NO_FOLDERS, advice_on, is_data
from bench_suite.data.file_sets import relative_name


def has_data(folder: Path) -> bool:
    """Return whether a folder holds any file of a format that is read, by names alone."""
    return any(is_data(name) for _, _, names in os.walk(folder, followlinks=True) for name in names)


def walk(folder: Path) -> Iterator[Path]:
    """Yield all files of a folder in order, through links, without what is hidden."""
    files, _ = list_files(folder, str(folder))
    yield from files


def list_files(folder: Path, subject: str) -> tuple[list[Path], frozenset[Path]]:
    """Return all files of a folder in order, without what is hidden; and those links below it that lead to folders.

    Raises:
        DataInvalid: A folder cannot be read, or a link leads nowhere or in a circle.
    """
    files: list[Path] = []
    links: set[Path] = set()

    def fail(error: OSError) -> None:
        name = relative_name(Path(error.filename), folder) if error.filename else subject
        raise DataInvalid(f"{subject}: the folder {name} cannot be read: {error.strerror}") from error

    seen: set[tuple[int, int]] = set()
    for parent, folders, names in os.walk(folder, onerror=fail, followlinks=True):
        state = os.stat(parent)
        if (state.st_dev, state.st_ino) in seen:
            folders[:] = []
            continue
        seen.add((state.st_dev, state.st_ino))
        folders[:] = sorted(name for name in folders if not name.startswith(".") and name not in NO_FOLDERS)
        links |= {Path(parent, name) for name in folders if os.path.islink(Path(parent, name))}
        for name in sorted(names):
            file = Path(parent, name)
            if name.startswith(".") or (name.startswith("_") and not is_data(name)):
                continue
            if file.is_symlink() and not file.exists():
                raise DataInvalid(
                    f"{subject}: {relative_name(file, folder)} is a link to {os.readlink(file)}, which does not exist"
                )
            files.append(file)
    return files, frozenset(links)


def no_data(folder: Path, subject: str, files: Sequence[Path]) -> str:
    """Return the message for a folder without data, given all its files."""
    for file in files:
        if advice := advice_on(file.name):
            return f"{subject}: {relative_name(file, folder)} has a format that is not read: {advice}"
    return f"{subject} holds no file of CSV, TSV, JSON, Parquet or Arrow, and no picture"
