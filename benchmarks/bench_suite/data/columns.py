"""Conversion of the named columns of a data set to a model's input: texts, images, or one table of numbers."""

from __future__ import annotations

import heapq
import io
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from bench_suite.contracts import DataInvalid
from bench_suite.data.class_names import class_names
from bench_suite.data.column_types import columns_line
from bench_suite.data.images import Mode, encoded_bytes, is_transparent, own_path, upright_size
from bench_suite.data.labels import decode_dictionary, float_name, is_number, is_text
from bench_suite.data.sources import numbers
from bench_suite.data.splits import CHUNK
from bench_suite.data.table_inputs import Kind

Modality = Literal["image", "text", "table"]


def modality_of(table: pa.Table, inputs: Sequence[str], name: str, stated: Modality | None = None) -> Modality:
    """Return the modality of the columns: image for a column of encoded images, text if all hold text, else table.

    Args:
        table: The table.
        inputs: Names of the input columns.
        name: What messages call the data.
        stated: The modality that the suite states, if it does.

    Raises:
        DataInvalid: There are other inputs beside images, or a column does not fit any modality or the stated one.
    """
    kinds = {column: decode_dictionary(table[column]).type for column in inputs}
    images = [column for column, kind in kinds.items() if _is_image(kind)]
    if images and len(inputs) > 1:
        raise DataInvalid(f'{name}: `{images[0]}` holds images, so it must be the only input: inputs = "{images[0]}"')
    if images and stated in (None, "image"):
        return "image"
    if images or stated == "image":
        content = "images" if images else "no images"
        raise DataInvalid(f'{name}: modality = "{stated}", but `{inputs[0]}` holds {content}')
    for column, kind in kinds.items():
        plain_value = pa.types.is_boolean(kind) or pa.types.is_null(kind)
        if not (is_text(kind) or is_number(kind) or _is_time(kind) or plain_value):
            raise DataInvalid(
                f"{name}: the input `{column}` holds {kind}; images, texts, numbers, truth values and times can be used"
                f": {columns_line(column, 'ignore')} leaves it out"
            )
    if stated is not None:
        return stated
    return "text" if all(is_text(kind) for kind in kinds.values()) else "table"


def _is_image(kind: pa.DataType) -> bool:
    if pa.types.is_struct(kind):
        return {kind.field(number).name for number in range(kind.num_fields)} >= {"bytes", "path"}
    return pa.types.is_binary(kind) or pa.types.is_large_binary(kind)


def _is_time(kind: pa.DataType) -> bool:
    return pa.types.is_timestamp(kind) or pa.types.is_date(kind)


_LIKE_A_NUMBER = r"^\s*[-+]?\d+([.,]\d+)*([eE][-+]?\d+)?\s*$"
NEARLY_ALL = 0.9
"""If this share of the values of a text column looks like numbers, a note says that numbers may be meant."""


def numbers_as_text(table: pa.Table, columns: Sequence[str]) -> dict[str, str]:
    """Return notes on the columns that are read as text although nearly all of their values look like numbers."""
    notes = {}
    for column in columns:
        values = decode_dictionary(table[column])
        if not is_text(values.type):
            continue
        values = pc.drop_null(pc.if_else(pc.equal(values, ""), pa.scalar(None, values.type), values))
        matches = pc.match_substring_regex(values, _LIKE_A_NUMBER)
        count = pc.sum(matches).as_py() or 0
        if count and count >= NEARLY_ALL * len(values):
            others = values.filter(pc.invert(matches)).slice(0, 1).to_pylist()
            first = f"; the first other value is {others[0][:40]!r}" if others else ""
            notes[f"column `{column}`"] = (
                f"read as text, although {count} of its {len(values)} values look like numbers{first}"
            )
    return notes


# ── texts ───────────────────────────────────────────────────────────────────────────────────────


def texts(table: pa.Table, inputs: Sequence[str], separator: str) -> tuple[list[str], int]:
    """Return the text of each row, with several columns joined by `separator`, and the number of empty texts.

    A missing text is empty.
    """
    columns = [
        [value or "" for value in decode_dictionary(table[column]).cast(pa.large_string()).to_pylist()]
        for column in inputs
    ]
    joined = columns[0] if len(columns) == 1 else [separator.join(row) for row in zip(*columns)]
    return joined, sum(not any(part.strip() for part in row) for row in zip(*columns))


# ── images ──────────────────────────────────────────────────────────────────────────────────────


@dataclass(frozen=True)
class Form:
    """Mode and sizes of a set of images, from their headers."""

    mode: Mode = "L"
    "`RGB` if one image has colour (or a palette, or CMYK), else `L`."
    sizes: Mapping[tuple[int, int], int] = field(default_factory=dict)
    "Number of images of each (width, height)."
    animated: int = 0
    "Number of images of several frames or pages, of which the first is read."
    transparent: int = 0
    "Number of images with transparency, which is dropped."
    largest: tuple[int, str, tuple[int, int]] = (0, "", (0, 0))
    "Bytes of the pixels of the largest image, what messages call it, and its (width, height)."

    def __or__(self, other: Form) -> Form:
        sizes = Counter(self.sizes)
        sizes.update(other.sizes)
        mode: Mode = "RGB" if "RGB" in (self.mode, other.mode) else "L"
        largest = max(self.largest, other.largest)
        return Form(mode, sizes, self.animated + other.animated, self.transparent + other.transparent, largest)


