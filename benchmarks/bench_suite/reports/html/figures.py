"""Artifacts as figures of the page, by their kind: charts as SVG, pictures, tables, and texts with weights."""

from __future__ import annotations

import base64
import io
import secrets
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any
from urllib.parse import quote

from markupsafe import Markup, escape

from bench_suite.contracts import Artifact, ArtifactRow, BenchError
from bench_suite.reports import formatting
from bench_suite.reports.html import svg
from bench_suite.reports.html.svg import Mark, Point
from bench_suite.reports.html.view import Figure, Grid
from bench_suite.reports.labels import plain_label
from bench_suite.store.atomic import StoreError
from bench_suite.store.runs import Run

MAX_ROWS = 30
"Rows of a table that the page shows at most."
MAX_POINTS = 24
"Rows of the table of a chart of lines at most: evenly spaced points."
MAX_CHARACTERS = 4000
"Characters of a text that the page shows at most."
QUALITY = 80
"Quality of larger pictures, of 100."
MAX_WIDTH = 560
"Width in pixels to which a larger picture is reduced."
_STEPS = 5
"Steps of the strength of a weight, as classes of the style sheet."


class ArtifactError(BenchError):
    """An artifact that cannot be shown."""


class Pictures:
    """The pictures of a page: the text refers to them, and the page gets as many of them as fit."""

    def __init__(self, addresses: Mapping[Path, str] = MappingProxyType({})) -> None:
        """Begin without a picture.

        Args:
            addresses: the address of each run's folder, with a slash at its end, by that folder.
        """
        self.addresses = addresses
        self.figures: dict[tuple[Path, str, str], Figure | None] = {}
        "The artifacts that were read, by run, file and name of the cell."
        self._elements: list[tuple[str, str]] = []
        "The element of each picture, and that which stands for it if it does not fit."
        # Nobody who writes a caption can know it, so no text stands for a picture.
        self._secret = secrets.token_hex(16)

    def add(self, content: bytes, form: str, text: str, width: int, address: str = "") -> Markup:
        """Keep a picture, and return a text that stands for it until `filled`.

        Args:
            content: the picture.
            form: its form: `png` or `webp`.
            text: what it shows, for those who cannot see it.
            width: its width on the page in pixels.
            address: address of its file, for a page without room for it.
        """
        encoded = base64.b64encode(content).decode()
        link = Markup('<a href="{}">the picture</a> is a file of its own').format(quote(address))
        missing = link if address else Markup("the picture is in the folder of the run")
        element = (
            f'<img loading="lazy" decoding="async" width="{width}" alt="{escape(plain_label(text, 400))}" '
            f'src="data:image/{form};base64,{encoded}">'
        )
        self._elements.append((element, f'<p class="note">{missing}: the page has a limit of 1 MB</p>'))
        return Markup(self._stand_in(len(self._elements) - 1))

    def size_in(self, page: str) -> int:
        """Return the characters that all pictures of a page need together."""
        return sum(len(element) for number, (element, _) in enumerate(self._elements) if self._stand_in(number) in page)

    def _stand_in(self, number: int) -> str:
        return f"<!--{self._secret}-{number}-->"

    def filled(self, page: str, limit: int) -> str:
        """Return a page with as many of its pictures, from the first on, as let it have at most `limit` characters."""
        size = len(page)
        for number, (element, missing) in enumerate(self._elements):
            if self._stand_in(number) not in page:
                continue  # of a page with more detail
            size += len(element)
            content = element if size <= limit else missing
            size -= 0 if size <= limit else len(element) - len(missing)
            page = page.replace(self._stand_in(number), content, 1)
        return page


def artifact_figure(run: Run, row: ArtifactRow, cell_name: str, pictures: Pictures) -> Figure | None:
    """Return one artifact of a run as a figure; None if its kind is unknown.

    Args:
        run: the run with the artifact's file.
        row: the artifact, as its record names it.
        cell_name: the name of its cell, for the caption; empty if it belongs to the whole run.
        pictures: the pictures of the page so far.

    Raises:
        ArtifactError: its file is missing or damaged, or lacks the form of its kind.
    """
    key = (run.path, row.file, cell_name)
    if key not in pictures.figures:
        pictures.figures[key] = _figure(run, row, cell_name, pictures)
    return pictures.figures[key]


def _figure(run: Run, row: ArtifactRow, cell_name: str, pictures: Pictures) -> Figure | None:
    caption = f"{row.caption or row.name} – {cell_name}" if cell_name else row.caption or row.name
    try:
        artifact = run.read_artifact(row)
        if artifact.kind == "image":
            return Figure(
                caption,
                _picture(artifact, caption, pictures, pictures.addresses.get(run.path, "") + row.file),
                kind="picture",
            )
        draw = _DRAW.get(artifact.kind)
        if draw is not None:
            content, table = draw(artifact.data)
            if artifact.kind == "matrix":
                axes = f"rows: {artifact.data.get('y') or 'row'}, columns: {artifact.data.get('x') or 'column'}"
                caption = f"{caption}; {axes}"
            return Figure(caption, content, table, artifact.kind if artifact.kind in ("table", "text") else "chart")
    except (StoreError, ValueError, TypeError, LookupError, AttributeError, ArithmeticError) as error:
        raise ArtifactError(str(error)) from error
    return None


