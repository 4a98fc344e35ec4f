"""Which columns a task reads: inputs, groups and those of the split; and whether all of them are there."""

from __future__ import annotations

import json
import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from bench_suite.components.suggestions import nearest
from bench_suite.contracts import DataInvalid
from bench_suite.data.class_names import class_names
from bench_suite.data.column_types import ColumnOptions
from bench_suite.data.own_data_options import OwnDataOptions, column_options, stated_inputs
from bench_suite.data.raw_tables import RawTables
from bench_suite.data.row_numbers import row_number_columns
from bench_suite.data.similar_names import similar_names
from bench_suite.data.split_rules import SplitRule, read_rule


def input_columns(options: OwnDataOptions, raw: RawTables, name: str, notes: dict[str, Any]) -> tuple[str, ...]:
    """Return the input columns: those that the suite states, else all that serve no other purpose.

    Columns that only number the rows are left out, with a note, unless the suite states what they hold.
    """
    if (stated := stated_inputs(options)) is not None:
        return stated
    every = next(iter(raw.tables.values()))[0].column_names
    served = {options.label, *options.groups}
    rule = read_rule(options.split)
    if rule is not None:
        served = {
            *served,
            *((rule.column,) if rule.column else ()),
            *((rule.by,) if rule.by and not rule.after else ()),
        }
    ignored = {column for column, word in (options.columns or {}).items() if word == "ignore"}
    numbering, of_rows = row_number_columns(raw, {*served, *column_options(options).columns})
    notes |= of_rows
    inputs = tuple(column for column in every if column not in {*served, *ignored, *numbering})
    if not inputs:
        raise DataInvalid(f"{name} has no column to learn from beside `{options.label}` (it has: {', '.join(every)})")
    notes["inputs"] = f"all other columns: {', '.join(inputs[:20])}{' …' if len(inputs) > 20 else ''}"
    return inputs


def unused_columns(options: OwnDataOptions, raw: RawTables, used: Sequence[str]) -> dict[str, str]:
    """Return the columns that a task does not read, each with the reason."""
    every = next(iter(raw.tables.values()))[0].column_names
    ignored = {column for column, word in (options.columns or {}).items() if word == "ignore"}
    other = "it numbers the rows" if stated_inputs(options) is None else "`inputs` does not name it"
    return {column: "`columns` says ignore" if column in ignored else other for column in every if column not in used}


def group_columns(rule: SplitRule | None) -> tuple[str, ...]:
    """Return the column of groups that a rule reads, and the column that names the split."""
    by = () if rule is None or rule.by is None or rule.after is not None else (rule.by,)
    return (*by, *((rule.column,) if rule is not None and rule.column is not None else ()))


def class_columns(options: OwnDataOptions) -> tuple[str, ...]:
    """Return the label if the suite states that it holds classes, so that its values stay text."""
    return (options.label,) if options.problem == "classification" else ()


def stated_columns(options: OwnDataOptions, inputs: Sequence[str], of_rule: Sequence[str]) -> ColumnOptions:
    """Return what the suite states about columns; a column of texts is one of paths if it states images.

    A column that the split reads is read even if it is to be ignored: it is then no input.
    """
    stated = column_options(options)
    columns = {column: word for column, word in stated.columns.items() if word != "ignore" or column not in of_rule}
    stated = replace(stated, columns=columns)
    if options.modality == "image" and len(inputs) == 1 and inputs[0] not in stated.columns:
        return replace(stated, columns={**stated.columns, inputs[0]: "picture"})
    return stated


def names_of_classes(raw: RawTables, stated: Mapping[str, tuple[str, ...]]) -> dict[str, tuple[str, ...]]:
    """Return the names of classes by column: those in the files, else those of the card."""
    names: dict[str, tuple[str, ...]] = {}
    for tables in raw.tables.values():
        for table in tables:
            for column in table.column_names:
                if (in_file := class_names(table.schema.metadata, column)) is not None:
                    names.setdefault(column, in_file)
    first = next(iter(raw.tables.values()))[0].column_names
    return {**{column: known for column, known in stated.items() if column in first}, **names}


def check_columns(raw: RawTables, used: Sequence[str], name: str, label: str, role_of: Mapping[str, str]) -> None:
    """Raise DataInvalid if a split lacks a column; the message gives the nearest name."""
    for split, tables in raw.tables.items():
        known = tables[0].column_names
        if missing := [column for column in used if column not in known]:
            same = next((column for column in known if len(similar_names({column, missing[0]})) == 1), None)
            near = nearest(missing[0], known) if same is None else f"; did you mean {_shown(same)}?"
            listed_columns = ", ".join(f"`{column}`" if column != column.strip() else column for column in known)
            unlabelled = split != "train" and missing == [label]
            hint = f'\n  if `{split}` has no labels, leave it out: {role_of[split]} = ""' if unlabelled else ""
            if split == "train" and missing[0] == label and not near:
                hint = '\n  state the column to predict, such as label = "NAME"'
                if raw.textual and len(known) == 1 and len(known[0].split()) > 1:
                    hint = (
                        "\n  the line of names holds no comma, semicolon, tab or bar: if single spaces separate the "
                        'columns, state delimiter = " "; if several do, write the file as CSV'
                    )
            raise DataInvalid(
                f"{name}, split {split}: there is no column `{missing[0]}`{near} (it has: {listed_columns}){hint}"
            )


def _shown(column: str) -> str:
    """Return a name in quotation marks, with its odd letters as codes, which a suite may write so too."""
    plain = column == column.strip() and unicodedata.is_normalized("NFC", column) and column.isprintable()
    return json.dumps(column, ensure_ascii=not plain)


def check_stated_columns(options: OwnDataOptions, raw: RawTables, name: str) -> None:
    """Raise DataInvalid if the suite states the type of a column that there is not."""
    known = list(dict.fromkeys(column for tables in raw.tables.values() for column in tables[0].column_names))
    for column in column_options(options).columns:
        if column not in known:
            raise DataInvalid(
                f"{name}: columns states the type of `{column}`, and there is no such column{nearest(column, known)} "
                f"(it has: {', '.join(known)})"
            )
