"""Pictures of artifacts, by their kind alone: lines, bars, matrices and images as PNG.

Colours are those of Okabe and Ito (2008), told apart under every common colour blindness; lines differ in their
markers and dashes too. Nothing here holds state: no pyplot, no display.
"""

from __future__ import annotations

import io
import textwrap
import warnings
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from bench_suite.contracts import Artifact

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#000000", "#8A7700")
SIGNED = ("#2166AC", "#B2182B")
"Bars below zero and above, where the sign says which side a value speaks for."
_MARKERS = "os^Dv<>P"
_DASHES = ("-", "--", ":", "-.")
_DOTS_PER_INCH = 180
_FIGURE = (4.2, 2.7)
"Inches of a figure whose size does not follow from what it holds: two of them stand side by side on a page."
_PAGE_DOTS_PER_INCH = 96
_WIDEST, _WIDEST_IMAGE = 400, 180
"Pixels of the page that a figure and an image take at most."
_PHOTOGRAPH, _WIDEST_DRAWING = 512, 800
"Pixels across up to which an image is taken for one; a larger one is a drawing with letters, which takes the page."
_MAX_LEGEND = 12
_MAX_WRITTEN = 16
"Rows or columns of a matrix up to which its values are written into it."


def picture(artifact: Artifact) -> bytes | None:
    """The artifact as PNG; None where its kind is not drawn but written (text, table)."""
    if artifact.kind == "image":
        return _enlarged(artifact.data)
    draw = _DRAWN.get(artifact.kind)
    if draw is None:
        return None
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=_FIGURE, layout="constrained")
    FigureCanvasAgg(figure)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # letters that the font lacks are drawn as boxes
        draw(figure, artifact.data)
        sink = io.BytesIO()
        # Without the version of matplotlib in the file, the same data make the same bytes.
        figure.savefig(sink, format="png", dpi=_DOTS_PER_INCH, metadata={"Software": None})
    return sink.getvalue()


