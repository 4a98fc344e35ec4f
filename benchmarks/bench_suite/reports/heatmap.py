"""Pictures of matrices, such as confusion matrices, drawn with Pillow: a report has one for each model.

Matplotlib takes half a second for one of them, this module a twentieth, and it does not import matplotlib. It uses the
font that matplotlib ships, DejaVu Sans.
"""

from __future__ import annotations

import io
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from bench_suite.reports.labels import plain_label

if TYPE_CHECKING:
    from PIL.Image import Image as PillowImage
    from PIL.ImageFont import FreeTypeFont
    from PIL.ImageFont import ImageFont as BitmapFont

CIVIDIS = (
    0x00224E, 0x002E6A, 0x1A386F, 0x32436D, 0x434E6C, 0x52596D, 0x61656F, 0x6F7073, 0x7C7B78, 0x8B8778, 0x9B9376,
    0xABA072, 0xBBAD6C, 0xCCBA64, 0xDDC958, 0xEFD748, 0xFEE838,
)  # fmt: skip
"Colours of the scale `cividis` (Nuñez et al. 2018, doi 10.1371/journal.pone.0199239) from 0 to 1, at equal steps."
MAX_WRITTEN = 16
"Number of rows or columns up to which the values of a matrix are written into it."
MAX_TICKS = 40
SIDE, SMALL_SIDE = 54, 22
"Width and height of a cell with and without a value, in pixels."
MIN_LENGTH, MAX_LENGTH = 250, 1200
"Least and greatest width and height of all cells together, in pixels."
GAP, BAR = 10, 18
"Distance between parts and width of the bar of colours, in pixels."
AXIS_NAME, TICK, VALUE, LONG_VALUE = 20, 17, 15, 12
"Sizes of the font in pixels."
SHARES = (0.0, 0.05, 0.2, 0.5, 1.0)
"Ticks of the bar for shares of a row."


@dataclass(frozen=True)
class Scale:
    """Which values the colours of a matrix show, and how."""

    values: np.ndarray
    position: Callable[[Any], Any]
    "From a value to a colour: 0 is dark, 1 is light."
    ticks: Sequence[float]
    meaning: str = ""
    "What the values are, if they are not those of the matrix."


def scale_of(values: np.ndarray) -> Scale:
    """Return the scale of the colours of a matrix.

    Counts in a square matrix, such as a confusion matrix, are shown as shares of their row on a square-root scale:
    beside a diagonal of 90 %, 1 % and 5 % remain distinguishable. Other values are shown unchanged.
    """
    finite = values[np.isfinite(values)]
    counts = values.size == finite.size > 0 and (values >= 0).all() and (values == np.round(values)).all()
    if counts and values.shape[0] == values.shape[1] and values.any():
        shares = values / np.maximum(values.sum(axis=1, keepdims=True), 1)
        return Scale(shares, np.sqrt, SHARES, "share of the row")
    low, high = (float(finite.min()), float(finite.max())) if finite.size else (0.0, 0.0)
    span = high - low
    ticks = np.linspace(low, high, 5).tolist() if span else [low]
    return Scale(values, lambda value: (value - low) / (span or 1.0), ticks)


