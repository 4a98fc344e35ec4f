"""From the tables that a person brings to the splits that models learn from: labels, inputs, and what is tested on.

The tasks `files` and `hub` share this; they differ only in where the tables come from.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
import pyarrow as pa

from bench_suite.components.options import show
from bench_suite.components.suggestions import nearest
from bench_suite.contracts import Data, DataInvalid, Source
from bench_suite.data.class_names import class_names, with_class_names
from bench_suite.data.columns import Form, form_of, group_values, modality_of, table_encoder, texts
from bench_suite.data.csv_text import TextOptions
from bench_suite.data.file_sets import FileSet
from bench_suite.data.fingerprint import content_ids, hash_of, recounted, row_hashes
from bench_suite.data.images import decode_images
from bench_suite.data.labels import Labels, read_labels
from bench_suite.data.raw_tables import RawTables
from bench_suite.data.schema import Column, ColumnOptions, check_column_options, read_types
from bench_suite.data.split_rules import SplitRule, draw, group_numbers, read_rule
from bench_suite.data.splits import MemorySplit, fingerprint_of, take
from bench_suite.environment import format_bytes

if TYPE_CHECKING:
    from bench_suite.data.sources import Sources

USUAL_NAMES = {
    "train": ("train", "training"),
    "validation": ("validation", "valid", "dev", "val"),
    "test": ("test", "testing"),
}
MAX_BYTES = 8 << 30
"Most bytes of pixels, or of the text of one file, that are held in memory."
MAX_LISTED = 5
"Names that a note lists; the others are counted."


@dataclass(frozen=True)
class OwnDataOptions:
    """What a suite states about data that a person brings."""

    inputs: str | tuple[str, ...] | None = None
    """A column of images or texts, or a list of columns: of a table, or of texts to be joined. By default all columns
    but the label, the groups, and those that `columns` calls `ignore`."""
    label: str = "label"
    "The column to predict."
    config: str | None = None
    "The configuration (subset); needed if there are several."
    problem: Literal["classification", "regression"] | None = None
    "The problem to learn; by default a regression for a column of floats, a classification for any other."
    modality: Literal["image", "text", "table"] | None = None
    "The kind of inputs; by default their columns decide."
    train: str | None = None
    "Name of the split to train on; by default `train` or `training`, or the only split."
    validation: str | None = None
    'Name of the split to choose on; by default `validation`, `valid`, `dev` or `val`; "" leaves it out.'
    test: str | None = None
    'Name of the split to test on; by default `test` or `testing`; "" leaves it out, so that another is used or drawn.'
    groups: tuple[str, ...] = ()
    "Columns of sensitive attributes to report by; they are inputs only if `inputs` names them too."
    separator: str = "\n"
    "Text between the texts of several columns."
    columns: Mapping[str, str] | None = None
    """What columns hold, if the values do not tell: `number`, `category`, `date` (or `date:%d/%m/%Y`), `text`,
    `picture` (a path), or `ignore`."""
    missing_values: tuple[str, ...] = ()
    'Texts that stand for a missing value, such as "-"; in columns of numbers `NA`, `null` and the like always do.'
    decimal: str | None = None
    'The decimal mark of numbers in text files, "." or ","; by default the values decide.'
    thousands: str | None = None
    'The mark between thousands in text files, such as "."; by default the values decide.'
    encoding: str | None = None
    "Encoding of text files, such as `cp1252`; by default UTF-8."
    delimiter: str | None = None
    "What separates the columns of text files; by default the line of names decides: comma, semicolon, tab or bar."
    quotes: bool | None = None
    'Whether the mark " encloses values in text files; by default it does if every value that begins with it ends so.'
    categorical: tuple[str, ...] = ()
    "Columns of a table whose numbers are codes, such as a postcode; the same as `category` in `columns`."
    categories: int = 100
    "Most categories of a column that get their own column in the table: the most frequent of train."
    size: int | None = None
    "Height and width to which the middle square of each image is resized. Needed if their sizes differ."
    split: Mapping[str, int | float | bool | str] | None = None
    """How to split the rows: `{ test = 0.2, validation = 0.1 }`, `{ test = 0.2, by = "customer_id" }`,
    `{ after = "2026-01-01", by = "date" }`, `{ column = "part" }` or `{ folds = 5, repeats = 2 }`; also
    `stratify = false`."""
    fold: int | None = None
    "The fold that is tested on, if `split` states folds. The axis `fold` sets it; a suite does not state it here."
    duplicates: Literal["keep", "drop", "refuse"] | None = None
    """What to do with rows of train whose inputs a tested split has too: `drop` them from train (the default for images
    and texts), `keep` them (for tables, where equal rows are usual), or `refuse` the data."""
    max_bytes: int = 8_589_934_592
    "Most bytes of one file, uncompressed: more are refused before they fill the memory."


@dataclass(frozen=True)
class Origin:
    """Where the tables of a data set came from."""

    origin: str
    "`file:NAME`, `folder:HUB-ID` or `hub:HUB-ID`."
    name: str
    "What reports and messages call the data set."
    revision: str | None = None
    licence: str | None = None
    folders: tuple[Path, ...] = ()
    "The only folders whose files are opened if a row names one; a relative path starts from the first."
    download: str = ""
    "The command that downloads the data again; empty for a person's own files."


def check(options: OwnDataOptions) -> None:
    """Raise ValueError if options contradict each other, or if a column is named for two purposes."""
    inputs = stated_inputs(options)
    if inputs is not None and not inputs:
        raise ValueError("inputs names no column")
    for option, names in (("inputs", inputs or ()), ("groups", options.groups), ("categorical", options.categorical)):
        if len(set(names)) < len(names):
            raise ValueError(f"{option} names a column twice")
    if options.label in (*(inputs or ()), *options.groups):
        option = "inputs" if options.label in (inputs or ()) else "groups"
        raise ValueError(f"label = {options.label!r} is also in `{option}`: nothing would be left to learn")
    for column in options.categorical:
        if inputs is not None and column not in inputs:
            raise ValueError(f"categorical names {column!r}, which is not an input{nearest(column, inputs)}")
    named = [name for name in (options.train, options.validation, options.test) if name]
    if len(set(named)) < len(named):
        raise ValueError(f"one split is named twice among train, validation and test: {', '.join(map(repr, named))}")
    for column, stated in (options.columns or {}).items():
        if stated == "ignore" and column in (options.label, *(inputs or ()), *options.groups):
            raise ValueError(f'columns.{column} = "ignore", but the task uses it: leave one of the two out')
    rule = read_rule(options.split)
    if rule is not None and options.label in rule.columns:
        raise ValueError(f"split reads the label {options.label!r}: name another column")
    for option, value in (("delimiter", options.delimiter), ("encoding", options.encoding)):
        _check_text_option(option, value)
    check_column_options(column_options(options))


def _check_text_option(option: str, value: str | None) -> None:
    import codecs

    if option == "delimiter" and value is not None and (len(value) != 1 or value in '"\n\r'):
        raise ValueError(f'delimiter = {show(value)} is not one mark, such as "," or "\\t"')
    if option == "encoding" and value is not None:
        try:
            codecs.lookup(value)
        except LookupError:
            raise ValueError(f"encoding = {show(value)} is not known: write such as utf-8, cp1252, latin-1") from None


def stated_inputs(options: OwnDataOptions) -> tuple[str, ...] | None:
    """Return the names of the input columns; None if the suite states none."""
    return (options.inputs,) if isinstance(options.inputs, str) else options.inputs


def column_options(options: OwnDataOptions) -> ColumnOptions:
    """Return what a suite states about columns; `categorical` is another way to write `category`."""
    stated = {**dict.fromkeys(options.categorical, "category"), **(options.columns or {})}
    return ColumnOptions(stated, options.missing_values, options.decimal, options.thousands)


def text_options(options: OwnDataOptions) -> TextOptions:
    """Return what a suite states about text files."""
    return TextOptions(options.delimiter, options.encoding, options.quotes)


# ── assembling ──────────────────────────────────────────────────────────────────────────────────


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
    parts = _roles(options, tuple(raw.tables), name, notes)
    of_roles = replace(raw, tables={split: raw.tables[split] for split in parts.values()})
    inputs = _input_columns(options, of_roles, name, notes)
    _check_stated_columns(options, of_roles, name)
    rule = read_rule(options.split)
    of_rule = () if rule is None else rule.columns
    used = list(dict.fromkeys((*inputs, options.label, *options.groups, *of_rule)))
    _check_columns(of_roles, used, name, options.label, {split: role for role, split in parts.items()})
    known = _class_names(of_roles, {} if files is None else files.classes)
    typed = read_types(
        of_roles,
        _stated_columns(options, inputs, of_rule),
        used,
        name,
        (options.label, *options.groups, *_group_columns(rule)),
        _class_columns(options),
    )
    metadata = with_class_names(None, known)
    tables = {role: typed.tables[split].replace_schema_metadata(metadata) for role, split in parts.items()}
    labels = read_labels(tables, options.label, options.problem, name)
    missing = {column: sum(table[column].null_count for table in typed.tables.values()) for column in used}
    tables, targets = _labelled(tables, labels, parts, notes)
    notes |= labels.notes
    notes |= {f"column `{column}`": typed.columns[column].note for column in used if typed.columns[column].note}
    modality = modality_of(tables["train"], inputs, name, options.modality)
    encode = partial(_encode, options, inputs, modality, sources, origin)
    values, spec = encode(tables, notes)
    ids: dict[str, np.ndarray] = {}
    folds: dict[str, Any] = {}
    if _to_be_drawn(rule, tables, targets, parts, name):
        ids = {"train": content_ids(values["train"])}
        folds = _folds(options.fold, rule, ids["train"], targets["train"])
        draw_rows = partial(draw, separate=modality == "table", fold=options.fold)
        rows = _drawn(rule, tables, ids["train"], targets, labels, parts, name, notes, draw_rows)
        whole = tables["train"]
        # Categories are those of the train split, not of the rows that were drawn for test.
        same = modality != "table" or _same_encoder(options, inputs, whole, rows["train"])
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
        splits[role] = MemorySplit(ids_of_role, columns, groups, clusters=clusters)
    splits = {role: splits[role] for role in ("train", "validation", "test") if role in splits}
    notes |= _absent_classes(labels, targets) | _similar_classes(labels)
    spec = spec if labels.classes is None else {"classes": labels.classes, **spec}
    prominent = tuple(key for key in notes if key != "inputs")
    source = Source(
        origin.origin, name, fingerprint_of(splits), origin.revision, origin.licence, notes, prominent, folds=folds
    )
    data = Data(labels.problem, spec, splits, source, options.duplicates or "ask")
    names = {} if files is None else {split: tuple(map(files.name, files.splits[split])) for split in parts.values()}
    return Assembled(data, typed.columns, inputs, options.label, modality, missing, names)


def _group_columns(rule: SplitRule | None) -> tuple[str, ...]:
    """Return the column of groups that a rule reads, and the column that names the split."""
    by = () if rule is None or rule.by is None or rule.after is not None else (rule.by,)
    return (*by, *((rule.column,) if rule is not None and rule.column is not None else ()))


def _class_columns(options: OwnDataOptions) -> tuple[str, ...]:
    return (options.label,) if options.problem == "classification" else ()


def _encode(
    options: OwnDataOptions, inputs: Sequence[str], modality: str, sources: Sources, origin: Origin,
    tables: Mapping[str, pa.Table], notes: dict[str, Any],
) -> tuple[dict[str, Any], dict[str, Any]]:  # fmt: skip
    """Return the inputs of each split as models receive them, and their entries of the problem's `spec`."""
    if modality == "image":
        return _images(options, inputs[0], tables, sources, origin, notes)
    return _inputs(options, inputs, modality, tables, origin.name, notes)


