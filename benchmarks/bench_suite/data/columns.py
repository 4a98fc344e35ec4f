"""Columns: from the named columns of a data set to what a model is given: texts, images, or one table of numbers."""

from __future__ import annotations

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
from bench_suite.data.card import class_names
from bench_suite.data.images import Mode, encoded_bytes
from bench_suite.data.labels import decode_dictionary, is_number, is_text
from bench_suite.data.sources import numbers

Modality = Literal["image", "text", "table"]


def modality_of(table: pa.Table, inputs: Sequence[str], name: str, stated: Modality | None = None) -> Modality:
    """What the columns are: images where one holds encoded images, text where all hold text, else a table.

    Args:
        name: of the data, for messages.
        stated: what they shall be, where that is not for them to decide.

    Raises:
        DataInvalid: images stand beside other columns, or a column holds what is none of these, or not what is stated.
    """
    kinds = {column: decode_dictionary(table[column]).type for column in inputs}
    images = [column for column, kind in kinds.items() if _is_image(kind)]
    if images and len(inputs) > 1:
        raise DataInvalid(f'{name}: `{images[0]}` holds images, which stand alone: inputs = "{images[0]}"')
    if images and stated in (None, "image"):
        return "image"
    if images or stated == "image":
        raise DataInvalid(f'{name}: modality = "{stated}", and `{inputs[0]}` holds {"images" if images else "none"}')
    for column, kind in kinds.items():
        plain_value = pa.types.is_boolean(kind) or pa.types.is_null(kind)
        if not (is_text(kind) or is_number(kind) or _is_time(kind) or plain_value):
            raise DataInvalid(
                f"{name}: the input `{column}` holds {kind}; images, texts, numbers, truth values and times can be used"
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
"""With this share of its values like numbers, a column of text may be meant as one of numbers: a note says so."""


def numbers_as_text(table: pa.Table, columns: Sequence[str]) -> dict[str, str]:
    """Notes of columns that are read as text, though nearly all of their values look like numbers."""
    notes = {}
    for column in columns:
        values = decode_dictionary(table[column])
        if not is_text(values.type):
            continue
        values = pc.drop_null(pc.if_else(pc.equal(values, ""), pa.scalar(None, values.type), values))
        alike = pc.match_substring_regex(values, _LIKE_A_NUMBER)
        count = pc.sum(alike).as_py() or 0
        if count and count >= NEARLY_ALL * len(values):
            odd = values.filter(pc.invert(alike)).slice(0, 1).to_pylist()
            first = f"; the first other value is {odd[0][:40]!r}" if odd else ""
            said = f"{count} of its {len(values)} values look like numbers{first}"
            notes[f"column `{column}`"] = f"read as text, though {said}"
    return notes


# ── texts ───────────────────────────────────────────────────────────────────────────────────────


def texts(table: pa.Table, inputs: Sequence[str], separator: str) -> tuple[list[str], int]:
    """The text of each row, several columns joined by `separator`; and how many are empty. A missing text is empty."""
    columns = [
        [value or "" for value in decode_dictionary(table[column]).cast(pa.large_string()).to_pylist()]
        for column in inputs
    ]
    joined = columns[0] if len(columns) == 1 else [separator.join(row) for row in zip(*columns)]
    return joined, sum(not any(part.strip() for part in row) for row in zip(*columns))


# ── images ──────────────────────────────────────────────────────────────────────────────────────


@dataclass(frozen=True)
class Form:
    """What images are like, as their headers say."""

    mode: Mode = "L"
    "`RGB` where one has colour (or a palette, or CMYK), else `L`."
    sizes: Mapping[tuple[int, int], int] = field(default_factory=dict)
    "How many there are of each (width, height)."

    def __or__(self, other: Form) -> Form:
        sizes = Counter(self.sizes)
        sizes.update(other.sizes)
        return Form("RGB" if "RGB" in (self.mode, other.mode) else "L", sizes)


GREY = ("1", "L", "LA", "La", "I", "F")
"""Pillow's modes without colour; those of 16 bits begin with `I;16`."""


def form_of(column: pa.ChunkedArray, name: str, within: Sequence[Path] = ()) -> Form:
    """Modes and sizes of a column of encoded images. Reads headers only, 30 µs each; what has none is passed over.

    Args:
        name, within: as of `images.encoded_bytes`.
    """
    from PIL import Image

    sizes: Counter[tuple[int, int]] = Counter()
    colour = False
    for chunk in column.chunks:
        for value in chunk.to_pylist():
            try:
                with Image.open(io.BytesIO(encoded_bytes(value, name, within=within))) as image:
                    sizes[image.size] += 1
                    colour = colour or not image.mode.startswith(("I;16", *GREY)) or image.mode == "LAB"
            except (DataInvalid, OSError, SyntaxError, ValueError, Image.DecompressionBombError):
                continue  # said, with its row, where it is decoded
    return Form("RGB" if colour else "L", sizes)


# ── tables ──────────────────────────────────────────────────────────────────────────────────────


@dataclass(frozen=True)
class TableEncoder:
    """How columns become numbers, learnt from the train split."""

    inputs: tuple[str, ...]
    categories: Mapping[str, tuple[str, ...]]
    "Of each categorical column those of train that get a column of their own; the others stand at 0 in all of them."
    missing: frozenset[str]
    "Categorical columns that lack values in train: whether one is missing is a column too."
    names: Mapping[str, tuple[str, ...]]
    "Of a column of class numbers (`ClassLabel`): what the numbers mean."

    @property
    def columns(self) -> tuple[str, ...]:
        """Names of the columns of the table: `age`, and for categories `job=nurse`, …, `job=missing`."""
        named: list[str] = []
        for column in self.inputs:
            if column in self.categories:
                named += [f"{column}={category}" for category in self.categories[column]]
                named += [f"{column}=missing"] if column in self.missing else []
            else:
                named.append(column)
        return tuple(named)

    def __call__(self, table: pa.Table, name: str) -> tuple[np.ndarray, int, int]:
        """(n, d) float64, NaN where a number is missing; how many values are missing; how many of no known category.

        Raises:
            DataInvalid: a column that holds numbers in train holds text here.
        """
        parts, missing, unknown = [], 0, 0
        for column in self.inputs:
            if column not in self.categories:
                values = _number_column(table[column], f"{name}, column `{column}`")
                missing += int(np.isnan(values).sum())
                parts.append(values[:, None])
                continue
            words = _categories(table[column], self.names.get(column))
            kept = self.categories[column]
            found = pc.index_in(words, value_set=pa.array(kept, type=pa.string())).combine_chunks()
            codes = numbers(pa.chunked_array([found]), "float64", name)
            absent = np.asarray(words.is_null().combine_chunks().to_numpy(zero_copy_only=False), dtype=bool)
            missing += int(absent.sum())
            unknown += int((np.isnan(codes) & ~absent).sum())
            parts.append((codes[:, None] == np.arange(len(kept))).astype(np.float64))
            if column in self.missing:
                parts.append(absent.astype(np.float64)[:, None])
        return np.concatenate(parts, axis=1), missing, unknown


def table_encoder(train: pa.Table, inputs: Sequence[str], categorical: Sequence[str], most: int) -> TableEncoder:
    """An encoder for the columns of a table: text, class numbers and `categorical` one-hot, all else as numbers.

    Args:
        categorical: columns of numbers that are codes, such as a postcode.
        most: categories of a column that get a column of their own: the most frequent of train.
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
        times = {pair["values"]: pair["counts"] for pair in counted}
        if times.pop(None, 0):
            missing.add(column)
        frequent = sorted(times, key=lambda word: (-times[word], word))[:most]
        categories[column] = tuple(sorted(frequent))
    return TableEncoder(tuple(inputs), categories, frozenset(missing), names)


def _categories(column: pa.ChunkedArray, names: Sequence[str] | None) -> pa.ChunkedArray:
    """Categories as texts, null where one is missing: also an empty text, and a number outside of `names`."""
    column = decode_dictionary(column)
    if is_text(column.type):
        words = column.cast(pa.string())
        return pc.if_else(pc.equal(words, ""), pa.scalar(None, pa.string()), words)
    values = pc.unique(column)
    said = {value: _category_name(value, names) for value in values.to_pylist()}
    at = pc.index_in(column, value_set=values)
    return pa.chunked_array([pa.array(list(said.values()), type=pa.string()).take(at.combine_chunks())])


def _category_name(value: Any, names: Sequence[str] | None) -> str | None:
    if value is None or value != value:
        return None
    if names is not None:
        return names[value] if 0 <= value < len(names) else None
    if isinstance(value, bool):
        return "yes" if value else "no"
    return f"{value:g}" if isinstance(value, float) else str(value)


def _number_column(column: pa.ChunkedArray, name: str) -> np.ndarray:
    """(n,) float64; times as days since 1970. Raises `DataInvalid` where a value is infinite: no model can use it."""
    column = decode_dictionary(column)
    if _is_time(column.type):
        column = column.cast(pa.timestamp("us"), safe=False).cast(pa.int64())
        return numbers(column, "float64", name) / 86_400e6
    values = numbers(column, "float64", name)
    if infinite := int(np.isinf(values).sum()):
        raise DataInvalid(f"{name}: {infinite} values are infinite; mend them, or leave the column out of `inputs`")
    return values


def group_values(table: pa.Table, column: str) -> np.ndarray:
    """(n,) texts of a sensitive attribute: its categories, `yes` and `no`, or `unknown` where it is missing."""
    words = _categories(table[column], class_names(table.schema.metadata, column))
    return np.array([word if word is not None else "unknown" for word in words.to_pylist()], dtype=np.str_)
