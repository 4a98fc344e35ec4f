"""Which files the `path` of a suite names: a file, a folder, a pattern, or one or several for each split."""

from __future__ import annotations

import glob
import os
import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from bench_suite.components.suggestions import nearest
from bench_suite.contracts import DataInvalid
from bench_suite.data.file_access import check_file, check_folder
from bench_suite.data.file_listing import list_data
from bench_suite.data.file_names import (
    FORMATS,
    METADATA,
    NOT_DATA,
    advice_on,
    ending,
    format_of,
    is_data,
    is_picture,
    split_of,
)
from bench_suite.data.file_sets import FileSet, relative_name
from bench_suite.data.folder_files import folder_files


def stated_files(stated: str | Mapping[str, str | Sequence[str]], base: Path, config: str | None = None) -> FileSet:
    """Return the files of `path = …` in a suite.

    Args:
        stated: A file, a folder or a pattern (`*`, `?`, `[…]`, `**`), or one or several for each split.
        base: The folder that relative paths start from: that of the suite.
        config: The configuration of a folder.

    Raises:
        DataInvalid: There is no such file, its format is not read, or it is not clear which files make which split.
    """
    if (folder := _folder(stated, base)) is not None:
        return folder_files(folder, folder.name, config)
    return _named_files(stated, base)


def check_path(stated: str | Mapping[str, str | Sequence[str]], base: Path) -> None:
    """Raise DataInvalid as `stated_files` does, as far as names, links and permissions decide; no file is opened.

    Args:
        stated: As for `stated_files`.
        base: As for `stated_files`.
    """
    if (folder := _folder(stated, base)) is not None:
        list_data(folder, folder.name)
    else:
        _named_files(stated, base)


def _folder(stated: str | Mapping[str, str | Sequence[str]], base: Path) -> Path | None:
    """Return the folder that the suite names; None if it names files."""
    path = _absolute(base, stated) if isinstance(stated, str) and stated else None
    return path if path is not None and os.path.isdir(path) else None


def _named_files(stated: str | Mapping[str, str | Sequence[str]], base: Path) -> FileSet:
    """Return the files that the suite names one by one, by a pattern, or by a folder for a split."""
    unread: list[Path] = []
    if isinstance(stated, str):
        path = _absolute(base, stated)
        files = _expand(base, stated, unread)
        file_set = _of_files(path.name, {"train": files}, path.parent if len(files) == 1 else _common_folder(files))
        _check_one_split(file_set)
        return file_set
    files_of: dict[str, tuple[Path, ...]] = {}
    for split, paths in stated.items():
        entries = [paths] if isinstance(paths, str) else list(paths)
        files_of[split] = tuple(file for entry in entries for file in _expand(base, entry, unread))
        if not files_of[split]:
            raise DataInvalid(f"path names no file for {split}")
    every = [file for files in files_of.values() for file in files]
    subject = ", ".join(
        Path(path).name for paths in stated.values() for path in ([paths] if isinstance(paths, str) else paths)
    )
    for file, count in Counter(every).items():
        if count > 1:
            splits = [split for split, files in files_of.items() if file in files]
            raise DataInvalid(
                f"{relative_name(file, base)} is named {count} times in path, for {' and '.join(splits)}: "
                "an example would stand in both"
            )
    file_set = _of_files(subject, files_of, _common_folder(every))
    return replace(file_set, unread=tuple(map(file_set.name, unread)))


def _absolute(base: Path, path: str) -> Path:
    return Path(os.path.abspath(base / os.path.expanduser(path)))


def _expand(base: Path, stated: str, unread: list[Path]) -> tuple[Path, ...]:
    """Return the files that a path or a pattern names, in order; a folder stands for all files in it.

    Files of a folder that are no data are appended to `unread`.
    """
    if not stated:
        raise DataInvalid("path holds an empty text: write the name of a file")
    if "\0" in stated:
        raise DataInvalid("path holds a character of value 0, which no name of a file has: write the name again")
    path = _absolute(base, stated)
    if os.path.isdir(path):
        files, _ = list_data(path, path.name)
        unread += [file for file in files if not is_data(file.name) and file.name.lower() not in NOT_DATA]
        return tuple(file for file in files if is_data(file.name))
    try:
        os.lstat(path)
    except (FileNotFoundError, NotADirectoryError):
        pass
    except OSError:
        check_file(path, path.name)
    else:
        check_file(path, path.name)
        return (path,)
    if re.match(r"[a-z][a-z0-9+]*://", stated):
        raise DataInvalid(f"{stated} is an address, and path names files of this machine: download it first")
    return _matching(path)


