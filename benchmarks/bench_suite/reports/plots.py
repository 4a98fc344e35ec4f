"""Pictures of artifacts, drawn by their kind alone: lines, bars, matrices and images as PNG.

The colours are those of Okabe and Ito (2008), which differ under every common colour blindness; lines differ in
markers and dashes too. The module has no state: no pyplot, no display.
"""

from __future__ import annotations

import io
import warnings
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from bench_suite.contracts import Artifact
from bench_suite.reports.heatmap import draw_matrix
from bench_suite.reports.labels import plain_label

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
_HISTOGRAM_HEIGHT, _HISTOGRAM_COLOUR, _EXPECTED_COLOUR = 0.7, "#999999", "#57606a"
"Height in inches and colour of a histogram below lines."


def picture(artifact: Artifact) -> bytes | None:
    """Return an artifact as PNG, or None if its kind is text or table."""
    if artifact.kind == "image":
        return _encode_image(artifact.data)
    if artifact.kind == "matrix":
        return draw_matrix(artifact.data)
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
    histogram = data.get("histogram")
    height = _FIGURE[1]
    if histogram:
        height += _HISTOGRAM_HEIGHT
        ratios = {"height_ratios": (_FIGURE[1], _HISTOGRAM_HEIGHT)}
        upper, lower = figure.subplots(2, sharex=True, gridspec_kw=ratios)
        axes, bottom = _styled(upper), _styled(lower)
        _histogram(bottom, histogram)
    else:
        axes = bottom = _axes(figure)
    handles, names = [], []
    expected = {*map(str, data.get("expected") or ())}
    for number, (name, points) in enumerate(data["series"].items()):
        is_expected = str(name) in expected
        colour = _EXPECTED_COLOUR if is_expected else COLOURS[number % len(COLOURS)]
        x, y = [_number(point[0]) for point in points], [_number(point[1]) for point in points]
        (handle,) = axes.plot(
            x,
            y,
            color=colour,
            linestyle="--" if is_expected else _DASHES[number // len(COLOURS) % len(_DASHES)],
            marker=_MARKERS[number % len(_MARKERS)] if len(points) <= 40 and not is_expected else "",
            markersize=3.5,
            linewidth=1.4,
        )
        handles.append(handle)
        names.append(_label(name, 28))
        if len(ranges := [[_number(value) for value in point] for point in points if len(point) == 4]) > 1:
            positions, _, low, high = zip(*ranges)
            axes.fill_between(positions, low, high, color=colour, alpha=0.15, linewidth=0)
    axes.set(**{f"{axis}scale": "log" for axis in data.get("logarithmic", ()) if axis in ("x", "y")})
    bottom.set_xlabel(_label(data["x"], 60))
    axes.set_ylabel(_label(data["y"], 40))
    axes.grid(alpha=0.25)
    figure.set_size_inches(_FIGURE[0], height)
    if len(names) > 1 or (names and names[0]):
        rest = len(names) - _MAX_LEGEND
        if rest > 0:
            handles, names = handles[:_MAX_LEGEND], [*names[: _MAX_LEGEND - 1], f"and {rest + 1} more"]
        figure.set_size_inches(_FIGURE[0], height + 0.17 * -(-len(names) // 2))
        figure.legend(handles, names, loc="outside lower center", ncols=2, frameon=False, fontsize=7)


def _histogram(axes: Axes, bars: Sequence[Sequence[Any]]) -> None:
    """Draw counts [left, right, count] as bars."""
    lefts, rights, counts = zip(*([_number(value) for value in bar] for bar in bars))
    widths = [right - left for left, right in zip(lefts, rights)]
    axes.bar(lefts, counts, widths, align="edge", color=_HISTOGRAM_COLOUR, edgecolor="white", linewidth=0.5)
    axes.set_ylabel("examples")
    axes.locator_params(axis="y", nbins=3)
    axes.grid(axis="y", alpha=0.25)
    axes.set_axisbelow(True)


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
    return _styled(figure.add_subplot())


def _styled(axes: Axes) -> Axes:
    axes.spines[["top", "right"]].set_visible(False)
    axes.tick_params(labelsize=7)
    axes.xaxis.label.set_fontsize(8)
    axes.yaxis.label.set_fontsize(8)
    return axes


def _number(value: Any) -> float:
    return float("nan") if value is None else float(value)


def _label(value: Any, max_length: int) -> str:
    """Return a label that matplotlib draws literally, on one line: no formula, and no leading underscore."""
    flat = plain_label(value, max_length)
    return (" " if flat.startswith("_") else "") + flat.replace("$", r"\$")


_DRAW: Mapping[str, Callable[[Figure, Mapping[str, Any]], None]] = {
    "lines": _lines,
    "bars": _bars,
}