GREY = ("1", "L", "LA", "La", "I", "F")
"""Pillow's modes without colour; those of 16 bits begin with `I;16`."""


def form_of(column: pa.ChunkedArray, name: str, within: Sequence[Path] = ()) -> Form:
    """Return the mode and sizes of a column of encoded images. Reads headers only, 30 µs each, and skips broken ones.

    Args:
        column: struct<bytes, path> or binary.
        name: As in `images.encoded_bytes`.
        within: As in `images.encoded_bytes`.
    """
    from PIL import Image

    sizes: Counter[tuple[int, int]] = Counter()
    colour, animated, transparent = False, 0, 0
    largest, row = Form().largest, -1
    for chunk in column.chunks:
        for value in chunk.to_pylist():
            row += 1
            try:
                with Image.open(io.BytesIO(encoded_bytes(value, name, within=within))) as image:
                    sizes[upright_size(image)] += 1
                    nbytes = image.width * image.height * len(image.getbands())
                    if nbytes > largest[0]:
                        path = own_path(value)
                        label = f"the image of row {row}" if path is None else f"the file {path}"
                        largest = nbytes, f"{name}: {label}", image.size
                    animated += getattr(image, "n_frames", 1) > 1
                    transparent += is_transparent(image)
                    colour = colour or not image.mode.startswith(("I;16", *GREY)) or image.mode == "LAB"
            except (DataInvalid, OSError, SyntaxError, ValueError, Image.DecompressionBombError):
                continue  # reported with its row when it is decoded
    return Form("RGB" if colour else "L", sizes, animated, transparent, largest)


# ── tables ──────────────────────────────────────────────────────────────────────────────────────


@dataclass(frozen=True)
class TableEncoder:
    """Encoder of columns as numbers, learnt from the train split."""

    inputs: tuple[str, ...]
    categories: Mapping[str, tuple[str, ...]]
    "Categories of each categorical column that get their own column; any other category is 0 in all of them."
    missing: frozenset[str]
    "Categorical columns that lack values in train; each gets a column that is 1 for a missing value."
    names: Mapping[str, tuple[str, ...]]
    "Names of the classes of each column of class numbers (`ClassLabel`)."
    dates: frozenset[str] = frozenset()
    "Columns of dates and times."
    truth_values: frozenset[str] = frozenset()
    "Columns of truth values."

    def like(self, other: TableEncoder) -> bool:
        """Return whether both encode the same categories in the same columns."""
        return self.categories == other.categories and self.missing == other.missing

    @property
    def columns(self) -> tuple[str, ...]:
        """Names of the columns of the table: `age`, and for categories `job=nurse`, …, `job=missing`."""
        names: list[str] = []
        for column in self.inputs:
            if column in self.categories:
                names += [f"{column}={category}" for category in self.categories[column]]
                names += [f"{column}=missing"] if column in self.missing else []
            else:
                names.append(column)
        return tuple(names)

    @property
    def raw_columns(self) -> tuple[str, ...]:
        """Name of the input that each column of the table encodes: `job` for `job=nurse`."""
        return tuple(column for column in self.inputs for _ in range(self._width(column)))

    @property
    def kinds(self) -> tuple[Kind, ...]:
        """What the input holds that each column of the table encodes."""
        return tuple(self._kind(column) for column in self.raw_columns)

    def _width(self, column: str) -> int:
        return len(self.categories[column]) + (column in self.missing) if column in self.categories else 1

    def _kind(self, column: str) -> Kind:
        if column in self.categories:
            return "category"
        return "date" if column in self.dates else "truth value" if column in self.truth_values else "number"

    def __call__(self, table: pa.Table, name: str) -> tuple[np.ndarray, int, int]:
        """Encode a table.

        Args:
            table: A table with all input columns.
            name: What messages call the data.

        Returns:
            (n, d) float64, NaN for a missing number; the number of missing values; and the number of values of no known
            category.

        Raises:
            DataInvalid: A column that holds numbers in train holds text here.
        """
        parts: list[_Numbers | _Categories] = []
        missing, unknown = 0, 0
        for column in self.inputs:
            if column not in self.categories:
                values = _number_column(table[column], f"{name}, column `{column}`")
                missing += int(np.isnan(values).sum())
                parts.append(_Numbers(values))
                continue
            words = _categories(table[column], self.names.get(column))
            known = self.categories[column]
            positions = pc.index_in(words, value_set=pa.array(known, type=pa.string())).combine_chunks()
            codes = numbers(pa.chunked_array([positions]), "float64", name)
            absent = np.asarray(words.is_null().combine_chunks().to_numpy(zero_copy_only=False), dtype=bool)
            missing += int(absent.sum())
            unknown += int((np.isnan(codes) & ~absent).sum())
            codes = np.where(np.isnan(codes), -1, codes).astype(np.int32)
            parts.append(_Categories(codes, len(known)))
            if column in self.missing:
                parts.append(_Numbers(absent))
        return _side_by_side(parts, table.num_rows), missing, unknown


