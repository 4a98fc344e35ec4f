"""An artifact in Markdown, by its kind: a picture with its caption, a table, or a text."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Any
from urllib.parse import quote

from bench_suite.contracts import Artifact, ArtifactRow
from bench_suite.reports import escaping, formatting, plots
from bench_suite.store.atomic import StoreError, safe_name
from bench_suite.store.runs import Run

MAX_ROWS = 30
"Rows of a table that a report shows."
MAX_CHARACTERS = 4000
"Characters of a text that a report shows."
MAX_TOKENS = 12
"Tokens of a weighted text that are listed."

PAGE_WIDTH = 840
"Pixels that a page of Markdown has for pictures."

Keep = Callable[[bytes, str], str]
"Given a picture and a name for it, where it lies from the report's point of view."


@dataclass(frozen=True)
class Picture:
    """A picture that stands beside others of its kind."""

    caption: str
    where: str
    "The cell it comes from; empty where it is of the whole run."
    place: str
    "Its file, from the report's point of view."
    width: int
    "Pixels of the page."


def shown(run: Run, row: ArtifactRow, where: str, name: str, keep: Keep | None) -> str | Picture:
    """The artifact that `row` names, as Markdown, captioned with `where` it comes from; or as a picture for `beside`.

    A picture is handed to `keep` under `name`; without `keep` its file in the run's folder is named instead. What is
    damaged, or has not the form of its kind, says so and costs nothing else.
    """
    told = row.caption or row.name
    caption = escaping.inline(told) + (f" – {escaping.inline(where)}" if where else "")
    try:
        artifact = run.read_artifact(row)
        if artifact.kind == "table":
            return f"*{caption}*\n\n{_table(artifact)}"
        if artifact.kind == "text":
            return f"*{caption}*\n\n{_text(artifact)}"
        content = plots.picture(artifact) if keep is not None else None
        if content is not None and keep is not None:
            return Picture(told, where, keep(content, safe_name(name)), plots.page_width(content, artifact.kind))
    except (StoreError, ValueError, TypeError, KeyError, IndexError, AttributeError) as error:
        return f"*{caption}: cannot be shown ({escaping.inline(error)})*"
    return f"*{caption}: see {escaping.code(row.file)} in the run's folder.*"


def beside(parts: Sequence[str | Picture]) -> list[str]:
    """Markdown of artifacts in order: pictures of one caption stand side by side, each below its cell."""
    written: list[str] = []
    for caption, group in groupby(parts, key=lambda part: part.caption if isinstance(part, Picture) else None):
        members = list(group)
        written += [part for part in members if isinstance(part, str)]
        pictures = [part for part in members if isinstance(part, Picture)]
        written += [f"*{escaping.inline(caption)}*"] if pictures else []
        while pictures:
            across = max(1, PAGE_WIDTH // max(picture.width for picture in pictures))
            row, pictures = pictures[:across], pictures[across:]
            heads = [escaping.inline(picture.where) for picture in row]
            written.append(escaping.table(heads, [[_image(picture) for picture in row]]))
    return written


def _image(picture: Picture) -> str:
    described = f"{picture.caption} – {picture.where}" if picture.where else picture.caption
    return f'<img src="{quote(picture.place)}" width="{picture.width}" alt="{escaping.attribute(described)}">'


def _table(artifact: Artifact) -> str:
    header = [escaping.inline(name) for name in artifact.data["columns"]]
    rows = [[_entry(cell) for cell in row] for row in artifact.data["rows"]]
    if not header or any(len(row) != len(header) for row in rows):
        raise ValueError("a row of the table has not one entry a column")
    rest = len(rows) - MAX_ROWS
    return escaping.table(header, rows[:MAX_ROWS]) + (f"\n\n*and {rest} more rows*" if rest > 0 else "")


def _entry(cell: Any) -> str:
    if isinstance(cell, float):
        return formatting.plain_number(cell, 4)
    return formatting.NOTHING if cell is None else escaping.inline(cell)


def _text(artifact: Artifact) -> str:
    if isinstance(artifact.data, str):
        rest = len(artifact.data) - MAX_CHARACTERS
        more = f"\n\n*and {rest:,} more characters*" if rest > 0 else ""
        return escaping.block(artifact.data[:MAX_CHARACTERS]) + more
    pairs = [(str(token), float(weight or 0.0)) for token, weight in artifact.data]
    text = escaping.block(" ".join(token for token, _ in pairs)[:MAX_CHARACTERS])
    strongest = sorted(pairs, key=lambda pair: -abs(pair[1]))[:MAX_TOKENS]
    rows = [[escaping.code(token), f"{weight:+.2f}".replace("-", "−")] for token, weight in strongest]
    return f"{text}\n\nThe tokens that weigh most:\n\n{escaping.table(['Token', 'Weight'], rows, right=[1])}"