def _same_encoder(options: OwnDataOptions, inputs: Sequence[str], whole: pa.Table, train: np.ndarray) -> bool:
    """Return whether the train split, rows of a whole table, is encoded as the whole table is."""
    encoder = table_encoder(whole, inputs, options.categorical, options.categories)
    part = whole.select([*encoder.categories]).take(pa.array(train))
    return table_encoder(part, [*encoder.categories], options.categorical, options.categories).like(encoder)


def _to_be_drawn(
    rule: SplitRule | None, tables: Mapping[str, pa.Table], targets: Mapping[str, np.ndarray],
    parts: Mapping[str, str], name: str,
) -> bool:  # fmt: skip
    """Return whether the splits are drawn from train; False if the data set's own splits stand.

    Raises:
        DataInvalid: The suite states a split, and the data set has a test split; or there are too few rows.
    """
    if rule is not None:
        others = [parts[role] for role in ("test", "validation") if role in tables]
        if others:
            off = ", ".join(f'{role} = ""' for role in ("test", "validation") if role in tables)
            raise DataInvalid(
                f"{name} has the split `{others[0]}`, and the suite states how to split: leave split out, or leave the "
                f"files' own out with {off}"
            )
    elif "test" in tables or "validation" in tables:
        return False
    if len(targets["train"]) < 2:
        raise DataInvalid(f"{name} has only one example with a label, so none is left to test on: add examples")
    return True


