"""Choose the configuration of each model on the validation split, before the table shows what it is worth on test."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from bench_suite.reports.canonical_json import as_json
from bench_suite.reports.columns import Column
from bench_suite.reports.rows import Row

TUNED = ("train.", "models.")
"Axes of these prefixes are what one tunes; others, such as `fraction`, are what one wants to know about."


def chosen_rows(rows: Sequence[Row], values: Sequence[Row], select: Column) -> list[Row]:
    """Return the rows without those that others of the same model beat on the validation split.

    A chosen row has the number of its configurations and how it was chosen in `chosen`. If no configuration of a model
    has a value, all of its rows stay, and `chosen` says why.

    Args:
        rows: the rows of a table.
        values: the same rows, with the metric of the validation split as a column.
        select: this metric.
    """
    sign = -1.0 if select.better == "lower" else 1.0
    groups: dict[str, list[int]] = {}
    for number, row in enumerate(rows):
        groups.setdefault(as_json([row.model, shared_axes(row)]), []).append(number)
    notes: dict[int, str] = {}
    for members in groups.values():
        if len(members) < 2:
            notes |= dict.fromkeys(members, "")
            continue
        known = [number for number in members if values[number].values[select].value is not None]
        if not known:
            reason = values[members[0]].values[select].reason
            notes |= dict.fromkeys(members, f"not chosen: no configuration has a value of {select.name}: {reason}")
            continue
        best = max(known, key=lambda number: sign * (values[number].values[select].value or 0.0))
        missing = len(members) - len(known)
        without = f"; {missing} without a value" if missing else ""
        notes[best] = f"chosen by {select.name} among {len(members)} configurations{without}"
    return [replace(row, chosen=notes[number]) for number, row in enumerate(rows) if number in notes]


def tuned_on_test(rows: Sequence[Row]) -> list[str]:
    """Return the models of which a table ranks several configurations by their values on test."""
    groups: dict[str, list[Row]] = {}
    for row in rows:
        groups.setdefault(as_json([row.model, shared_axes(row)]), []).append(row)
    return list(dict.fromkeys(members[0].model for members in groups.values() if len(members) > 1))


def shared_axes(row: Row) -> dict[str, Any]:
    """Return what tells a row apart, but for the axes that its suite tunes; options of other suites are no axes."""
    tuned = {name for record in row.cells[:1] for name in record.cell if name.startswith(TUNED)}
    return {name: value for name, value in row.axes.items() if name not in tuned}
