"""What a column may hold, and what a suite may state about it."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

import pyarrow as pa

from bench_suite.components.options import show
from bench_suite.components.suggestions import nearest
from bench_suite.contracts import OptionError

ColumnType = Literal["number", "truth value", "date", "category", "text", "picture", "empty", "other"]
"""What a column holds. `category` and `text` are both text: a table gets a column of 0 and 1 for each category.

`empty`  no value anywhere
`other`  lists, structures and the like, which no model here takes
"""
STATED_TYPES = ("number", "category", "date", "text", "picture", "ignore")
"Words that a suite may write in `columns`; `date:FORMAT` too, with a format of `strptime`."
NOT_NUMBERS = (
    "", "#N/A", "#N/A N/A", "#NA", "-1.#IND", "-1.#QNAN", "-NaN", "-nan", "1.#IND", "1.#QNAN", "<NA>", "N/A", "NA",
    "NULL", "NaN", "None", "n/a", "nan", "null",
)  # fmt: skip
"""Texts that stand for a missing number or date. Among categories and texts only the empty text does, because `NA` may
be a name, such as Namibia's."""


@dataclass(frozen=True)
class ColumnOptions:
    """What a suite states about columns."""

    columns: Mapping[str, str] = field(default_factory=dict)
    missing_values: tuple[str, ...] = ()
    decimal: str | None = None
    thousands: str | None = None

    @property
    def decimal_mark(self) -> str:
        """The decimal mark; a comma if points stand between thousands."""
        return self.decimal or ("," if self.thousands == "." else ".")


@dataclass(frozen=True)
class Column:
    """A column of all splits, with its type."""

    name: str
    type: ColumnType
    why: str
    "In words: what decided."
    whole: bool = False
    "Whether all numbers are written without a decimal part."
    decimal: str = "."
    thousands: str = ""
    date_format: str | None = None
    units: bool = False
    "Whether a currency, a per cent sign or a unit may stand beside each number, the same in all."
    missing: tuple[str, ...] = ("",)
    "Texts that stand for a missing value."
    of_card: bool = False
    "Whether the README of the data decided."
    note: str = ""
    "What the owner may have meant instead, with the line that states it."


def columns_line(name: str, word: str) -> str:
    """Return the line of a suite that states what a column holds."""
    key = name if re.fullmatch(r"[A-Za-z0-9_-]+", name) else json.dumps(name, ensure_ascii=False)
    return f"columns = {{ {key} = {show(word)} }}"


def check_column_options(options: ColumnOptions) -> None:
    """Raise OptionError if a suite states a type that there is not, or separators that contradict each other."""
    for column, stated in options.columns.items():
        if stated not in STATED_TYPES and not stated.startswith("date:"):
            listed = ", ".join(STATED_TYPES)
            message = f"columns.{column} = {show(stated)}{nearest(stated, STATED_TYPES)}: one of {listed}"
            raise OptionError(message, "columns", column)
    for option, value in (("decimal", options.decimal), ("thousands", options.thousands)):
        if value is not None and (len(value) != 1 or value.isalnum() or value in "+-"):
            raise OptionError(f'{option} = {show(value)} is not one mark, such as "." or ","', option)
    if options.decimal is not None and options.decimal == options.thousands:
        raise OptionError("decimal and thousands are the same mark", "thousands")


def stored_type(kind: pa.DataType) -> ColumnType:
    """Return what values of an Arrow type are; `category` for texts."""
    if pa.types.is_boolean(kind):
        return "truth value"
    if pa.types.is_integer(kind) or pa.types.is_floating(kind) or pa.types.is_decimal(kind):
        return "number"
    if pa.types.is_timestamp(kind) or pa.types.is_date(kind):
        return "date"
    if pa.types.is_time(kind) or pa.types.is_duration(kind):
        return "number"
    if pa.types.is_string(kind) or pa.types.is_large_string(kind):
        return "category"
    if pa.types.is_binary(kind) or pa.types.is_large_binary(kind):
        return "picture"
    if pa.types.is_struct(kind) and {kind.field(n).name for n in range(kind.num_fields)} >= {"bytes", "path"}:
        return "picture"
    return "other"
