"""Table inputs: the columns of a table as a person brought them, and their values as text.

A model receives numbers: a column of categories as one column for each category, a date as days since 1970. For people,
both are one column, and its value is a name or a date.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Literal

import numpy as np

Kind = Literal["number", "date", "truth value", "category"]
"What the values of a column are."
NUMBER: Kind = "number"
EPOCH = datetime(1970, 1, 1)
MISSING = "missing"


@dataclass(frozen=True)
class TableInput:
    """A column as a person brought it."""

    name: str
    positions: tuple[int, ...]
    "The columns of the table that encode it."
    kind: Kind = "number"
    categories: tuple[str, ...] = ()
    "What a 1 in each of `positions` means, if it holds categories."
    unit: str = ""
    "Unit of its numbers; empty if it is not known."

    @property
    def label(self) -> str:
        """The name, with the unit of its numbers: `income (thousand $)`."""
        return f"{self.name} ({self.unit})" if self.unit else self.name

    def value_in(self, row: np.ndarray) -> str:
        """Return the value in a row of the table, (d,), as text: `34 years`, `2024-03-01`, `nurse`, `missing`."""
        if self.kind == "category":
            chosen = [name for name, at in zip(self.categories, self.positions) if row[at]]
            return ", ".join(chosen) or "another"
        number = float(row[self.positions[0]])
        if math.isnan(number):
            return MISSING
        if self.kind == "date":
            return date_text(number)
        if self.kind == "truth value" and number in (0.0, 1.0):
            return "yes" if number else "no"
        return f"{number_text(number)} {self.unit}".rstrip()


def table_inputs(spec: Mapping[str, Any], width: int) -> tuple[TableInput, ...]:
    """Return the columns that a person brought, in their order.

    Args:
        spec: `Data.spec`. `columns` has the names of the table's columns; `raw_columns`, the column that each of them
            encodes; `kinds`, what that holds; `units`, units by raw column. Whatever is absent is not known: then each
            column of the table is a number of its own.
        width: number of columns of the table.
    """
    names = [str(name) for name in spec.get("columns") or [f"column {number}" for number in range(width)]]
    raw_names = [str(name) for name in spec.get("raw_columns") or names]
    kinds: Sequence[Kind] = spec.get("kinds") or [NUMBER for _ in range(width)]
    units: Mapping[str, str] = spec.get("units") or {}
    by_name: dict[str, list[int]] = {}
    for position, name in enumerate(raw_names):
        by_name.setdefault(name, []).append(position)
    inputs = []
    for name, positions in by_name.items():
        kind = kinds[positions[0]]
        # `job=nurse` encodes `job`.
        categories = tuple(names[at].removeprefix(f"{name}=") for at in positions) if kind == "category" else ()
        inputs.append(TableInput(name, tuple(positions), kind, categories, units.get(name, "")))
    return tuple(inputs)


def number_text(number: float) -> str:
    """Return a number with four digits or more, and without an exponent unless it is very large or small."""
    return f"{number:,.0f}" if 1e4 <= abs(number) < 1e9 else f"{number:.4g}"


def date_text(days: float) -> str:
    """Return days since 1970 as a date, with the time of day if it is not midnight."""
    try:
        moment = EPOCH + timedelta(days=days)
    except OverflowError:
        return f"{days:.4g} days after 1970"
    moment += timedelta(microseconds=500_000)  # to the second
    moment = moment.replace(microsecond=0)
    midnight = (moment.hour, moment.minute, moment.second) == (0, 0, 0)
    return f"{moment:%Y-%m-%d}" if midnight else f"{moment:%Y-%m-%d %H:%M}"