@dataclass(frozen=True)
class _Numbers:
    values: np.ndarray
    "(n,) numbers, which fill one column."
    width: int = 1

    def write(self, into: np.ndarray, rows: slice) -> None:
        into[:, 0] = self.values[rows]


@dataclass(frozen=True)
class _Categories:
    codes: np.ndarray
    "(n,) int32: the column, from 0 to `width` - 1, that gets a 1; -1 for none."
    width: int

    def write(self, into: np.ndarray, rows: slice) -> None:
        codes = self.codes[rows]
        coded = np.flatnonzero(codes >= 0)
        into[coded, codes[coded]] = 1.0


def _side_by_side(parts: Sequence[_Numbers | _Categories], count: int) -> np.ndarray:
    """Return (count, d) float64, written some rows at a time, so that they stay in the processor's cache."""
    values = np.zeros((count, sum(part.width for part in parts)))
    for start in range(0, count, CHUNK):
        rows, at = slice(start, start + CHUNK), 0
        for part in parts:
            part.write(values[rows, at : at + part.width], rows)
            at += part.width
    return values


def table_encoder(train: pa.Table, inputs: Sequence[str], categorical: Sequence[str], most: int) -> TableEncoder:
    """Return an encoder of a table: one-hot for text, class numbers and `categorical`; numbers for all other columns.

    Args:
        train: The train split.
        inputs: Names of the input columns.
        categorical: Columns whose numbers are codes, such as a postcode.
        most: Most categories of a column that get their own column: the most frequent of train.
    """
    names: dict[str, tuple[str, ...]] = {}
    categories: dict[str, tuple[str, ...]] = {}
    missing = set()
    for column in inputs:
        known = class_names(train.schema.metadata, column)
        if not (known or column in categorical or is_text(decode_dictionary(train[column]).type)):
            continue
        if known and not is_text(decode_dictionary(train[column]).type):
            names[column] = known
        counted = pc.value_counts(_categories(train[column], names.get(column))).to_pylist()
        counts = {pair["values"]: pair["counts"] for pair in counted}
        if counts.pop(None, 0):
            missing.add(column)
        frequent = heapq.nsmallest(most, counts, key=lambda word: (-counts[word], word))
        categories[column] = tuple(sorted(frequent))
    kinds = {column: decode_dictionary(train[column]).type for column in inputs if column not in categories}
    dates = frozenset(column for column, kind in kinds.items() if _is_time(kind))
    truth_values = frozenset(column for column, kind in kinds.items() if pa.types.is_boolean(kind))
    return TableEncoder(tuple(inputs), categories, frozenset(missing), names, dates, truth_values)


def _categories(column: pa.ChunkedArray, names: Sequence[str] | None) -> pa.ChunkedArray:
    """Return categories as texts. A missing value, an empty text and a number outside of `names` are null."""
    column = decode_dictionary(column)
    if is_text(column.type):
        words = column.cast(pa.string())
        return pc.if_else(pc.equal(words, ""), pa.scalar(None, pa.string()), words)
    values = pc.unique(column)
    words = [_category_name(value, names) for value in values.to_pylist()]
    positions = pc.index_in(column, value_set=values)
    return pa.chunked_array([pa.array(words, type=pa.string()).take(positions.combine_chunks())])


def _category_name(value: Any, names: Sequence[str] | None) -> str | None:
    if value is None or value != value:
        return None
    if names is not None:
        return names[value] if 0 <= value < len(names) else None
    if isinstance(value, bool):
        return "yes" if value else "no"
    return float_name(value) if isinstance(value, float) else str(value)


def _number_column(column: pa.ChunkedArray, name: str) -> np.ndarray:
    """Return (n,) float64, with times as days since 1970. Raise DataInvalid for an infinite value."""
    column = decode_dictionary(column)
    if _is_time(column.type):
        column = column.cast(pa.timestamp("us"), safe=False).cast(pa.int64()).cast(pa.float64(), safe=False)
        return numbers(column, "float64", name) / 86_400e6
    values = numbers(column, "float64", name)
    if infinite := int(np.isinf(values).sum()):
        raise DataInvalid(f"{name}: {infinite} values are infinite; correct them, or leave the column out of `inputs`")
    return values


def group_values(table: pa.Table, column: str) -> np.ndarray:
    """Return the (n,) texts of a sensitive attribute: its categories, `yes` or `no`; `unknown` for a missing value."""
    words = _categories(table[column], class_names(table.schema.metadata, column))
    return np.array([word if word is not None else "unknown" for word in words.to_pylist()], dtype=np.str_)
