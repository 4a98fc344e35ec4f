"""How the item of an example looks: an image as a small picture, a text, or the row of a table as names and values."""

from __future__ import annotations

import base64
import io
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from bench_suite.contracts import Split, describe_error
from bench_suite.reports.html.item_data import TestData

MAX_CHARACTERS = 600
"Characters of a text that are shown: its beginning."
MAX_SIDE = 64
"Pixels of the longer side of a picture."
MAX_COLUMNS = 60
"Columns of a table that are shown: the first ones."
MAX_VALUE = 80
"Characters of a value of a table."
QUALITY = 75
"Quality of pictures in colour, of 100."


@dataclass(frozen=True)
class Item:
    """What one example consists of; any of the parts may be absent."""

    image: str = ""
    "A picture as `data:` address."
    size: tuple[int, int] = (0, 0)
    "Width and height of the picture in pixels."
    text: str = ""
    cut: int = 0
    "Characters of the text that are left out."
    values: tuple[str, ...] = ()
    "Values of a row of a table, in the order of `Items.columns`."


@dataclass(frozen=True)
class Items:
    """The items of some examples."""

    by_id: Mapping[int, Item]
    columns: tuple[str, ...] = ()
    "Names of the columns of a table, with their units."
    reason: str = ""
    "Why there are none; empty if there are."


def read_items(data: TestData, ids: Sequence[int]) -> Items:
    """Return the items of some examples, as far as the test data have them.

    Args:
        data: of the task.
        ids: of the examples.
    """
    if data.split is None:
        return Items({}, reason=data.reason)
    try:
        return _items(data.split, data.spec, ids)
    except Exception as error:  # noqa: BLE001 - a split may be of another program, and no error of it ends a report
        return Items({}, reason=f"the data cannot be read: {describe_error(error).splitlines()[0]}")


def _items(split: Split, spec: Mapping[str, Any], ids: Sequence[int]) -> Items:
    from bench_suite.data.table_inputs import table_inputs

    positions: dict[int, int] = {}
    for row, id in enumerate(np.asarray(split.ids).tolist()):
        positions.setdefault(id, row)
    known = [id for id in dict.fromkeys(ids) if id in positions]
    if not known:
        return Items({}, reason="the data on this machine do not have these examples")
    columns = split.take(np.array([positions[id] for id in known], dtype=np.int64))
    images, texts, tables = (columns.get(name) for name in ("image", "text", "table"))
    if images is None and texts is None and tables is None:
        return Items({}, reason="the examples are neither images nor texts nor rows of a table")
    inputs = () if tables is None else table_inputs(spec, np.shape(tables)[1])[:MAX_COLUMNS]
    by_id = {}
    for number, id in enumerate(known):
        address, size = ("", (0, 0)) if images is None else picture(np.asarray(images[number]))
        text = "" if texts is None else str(texts[number])
        values = () if tables is None else tuple(_short(one.value_in(np.asarray(tables[number]))) for one in inputs)
        by_id[id] = Item(address, size, text[:MAX_CHARACTERS], max(0, len(text) - MAX_CHARACTERS), values)
    return Items(by_id, tuple(_short(one.name) for one in inputs))


def _short(text: str) -> str:
    return text if len(text) <= MAX_VALUE else f"{text[: MAX_VALUE - 1]}…"


def picture(pixels: np.ndarray) -> tuple[str, tuple[int, int]]:
    """Return an image as `data:` address, no larger than `MAX_SIDE`, and its width and height.

    Args:
        pixels: (H, W, C) uint8; if C is neither 1 nor 3, the channels are averaged.
    """
    from PIL import Image, features

    if pixels.ndim == 3 and pixels.shape[2] != 3:
        pixels = pixels.astype(np.float64).mean(axis=2).round().astype(np.uint8)
    image = Image.fromarray(pixels)
    image.thumbnail((MAX_SIDE, MAX_SIDE), Image.Resampling.LANCZOS)
    sink = io.BytesIO()
    # In grey, PNG is about as small as WebP; in colour it has three times the bytes.
    form = "webp" if image.mode == "RGB" and features.check("webp") else "png"
    if form == "webp":
        image.save(sink, format="WEBP", quality=QUALITY, method=4)
    else:
        image.save(sink, format="PNG", optimize=True)
    return f"data:image/{form};base64,{base64.b64encode(sink.getvalue()).decode()}", image.size
