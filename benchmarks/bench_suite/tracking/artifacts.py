"""The artifacts of a cell as files that a tracker takes: pictures as PNG, tables and texts as they are stored."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from bench_suite.contracts import ArtifactRow
from bench_suite.reports.plots import picture
from bench_suite.store.atomic import StoreError, inside
from bench_suite.store.runs import Run

MAX_PICTURES = 50
"Pictures of a cell that a tracker gets; the gallery of an attribution may have hundreds."


@dataclass(frozen=True)
class Picture:
    """A chart or an image of a cell."""

    name: str
    "`LABEL/ARTIFACT`."
    png: bytes
    caption: str


def pictures(run: Run, rows: Sequence[ArtifactRow]) -> Iterator[Picture]:
    """Yield the charts and images among artifacts, at most `MAX_PICTURES`; damaged files are left out."""
    number = 0
    for row in rows:
        if row.kind in ("text", "table", "predictions") or number >= MAX_PICTURES:
            continue
        try:
            content = picture(run.read_artifact(row))
        except (StoreError, ValueError, TypeError, KeyError, IndexError):  # the file was changed since it was written
            continue
        if content is not None:
            number += 1
            yield Picture(row.name, content, row.caption)


def stored_files(run: Run, rows: Sequence[ArtifactRow]) -> Iterator[tuple[str, Path]]:
    """Yield the name and the file of each stored artifact that is there, without predictions."""
    for row in rows:
        if row.kind == "predictions":
            continue
        try:
            path = inside(run.path, row.file)
        except StoreError:
            continue
        if path.is_file() and not path.is_symlink():
            yield row.name, path