def _drawn(
    rule: SplitRule | None, tables: Mapping[str, pa.Table], ids: np.ndarray, targets: Mapping[str, np.ndarray],
    labels: Labels, parts: Mapping[str, str], name: str, notes: dict[str, Any],
    draw_rows: Callable[..., tuple[dict[str, np.ndarray], str]],
) -> dict[str, np.ndarray]:  # fmt: skip
    """Return the rows of train that make each split, by `draw_rows`.

    Raises:
        DataInvalid: A split gets no row, or a column that the rule reads lacks a value.
    """
    classes = targets["train"] if labels.classes is not None else None
    rows, words = draw_rows(rule or SplitRule(test=0.2), tables["train"], ids, classes, name)
    if rule is None:
        total = len(targets["train"])
        notes["test"] = f"{len(rows['test'])} of the {total} examples of `{parts['train']}`, drawn by content"
    else:
        notes["split"] = words
    return rows


def _folds(fold: int | None, rule: SplitRule | None, ids: np.ndarray, target: np.ndarray) -> dict[str, Any]:
    """Return `Source.folds` of the examples before they are split; empty without folds."""
    if rule is None or not rule.folds:
        return {}
    return {
        "fold": fold, "folds": rule.folds, "repeats": rule.repeats, "examples": len(target),
        "fingerprint": hash_of(np.sort(row_hashes(ids, target))),
    }  # fmt: skip


