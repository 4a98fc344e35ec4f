"""Which files a folder holds: all that are not hidden, through links; and the message if none of them is data."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from pathlib import Path

from bench_suite.contracts import DataInvalid
from bench_suite.data.file_access import check_file, check_folder
from bench_suite.data.file_names import NO_FOLDERS, advice_on, is_data
from bench_suite.data.file_sets import relative_name


def has_data(folder: Path) -> bool:
    """Return whether a folder holds any file of a format that is read, by names alone.

    Raises:
        DataInvalid: A folder in it cannot be read, so that this is not known.
    """
    there = os.path.isdir(folder)
    return there and any(is_data(name) for _, _, names in _visible(folder, folder.name) for name in names)


def list_files(folder: Path, subject: str) -> tuple[list[Path], frozenset[Path]]:
    """Return all files of a folder in order, without what is hidden; and those links below it that lead to folders.

    Raises:
        DataInvalid: A folder or a file of data cannot be read, or a link leads nowhere.
    """
    files: list[Path] = []
    links: set[Path] = set()
    for parent, folders, names in _visible(folder, subject):
        links |= {parent / name for name in folders if os.path.islink(parent / name)}
        for name in names:
            file = parent / name
            if is_data(name) or not os.path.exists(file):  # a link that leads nowhere may have led to a folder of data
                check_file(file, _label(file, folder, subject))
            elif name.startswith("_"):  # such as `_SUCCESS`
                continue
            files.append(file)
    return files, frozenset(links)


def _visible(folder: Path, subject: str) -> Iterator[tuple[Path, Sequence[str], Sequence[str]]]:
    """Yield each folder from `folder` down, once, with the names of its folders and files that are not hidden."""

    def fail(error: OSError) -> None:
        there = Path(error.filename or folder)
        check_folder(there, _label(there, folder, subject))  # which says more
        raise DataInvalid(f"the folder {_label(there, folder, subject)} cannot be read: {error.strerror}") from error

    seen: set[tuple[int, int]] = set()
    for parent, folders, names in os.walk(folder, onerror=fail, followlinks=True):
        check_folder(Path(parent), _label(Path(parent), folder, subject))
        state = os.stat(parent)
        if (state.st_dev, state.st_ino) in seen:
            folders[:] = []
            continue
        seen.add((state.st_dev, state.st_ino))
        folders[:] = sorted(name for name in folders if not name.startswith(".") and name not in NO_FOLDERS)
        yield Path(parent), folders, sorted(name for name in names if not name.startswith("."))


def _label(path: Path, folder: Path, subject: str) -> str:
    return subject if path == folder else f"{subject}/{relative_name(path, folder)}"


def list_data(folder: Path, subject: str) -> tuple[list[Path], frozenset[Path]]:
    """Return `list_files` of a folder that holds data.

    Raises:
        DataInvalid: As for `list_files`; or the folder holds no file of data.
    """
    files, links = list_files(folder, subject)
    if not any(is_data(file.name) for file in files):
        raise DataInvalid(no_data(folder, subject, files))
    return files, links


def no_data(folder: Path, subject: str, files: Sequence[Path]) -> str:
    """Return the message for a folder without data, given all its files."""
    for file in files:
        if advice := advice_on(file.name):
            return f"{subject}: {relative_name(file, folder)} has a format that is not read: {advice}"
    more = f" and {len(files) - 1} more" if len(files) > 1 else ""
    others = f" (it holds {relative_name(files[0], folder)}{more})" if files else ""
    return f"{subject} holds no file of CSV, TSV, JSON, Parquet or Arrow, and no picture that is read{others}"
