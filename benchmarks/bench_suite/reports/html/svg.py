"""Charts as SVG text: lines, bars, dots with intervals, scatter plots and matrices.

A chart has no style of its own: its marks have classes (`c0` to `c7` for the colour of a series) that the page's style
sheet colours for light and dark. Series differ in their markers too. Each mark has a `<title>`, which browsers show if
one points at it. All text is escaped.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

from markupsafe import Markup, escape

from bench_suite.reports.formatting import plain_number
from bench_suite.reports.html.ticks import Axis, axis, tick_text
from bench_suite.reports.labels import plain_label

COLOURS = 8
"Number of colours of series; a chart with more repeats them."
WIDTH = 420
"Width of a chart in its own units, about pixels."
MAX_MARKERS = 40
"Points of a line that have markers; a line of more points has none."
MAX_NAMED = 20
"Rows and columns of a matrix that have names."
MAX_LEGEND = 12
"Series that a legend names."
_HEIGHT, _TOP, _RIGHT, _BOTTOM, _LEFT = 220, 8, 12, 40, 52
_ROW = 18
"Height of a row of bars or dots."
_LABEL = 26
"Characters of a row's label."
_SHAPES = ("m-3.2,-3.2h6.4v6.4h-6.4z", "m0,-4.2l4,7.2h-8z", "m0,-4.6l4.6,4.6l-4.6,4.6l-4.6,-4.6z")
"Markers of series, beside a circle: a square, a triangle and a diamond, as paths from their centres."
_EXPECTED = -1
"Number of the series that show what to expect."
_LOG = ", log scale"
_CHARACTER = 6.2
"Mean width of a character of labels."


@dataclass(frozen=True)
class Point:
    """A point of a line or a scatter plot."""

    x: float
    y: float
    low: float | None = None
    high: float | None = None
    "Ends of the interval of y."
    title: str = ""
    "What the mark stands for; browsers show it if one points at the mark. The marks without it are one element."
    left: float | None = None
    right: float | None = None
    "Ends of the interval of x, which a scatter plot draws."


@dataclass(frozen=True)
class Mark:
    """A value in a row of dots or bars."""

    value: float | None
    low: float | None = None
    high: float | None = None
    title: str = ""
    "What the mark stands for; by default its numbers."
    reason: str = ""
    "Why there is no value."


def lines(
    series: Mapping[str, Sequence[Point]], x_label: str, y_label: str, *, logarithmic: Sequence[str] = (),
    histogram: Sequence[Sequence[float]] = (), joined: bool = True, order: Sequence[str] = (),
    expected: Sequence[str] = (),
) -> Markup:  # fmt: skip
    """Return a chart of lines with bands of their intervals.

    Args:
        series: the points of each line; points that are not finite are left out.
        x_label: label of the x axis.
        y_label: label of the y axis.
        logarithmic: `x`, `y` or both.
        histogram: counts as (left, right, count), to be drawn below the lines on the same x axis.
        joined: draw lines between the points; False for a scatter plot, whose intervals are bars.
        order: all series of the page's charts, so that each has one colour everywhere; default: those of this chart.
        expected: the series that show what to expect by chance or of an ideal model: grey, dashed, without markers.
    """
    known = {name: [p for p in points if math.isfinite(p.x) and math.isfinite(p.y)] for name, points in series.items()}
    every = [point for points in known.values() for point in points]
    bounds = [end for p in every for end in (p.low, p.high) if end is not None and math.isfinite(end)]
    edges = [edge for left, right, _ in histogram for edge in (left, right)]
    across = axis(_xs(every) + edges, logarithmic="x" in logarithmic)
    up = axis([p.y for p in every] + bounds, logarithmic="y" in logarithmic)
    below = 46 if histogram else 0
    frame = _Frame(across, up, _HEIGHT)
    parts = [*frame.grid(), *frame.labels(x_label, y_label, below)]
    numbers = _numbers([name for name in known if name not in expected], order)
    numbers = {name: numbers.get(name, _EXPECTED) for name in known}
    for name, points in known.items():
        number = numbers[name]
        colour = _colour(number)
        banded = [p for p in points if _interval(p) is not None]
        if joined and len(banded) > 1:
            outline = [frame.point(p.x, p.high or 0.0) for p in banded]
            outline += [frame.point(p.x, p.low or 0.0) for p in reversed(banded)]
            parts.append(f'<path class="band {colour}" d="M{"L".join(outline)}Z"/>')
        if joined and len(points) > 1:
            path = "L".join(frame.point(p.x, p.y) for p in points)
            parts.append(f'<path class="line {colour}{_dash(number)}" d="M{path}"/>')
        if not joined:
            ends = [(frame.point(p.x, p.low or 0.0), frame.point(p.x, p.high or 0.0)) for p in banded]
            for p in points:
                if (sides := _width(p)) is not None:
                    ends.append((frame.point(sides[0], p.y), frame.point(sides[1], p.y)))
            parts += [f'<path class="whisker {colour}" d="M{low}L{high}"/>' for low, high in ends]
        titled = [p for p in points if p.title]
        parts += [_marker(number, *frame.position(p.x, p.y), p.title) for p in titled]
        plain = [frame.position(p.x, p.y) for p in points if not p.title]
        if plain and len(plain) <= MAX_MARKERS and number != _EXPECTED:
            parts.append(_markers(number, plain))
    height = _HEIGHT + below
    if histogram:
        parts += _histogram(histogram, across, _HEIGHT - _BOTTOM + 14, below - 10)
    legend = numbers if len(series) > 1 or any(series) else {}
    return _svg(parts, height, f"{y_label} by {x_label}", legend)


def bars(values: Mapping[str, Mark], label: str, *, signed: bool = False) -> Markup:
    """Return horizontal bars, a row each, with their intervals.

    Args:
        values: the bar of each row.
        label: label of the axis.
        signed: colour bars by their sign.
    """
    numbers = [number for mark in values.values() for number in (mark.value, mark.low, mark.high) if number is not None]
    frame = _Rows(axis(numbers, zero=True), list(values), label)
    parts = [*frame.grid()]
    zero = frame.x(0.0)
    for row, (name, mark) in enumerate(values.items()):
        y = frame.y(row)
        if mark.value is None or not math.isfinite(mark.value):
            parts.append(_text(zero + 4, y + 4, mark.reason or "no value", "note"))
            continue
        end = frame.x(mark.value)
        colour = ("neg" if mark.value <= 0 else "pos") if signed else "c0"
        title = mark.title or f"{name}: {_marked(mark)}"
        parts.append(
            f'<rect class="bar {colour}" x="{_n(min(zero, end))}" y="{_n(y - 6)}" width="{_n(abs(end - zero))}" '
            f'height="12"><title>{escape(_plain(title))}</title></rect>'
        )
        if (ends := _interval(mark)) is not None:
            parts.append(f'<path class="whisker ink" d="M{_n(frame.x(ends[0]))},{_n(y)}H{_n(frame.x(ends[1]))}"/>')
    parts.append(f'<path class="axis" d="M{_n(zero)},{_TOP}V{_n(frame.bottom)}"/>')
    return _svg(parts, frame.height, label, {})


def dots(
    rows: Mapping[str, Mapping[str, Mark]], label: str, *, order: Sequence[str] = (), by_category: bool = False
) -> Markup:
    """Return dots with intervals: a row for each category, and in it a dot for each series.

    Args:
        rows: for each category the mark of each series, by the name of the series.
        label: label of the axis; empty if the caption says it.
        order: as for `lines`.
        by_category: whether the categories, with one series, are what has a colour in other charts.
    """
    names = list(dict.fromkeys(name for marks in rows.values() for name in marks))
    series, categories = _numbers(names, order), _numbers(rows, order)
    numbers = [
        number
        for marks in rows.values()
        for mark in marks.values()
        for number in (mark.value, mark.low, mark.high)
        if number is not None
    ]
    size = max(_ROW, 8 * len(names) + 6)
    frame = _Rows(axis(numbers), list(rows), label, size)
    parts = [*frame.grid()]
    for row, (category, marks) in enumerate(rows.items()):
        for name, mark in marks.items():
            number = categories[category] if by_category else series[name]
            y = frame.y(row) + 8 * (names.index(name) - (len(names) - 1) / 2)
            if mark.value is None or not math.isfinite(mark.value):
                continue
            if (ends := _interval(mark)) is not None:
                path = f"M{_n(frame.x(ends[0]))},{_n(y)}H{_n(frame.x(ends[1]))}"
                parts.append(f'<path class="whisker {_colour(number)}" d="{path}"/>')
            title = mark.title or ", ".join(filter(None, (category, name))) + f": {_marked(mark)}"
            parts.append(_marker(number, frame.x(mark.value), y, title))
    return _svg(parts, frame.height, label or "Values with intervals", series if len(names) > 1 else {})


def scatter(
    series: Mapping[str, Sequence[Point]], x_label: str, y_label: str, *, logarithmic: Sequence[str] = (),
    front: Sequence[tuple[float, float]] = (), order: Sequence[str] = (),
) -> Markup:  # fmt: skip
    """Return a scatter plot with intervals of x and y, and perhaps a Pareto front.

    Args:
        series: the points of each series.
        x_label: label of the x axis.
        y_label: label of the y axis.
        logarithmic: `x`, `y` or both.
        front: the points of the front, to be joined by a dashed line.
        order: as for `lines`.
    """
    chart = lines(series, x_label, y_label, logarithmic=logarithmic, joined=False, order=order)
    if len(front) < 2:
        return chart
    every = [p for points in series.values() for p in points if math.isfinite(p.x) and math.isfinite(p.y)]
    ends = [end for p in every for end in (p.low, p.high) if end is not None and math.isfinite(end)]
    across = axis(_xs(every), logarithmic="x" in logarithmic)
    frame = _Frame(across, axis([p.y for p in every] + ends, logarithmic="y" in logarithmic), _HEIGHT)
    path = "L".join(frame.point(x, y) for x, y in front)
    line = f'<path class="front" d="M{path}"><title>Pareto front</title></path>'
    return Markup(str(chart).replace("</svg>", f"{line}</svg>", 1))


def matrix(rows: Sequence[str], columns: Sequence[str], values: Sequence[Sequence[Any]], x: str, y: str) -> Markup:
    """Return a matrix whose cells are shaded by their value as a share of their row.

    Args:
        rows: names of the rows.
        columns: names of the columns.
        values: a number, or None, for each cell.
        x: what the columns are.
        y: what the rows are.
    """
    many = max(len(rows), len(columns), 1)
    left = min(110, 8 + _CHARACTER * max((len(_plain(name)) for name in rows), default=0)) + 14
    width = min(72.0 if many <= 4 else 34.0, (WIDTH - left - 4) / max(len(columns), 1))
    size = min(34.0, width)
    top = 34 if many <= MAX_NAMED else 20
    height = top + size * len(rows) + 6
    parts = [_text(left + width * len(columns) / 2, 10, x, "label", "middle")]
    parts.append(
        f'<text class="label m" transform="rotate(-90)" x="{_n(-top - size * len(rows) / 2)}" y="10">'
        f"{escape(plain_label(y, 40))}</text>"
    )
    if many <= MAX_NAMED:
        names = (plain_label(name, max(2, int(width / _CHARACTER))) for name in columns)
        parts += [_text(left + width * (at + 0.5), top - 5, name, "tick", "middle") for at, name in enumerate(names)]
    for row, (name, of_row) in enumerate(zip(rows, values)):
        y0 = top + size * row
        if many <= MAX_NAMED:
            parts.append(_text(left - 4, y0 + size / 2 + 4, plain_label(name, 16), "tick", "end"))
        known = [abs(float(value)) for value in of_row if value is not None and math.isfinite(float(value))]
        total = math.fsum(known) or 1.0
        for column, value in enumerate(of_row):
            if value is None or not math.isfinite(float(value)) or not value:
                continue
            number, share, x0 = plain_number(float(value)), min(abs(float(value)) / total, 1.0), left + width * column
            title = escape(_plain(f"{y} {name}, {x} {columns[column]}: {number}"))
            parts.append(
                f'<rect class="heat" fill-opacity="{share:.2f}" x="{_n(x0)}" y="{_n(y0)}" width="{_n(width - 1)}" '
                f'height="{_n(size - 1)}"><title>{title}</title></rect>'
            )
            if size >= 20:
                parts.append(_text(x0 + width / 2, y0 + size / 2 + 4, number, "on" if share > 0.5 else "off", "middle"))
    frame = f"M{_n(left)},{top}h{_n(width * len(columns))}v{_n(size * len(rows))}h{_n(-width * len(columns))}z"
    parts.append(f'<path class="grid" d="{frame}"/>')
    return _svg(parts, height, f"{y} by {x}", {})


def interval_bar(value: float, low: float, high: float, scale: Axis, title: str) -> Markup:
    """Return a small dot with its interval on a scale that the rows of a table share, 120 by 14."""
    ends, centre = [4 + 112 * scale.at(end) for end in (low, high)], 4 + 112 * scale.at(value)
    label = escape(_plain(title))
    return Markup(
        f'<svg class="mini" viewBox="0 0 120 14" width="120" height="14" role="img" aria-label="{label}">'
        f'<path class="whisker c0" d="M{_n(ends[0])},7H{_n(ends[1])}"/><circle class="dot c0" cx="{_n(centre)}" cy="7" '
        f'r="3.5"/></svg>'
    )


# ── parts ───────────────────────────────────────────────────────────────────────────────────────


@dataclass(frozen=True)
class _Frame:
    """The area of a chart with two numeric axes."""

    across: Axis
    up: Axis
    height: float

    def position(self, x: float, y: float) -> tuple[float, float]:
        width, height = WIDTH - _LEFT - _RIGHT, self.height - _TOP - _BOTTOM
        return _LEFT + width * self.across.at(x), _TOP + height * (1 - self.up.at(y))

    def point(self, x: float, y: float) -> str:
        across, up = self.position(x, y)
        return f"{_n(across)},{_n(up)}"

    def grid(self) -> list[str]:
        right, bottom = WIDTH - _RIGHT, self.height - _BOTTOM
        path, texts = "", []
        for tick in self.up.ticks:
            _, y = self.position(self.across.low, tick)
            path += f"M{_LEFT},{_n(y)}H{right}"
            texts.append(_text(_LEFT - 5, y + 4, _tick(tick, self.up), "tick", "end"))
        for tick in self.across.ticks:
            x, _ = self.position(tick, self.up.low)
            path += f"M{_n(x)},{_TOP}V{bottom}"
        return [f'<path class="grid" d="{path}"/>', *texts]

    def labels(self, x_label: str, y_label: str, below: float) -> list[str]:
        parts = []
        for tick in self.across.ticks:
            x, _ = self.position(tick, self.up.low)
            parts.append(_text(x, self.height + below - _BOTTOM + 14, _tick(tick, self.across), "tick", "middle"))
        title = _axis_title(x_label, self.across, 60)
        parts.append(_text((WIDTH + _LEFT) / 2, self.height + below - 8, title, "label", "middle"))
        middle = -(_TOP + (self.height - _BOTTOM - _TOP) / 2)
        parts.append(
            f'<text class="label m" transform="rotate(-90)" x="{_n(middle)}" y="10">'
            f"{escape(_axis_title(y_label, self.up, 34))}</text>"
        )
        return parts


class _Rows:
    """The area of a chart with a numeric axis and a row for each category."""

    def __init__(self, scale: Axis, names: Sequence[str], label: str, size: float = _ROW) -> None:
        self.label = label
        self.scale, self.size = scale, size
        self.names = [plain_label(name, _LABEL) for name in names]
        self.left = 10 + _CHARACTER * max(map(len, self.names), default=0)
        self.bottom = _TOP + size * max(len(names), 1)
        self.height = self.bottom + (34 if label else 18)

    def x(self, value: float) -> float:
        return self.left + (WIDTH - self.left - _RIGHT) * self.scale.at(value)

    def y(self, row: int) -> float:
        return _TOP + self.size * (row + 0.5)

    def grid(self) -> list[str]:
        path = "".join(f"M{_n(self.x(tick))},{_TOP}V{_n(self.bottom)}" for tick in self.scale.ticks)
        parts = [f'<path class="grid" d="{path}"/>']
        for tick in self.scale.ticks:
            x = self.x(tick)
            parts.append(_text(x, self.bottom + 13, _tick(tick, self.scale), "tick", "middle"))
        middle = (WIDTH + self.left) / 2
        if self.label:
            parts.append(_text(middle, self.bottom + 29, plain_label(self.label, 60), "label", "middle"))
        parts += [_text(self.left - 6, self.y(row) + 4, name, "tick", "end") for row, name in enumerate(self.names)]
        return parts


def _numbers(names: Iterable[str], order: Sequence[str]) -> dict[str, int]:
    """Return the number of each series, which decides its colour and its marker."""
    known = {name: number for number, name in enumerate(order)}
    return {name: known.get(name, len(known) + at) for at, name in enumerate(names)}


def _svg(parts: Sequence[str], height: float, label: str, names: Mapping[str, int]) -> Markup:
    """Return the chart with its legend, which is HTML so that it wraps."""
    named = list(names.items())[:MAX_LEGEND]
    keys = "".join(f"<li>{_key(number)}{escape(plain_label(name, 40))}</li>" for name, number in named)
    rest = f"<li>and {len(names) - len(named)} more</li>" if len(names) > len(named) else ""
    legend = f'<ul class="legend">{keys}{rest}</ul>' if names else ""
    return Markup(
        f'<svg class="chart" viewBox="0 0 {WIDTH} {_n(height)}" role="img" aria-label="{escape(_plain(label))}">'
        f"{''.join(parts)}</svg>{legend}"
    )


def _colour(number: int) -> str:
    """Return the class that gives a series its colour."""
    return "expected" if number == _EXPECTED else f"c{number % COLOURS}"


def _dash(number: int) -> str:
    """Return the class of the dashes of a line, after a space: empty for the first series of a colour."""
    return f" d{number // COLOURS % 4}" if number >= COLOURS else ""


def _key(number: int) -> str:
    """Return the mark of a series in a legend, with the dashes of its line if it has some."""
    marker = "" if number == _EXPECTED else _marker(number, 9, 6, "")
    is_plain = 0 <= number < COLOURS
    line = "" if is_plain else f'<path class="line {_colour(number)}{_dash(number)}" d="M0,6H18"/>'
    box = "3 0 12 12" if is_plain else "0 0 18 12"
    return f'<svg viewBox="{box}" width="{12 if is_plain else 18}" height="12" aria-hidden="true">{line}{marker}</svg>'


def _shape(number: int) -> int:
    """Return the shape of a series: with a colour that is used again comes another shape, so that legends differ."""
    return (number + number // COLOURS) % 4


def _markers(number: int, points: Sequence[tuple[float, float]]) -> str:
    """Return the markers of a series as one element."""
    circle = "m-3,0a3,3 0 1 0 6,0a3,3 0 1 0 -6,0z"
    shape = (circle, *_SHAPES)[_shape(number)]
    path = "".join(f"M{_n(x)},{_n(y)}{shape}" for x, y in points)
    return f'<path class="dot {_colour(number)}" d="{path}"/>'


def _marker(number: int, x: float, y: float, title: str) -> str:
    """Return the marker of a series: its shape changes with its colour."""
    x_text, y_text = _n(x), _n(y)
    colour, shape = f"dot {_colour(number)}", _shape(number)
    content = f"<title>{escape(_plain(title))}</title>" if title else ""
    if shape == 0:
        return f'<circle class="{colour}" cx="{x_text}" cy="{y_text}" r="3.5">{content}</circle>'
    path = _SHAPES[shape - 1]
    return f'<path class="{colour}" d="M{x_text},{y_text}{path}">{content}</path>'


def _histogram(counts: Sequence[Sequence[float]], across: Axis, top: float, height: float) -> list[str]:
    highest = max((count for _, _, count in counts), default=1.0) or 1.0
    width = WIDTH - _LEFT - _RIGHT
    parts = []
    for left, right, count in counts:
        x, end = _LEFT + width * across.at(left), _LEFT + width * across.at(right)
        size = height * count / highest
        title = f"{plain_number(left)} to {plain_number(right)}: {plain_number(count)}"
        parts.append(
            f'<rect class="bar quiet" x="{_n(x)}" y="{_n(top + height - size)}" width="{_n(max(end - x - 1, 0.5))}" '
            f'height="{_n(size)}"><title>{escape(title)}</title></rect>'
        )
    return parts


def _text(x: float, y: float, text: str, kind: str, anchor: str = "start") -> str:
    anchored = {"start": "", "middle": " m", "end": " e"}[anchor]
    return f'<text class="{kind}{anchored}" x="{_n(x)}" y="{_n(y)}">{escape(_plain(text))}</text>'


def _axis_title(label: str, scale: Axis, limit: int) -> str:
    """Return the title of an axis, which says so if it is logarithmic."""
    return f"{plain_label(label, limit - len(_LOG))}{_LOG}" if scale.logarithmic else plain_label(label, limit)


def _tick(tick: float, scale: Axis) -> str:
    steps = [abs(second - first) for first, second in pairwise(scale.ticks)]
    step = abs(tick) if scale.logarithmic else min(steps, default=abs(tick))
    return tick_text(tick, step, max(map(abs, scale.ticks)))


def _interval(mark: Mark | Point) -> tuple[float, float] | None:
    """Return the ends of an interval; None without two numbers."""
    if mark.low is None or mark.high is None or math.isnan(mark.low) or math.isnan(mark.high):
        return None
    return mark.low, mark.high


def _width(point: Point) -> tuple[float, float] | None:
    """Return the ends of the interval of x; None without two finite numbers."""
    ends = (point.left, point.right)
    return None if any(end is None or not math.isfinite(end) for end in ends) else (ends[0] or 0.0, ends[1] or 0.0)


def _xs(points: Sequence[Point]) -> list[float]:
    """Return each x of some points, and the ends of their intervals."""
    return [p.x for p in points] + [end for p in points for end in _width(p) or ()]


def _marked(mark: Mark) -> str:
    if mark.value is None:
        return mark.reason or "no value"
    ends = _interval(mark)
    bounds = "" if ends is None else f" [{plain_number(ends[0])}, {plain_number(ends[1])}]"
    return f"{plain_number(mark.value)}{bounds}"


def _plain(text: str) -> str:
    """Return a text on one line without control characters, as `plain_label` does, but whole."""
    return plain_label(text, 400)


def _n(number: float) -> str:
    """Return a coordinate with one decimal at most."""
    return f"{number:.1f}".removesuffix(".0")
