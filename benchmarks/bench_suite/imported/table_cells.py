"""Cells of a table: its rows by task, model and seed, each with the examples that it contains."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from bench_suite.contracts import BenchError
from bench_suite.imported.items import Examples, examples_of, groups_of
from bench_suite.imported.labels import numbered
from bench_suite.imported.table_options import ITEM, MODEL, REPEAT, TableOptions, column
from bench_suite.imported.tables import labels

if TYPE_CHECKING:
    import pyarrow as pa

MAX_CELLS = 10_000
"Most combinations of task, model and seed: with more, a column of other values was probably named."


@dataclass(frozen=True)
class TableRows:
    """The rows of some tables, and which column is what."""

    table: pa.Table
    paths: Sequence[Path]
    columns: Mapping[str, str]
    "Name of the column by option; empty for a column that is not there."
    options: TableOptions


@dataclass(frozen=True)
class TableCell:
    """The part of a table that belongs to one cell."""

    task: str
    model: str
    examples: Examples
    axes: Mapping[str, Any] = field(default_factory=dict)
    notes: tuple[str, ...] = ()


def table_columns(
    known: Sequence[str], options: TableOptions, further: Mapping[str, tuple[str, Sequence[str]]], *,
    item_required: bool = True,
) -> dict[str, str]:  # fmt: skip
    """Return the columns that the options name, or that usual names suggest, by option; empty for an absent one.

    Args:
        known: the columns of the table.
        options: what the user states.
        further: by option, what it states (several columns are separated by commas) and the usual names; one of these
            columns is required.
        item_required: whether a column must name the items.

    Raises:
        BenchError: a column is missing, or one column is named by two options.
    """
    columns = {
        "item": column("item", options.item, ITEM, known, required=item_required),
        "model": column("model", options.model, MODEL, known),
        "repeat": column("repeat", options.repeat, REPEAT, known),
        **{name: column(name, getattr(options, name), (), known) for name in ("task", "seed", "cluster")},
    }
    for option, (stated, usual) in further.items():
        parts = [part.strip() for part in stated.split(",") if part.strip()] if stated else [""]
        columns[option] = ",".join(column(option, part, usual, known, required=True) for part in parts)
    roles: dict[str, str] = {}
    for option, name in columns.items():
        for part in filter(None, name.split(",")):
            if (other := roles.setdefault(part, option)) != option and {option, other} != {"item", "cluster"}:
                raise BenchError(f"the column {part!r} is named by --{other} and by --{option}: it can be one of them")
    return columns


def names_in(columns: Mapping[str, str]) -> list[str]:
    """Return the columns that some options name, each once."""
    return list(dict.fromkeys(part for name in columns.values() for part in name.split(",") if part))


def cells_of(rows: TableRows) -> Iterator[TableCell]:
    """Yield the cells of a table, in order of first appearance.

    Raises:
        BenchError: an item occurs twice in one cell, or the model that was asked for does not occur.
    """
    named = {name: labels(rows.table, rows.columns[name]) for name in ("task", "model", "seed") if rows.columns[name]}
    whole = {name: labels(rows.table, rows.columns[name]) for name in ("repeat", "cluster") if rows.columns[name]}
    count = rows.table.num_rows
    items = labels(rows.table, rows.columns["item"]) if rows.columns["item"] else numbered(count)
    groups = list(groups_of(*named.values())) if named else [((), np.arange(count))]
    if not rows.columns["item"] and len(groups) > 1:
        raise BenchError(
            f"there are {len(groups):,} combinations of {', '.join(named)}, and no column names the items, by which "
            "their answers are paired: --item COLUMN"
        )
    if len(groups) > MAX_CELLS:
        raise BenchError(
            f"there are {len(groups):,} combinations of {', '.join(named)}: more than {MAX_CELLS:,}; is "
            f"{' or '.join(repr(rows.columns[name]) for name in named)} the right column?"
        )
    wanted = rows.options.model_value
    yielded: dict[str, None] = {}
    names: dict[tuple[str, ...], None] = {}
    for values, positions in groups:
        stated = dict(zip(named, values, strict=True))
        task = stated.get("task") or rows.options.task_name or task_of(rows.paths)
        model = stated.get("model") or rows.options.name or task_of(rows.paths)
        yielded[model] = None
        if wanted and model != wanted:
            continue
        called = rows.options.name or model
        axes = {"seed": _seed(stated["seed"])} if "seed" in stated else {}
        if (key := (task, called, *map(str, axes.values()))) in names:
            raise BenchError(
                f"--name {rows.options.name} would give several models one name: choose one with --model-value, "
                f"such as {model!r}"
            )
        names[key] = None
        whose = ", ".join([task, called, *(f"seed {seed}" for seed in axes.values())])
        examples = examples_of(positions, items, whole.get("repeat"), whole.get("cluster"), whose=whose)
        yield TableCell(task, called, examples, axes, tuple(_notes(examples)))
    if not names:
        listed = ", ".join(map(repr, list(yielded)[:10]))
        raise BenchError(f"no row has the model {wanted!r}; the models are {listed}")


def task_of(paths: Sequence[Path]) -> str:
    """Return the name of the task of files that state none: that of the first file, without its endings."""
    name = paths[0].name
    return name.split(".", 1)[0] or name


def _seed(text: str) -> int | str:
    """Return a seed as a number if it is one, as in a suite."""
    return int(text) if text.lstrip("-").isascii() and text.lstrip("-").isdecimal() and len(text) < 19 else text


def _notes(examples: Examples) -> Iterator[str]:
    if examples.repetitions > 1:
        times = f"up to {examples.repetitions}" if examples.uneven else f"{examples.repetitions}"
        yield f"{len(examples.ids):,} rows of {examples.items:,} items, {times} repetitions each; an item is a cluster"
