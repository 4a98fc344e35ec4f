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
_MARKERS = "os^Dv<>P"
_DASHES = ("-", "--", ":", "-.")
_DOTS_PER_INCH = 130
_MOST_LEGEND = 12
_MOST_WRITTEN = 16
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

    figure = Figure(figsize=(6.4, 4.0), layout="constrained")
    FigureCanvasAgg(figure)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # letters that the font lacks are drawn as boxes
        draw(figure, artifact.data)
        sink = io.BytesIO()
        # Without the version of matplotlib in the file, the same data make the same bytes.
        figure.savefig(sink, format="png", dpi=_DOTS_PER_INCH, metadata={"Software": None})
    return sink.getvalue()


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
            markersize=4.5,
            linewidth=1.6,
        )
        handles.append(handle)
        names.append(_text(name, 28))
    axes.set_xlabel(_text(data["x"], 60))
    axes.set_ylabel(_text(data["y"], 40))
    axes.grid(alpha=0.25)
    if len(names) > 1 or (names and names[0]):
        rest = len(names) - _MOST_LEGEND
        if rest > 0:
            handles, names = handles[:_MOST_LEGEND], [*names[: _MOST_LEGEND - 1], f"and {rest + 1} more"]
        figure.legend(handles, names, loc="outside right upper", frameon=False, fontsize=8)


def _bars(figure: Figure, data: Mapping[str, Any]) -> None:
    bars: Mapping[str, Any] = data["bars"]
    intervals: Mapping[str, Any] = data.get("intervals") or {}
    figure.set_size_inches(6.4, min(max(1.4, 0.9 + 0.32 * len(bars)), 20))
    axes = _axes(figure)
    positions = range(len(bars))
    values = [_number(value) for value in bars.values()]
    axes.barh(positions, values, color=COLOURS[0], height=0.62)
    for position, (name, value) in enumerate(zip(bars, values)):  # a value that differs from itself is NaN
        low, high = (_number(end) for end in intervals.get(name) or (None, None))
        if value != value:
            axes.annotate("no value", (0, position), (4, 0), textcoords="offset points", va="center", fontsize=8)
        elif low == low and high == high:
            axes.plot([low, high], [position, position], color="black", linewidth=1.4, marker="|", markersize=7)
    axes.set_yticks(list(positions), [_text(name, 34) for name in bars])
    axes.invert_yaxis()
    axes.axvline(0, color="black", linewidth=0.8)
    axes.set_xlabel(_text(data["y"], 60))
    axes.grid(axis="x", alpha=0.25)
    axes.set_axisbelow(True)


def _matrix(figure: Figure, data: Mapping[str, Any]) -> None:
    import numpy as np

    rows, columns = data["rows"], data["columns"]
    values = np.array([[_number(value) for value in row] for row in data["values"]], dtype=float)
    values = values.reshape(len(rows), len(columns))
    size = 0.42 if max(len(rows), len(columns)) <= _MOST_WRITTEN else 0.22
    figure.set_size_inches(min(max(3.6, 2.0 + size * len(columns)), 14), min(max(2.8, 1.2 + size * len(rows)), 14))
    axes = _axes(figure)
    shown = axes.imshow(values, cmap="cividis", aspect="auto")
    figure.colorbar(shown, ax=axes, shrink=0.9)
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
    if max(values.shape) <= _MOST_WRITTEN and values.size:
        middle = (np.nanmin(values) + np.nanmax(values)) / 2 if np.isfinite(values).any() else 0.0
        for (row, column), value in np.ndenumerate(values):
            if np.isfinite(value):
                text = f"{value:,.0f}" if float(value).is_integer() else f"{value:.2g}"
                colour = "black" if value > middle else "white"
                axes.text(column, row, text, ha="center", va="center", fontsize=7.5, color=colour)


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
    axes.tick_params(labelsize=8)
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
