"""Names of a report's columns: `probe/metric`, or `probe/metric?key=value` for the values at some coordinates."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qsl

EXAMPLE = "privacy/auc?attack=loss"


@dataclass(frozen=True)
class ColumnName:
    """A column as a suite names it."""

    metric: str
    "`probe/metric`"
    at: tuple[tuple[str, str], ...] = ()
    "Coordinates that the column's values must have; they may have others beside."

    def matches(self, metric: str, at: Mapping[str, Any]) -> bool:
        """Return whether a metric at some coordinates belongs in the column."""
        return metric == self.metric and all(key in at and _is_written(at[key], text) for key, text in self.at)


def _is_written(value: Any, text: str) -> bool:
    """Return whether a text stands for a coordinate: 32 for 32.0 too."""
    return text == str(value) or (isinstance(value, float) and text == f"{value:g}")


def read_column_name(text: str) -> ColumnName:
    """Parse the name of a column.

    A question mark is followed by `key=value` pairs joined by `&`, as in a URL: `privacy/auc?attack=loss`.

    Raises:
        ValueError: what follows the question mark is no such pair; the message says what is right.
    """
    metric, mark, query = text.partition("?")
    if not mark:
        return ColumnName(metric)
    try:
        pairs = parse_qsl(query, keep_blank_values=True, strict_parsing=True)
    except ValueError:
        pairs = []
    if not pairs or not all(key for key, _ in pairs):
        raise ValueError(f"write key=value after the question mark, and join pairs by &, such as {EXAMPLE}")
    return ColumnName(metric, tuple(pairs))
