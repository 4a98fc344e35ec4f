"""The inputs of each split as models receive them: a table of numbers, texts, or pixels."""

from __future__ import annotations

import warnings
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa

from bench_suite.contracts import DataInvalid
from bench_suite.data.columns import Form, form_of, table_encoder, texts
from bench_suite.data.file_access import state_of
from bench_suite.data.images import decode_images
from bench_suite.data.origin import Origin
from bench_suite.data.own_data_options import OwnDataOptions
from bench_suite.environment import format_bytes

if TYPE_CHECKING:
    from bench_suite.data.sources import Sources

MAX_BYTES = 8 << 30
"Most bytes of pixels that are held in memory."


def encode_inputs(
    options: OwnDataOptions, inputs: Sequence[str], modality: str, sources: Sources, origin: Origin,
    tables: Mapping[str, pa.Table], notes: dict[str, Any],
) -> tuple[dict[str, Any], dict[str, Any]]:  # fmt: skip
    """Return the inputs of each split as models receive them, and their entries of the problem's `spec`."""
    if modality == "image":
        return _images(options, inputs[0], tables, sources, origin, notes)
    return _inputs(options, inputs, modality, tables, origin.name, notes)


def _inputs(
    options: OwnDataOptions,
    inputs: Sequence[str],
    modality: str,
    tables: Mapping[str, pa.Table],
    name: str,
    notes: dict[str, Any],
) -> tuple[dict[str, Any], dict[str, Any]]:
    """Return the texts or the table of each split, and their entries of the problem's `spec`."""
    if modality == "text":
        return _texts(options, inputs, tables, name, notes), {}
    encoder = table_encoder(tables["train"], inputs, options.categorical, options.categories)
    values, missing, unknown, categorical = {}, 0, 0, 0
    for role, table in tables.items():
        values[role], absent, other = encoder(table, f"{name}, split {role}")
        missing, unknown = missing + absent, unknown + other
        categorical += table.num_rows * len(encoder.categories)
    if missing:
        notes["missing values"] = missing
    if unknown:
        full = [f"`{column}`" for column, known in encoder.categories.items() if len(known) == options.categories]
        cut = f"; only the {options.categories} most frequent are read in {', '.join(full)}" if full else ""
        notes["values of rare categories, or of categories that train lacks"] = (
            f"{unknown:,} of {categorical:,} ({unknown / categorical:.1%}){cut}"
        )
    spec: dict[str, Any] = {"columns": encoder.columns}
    if set(encoder.kinds) != {"number"}:
        spec |= {"raw_columns": encoder.raw_columns, "kinds": encoder.kinds}
    return values, spec


def _texts(
    options: OwnDataOptions, inputs: Sequence[str], tables: Mapping[str, pa.Table], name: str, notes: dict[str, Any]
) -> dict[str, list[str]]:
    by_role, empty = {}, 0
    for role, table in tables.items():
        by_role[role], count = texts(table, inputs, options.separator)
        if count == len(by_role[role]) and role == "train":
            raise DataInvalid(f"{name}: all {count} texts of train are empty (inputs = {list(inputs)})")
        empty += count
    if empty:
        notes["empty texts"] = empty
    return by_role


def _images(
    options: OwnDataOptions,
    column: str,
    tables: Mapping[str, pa.Table],
    sources: Sources,
    origin: Origin,
    notes: dict[str, Any],
) -> tuple[dict[str, np.ndarray], dict[str, Any]]:
    """Return the pixels (n, H, W, C) of each split, of one size and mode; only files `within` folders are opened.

    Headers decide about the mode and the size, and the files are read again for their pixels.

    Raises:
        DataInvalid: A picture cannot be read, or changed meanwhile.
    """
    from PIL import Image

    before = _states(column, tables, origin)
    error: DataInvalid | None = None
    try:
        with warnings.catch_warnings():  # `max_bytes` bounds what a picture takes
            warnings.simplefilter("ignore", Image.DecompressionBombWarning)
            images = _decoded(options, column, tables, sources, origin, notes)
    except DataInvalid as raised:
        error = raised
    if changed := [path for path, state in _states(column, tables, origin).items() if state != before[path]]:
        raise DataInvalid(
            f"{origin.name}: {changed[0]} changed while the pictures were read{_more(len(changed) - 1)}: run again "
            "when nothing writes to the folder"
        ) from error
    if error is not None:
        raise error
    return images, {"shape": next(iter(images.values())).shape[1:]}


def _more(count: int) -> str:
    return f", and so did {count} more" if count else ""


def _states(column: str, tables: Mapping[str, pa.Table], origin: Origin) -> dict[str, tuple[int, ...] | None]:
    """Return the state of each picture that a row names by a path in the folder of the data."""
    paths = {
        path
        for table in tables.values()
        for value in table[column].to_pylist()
        if isinstance(value, dict) and value.get("bytes") is None and (path := value.get("path"))
    }
    return {path: state_of(Path(*origin.folders[:1], path)) for path in sorted(paths)}


def _decoded(
    options: OwnDataOptions,
    column: str,
    tables: Mapping[str, pa.Table],
    sources: Sources,
    origin: Origin,
    notes: dict[str, Any],
) -> dict[str, np.ndarray]:
    """Return the pixels of each split."""
    name, within = origin.name, origin.folders
    form = Form()
    for role, table in tables.items():
        form |= form_of(table[column], f"{name}, split {role}", within)
    if form.animated:
        notes["pictures of several frames or pages, of which the first is read"] = form.animated
    if form.transparent:
        notes["pictures with transparency, which is dropped"] = form.transparent
    if options.size is None and len(form.sizes) > 1:
        least, greatest = min(form.sizes, key=_area), max(form.sizes, key=_area)
        raise DataInvalid(
            f"{name}: images of {len(form.sizes)} sizes, from {least[0]}×{least[1]} to {greatest[0]}×{greatest[1]}: "
            "state the size that all are resized to, such as size = 64"
        )
    nbytes, label, (width, height) = form.largest
    if nbytes > options.max_bytes:
        raise DataInvalid(
            f"{label} has {width:,}×{height:,} pixels, which take {format_bytes(nbytes)}, and "
            f"{format_bytes(options.max_bytes)} are allowed: state a larger max_bytes, or make it smaller"
        )
    width, height = (options.size, options.size) if options.size else next(iter(form.sizes), (1, 1))
    nbytes = sum(table.num_rows for table in tables.values()) * width * height * (3 if form.mode == "RGB" else 1)
    if nbytes > MAX_BYTES:
        raise DataInvalid(
            f"{name}: its pixels would take {format_bytes(nbytes)} of memory, more than {format_bytes(MAX_BYTES)}: "
            "state a smaller size"
        )
    return {
        role: decode_images(
            table[column], form.mode, f"{name}, split {role}", sources.cache, size=options.size,
            download=origin.download, within=within,
        )
        for role, table in tables.items()
    }  # fmt: skip


def _area(size: tuple[int, int]) -> int:
    return size[0] * size[1]


def same_encoder(options: OwnDataOptions, inputs: Sequence[str], whole: pa.Table, train: np.ndarray) -> bool:
    """Return whether the train split, rows of a whole table, is encoded as the whole table is."""
    encoder = table_encoder(whole, inputs, options.categorical, options.categories)
    part = whole.select([*encoder.categories]).take(pa.array(train))
    return table_encoder(part, [*encoder.categories], options.categorical, options.categories).like(encoder)
