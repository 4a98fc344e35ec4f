"""An artifact in Markdown, by its kind: a picture with its caption, a table, or a text."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from bench_suite.contracts import Artifact, ArtifactRow
from bench_suite.reports import marks, numbers, plots
from bench_suite.store import Run
from bench_suite.writing import StoreError, safe_name

MOST_ROWS = 30
"Rows of a table that a report shows."
MOST_CHARACTERS = 4000
"Characters of a text that a report shows."
MOST_TOKENS = 12
"Tokens of a weighted text that are listed."

Keep = Callable[[bytes, str], str]
"Given a picture and a name for it, where it lies from the report's point of view."


def shown(run: Run, row: ArtifactRow, where: str, name: str, keep: Keep | None) -> str:
    """The artifact that `row` names, as Markdown, captioned with `where` it comes from.

    A picture is handed to `keep` under `name`; without `keep` its file in the run's folder is named instead. What is
    damaged, or has not the form of its kind, says so and costs nothing else.
    """
    caption = marks.inline(row.caption or row.name) + (f" – {marks.inline(where)}" if where else "")
    try:
        artifact = run.read_artifact(row)
        if artifact.kind == "table":
            return f"*{caption}*\n\n{_table(artifact)}"
        if artifact.kind == "text":
            return f"*{caption}*\n\n{_text(artifact)}"
        content = plots.picture(artifact) if keep is not None else None
    except (StoreError, ValueError, TypeError, KeyError, IndexError, AttributeError) as fault:
        return f"*{caption}: cannot be shown ({marks.inline(fault)})*"
    if content is not None and keep is not None:
        return f"![{caption}]({keep(content, safe_name(name))})\n\n*{caption}*"
    return f"*{caption}: see {marks.code(row.file)} in the run's folder.*"


def _table(artifact: Artifact) -> str:
    header = [marks.inline(name) for name in artifact.data["columns"]]
    rows = [[_entry(cell) for cell in row] for row in artifact.data["rows"]]
    if not header or any(len(row) != len(header) for row in rows):
        raise ValueError("a row of the table has not one entry a column")
    rest = len(rows) - MOST_ROWS
    return marks.table(header, rows[:MOST_ROWS]) + (f"\n\n*and {rest} more rows*" if rest > 0 else "")


def _entry(cell: Any) -> str:
    if isinstance(cell, float):
        return numbers.plain_number(cell, 4)
    return numbers.NOTHING if cell is None else marks.inline(cell)


def _text(artifact: Artifact) -> str:
    if isinstance(artifact.data, str):
        rest = len(artifact.data) - MOST_CHARACTERS
        more = f"\n\n*and {rest:,} more characters*" if rest > 0 else ""
        return marks.block(artifact.data[:MOST_CHARACTERS]) + more
    pairs = [(str(token), float(weight or 0.0)) for token, weight in artifact.data]
    text = marks.block(" ".join(token for token, _ in pairs)[:MOST_CHARACTERS])
    strongest = sorted(pairs, key=lambda pair: -abs(pair[1]))[:MOST_TOKENS]
    rows = [[marks.code(token), f"{weight:+.2f}".replace("-", "−")] for token, weight in strongest]
    return f"{text}\n\nThe tokens that weigh most:\n\n{marks.table(['Token', 'Weight'], rows, right=[1])}"
