"""Artifacts as Markdown, by their kind: a picture with its caption, a table, or a text."""

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
"Number of rows of a table that a report shows at most."
MAX_CHARACTERS = 4000
"Number of characters of a text that a report shows at most."
MAX_TOKENS = 12
"Number of tokens of a weighted text that a report lists at most."

WITHOUT_DRAWING = ("predictions", "examples")
"Kinds that a report does not draw: other parts of it use what they contain."
PAGE_WIDTH = 840
"Width of a page of Markdown in pixels."

SavePicture = Callable[[bytes, str], str]
"A function that stores a picture (PNG, name) and returns its path relative to the report."


@dataclass(frozen=True)
class Picture:
    """A stored picture, to be arranged beside others with the same caption."""

    caption: str
    cell_name: str
    "The name of its cell; empty if it belongs to the whole run."
    path: str
    "Its path relative to the report."
    width: int
    "Its width on the page in pixels."


def render_artifact(run: Run, row: ArtifactRow, cell_name: str, name: str, save: SavePicture | None) -> str | Picture:
    """Render one artifact of a run.

    Args:
        run: the run with the artifact's file.
        row: the artifact, as its record names it.
        cell_name: the name of its cell, for the caption; empty if it belongs to the whole run.
        name: a name for the picture.
        save: a function that stores a picture; without one, the text names the file in the run's folder.

    Returns:
        A picture to be arranged by `arrange_pictures`, or Markdown. The Markdown of an artifact that is damaged, or
        that lacks the form of its kind, says so.
    """
    caption_text = row.caption or row.name
    caption = escaping.inline(caption_text) + (f" – {escaping.inline(cell_name)}" if cell_name else "")
    try:
        artifact = run.read_artifact(row)
        if artifact.kind == "table":
            return f"*{caption}*\n\n{_table(artifact)}"
        if artifact.kind == "text":
            return f"*{caption}*\n\n{_text(artifact)}"
        content = plots.picture(artifact) if save is not None else None
        if content is not None and save is not None:
            return Picture(
                caption_text, cell_name, save(content, safe_name(name)), plots.page_width(content, artifact.kind)
            )
    except (StoreError, ValueError, TypeError, LookupError, AttributeError, ArithmeticError) as error:
        return f"*{caption}: not shown ({escaping.inline(error)})*"
    return f"*{caption}: see {escaping.code(row.file)} in the run's folder.*"


def arrange_pictures(parts: Sequence[str | Picture]) -> list[str]:
    """Return the artifacts as Markdown, in order; successive pictures with one caption share rows of a table."""
    markdown: list[str] = []
    for caption, group in groupby(parts, key=lambda part: part.caption if isinstance(part, Picture) else None):
        members = list(group)
        markdown += [part for part in members if isinstance(part, str)]
        pictures = [part for part in members if isinstance(part, Picture)]
        markdown += [f"*{escaping.inline(caption)}*"] if pictures else []
        while pictures:
            per_row = max(1, PAGE_WIDTH // max(picture.width for picture in pictures))
            row, pictures = pictures[:per_row], pictures[per_row:]
            headers = [escaping.inline(picture.cell_name) for picture in row]
            markdown.append(escaping.table(headers, [[_image_tag(picture) for picture in row]]))
    return markdown


def _image_tag(picture: Picture) -> str:
    description = f"{picture.caption} – {picture.cell_name}" if picture.cell_name else picture.caption
    return f'<img src="{quote(picture.path)}" width="{picture.width}" alt="{escaping.attribute(description)}">'


def _table(artifact: Artifact) -> str:
    header = [escaping.inline(name) for name in artifact.data["columns"]]
    rows = [[_cell_text(cell) for cell in row] for row in artifact.data["rows"]]
    if not header or any(len(row) != len(header) for row in rows):
        raise ValueError("a row of the table does not have one entry per column")
    rest = len(rows) - MAX_ROWS
    return escaping.table(header, rows[:MAX_ROWS]) + (f"\n\n*and {rest} more rows*" if rest > 0 else "")


def _cell_text(cell: Any) -> str:
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