def _similar_classes(labels: Labels) -> dict[str, str]:
    """Return a note on classes whose names differ in case, space or Unicode form only."""
    by_form: dict[str, list[str]] = {}
    for name in labels.classes or ():
        form = " ".join(unicodedata.normalize("NFKC", name).casefold().split())
        by_form.setdefault(form, []).append(name)
    pairs = [" and ".join(map(repr, names)) for names in by_form.values() if len(names) > 1]
    return {"classes of nearly one name": "; ".join(pairs)} if pairs else {}


def _absent_classes(labels: Labels, targets: Mapping[str, np.ndarray]) -> dict[str, str]:
    """Return notes on classes that a split lacks; `preparation` notes those of train."""
    notes = {}
    if labels.classes is not None:
        for role in ("validation", "test"):
            if role in targets:
                absent = sorted({*range(len(labels.classes))} - {*targets[role].tolist()})
                if absent:
                    notes[f"classes absent from {role}"] = str(listed([labels.classes[number] for number in absent]))
    return notes


def with_unread(raw: RawTables, files: FileSet) -> RawTables:
    """Return tables with a note on the files of the folder that were not read."""
    unread = [name for name in files.unread if name not in raw.opened]
    return replace(raw, notes={**raw.notes, "files not read": unread}) if unread else raw


def listed(names: Any) -> Any:
    """Return a list of names as a note: how many, and the first of them. Anything else is returned as it is."""
    if not isinstance(names, list | tuple):
        return names
    more = f" and {len(names) - MAX_LISTED} more" if len(names) > MAX_LISTED else ""
    return f"{len(names)}: {', '.join(map(str, names[:MAX_LISTED]))}{more}"


def _class_names(raw: RawTables, stated: Mapping[str, tuple[str, ...]]) -> dict[str, tuple[str, ...]]:
    """Return the names of classes by column: those in the files, else those of the card."""
    names: dict[str, tuple[str, ...]] = {}
    for tables in raw.tables.values():
        for table in tables:
            for column in table.column_names:
                if (in_file := class_names(table.schema.metadata, column)) is not None:
                    names.setdefault(column, in_file)
    first = next(iter(raw.tables.values()))[0].column_names
    return {**{column: known for column, known in stated.items() if column in first}, **names}


