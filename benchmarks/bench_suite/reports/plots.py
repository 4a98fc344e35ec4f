"""Pictures of artifacts, drawn by their kind alone: lines, bars, matrices and images as PNG.

The colours are those of Okabe and Ito (2008), which differ under every common colour blindness; lines differ in
markers and dashes too. The module has no state: no pyplot, no display.
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
"Colours of bars below and above zero, if the sign has a meaning."
_MARKERS = "os^Dv<>P"
_DASHES = ("-", "--", ":", "-.")
_DOTS_PER_INCH = 180
_FIGURE = (4.2, 2.7)
"Default size of a figure in inches, for two figures side by side on a page."
_PAGE_DOTS_PER_INCH = 96
_MAX_FIGURE_WIDTH, _MAX_IMAGE_WIDTH = 400, 180
"Maximum width of a figure and of an image on the page, in pixels."
_MAX_PHOTOGRAPH_WIDTH, _MAX_DRAWING_WIDTH = 512, 800
"Width in pixels up to which an image counts as a photograph; a wider one is a drawing with text and takes the page."
_MAX_LEGEND = 12
_MAX_WRITTEN = 16
"Number of rows or columns up to which the values of a matrix are written into it."


def picture(artifact: Artifact) -> bytes | None:
    """Return an artifact as PNG, or None if its kind is text or table."""
    if artifact.kind == "image":
        return _encode_image(artifact.data)
    draw = _DRAW.get(artifact.kind)
    if draw is None:
        return None
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=_FIGURE, layout="constrained")
    FigureCanvasAgg(figure)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the font may lack a character, which is then drawn as a box
        draw(figure, artifact.data)
        sink = io.BytesIO()
        # Without the version of matplotlib in its metadata, the file depends on the data only.
        figure.savefig(sink, format="png", dpi=_DOTS_PER_INCH, metadata={"Software": None})
    return sink.getvalue()


def page_width(content: bytes, kind: str) -> int:
    """Return the width of a picture on a page in pixels, such that its text has the intended size.

    Args:
        content: the picture as PNG.
        kind: the kind of its artifact.
    """
    from PIL import Image

    with Image.open(io.BytesIO(content)) as image:
        width = image.width
    if kind == "image":
        return min(width, _MAX_IMAGE_WIDTH if width <= _MAX_PHOTOGRAPH_WIDTH else _MAX_DRAWING_WIDTH)
    return min(width * _PAGE_DOTS_PER_INCH // _DOTS_PER_INCH, _MAX_FIGURE_WIDTH)


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
        names.append(_label(name, 28))
        if len(ranges := [[_number(value) for value in point] for point in points if len(point) == 4]) > 1:
            positions, _, low, high = zip(*ranges)
            axes.fill_between(positions, low, high, color=COLOURS[number % len(COLOURS)], alpha=0.15, linewidth=0)
    axes.set(**{f"{axis}scale": "log" for axis in data.get("logarithmic", ()) if axis in ("x", "y")})
    axes.set_xlabel(_label(data["x"], 60))
    axes.set_ylabel(_label(data["y"], 40))
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
    for position, (name, value) in enumerate(zip(bars, values)):  # NaN differs from itself
        low, high = (_number(end) for end in intervals.get(name) or (None, None))
        if value != value:
            axes.annotate(
                _label(reasons.get(name, "no value"), 40),
                (0, position),
                (4, 0),
                textcoords="offset points",
                va="center",
                fontsize=8,
            )
        elif low == low and high == high:
            axes.plot([low, high], [position, position], color="black", linewidth=1.4, marker="|", markersize=7)
    axes.set_yticks(list(positions), [_label(name, 26) for name in bars])
    axes.set_ylim(max(len(bars), 1) - 0.5, -0.5)  # a row without a bar keeps its position
    axes.axvline(0, color="black", linewidth=0.8)
    axes.set_xlabel(_label(data["y"], 60))
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
    colour_values, norm, bar_label = _cell_colours(values)
    image = axes.imshow(colour_values, cmap="cividis", norm=norm, aspect="auto")
    bar = figure.colorbar(image, ax=axes, shrink=0.9, label=bar_label)
    bar.ax.tick_params(labelsize=6)
    bar.ax.yaxis.label.set_fontsize(7)
    step_x, step_y = max(1, len(columns) // 40), max(1, len(rows) // 40)
    names = [_label(name, 16) for name in columns[::step_x]]
    slanted = any(len(name) > 3 for name in names)
    axes.set_xticks(
        range(0, len(columns), step_x), names, rotation=45 if slanted else 0, ha="right" if slanted else "center"
    )
    axes.set_yticks(range(0, len(rows), step_y), [_label(name, 24) for name in rows[::step_y]])
    axes.tick_params(length=0)
    axes.set_xlabel(_label(data.get("x", ""), 60))
    axes.set_ylabel(_label(data.get("y", ""), 40))
    if max(values.shape) <= _MAX_WRITTEN and values.size:
        brightness: Any = np.ma.filled(np.ma.asarray(image.norm(colour_values)), 0.0)  # from 0, dark, to 1, light
        for (row, column), value in np.ndenumerate(values):
            if np.isfinite(value):
                text = f"{value:,.0f}" if float(value).is_integer() else f"{value:.2g}"
                colour = "black" if brightness[row, column] > 0.5 else "white"
                axes.text(column, row, text, ha="center", va="center", fontsize=6 if len(text) < 5 else 5, color=colour)


def _cell_colours(values: Any) -> tuple[Any, Any, str]:
    """Return the values that the colours of a matrix show, their scale (a norm or None) and the label of the bar.

    Counts in a square matrix, such as a confusion matrix, are shown as shares of their row on a square-root scale:
    beside a diagonal of 90 %, 1 % and 5 % remain distinguishable. Other values are shown unchanged.
    """
    import numpy as np
    from matplotlib.colors import PowerNorm

    counts = values.size and np.isfinite(values).all() and (values >= 0).all() and (values == np.round(values)).all()
    if not counts or values.shape[0] != values.shape[1] or not values.any():
        return values, None, ""
    return values / np.maximum(values.sum(axis=1, keepdims=True), 1), PowerNorm(0.5, 0, 1), "share of the row"


def _encode_image(pixels: Any) -> bytes:
    """Return the image as PNG, a small one enlarged by an integer factor."""
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


def _label(value: Any, max_length: int) -> str:
    """Return a label that matplotlib draws literally, on one line: no formula, and no leading underscore."""
    flat = " ".join("".join(c if c.isprintable() else " " for c in str(value)).split())
    flat = textwrap.shorten(flat, max_length, placeholder="…") if " " in flat else flat
    flat = flat if len(flat) <= max_length else f"{flat[: max_length - 1]}…"
    return (" " if flat.startswith("_") else "") + flat.replace("$", r"\$")


_DRAW: Mapping[str, Callable[[Figure, Mapping[str, Any]], None]] = {
    "lines": _lines,
    "bars": _bars,
    "matrix": _matrix,
}
