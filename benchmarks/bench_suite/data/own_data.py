"""From the tables that a person brings to the splits that models learn from: labels, inputs, and what is tested on.

The tasks `files` and `hub` share this; they differ only in where the tables come from.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa

from bench_suite.contracts import Data, Source
from bench_suite.data.class_names import with_class_names
from bench_suite.data.column_types import Column
from bench_suite.data.columns import group_values, modality_of
from bench_suite.data.data_notes import absent_classes, listed, names_of_nothing, similar_classes
from bench_suite.data.file_sets import FileSet
from bench_suite.data.fingerprint import content_ids, recounted
from bench_suite.data.labels import read_labels
from bench_suite.data.model_inputs import encode_inputs, same_encoder
from bench_suite.data.number_values import unit_of
from bench_suite.data.origin import Origin
from bench_suite.data.own_data_options import OwnDataOptions
from bench_suite.data.raw_tables import RawTables
from bench_suite.data.repeated_ids import identifiers_of_splits, is_drawn_freely
from bench_suite.data.schema import read_types
from bench_suite.data.similar_names import similar_categories
from bench_suite.data.split_roles import (
    check_shared_classes,
    drawn_rows,
    fold_facts,
    is_drawn,
    labelled_examples,
    split_roles,
)
from bench_suite.data.split_rules import draw, group_numbers, read_rule
from bench_suite.data.splits import MemorySplit, fingerprint_of, take
from bench_suite.data.used_columns import (
    check_columns,
    check_stated_columns,
    class_columns,
    group_columns,
    input_columns,
    names_of_classes,
    stated_columns,
    unused_columns,
)

if TYPE_CHECKING:
    from bench_suite.data.sources import Sources


@dataclass(frozen=True)
class Assembled:
    """A data set that is ready for models, and how its columns were read."""

    data: Data
    columns: Mapping[str, Column]
    inputs: tuple[str, ...]
    label: str
    modality: str
    missing: Mapping[str, int]
    "Missing values of each column, in all splits that are used."
    files: Mapping[str, tuple[str, ...]]
    "Names of the files of each split, as the data set calls it; empty for a data set of the hub."
    unused: Mapping[str, str] = field(default_factory=dict)
    "Columns that are not read, each with the reason."


def assemble(
    options: OwnDataOptions, raw: RawTables, origin: Origin, sources: Sources,
    files: FileSet | None = None,
) -> Assembled:  # fmt: skip
    """Return splits `train`, `test` and perhaps `validation`, in memory.

    Columns: `image` (n, H, W, C) uint8, `text`, lists of str, or `table` (n, d) float64 with NaN for missing values;
    `target` (n,) int64 class numbers or (n,) float64.

    Args:
        options: What the suite states.
        raw: The tables of all splits, as they stand in the files.
        origin: Where they came from.
        sources: Holds the cache of decoded images.
        files: The files that the tables stand in; None for a data set of the hub.

    Raises:
        DataInvalid: There is no such column or split, or nothing can be learnt from it.
    """
    name = origin.name
    notes: dict[str, Any] = {**{key: listed(value) for key, value in raw.notes.items()}}
    parts = split_roles(options, tuple(raw.tables), name, notes)
    of_roles = replace(raw, tables={split: raw.tables[split] for split in parts.values()})
    inputs = input_columns(options, of_roles, name, notes)
    check_stated_columns(options, of_roles, name)
    rule = read_rule(options.split)
    of_rule = () if rule is None else rule.columns
    used = list(dict.fromkeys((*inputs, options.label, *options.groups, *of_rule)))
    check_columns(of_roles, used, name, options.label, {split: role for role, split in parts.items()})
    known = names_of_classes(of_roles, {} if files is None else files.classes)
    typed = read_types(
        of_roles,
        stated_columns(options, inputs, of_rule),
        used,
        name,
        (options.label, *options.groups, *group_columns(rule)),
        class_columns(options),
        {} if files is None else files.types,
    )
    metadata = with_class_names(None, known)
    tables = {role: typed.tables[split].replace_schema_metadata(metadata) for role, split in parts.items()}
    labels = read_labels(tables, options.label, options.problem, name)
    missing = {column: sum(table[column].null_count for table in typed.tables.values()) for column in used}
    tables, targets = labelled_examples(tables, labels, parts, notes)
    check_shared_classes(labels, targets, parts, name)
    notes |= labels.notes
    modality = modality_of(tables["train"], inputs, name, options.modality)
    # Classes of pictures may be digits.
    noted = [column for column in used if typed.columns[column].note and (modality, column) != ("image", options.label)]
    notes |= {f"column `{column}`": typed.columns[column].note for column in noted}
    encode = partial(encode_inputs, options, inputs, modality, sources, origin)
    values, spec = encode(tables, notes)
    ids: dict[str, np.ndarray] = {}
    folds: dict[str, Any] = {}
    identifiers: dict[str, dict[str, np.ndarray]] = {}
    if is_drawn(rule, tables, targets, parts, name):
        ids = {"train": content_ids(values["train"])}
        folds = fold_facts(options.fold, rule, ids["train"], targets["train"])
        draw_rows = partial(draw, separate=modality == "table", fold=options.fold)
        rows = drawn_rows(rule, tables, ids["train"], targets, labels, parts, name, notes, draw_rows)
        whole = tables["train"]
        if is_drawn_freely(rule):
            train = raw.tables[parts["train"]]
            identifiers = identifiers_of_splits(train, labels.known("train"), rows, (options.label,))
        # Categories are those of the train split, not of the rows that were drawn for test.
        same = modality != "table" or same_encoder(options, inputs, whole, rows["train"])
        of_splits = [column for column in used if not same or column in (*options.groups, *of_rule)]
        tables = {role: whole.select(of_splits).take(pa.array(part)) for role, part in rows.items()}
        targets = {role: targets["train"][part] for role, part in rows.items()}
        if same:
            ids = {role: recounted(ids["train"][part]) for role, part in rows.items()}
            values = {role: take(values["train"], part) for role, part in rows.items()}
        else:
            ids = {}
            values, spec = encode(tables, notes)
    elif "test" not in tables:
        notes["test"] = f"the split `{parts['validation']}`, because there is no test split with labels"
        for by_role in (tables, targets, values):
            by_role["test"] = by_role.pop("validation")
    splits = {}
    for role, column in values.items():
        groups = {group: group_values(tables[role], group) for group in options.groups}
        clusters = None
        if rule is not None and rule.by is not None and rule.after is None:
            clusters = group_numbers(tables[role][rule.by].to_pylist())
        columns = {modality: column, "target": targets[role]}
        ids_of_role = ids[role] if role in ids else content_ids(column)
        splits[role] = MemorySplit(ids_of_role, columns, groups, True, clusters, identifiers.get(role, {}))
    splits = {role: splits[role] for role in ("train", "validation", "test") if role in splits}
    of_names = (*(inputs if modality == "table" else ()), *options.groups, *of_rule)
    of_nothing = (options.label, *options.groups, *group_columns(rule))
    notes |= names_of_nothing(typed.tables, of_nothing)
    notes |= absent_classes(labels, targets) | similar_classes(labels) | similar_categories(typed.tables, of_names)
    spec = spec if labels.classes is None else {"classes": labels.classes, **spec}
    if modality == "table" and (units := _units(inputs, typed.columns, of_roles)):
        spec = {**spec, "units": units}
    prominent = tuple(key for key in notes if key != "inputs")
    source = Source(
        origin.origin, name, fingerprint_of(splits), origin.revision, origin.licence, notes, prominent, folds=folds
    )
    data = Data(labels.problem, spec, splits, source, options.duplicates or "ask")
    names = {} if files is None else {split: tuple(map(files.name, files.splits[split])) for split in parts.values()}
    unused = unused_columns(options, of_roles, used)
    return Assembled(data, typed.columns, inputs, options.label, modality, missing, names, unused)


def _units(inputs: Sequence[str], columns: Mapping[str, Column], raw: RawTables) -> dict[str, str]:
    """Return the units that stand beside the numbers of input columns, by column."""
    chunks = {name: [table[name] for tables in raw.tables.values() for table in tables] for name in inputs}
    units = {name: unit_of(columns[name], chunks[name]) for name in inputs if columns[name].type == "number"}
    return {name: unit for name, unit in units.items() if unit}