def _matching(path: Path) -> tuple[Path, ...]:
    """Return the files that a pattern names, in order.

    Raises:
        DataInvalid: It names none, a folder, or a file that cannot be opened; or a folder on the way cannot be read.
    """
    literal = next(parent for parent in path.parents if os.path.isdir(parent))
    pattern = relative_name(path, literal)
    if not glob.has_magic(pattern):
        raise DataInvalid(_missing(literal, pattern))
    # A folder that cannot be listed holds no match for `glob`, so its files would be left out.
    parts = Path(pattern).parts
    for length in range(len(parts)):
        for name in glob.glob(str(Path(*parts[:length])), root_dir=literal, recursive=True) if length else [""]:
            if os.path.isdir(literal / name):
                check_folder(literal / name, name or literal.name)
    names = sorted(glob.glob(pattern, root_dir=literal, recursive=True))
    if "**" not in pattern and (folder := next((name for name in names if os.path.isdir(literal / name)), None)):
        raise DataInvalid(
            f"the pattern {pattern} names the folder {Path(folder).name}/ too, whose files would be left out: write "
            f"{pattern}/* for files in folders, or a pattern that names files alone"
        )
    files = [name for name in names if not os.path.isdir(literal / name)]
    if not files:
        raise DataInvalid(_missing(literal, pattern))
    for name in files:
        check_file(literal / name, name)
    return tuple(literal / name for name in files)


def _missing(folder: Path, name: str) -> str:
    """Return the message for a path or a pattern below a folder that names no file, with the nearest name."""
    check_folder(folder, folder.name)
    if glob.has_magic(name):
        return f"no file matches the pattern {name} (paths start from the suite's folder)"
    entries = sorted(entry for entry in os.listdir(folder) if not entry.startswith("."))
    near = nearest(Path(name).parts[0], entries)
    return f"there is no file or folder {name}{near} (paths start from the suite's folder)"


def _common_folder(files: Sequence[Path]) -> Path:
    return Path(os.path.commonpath([file.parent for file in files]))


def _of_files(subject: str, splits: Mapping[str, tuple[Path, ...]], root: Path) -> FileSet:
    """Return files that are named one by one as a file set; all must have one format.

    Raises:
        DataInvalid: A format is not read, or there are several.
    """
    for file in (file for files in splits.values() for file in files):
        _check_format(file, relative_name(file, root))
    formats = {format_of(file): file for files in splits.values() for file in files if file.name not in METADATA}
    if not formats:  # metadata of pictures alone
        formats = {format_of(file): file for files in splits.values() for file in files}
    if len(formats) > 1:
        named = " and ".join(relative_name(file, root) for file in formats.values())
        raise DataInvalid(f"{subject}: files of several formats, {named}: write all in one format")
    (format,) = formats
    return FileSet(subject, root, format, {split: tuple(files) for split, files in splits.items()}, stated=True)


def _check_format(file: Path, name: str) -> None:
    if FORMATS.get(ending(file.name)) or is_picture(file.name):
        return
    advice = advice_on(file.name)
    raise DataInvalid(
        f"{name} has a format that is not read{f': {advice}' if advice else ''}\n"
        "  these are read: CSV, TSV, JSON, Parquet and Arrow (also .gz, .bz2, .xz, .zst), and pictures"
    )


def _check_one_split(file_set: FileSet) -> None:
    """Refuse a pattern whose files have the names of several splits, since all of them would be trained on."""
    splits = {split_of(file.name): file for files in file_set.splits.values() for file in files}
    if "test" in splits or "validation" in splits:
        named = splits.get("test") or splits["validation"]
        if len(file_set.splits["train"]) > 1:
            raise DataInvalid(
                f"{file_set.subject} names {file_set.name(named)} among the files to train on: name the splits, "
                f'path = {{ train = "…", {split_of(named.name)} = "{file_set.name(named)}" }}'
            )