def page_width(content: bytes, kind: str) -> int:
    """Pixels that a picture is to take on a page, at which its letters have the size they were drawn for."""
    from PIL import Image

    with Image.open(io.BytesIO(content)) as image:
        width = image.width
    if kind == "image":
        return min(width, _WIDEST_IMAGE if width <= _PHOTOGRAPH else _WIDEST_DRAWING)
    return min(width * _PAGE_DOTS_PER_INCH // _DOTS_PER_INCH, _WIDEST)


def _lines(figure: Figure, data: Mapping[str, Any]) -> None:
    axes = _axes(figure)
    handles, names = [], []
    for number, (name, points) in enumerate(data["series"].items()):
        x, y = [_number(point[0]) for point in points], [_number(point[1]) for point in points]
        (handle,) = axes.plot(
            x,
            y,
            color=COLOURS[number % len(COLOURS)],
            linestyle=_DASHES[number // len(COLOURS) % len(_DASHES)],
            marker=_MARKERS[number % len(_MARKERS)] if len(points) <= 40 else "",
            markersize=3.5,
            linewidth=1.4,
        )
        handles.append(handle)
        names.append(_text(name, 28))
        if len(ranges := [[_number(value) for value in point] for point in points if len(point) == 4]) > 1:
            where, _, low, high = zip(*ranges)
            axes.fill_between(where, low, high, color=COLOURS[number % len(COLOURS)], alpha=0.15, linewidth=0)
    axes.set(**{f"{axis}scale": "log" for axis in data.get("logarithmic", ()) if axis in ("x", "y")})
    axes.set_xlabel(_text(data["x"], 60))
    axes.set_ylabel(_text(data["y"], 40))
    axes.grid(alpha=0.25)
    if len(names) > 1 or (names and names[0]):
        rest = len(names) - _MAX_LEGEND
        if rest > 0:
            handles, names = handles[:_MAX_LEGEND], [*names[: _MAX_LEGEND - 1], f"and {rest + 1} more"]
        figure.set_size_inches(_FIGURE[0], _FIGURE[1] + 0.17 * -(-len(names) // 2))
        figure.legend(handles, names, loc="outside lower center", ncols=2, frameon=False, fontsize=7)


def _bars(figure: Figure, data: Mapping[str, Any]) -> None:
    bars: Mapping[str, Any] = data["bars"]
    intervals: Mapping[str, Any] = data.get("intervals") or {}
    reasons: Mapping[str, Any] = data.get("reasons") or {}
    figure.set_size_inches(_FIGURE[0], min(max(1.2, 0.7 + 0.24 * len(bars)), 15))
    axes = _axes(figure)
    positions = range(len(bars))
    values = [_number(value) for value in bars.values()]
    colours = [SIGNED[value > 0] for value in values] if data.get("signed") else COLOURS[0]
    axes.barh(positions, values, color=colours, height=0.62)
    for position, (name, value) in enumerate(zip(bars, values)):  # a value that differs from itself is NaN
        low, high = (_number(end) for end in intervals.get(name) or (None, None))
        if value != value:
            axes.annotate(
                _text(reasons.get(name, "no value"), 40),
                (0, position),
                (4, 0),
                textcoords="offset points",
                va="center",
                fontsize=8,
            )
        elif low == low and high == high:
            axes.plot([low, high], [position, position], color="black", linewidth=1.4, marker="|", markersize=7)
    axes.set_yticks(list(positions), [_text(name, 26) for name in bars])
    axes.set_ylim(max(len(bars), 1) - 0.5, -0.5)  # a row without a bar has its place too
    axes.axvline(0, color="black", linewidth=0.8)
    axes.set_xlabel(_text(data["y"], 60))
    axes.grid(axis="x", alpha=0.25)
    axes.set_axisbelow(True)


def _matrix(figure: Figure, data: Mapping[str, Any]) -> None:
    import numpy as np

    rows, columns = data["rows"], data["columns"]
    values = np.array([[_number(value) for value in row] for row in data["values"]], dtype=float)
    values = values.reshape(len(rows), len(columns))
    size = 0.3 if max(len(rows), len(columns)) <= _MAX_WRITTEN else 0.12
    figure.set_size_inches(min(max(2.8, 1.3 + size * len(columns)), 8), min(max(2.1, 0.9 + size * len(rows)), 8))
    axes = _axes(figure)
    coloured, norm, meaning = _colouring(values)
    shown = axes.imshow(coloured, cmap="cividis", norm=norm, aspect="auto")
    bar = figure.colorbar(shown, ax=axes, shrink=0.9, label=meaning)
    bar.ax.tick_params(labelsize=6)
    bar.ax.yaxis.label.set_fontsize(7)
    step_x, step_y = max(1, len(columns) // 40), max(1, len(rows) // 40)
    names = [_text(name, 16) for name in columns[::step_x]]
    slanted = any(len(name) > 3 for name in names)
    axes.set_xticks(
        range(0, len(columns), step_x), names, rotation=45 if slanted else 0, ha="right" if slanted else "center"
    )
    axes.set_yticks(range(0, len(rows), step_y), [_text(name, 24) for name in rows[::step_y]])
    axes.tick_params(length=0)
    axes.set_xlabel(_text(data.get("x", ""), 60))
    axes.set_ylabel(_text(data.get("y", ""), 40))
    if max(values.shape) <= _MAX_WRITTEN and values.size:
        light: Any = np.ma.filled(np.ma.asarray(shown.norm(coloured)), 0.0)  # 0 is the darkest colour, 1 the lightest
        for (row, column), value in np.ndenumerate(values):
            if np.isfinite(value):
                text = f"{value:,.0f}" if float(value).is_integer() else f"{value:.2g}"
                colour = "black" if light[row, column] > 0.5 else "white"
                axes.text(column, row, text, ha="center", va="center", fontsize=6 if len(text) < 5 else 5, color=colour)


def _colouring(values: Any) -> tuple[Any, Any, str]:
    """What the colours of a matrix show, on which scale, and what it is called.

    Counts of a square matrix, such as a confusion, are shown as shares of their row, by the square root: beside a
    diagonal of nine in ten, one in a hundred can be told from one in twenty. Other values are shown as they are.
    """
    import numpy as np
    from matplotlib.colors import PowerNorm

    counts = values.size and np.isfinite(values).all() and (values >= 0).all() and (values == np.round(values)).all()
    if not counts or values.shape[0] != values.shape[1] or not values.any():
        return values, None, ""
    return values / np.maximum(values.sum(axis=1, keepdims=True), 1), PowerNorm(0.5, 0, 1), "share of the row"


def _enlarged(pixels: Any) -> bytes:
    """The picture itself; a small one larger, pixel by pixel."""
    import numpy as np
    from PIL import Image

    image = Image.fromarray(np.asarray(pixels))
    times = 256 // max(image.size)
    if times > 1:
        image = image.resize((image.width * times, image.height * times), Image.Resampling.NEAREST)
    sink = io.BytesIO()
    image.save(sink, format="PNG")
    return sink.getvalue()


def _axes(figure: Figure) -> Axes:
    axes = figure.add_subplot()
    axes.spines[["top", "right"]].set_visible(False)
    axes.tick_params(labelsize=7)
    axes.xaxis.label.set_fontsize(8)
    axes.yaxis.label.set_fontsize(8)
    return axes


def _number(value: Any) -> float:
    return float("nan") if value is None else float(value)


def _text(value: Any, most: int) -> str:
    """A label that is drawn as it stands: no formulas, one line, not hidden for its first letter."""
    flat = " ".join("".join(c if c.isprintable() else " " for c in str(value)).split())
    flat = textwrap.shorten(flat, most, placeholder="…") if " " in flat else flat
    flat = flat if len(flat) <= most else f"{flat[: most - 1]}…"
    return (" " if flat.startswith("_") else "") + flat.replace("$", r"\$")


_DRAWN: Mapping[str, Callable[[Figure, Mapping[str, Any]], None]] = {"lines": _lines, "bars": _bars, "matrix": _matrix}