def _input_columns(options: OwnDataOptions, raw: RawTables, name: str, notes: dict[str, Any]) -> tuple[str, ...]:
    """Return the input columns: those that the suite states, else all that serve no other purpose."""
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
    inputs = tuple(column for column in every if column not in served | ignored)
    if not inputs:
        raise DataInvalid(f"{name} has no column to learn from beside `{options.label}` (it has: {', '.join(every)})")
    notes["inputs"] = f"all other columns: {', '.join(inputs[:20])}{' …' if len(inputs) > 20 else ''}"
    return inputs


def _check_columns(raw: RawTables, used: Sequence[str], name: str, label: str, role_of: Mapping[str, str]) -> None:
    """Raise DataInvalid if a split lacks a column; the message gives the nearest name."""
    for split, tables in raw.tables.items():
        known = tables[0].column_names
        if missing := [column for column in used if column not in known]:
            near = nearest(missing[0], known)
            listed_columns = ", ".join(f"`{column}`" if column != column.strip() else column for column in known)
            unlabelled = split != "train" and missing == [label]
            hint = f'\n  if `{split}` has no labels, leave it out: {role_of[split]} = ""' if unlabelled else ""
            if split == "train" and missing[0] == label and not near:
                hint = '\n  state the column to predict, such as label = "NAME"'
            raise DataInvalid(
                f"{name}, split {split}: there is no column `{missing[0]}`{near} (it has: {listed_columns}){hint}"
            )


def _check_stated_columns(options: OwnDataOptions, raw: RawTables, name: str) -> None:
    """Raise DataInvalid if the suite states the type of a column that there is not."""
    known = list(dict.fromkeys(column for tables in raw.tables.values() for column in tables[0].column_names))
    for column in column_options(options).columns:
        if column not in known:
            raise DataInvalid(
                f"{name}: columns states the type of `{column}`, and there is no such column{nearest(column, known)} "
                f"(it has: {', '.join(known)})"
            )


def _stated_columns(options: OwnDataOptions, inputs: Sequence[str], of_rule: Sequence[str]) -> ColumnOptions:
    """Return what the suite states about columns; a column of texts is one of paths if it states images.

    A column that the split reads is read even if it is to be ignored: it is then no input.
    """
    stated = column_options(options)
    columns = {column: word for column, word in stated.columns.items() if word != "ignore" or column not in of_rule}
    stated = replace(stated, columns=columns)
    if options.modality == "image" and len(inputs) == 1 and inputs[0] not in stated.columns:
        return replace(stated, columns={**stated.columns, inputs[0]: "picture"})
    return stated


# ── the role of each split ──────────────────────────────────────────────────────────────────────


def _roles(options: OwnDataOptions, splits: tuple[str, ...], name: str, notes: dict[str, Any]) -> dict[str, str]:
    """Return the data set's own names of `train` and, if it has them, of `validation` and `test`."""
    stated = {role: getattr(options, role) for role in USUAL_NAMES}
    for role, split in stated.items():
        if split and split not in splits:
            listed = ", ".join(splits)
            raise DataInvalid(f"{name} has no split `{split}`{nearest(split, splits)} ({role} may be: {listed})")
    roles = {}
    for role, usual in USUAL_NAMES.items():
        free = [split for split in usual if split in splits and split not in stated.values()]
        split = stated[role] if stated[role] is not None else (free[0] if free else None)
        if split:
            roles[role] = split
    settings = [f'{role} = "{split}"' for role, split in stated.items() if split]
    if "train" not in roles and len(splits) == 1 and not settings:
        roles = {"train": splits[0]}
        notes["train"] = f"drawn from `{splits[0]}`, the only split"
    if "train" not in roles:
        beside = f" beside {' and '.join(settings)}" if settings else ""
        others = ", ".join(split for split in splits if split not in stated.values())
        hint = f'name the one to train on, train = "…", out of: {others}' if others else "leave that out"
        raise DataInvalid(f"{name} has no split called `train`{beside}: {hint}")
    if unused := [split for split in splits if split not in roles.values()]:
        notes["unused splits"] = ", ".join(unused)
    return roles


