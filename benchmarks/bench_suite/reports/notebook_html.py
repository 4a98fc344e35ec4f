"""HTML fragments for notebooks: each text is escaped, and nothing is loaded from elsewhere."""

from __future__ import annotations

import html
from collections.abc import Collection, Iterable, Sequence

from bench_suite.reports import escaping

MAX_ROWS = 200
"Rows of a table that a notebook shows; a frame has all of them."
MAX_ITEMS = 40
"Notes of a list that a notebook shows."


def text(value: object) -> str:
    """Return a value as HTML text on one line, in which no mark, control character or quote is left."""
    return html.escape(escaping.flat(value))


def heading(value: object) -> str:
    """Return a heading that the outline of a notebook does not list."""
    return f"<p><strong>{text(value)}</strong></p>"


def paragraph(value: object) -> str:
    """Return a paragraph of text."""
    return f"<p>{text(value)}</p>"


def bullets(values: Iterable[object]) -> str:
    """Return a list of texts, empty without any; those after the first `MAX_ITEMS` are counted."""
    listed = list(values)
    rest = [f"{len(listed) - MAX_ITEMS} more"] if len(listed) > MAX_ITEMS else []
    items = "".join(f"<li>{text(value)}</li>" for value in [*listed[:MAX_ITEMS], *rest])
    return f"<ul>{items}</ul>" if items else ""


def table(
    head: Sequence[Sequence[str]], rows: Sequence[Sequence[object]], left: Sequence[int] = (0,),
    bold: Collection[tuple[int, int]] = (),
) -> str:  # fmt: skip
    """Return a table, whose numbers are aligned at the right; rows after the first `MAX_ROWS` are counted.

    Args:
        head: the lines of the heading of each column.
        rows: the cells of each row.
        left: positions of the columns that are aligned at the left.
        bold: row and column of each cell that is bold, from 0.
    """
    sides = ["left" if number in left else "right" for number in range(len(head))]
    headings = [
        _cell("th", side, "<br>".join(text(line) for line in lines if line)) for side, lines in zip(sides, head)
    ]
    body = []
    for number, row in enumerate(rows[:MAX_ROWS]):
        texts = [
            f"<strong>{text(cell)}</strong>" if (number, at) in bold else text(cell) for at, cell in enumerate(row)
        ]
        body.append([_cell("td", side, content) for side, content in zip(sides, texts)])
    lines = "".join(f"<tr>{''.join(cells)}</tr>" for cells in body)
    more = paragraph(f"{len(rows) - MAX_ROWS} more rows: .frame() has all of them") if len(rows) > MAX_ROWS else ""
    return f"<table><thead><tr>{''.join(headings)}</tr></thead><tbody>{lines}</tbody></table>{more}"


def _cell(tag: str, side: str, content: str) -> str:
    scope = ' scope="col"' if tag == "th" else ""
    wrap = "; white-space: nowrap" if side == "right" else ""
    return f'<{tag}{scope} style="text-align: {side}{wrap}">{content}</{tag}>'


def fragment(parts: Iterable[str]) -> str:
    """Return parts of HTML as one: a dollar sign begins no formula, and the direction is that of English."""
    return f'<div class="bench-suite tex2jax_ignore mathjax_ignore" dir="ltr">{"".join(filter(None, parts))}</div>'
