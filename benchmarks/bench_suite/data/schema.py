"""One type for each column, decided from the text or the values of all splits and files together, or stated.

A column of a CSV file holds numbers only if every value in every file is written as one: `007` is a code, and a column
in which one file has `A1` is one of categories everywhere. What can be read in two ways is refused, with the line of
the suite that decides. Names of classes and categories are the text as it stands.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace

import pyarrow as pa
import pyarrow.compute as pc

from bench_suite.data.column_notes import may_be_dates, note_on_digits
from bench_suite.data.column_types import NOT_NUMBERS, Column, ColumnOptions
from bench_suite.data.column_values import are_texts, blanked, plain
from bench_suite.data.conversion import typed_column
from bench_suite.data.number_formats import beyond_exact, check_points
from bench_suite.data.number_values import without_marks
from bench_suite.data.picture_tables import LABEL
from bench_suite.data.plain_numbers import plain_numbers
from bench_suite.data.raw_tables import RawTables
from bench_suite.data.type_inference import (
    card_column,
    check_one_type,
    decide_stored,
    decide_text,
    names_column,
    stated_column,
)


@dataclass(frozen=True)
class TypedTables:
    """The splits of a data set, each as one table whose columns have one type everywhere."""

    tables: Mapping[str, pa.Table]
    columns: Mapping[str, Column]


def read_types(
    raw: RawTables, options: ColumnOptions, used: Collection[str], subject: str, names: Collection[str] = (),
    classes: Collection[str] = (), card: Mapping[str, str] | None = None,
) -> TypedTables:  # fmt: skip
    """Return the columns of all splits with one type each.

    Args:
        raw: The tables as they stand in the files.
        options: What the suite states.
        used: The columns that the task uses; only they are decided, and refused if that is not possible.
        subject: What messages call the data set.
        names: Columns whose values are names, of classes or groups: truth values and dates stay the text that stands.
        classes: Columns of which it is known that they hold names of classes: `1.10` is not `1.1` there.
        card: Types of texts and numbers that the README states, by column; they decide in text files.

    Raises:
        DataInvalid: A column can be read in two ways, has different types in different files, or a value is not of the
            type that the suite states.
    """
    wanted = [name for name in used if options.columns.get(name) != "ignore"]
    parts = {name: _parts(raw, name) for name in wanted}
    columns: dict[str, Column] = {}
    converted: dict[str, dict[str, list[pa.ChunkedArray]]] = {}
    comma_column: str | None = None
    for name in wanted:
        stated = options.columns.get(name)
        chunks = [chunk for chunks in parts[name].values() for chunk in chunks]
        dtype = (card or {}).get(name)
        columns[name], values = _decide(name, parts[name], raw, options, subject, dtype, names=name in names)
        converted |= {} if values is None else {name: values}
        if stated is None and columns[name].type == "number":
            of_classes = name in classes and raw.textual and not columns[name].whole
            if of_classes or beyond_exact(name, chunks, columns[name], subject, refuse=name not in names):
                columns[name] = names_column(name, chunks, options)
                converted.pop(name, None)
        if columns[name].decimal == "," and stated is None:
            comma_column = comma_column or name
    if comma_column is not None and options.decimal is None:
        for name in wanted:
            check_points(columns[name], parts[name], comma_column, subject)
    tables = {}
    for split in raw.tables:
        typed = {}
        for name in wanted:
            known = converted[name][split] if name in converted else None
            typed[name] = typed_column(columns[name], parts[name][split], split, subject, known)
        tables[split] = pa.table(typed)
    columns = _with_notes_on_digits(columns, parts, tables, {*options.columns, *names})
    return TypedTables(tables, _with_names_of_folders(columns) if raw.from_folders else columns)


def _decide(
    name: str, parts: Mapping[str, Sequence[pa.ChunkedArray]], raw: RawTables, options: ColumnOptions, subject: str,
    dtype: str | None, *, names: bool,
) -> tuple[Column, dict[str, list[pa.ChunkedArray]] | None]:  # fmt: skip
    """Return the type of a column, and its values by split if they are known already.

    Args:
        name: The column.
        parts: Its values by split and file.
        raw: All tables.
        options: What the suite states.
        subject: What messages call the data set.
        dtype: The type that the README states; None if it states none.
        names: Whether it holds names of classes or groups.
    """
    chunks = [chunk for of_split in parts.values() for chunk in of_split]
    stated = options.columns.get(name)
    if stated is not None:
        return stated_column(name, stated, options, chunks, subject), None
    if not (are_texts(chunks) and raw.textual):
        check_one_type(raw, name, subject)
        column = decide_stored(name, chunks, options, subject, names=names)
        return names_column(name, chunks, options) if names and column.type == "date" else column, None
    if dtype is not None:
        return card_column(name, dtype, chunks, options), None
    if (numeric := _plain_numbers(name, parts, options)) is not None:
        return numeric
    column = decide_text(name, chunks, options, subject, names=names)
    if names and column.type in ("truth value", "date"):
        return names_column(name, chunks, options), None
    if names and column.type == "category":
        return replace(column, missing=names_column(name, chunks, options).missing), None
    return column, None


def _with_names_of_folders(columns: Mapping[str, Column]) -> dict[str, Column]:
    return {
        name: replace(column, why="names of the folders") if name == LABEL else column
        for name, column in columns.items()
    }


def _with_notes_on_digits(
    columns: Mapping[str, Column], parts: Mapping[str, Mapping[str, Sequence[pa.ChunkedArray]]],
    tables: Mapping[str, pa.Table], apart: Collection[str],
) -> dict[str, Column]:  # fmt: skip
    """Return columns with a note on those whose numbers are all dates, but those `apart`."""
    return {
        name: column
        if name in apart
        else _with_note_on_digits(column, parts[name], [table[name] for table in tables.values()])
        for name, column in columns.items()
    }


def _with_note_on_digits(
    column: Column, parts: Mapping[str, Sequence[pa.ChunkedArray]], typed: Sequence[pa.ChunkedArray]
) -> Column:
    """Return a column with a note if it holds numbers that are all dates; `typed` are its values in each split."""
    if column.type != "number" or column.thousands or not may_be_dates(typed):
        return column
    chunks = [chunk for chunks in parts.values() for chunk in chunks]
    of_floats = are_texts(chunks) and not column.whole
    if of_floats and not all(_ends_in(chunk, ".0", column.missing) for chunk in chunks):
        return column
    return replace(column, note=note_on_digits(column.name, typed, ".0" if of_floats else ""))


def _ends_in(values: pa.ChunkedArray, ending: str, missing: Sequence[str]) -> bool:
    """Return whether all values but missing ones end so; the first values of a file show that most do not."""
    parts = (values.slice(0, 10), values)
    return all(pc.all(pc.ends_with(blanked(part, missing), ending), min_count=0).as_py() for part in parts)


def _plain_numbers(
    name: str, parts: Mapping[str, Sequence[pa.ChunkedArray]], options: ColumnOptions
) -> tuple[Column, dict[str, list[pa.ChunkedArray]]] | None:
    """Return a column that holds numbers as code writes them, and its values by split; None if more must be tried.

    It is what `decide_text` and `typed_column` return, in a tenth of the time.
    """
    if options.decimal is not None or options.thousands is not None:
        return None
    missing = (*NOT_NUMBERS, *options.missing_values)
    chunks = [chunk for chunks in parts.values() for chunk in chunks]
    numeric = plain_numbers(chunks, missing, bool(options.missing_values))
    if numeric is None:
        return None
    values = (without_marks(chunk, options.missing_values) for chunk in numeric.values)
    by_split = {split: [next(values) for _ in chunks] for split, chunks in parts.items()}
    why = "whole numbers" if numeric.whole else "numbers"
    return Column(name, "number", why, numeric.whole, missing=missing), by_split


def _parts(raw: RawTables, name: str) -> dict[str, list[pa.ChunkedArray]]:
    """Return a column by split and file, with dictionaries and views as plain values."""
    return {split: [plain(table[name]) for table in tables] for split, tables in raw.tables.items()}