def _picture(artifact: Artifact, caption: str, pictures: Pictures, address: str) -> Markup:
    import numpy as np
    from PIL import Image, features

    image = Image.fromarray(np.asarray(artifact.data))
    if image.width > MAX_WIDTH:
        image = image.resize((MAX_WIDTH, round(image.height * MAX_WIDTH / image.width)), Image.Resampling.LANCZOS)
    small = image.width <= 64
    width = image.width * (160 // image.width) if small else image.width
    sink = io.BytesIO()
    if small or not features.check("webp"):
        image.save(sink, format="PNG", optimize=True)
        return pictures.add(sink.getvalue(), "png", caption, width, address)
    image.convert("RGB").save(sink, format="WEBP", quality=QUALITY, method=4)  # a third of the bytes of PNG
    return pictures.add(sink.getvalue(), "webp", caption, width, address)


def _lines(data: Mapping[str, Any]) -> tuple[Markup, Grid]:
    series: dict[str, list[Point]] = {}
    rows = []
    for name, points in data["series"].items():
        own = series.setdefault(str(name), [])
        for point in points:
            x, y, *ends = (float("nan") if value is None else float(value) for value in point)
            low, high = ends if len(ends) == 2 else (None, None)
            own.append(Point(x, y, low, high))
            bounds = f" [{_cell(low)}, {_cell(high)}]" if low is not None and high is not None else ""
            rows.append([str(name), _cell(x), f"{_cell(y)}{bounds}"])
    histogram = [[float(value or 0.0) for value in bar] for bar in data.get("histogram") or ()]
    chart = svg.lines(
        series, str(data["x"]), str(data["y"]), logarithmic=data.get("logarithmic", ()), histogram=histogram,
        expected=[str(name) for name in data.get("expected") or ()],
    )  # fmt: skip
    return chart, Grid(["Series", str(data["x"]), str(data["y"])], _thinned(rows, MAX_POINTS))


def _bars(data: Mapping[str, Any]) -> tuple[Markup, Grid]:
    intervals: Mapping[str, Any] = data.get("intervals") or {}
    reasons: Mapping[str, Any] = data.get("reasons") or {}
    marks, rows = {}, []
    for name, value in data["bars"].items():
        low, high = intervals.get(name) or (None, None)
        number = None if value is None else float(value)
        marks[str(name)] = Mark(
            number, None if low is None else float(low), None if high is None else float(high),
            reason=str(reasons.get(name) or ""),
        )  # fmt: skip
        bounds = f" [{_cell(low)}, {_cell(high)}]" if low is not None and high is not None else ""
        rows.append([str(name), f"{_cell(number)}{bounds}" if number is not None else str(reasons.get(name) or "–")])
    return svg.bars(marks, str(data["y"]), signed=bool(data.get("signed"))), Grid(["", str(data["y"])], rows)


def _matrix(data: Mapping[str, Any]) -> tuple[Markup, Grid]:
    rows, columns = [str(name) for name in data["rows"]], [str(name) for name in data["columns"]]
    x, y = str(data.get("x") or "column"), str(data.get("y") or "row")
    values = data["values"]
    lines = [[name, *map(_cell, of_row)] for name, of_row in zip(rows, values)]
    return svg.matrix(rows, columns, values, x, y), Grid([f"{y} \\ {x}", *columns], lines)


def _table(data: Mapping[str, Any]) -> tuple[Markup, Grid]:
    header = [str(name) for name in data["columns"]]
    rows = [[_cell(value) for value in row] for row in data["rows"]]
    if not header or any(len(row) != len(header) for row in rows):
        raise ValueError("a row of the table does not have one entry per column")
    return Markup(), Grid(header, _first(rows, MAX_ROWS))


def _text(data: Any) -> tuple[Markup, None]:
    if isinstance(data, str):
        rest = len(data) - MAX_CHARACTERS
        more = f"… and {rest:,} more characters" if rest > 0 else ""
        return Markup("<p class=text>{}{}</p>").format(_visible(data[:MAX_CHARACTERS]), more), None
    words = Markup(" ").join(_token(str(token), float(weight or 0.0)) for token, weight in data[: MAX_CHARACTERS // 8])
    return Markup("<p class=text>{}</p>").format(words), None


def _token(token: str, weight: float) -> Markup:
    """Return a token with its weight as the strength of a colour, underlined if it is negative."""
    strength = min(_STEPS, round(abs(weight) * _STEPS))
    if not strength:
        return escape(_visible(token))
    sign = "p" if weight > 0 else "n"
    return Markup('<mark class="{}" title="{}">{}</mark>').format(
        f"{sign}{strength}", f"{weight:+.2f}", _visible(token)
    )


def _first(rows: list[list[str]], limit: int) -> list[list[str]]:
    if len(rows) <= limit:
        return rows
    width = len(rows[0])
    return [*rows[:limit], [f"and {len(rows) - limit} more", *[""] * (width - 1)]]


def _thinned(rows: list[list[str]], limit: int) -> list[list[str]]:
    """Return evenly spaced rows, the first one among them."""
    return rows[:: -(-len(rows) // limit) or 1]


def _cell(value: Any) -> str:
    if isinstance(value, float):
        return formatting.plain_number(value, 4) if value == value else formatting.NOTHING
    return formatting.NOTHING if value is None else _visible(str(value))


def _visible(text: str) -> str:
    """Return a text without characters that cannot be seen, such as those that turn the direction of writing."""
    return "".join(c if c.isprintable() or c in "\t\n" else "\ufffd" for c in text)


_DRAW = {"lines": _lines, "bars": _bars, "matrix": _matrix, "table": _table, "text": _text}
