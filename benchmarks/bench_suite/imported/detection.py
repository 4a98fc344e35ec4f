"""Which importer reads which file: by its content, or because the user says so."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

from bench_suite.components import discovery
from bench_suite.components.discovery import Component
from bench_suite.components.suggestions import nearest
from bench_suite.contracts import BenchError
from bench_suite.imported.arrays import is_array
from bench_suite.imported.heads import columns_of, head_of
from bench_suite.imported.tables import is_table, open_tables

MAX_FILES = 10_000
"Most files of a folder that are looked at."


def importer_named(name: str) -> Component:
    """Return an importer by its name, with `_` or `-`.

    Raises:
        BenchError: there is no such importer.
    """
    known = discovery.builtin("importers")
    chosen = name.replace("-", "_")
    if chosen in known or chosen in discovery.installed("importers"):
        return discovery.find("importers", chosen, Path())
    raise BenchError(f"there is no format {name!r}{nearest(chosen, known)}; the formats are {', '.join(known)}")


def detected(paths: Sequence[Path], table_format: str = "") -> tuple[Component, list[Path]]:
    """Return the importer of some files and folders, and the files that it reads.

    All files that are named must have one format. In a folder, files without a known format are left out.

    Args:
        paths: the files and folders.
        table_format: `scores` or `predictions`, which reads a table that is named; empty: its columns decide.

    Raises:
        BenchError: a path does not exist, no format is recognised, or the files have several.
    """
    importers = {name: discovery.find("importers", name, Path()) for name in discovery.builtin("importers")}
    by_format: dict[str, list[Path]] = {}
    for path in paths:
        if path.is_dir():
            formats = [(file, _formats(file, importers.values())) for file in files_below(path)]
            formats = [(file, names) for file, names in formats if names]
            if not formats:
                raise BenchError(f"{path.name or path}: no file in the folder has a known format\n  {_help(importers)}")
        else:
            require_file(path)
            named = table_format and (is_table(path) or is_array(path))
            formats = [(path, [table_format] if named else _formats(path, importers.values()))]
            if not formats[0][1]:
                if is_table(path):
                    open_tables([path])  # raises if it cannot be read as one
                columns = ", ".join(sorted(map(repr, columns_of(path, head_of(path))))[:20])
                known = f"; its columns are {columns}" if columns else ""
                known += "; it is not UTF-8, state --encoding" if is_table(path) and not _is_utf8(head_of(path)) else ""
                raise BenchError(f"{path.name}: its format is not recognised{known}\n  {_help(importers)}")
        for file, names in formats:
            by_format.setdefault(names[0], []).append(file)
    if len(by_format) > 1:
        listed = "; ".join(f"{name}: {', '.join(file.name for file in files[:3])}" for name, files in by_format.items())
        raise BenchError(
            f"the files have several formats ({listed}): import them one format at a time, or state --format"
        )
    name, files = next(iter(by_format.items()))
    return importers[name], files


def files_of(paths: Sequence[Path], importer: Component) -> list[Path]:
    """Return some files, whatever their format, and the files of some folders that have that of an importer.

    Raises:
        BenchError: a path does not exist, or a folder has no such file.
    """
    files: list[Path] = []
    for path in paths:
        if path.is_dir():
            inside = [file for file in files_below(path) if _formats(file, [importer])]
            if not inside:
                raise BenchError(f"{path.name or path}: no file in the folder has the format {importer.name}")
            files += inside
        else:
            require_file(path)
            files.append(path)
    return files


def require_file(path: Path) -> None:
    """Raise BenchError unless a path is a regular file that is not empty."""
    try:
        is_file, size = path.is_file(), path.stat().st_size
    except (OSError, ValueError) as error:  # ValueError: a null in the name
        reason = getattr(error, "strerror", None) or str(error)
        raise BenchError(f"{path} cannot be read: {reason}") from error
    if not is_file:
        raise BenchError(f"{path} is no regular file: write it to one")
    if not size:
        raise BenchError(f"{path} is empty")


def files_below(folder: Path) -> Iterator[Path]:
    """Yield the regular files of a folder and of the folders in it, in the order of their names.

    Raises:
        BenchError: there are more than `MAX_FILES`.
    """
    files = [file for file in sorted(folder.rglob("*")) if file.is_file() and not file.name.startswith(".")]
    if len(files) > MAX_FILES:
        raise BenchError(
            f"{folder.name}: the folder has {len(files):,} files, more than {MAX_FILES:,}: name a part of them"
        )
    yield from files


def _formats(path: Path, importers: Iterable[Component]) -> list[str]:
    """Return the names of the importers that recognise a file; one that knows the tool's own format comes first."""
    head = head_of(path)
    if not head:
        return []
    names = [component.name for component in importers if _module(component).matches(path, head)]
    return sorted(names, key=lambda name: name in ("scores", "predictions"))


def _module(component: Component) -> Any:
    return discovery.load(component)


def _help(importers: Iterable[str]) -> str:
    return (
        f"state --format, one of {', '.join(importers)}; for a table, name the columns: --item COLUMN --score "
        "COLUMN, or --target COLUMN --prediction COLUMN"
    )


def _is_utf8(head: bytes) -> bool:
    """Return whether the beginning of a file is UTF-8; its last letter may be cut."""
    try:
        head[:-4].decode("utf-8-sig")
    except UnicodeDecodeError:
        return head.startswith((b"PAR1", b"ARROW1", b"\xff\xfe", b"\xfe\xff"))
    return True