def _labelled(
    tables: Mapping[str, pa.Table], labels: Labels, parts: Mapping[str, str], notes: dict[str, Any]
) -> tuple[dict[str, pa.Table], dict[str, np.ndarray]]:
    """Return the examples with a label, and their targets; a split without any label is left out."""
    labelled, targets, dropped = {}, {}, 0
    for role, table in tables.items():
        known = labels.known(role)
        if len(known) and not known.any() and role != "train":
            notes[f"`{parts[role]}`"] = f"not used: none of its {len(known)} examples has a label"
            continue
        if not len(known) and role != "train":
            continue
        dropped += int((~known).sum())
        labelled[role] = table if known.all() else table.filter(pa.array(known))
        targets[role] = labels.targets[role][known]
    if dropped:
        notes["examples left out, without a label"] = dropped
    return labelled, targets


# ── inputs ──────────────────────────────────────────────────────────────────────────────────────


def _inputs(
    options: OwnDataOptions,
    inputs: Sequence[str],
    modality: str,
    tables: Mapping[str, pa.Table],
    name: str,
    notes: dict[str, Any],
) -> tuple[dict[str, Any], dict[str, Any]]:
    """Return the texts or the table of each split, and their entries of the problem's `spec`."""
    if modality == "text":
        return _texts(options, inputs, tables, name, notes), {}
    encoder = table_encoder(tables["train"], inputs, options.categorical, options.categories)
    values, missing, unknown, categorical = {}, 0, 0, 0
    for role, table in tables.items():
        values[role], absent, other = encoder(table, f"{name}, split {role}")
        missing, unknown = missing + absent, unknown + other
        categorical += table.num_rows * len(encoder.categories)
    if missing:
        notes["missing values"] = missing
    if unknown:
        full = [f"`{column}`" for column, known in encoder.categories.items() if len(known) == options.categories]
        cut = f"; only the {options.categories} most frequent are read in {', '.join(full)}" if full else ""
        notes["values of rare categories, or of categories that train lacks"] = (
            f"{unknown:,} of {categorical:,} ({unknown / categorical:.1%}){cut}"
        )
    return values, {"columns": encoder.columns}


def _texts(
    options: OwnDataOptions, inputs: Sequence[str], tables: Mapping[str, pa.Table], name: str, notes: dict[str, Any]
) -> dict[str, list[str]]:
    by_role, empty = {}, 0
    for role, table in tables.items():
        by_role[role], count = texts(table, inputs, options.separator)
        if count == len(by_role[role]) and role == "train":
            raise DataInvalid(f"{name}: all {count} texts of train are empty (inputs = {list(inputs)})")
        empty += count
    if empty:
        notes["empty texts"] = empty
    return by_role


def _images(
    options: OwnDataOptions,
    column: str,
    tables: Mapping[str, pa.Table],
    sources: Sources,
    origin: Origin,
    notes: dict[str, Any],
) -> tuple[dict[str, np.ndarray], dict[str, Any]]:
    """Return the pixels (n, H, W, C) of each split, of one size and mode; only files `within` folders are opened."""
    name, within = origin.name, origin.folders
    form = Form()
    for role, table in tables.items():
        form |= form_of(table[column], f"{name}, split {role}", within)
    if form.animated:
        notes["pictures of several frames or pages, of which the first is read"] = form.animated
    if form.transparent:
        notes["pictures with transparency, which is dropped"] = form.transparent
    if options.size is None and len(form.sizes) > 1:
        least, greatest = min(form.sizes, key=_area), max(form.sizes, key=_area)
        raise DataInvalid(
            f"{name}: images of {len(form.sizes)} sizes, from {least[0]}×{least[1]} to {greatest[0]}×{greatest[1]}: "
            "state the size that all are resized to, such as size = 64"
        )
    width, height = (options.size, options.size) if options.size else next(iter(form.sizes), (1, 1))
    nbytes = sum(table.num_rows for table in tables.values()) * width * height * (3 if form.mode == "RGB" else 1)
    if nbytes > MAX_BYTES:
        raise DataInvalid(
            f"{name}: its pixels would take {format_bytes(nbytes)} of memory, more than {format_bytes(MAX_BYTES)}: "
            "state a smaller size"
        )
    images = {
        role: decode_images(
            table[column], form.mode, f"{name}, split {role}", sources.cache, size=options.size,
            download=origin.download, within=within,
        )
        for role, table in tables.items()
    }  # fmt: skip
    return images, {"shape": next(iter(images.values())).shape[1:]}


def _area(size: tuple[int, int]) -> int:
    return size[0] * size[1]