def draw_matrix(data: Mapping[str, Any]) -> bytes:
    """Return a matrix as PNG.

    Args:
        data: `rows` and `columns`, the labels; `values`, one list a row, with None for unknown; and perhaps `x` and
            `y`, what the columns and the rows are.

    Raises:
        ValueError: the values do not have one entry for each row and column.
    """
    from PIL import Image

    rows, columns = data["rows"], data["columns"]
    values = np.array([[np.nan if value is None else float(value) for value in row] for row in data["values"]])
    values = values.reshape(len(rows), len(columns))
    scale = scale_of(values)
    side = SIDE if max(values.shape) <= MAX_WRITTEN else SMALL_SIDE
    width, height = (min(max(side * count, MIN_LENGTH), MAX_LENGTH) for count in (len(columns), len(rows)))
    slanted = any(len(plain_label(name, 16)) > 3 for name in columns)
    row_names = _names(rows, height, 24, 0)
    column_names = _names(columns, width, 16, 45 if slanted else 0)
    x, y = (
        _text(plain_label(data.get("x", ""), 60), AXIS_NAME),
        _text(plain_label(data.get("y", ""), 40), AXIS_NAME, 90),
    )
    ticks = [
        (round((1 - float(scale.position(tick))) * (height - 1)), _text(f"{tick:.3g}", VALUE)) for tick in scale.ticks
    ]
    meaning = _text(scale.meaning, VALUE, 90)

    begin = min((middle - name.width * (7 if slanted else 4) // 8 for middle, name in column_names), default=0)
    left = max(y.width + GAP + _widest(row_names) + GAP, -begin)
    below = GAP + height + max((name.height for _, name in column_names), default=0) + GAP
    bar_left = left + width + 2 * GAP
    ticks_left = bar_left + BAR + GAP // 2
    right = ticks_left + _widest(ticks) + GAP // 2
    picture = Image.new("RGB", (right + meaning.width + GAP, max(below + x.height, GAP + height) + GAP), "white")

    def write(mask: PillowImage, at: tuple[int, int]) -> None:
        picture.paste("black", at, mask)

    write(y, (0, GAP + (height - y.height) // 2))
    write(x, (left + (width - x.width) // 2, below))
    write(meaning, (right, GAP + (height - meaning.height) // 2))
    for middle, name in row_names:
        write(name, (left - GAP // 2 - name.width, GAP + middle - name.height // 2))
    for middle, name in column_names:
        begin = middle - name.width * (7 if slanted else 4) // 8
        write(name, (left + begin, GAP + height + GAP // 2))
    for middle, name in ticks:
        write(name, (ticks_left, min(max(GAP + middle - name.height // 2, 0), picture.height - name.height)))
    picture.paste(_coloured(np.linspace(1.0, 0.0, height)[:, None], (BAR, height)), (bar_left, GAP))
    if values.size:
        shades = scale.position(scale.values)
        picture.paste(_coloured(shades, (width, height)), (left, GAP))
        if side == SIDE:
            _write_values(picture, (left, GAP, width, height), values, shades)
    sink = io.BytesIO()
    picture.save(sink, format="PNG")
    return sink.getvalue()


def _write_values(picture: PillowImage, box: tuple[int, int, int, int], values: np.ndarray, shades: np.ndarray) -> None:
    from PIL import ImageDraw

    left, top, width, height = box
    draw = ImageDraw.Draw(picture)
    for (row, column), value in np.ndenumerate(values):
        if not np.isfinite(value):
            continue
        text = f"{value:,.0f}" if float(value).is_integer() else f"{value:.2g}"
        middle = left + _middle(column, values.shape[1], width), top + _middle(row, values.shape[0], height)
        colour = "black" if shades[row, column] > 0.5 else "white"
        draw.text(middle, text, colour, _font(VALUE if len(text) < 5 else LONG_VALUE), "mm")


def _names(labels: Sequence[Any], length: int, characters: int, angle: int) -> list[tuple[int, PillowImage]]:
    """Return the names of rows or columns, of many only some, and where on the axis the middle of each one is."""
    step = max(1, len(labels) // MAX_TICKS)
    shown = range(0, len(labels), step)
    return [
        (_middle(index, len(labels), length), _text(plain_label(labels[index], characters), TICK, angle))
        for index in shown
    ]


def _middle(index: int, count: int, length: int) -> int:
    return round((index + 0.5) * length / count)


def _widest(names: Sequence[tuple[int, PillowImage]]) -> int:
    return max((name.width for _, name in names), default=0)


def _text(text: str, size: int, angle: int = 0) -> PillowImage:
    """Return a text as a mask, turned counter-clockwise."""
    from PIL import Image, ImageDraw

    font = _font(size)
    mask = Image.new("L", (max(1, math.ceil(font.getlength(text))), size + size // 4))
    ImageDraw.Draw(mask).text((0, 0), text, 255, font)
    return mask.rotate(angle, Image.Resampling.BICUBIC, expand=True) if angle else mask


@cache
def _font(size: int) -> FreeTypeFont | BitmapFont:
    from PIL import ImageFont

    spec = find_spec("matplotlib")
    folder = Path(spec.origin).parent if spec is not None and spec.origin else Path()
    try:
        return ImageFont.truetype(str(folder / "mpl-data" / "fonts" / "ttf" / "DejaVuSans.ttf"), size)
    except OSError:  # a distribution that keeps matplotlib's fonts elsewhere
        return ImageFont.load_default(size)


def _coloured(shades: np.ndarray, size: tuple[int, int]) -> PillowImage:
    """Return shades in [0, 1] as an image of this width and height; NaN is white."""
    from PIL import Image

    steps = np.linspace(0.0, 1.0, len(CIVIDIS))
    colours = np.array([[colour >> 16, colour >> 8 & 255, colour & 255] for colour in CIVIDIS], dtype=float)
    channels = np.stack([np.interp(shades, steps, channel) for channel in colours.T], axis=-1)
    pixels = np.where(np.isnan(shades)[..., None], 255.0, channels).round().astype(np.uint8)
    return Image.fromarray(pixels).resize(size, Image.Resampling.NEAREST)
