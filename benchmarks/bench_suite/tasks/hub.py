"""Any Hugging Face data set of images, texts or tables, named in the suite by its id and columns: no code.

    [[tasks]]
    use = "hub"
    name = "tweets"
    id = "cardiffnlp/tweet_eval"
    config = "emotion"
    inputs = "text"
    label = "label"

**Inputs.** One column of encoded images is a task of images: grey where all are grey, else colour. Columns that all
hold text are a task of texts, several joined by `separator`, as for pairs of sentences. All else is a table: numbers as
they are (NaN where missing), truth values as 0 and 1, times as days since 1970; text, class numbers and columns named
in `categorical` get a column of 0 and 1 for each category of train, and one for `missing` where train lacks values.
`modality` decides otherwise, such as for a table of nothing but text.

**Labels.** Floats are a regression, anything else classes, unless `problem` says so. Classes have the names that the
data set gives them (`ClassLabel`), else those of the labels themselves, numbers in their order and texts by code point,
out of all splits. Examples without a label are left out and counted: of CSV files also those that say `NA`, `null` or
the like where all other labels are numbers or truth values, or where there are no others; among texts, `NA` is a class.

**Splits** are those of the data set. Where it has no test split, or one without labels, its validation split is tested
on, as is the custom (GLUE, Wang et al. 2018); where it has neither, a fifth of train is drawn by content, each class
with its share. Where it has no validation split, one is held out of train as for every task. The record's notes say
what was done.

A folder `$BENCH_DATA/<id>` of the hub's layout goes before the hub: Parquet, CSV or JSON; or pictures in files of their
own, which are then in the column `image`: their classes are their folders, `train/CLASS/`, in the column `label`, or
`train/metadata.csv` (or `.jsonl`) says what they show, a row a picture with its path in `file_name`.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
import pyarrow as pa

from bench_suite.components.suggestions import nearest
from bench_suite.contracts import Data, DataInvalid, Source
from bench_suite.data.columns import Form, form_of, group_values, modality_of, numbers_as_text, table_encoder, texts
from bench_suite.data.fingerprint import content_ids
from bench_suite.data.hub import path_error
from bench_suite.data.images import decode_images
from bench_suite.data.labels import Labels, read_labels
from bench_suite.data.sources import hub_command
from bench_suite.data.splits import MemorySplit, fingerprint_of
from bench_suite.data.splitting import split_by_content

if TYPE_CHECKING:
    from bench_suite.data.sources import Sources

VERSION = 1
MODALITY = ("image", "text", "table")
PROBLEM = ("classification", "regression")
SHIFTS = ()
BOUNDS = {"size": (1, 4096), "categories": (1, None)}

USUAL_NAMES = {
    "train": ("train", "training"),
    "validation": ("validation", "valid", "dev", "val"),
    "test": ("test", "testing"),
}
MAX_BYTES = 8 << 30
"""Pixels of a data set that are held in memory at most."""


@dataclass(frozen=True)
class Options:
    id: str
    """Of the data set on the hub: `owner/name`. A folder `$BENCH_DATA/<id>` goes before the hub: for files of your own
    put train.csv (and test.csv) in `$BENCH_DATA/me/NAME` and write `me/NAME`."""
    inputs: str | tuple[str, ...]
    "A column of images or texts, or a list of columns: of a table, or texts to be joined."
    label: str = "label"
    "The column that is to be predicted."
    config: str | None = None
    "The configuration (subset); needed where there are several."
    revision: str | None = None
    "Branch, tag or commit on the hub: with a commit, the data never change. A folder is taken as it is."
    problem: Literal["classification", "regression"] | None = None
    "What is learnt; by default a regression of a column of floats, a classification of any other."
    modality: Literal["image", "text", "table"] | None = None
    "What the inputs are; by default their columns decide."
    train: str | None = None
    "Name of the split to train on; by default `train` or `training`, or the only one there is."
    validation: str | None = None
    'Name of the split to choose on; by default `validation`, `valid`, `dev` or `val`; "" leaves it out.'
    test: str | None = None
    'Name of the split to test on; by default `test` or `testing`; "" leaves it out, so that one is made by rule.'
    groups: tuple[str, ...] = ()
    "Columns of sensitive attributes to report by; no inputs, unless `inputs` names them too."
    separator: str = "\n"
    "What stands between the texts of several columns."
    categorical: tuple[str, ...] = ()
    "Columns of a table whose numbers are codes, such as a postcode."
    categories: int = 100
    "Categories of a column that get a column of the table of their own, at most: the most frequent of train."
    size: int | None = None
    "Height and width that images are brought to: their middle square, resized. Needed where their sizes differ."
    data: Literal["full"] = "full"
    "The whole set: no package ships samples of it."


def columns_of(options: Options) -> tuple[str, ...]:
    """Names of the input columns."""
    return (options.inputs,) if isinstance(options.inputs, str) else options.inputs


def check(options: Options) -> None:
    """Raises ValueError where the id is none, or a column is named for two purposes."""
    if (error := path_error(options.id)) is not None:
        raise ValueError(f"id = {error}")
    if options.id.startswith(("http:", "https:")) or not re.fullmatch(r"\w[\w.-]*(/\w[\w.-]*)?", options.id):
        raise ValueError(f"id = {options.id!r} is no id of a data set: owner/name, as its page on the hub is called")
    inputs = columns_of(options)
    if not inputs:
        raise ValueError("inputs names no column")
    for option, names in (("inputs", inputs), ("groups", options.groups), ("categorical", options.categorical)):
        if len(set(names)) < len(names):
            raise ValueError(f"{option} names a column twice")
    if options.label in (*inputs, *options.groups):
        where = "inputs" if options.label in inputs else "groups"
        raise ValueError(f"label = {options.label!r} stands in `{where}` too: nothing would be left to learn")
    for column in options.categorical:
        if column not in inputs:
            raise ValueError(f"categorical names {column!r}, which is no input{nearest(column, inputs)}")
    named = [name for name in (options.train, options.validation, options.test) if name]
    if len(set(named)) < len(named):
        raise ValueError(f"one split is named twice among train, validation and test: {', '.join(map(repr, named))}")


def load(options: Options, sources: Sources) -> Data:
    """Splits `train`, `test` and perhaps `validation`, in memory.

    Columns: `image` (n, H, W, C) uint8, `text`, lists of str, or `table` (n, d) float64 with NaN where missing;
    `target` (n,) int64 class numbers or (n,) float64.

    Raises:
        DataUnavailable: neither folder nor hub has the set; the message says why, and holds the command that gets it.
        DataInvalid: it has no such column, split or configuration, or holds what cannot be learnt from.
    """
    name = options.id if options.config is None else f"{options.id}:{options.config}"
    repository = sources.repository(options.id, config=options.config, revision=options.revision)
    notes: dict[str, Any] = {}
    wanted = list(dict.fromkeys((*columns_of(options), options.label, *options.groups)))
    parts = _roles(options, repository.splits, name, notes)
    fetched = {role: repository.read(split, wanted) for role, split in parts.items()}
    tables = {role: part.table for role, part in fetched.items()}
    labels = read_labels(tables, options.label, options.problem, name)
    tables, targets = _labelled(tables, labels, parts, notes)
    notes |= labels.notes
    modality = modality_of(tables["train"], columns_of(options), name, options.modality)
    if modality == "image":
        columns, spec = _images(options, tables, sources, name, fetched["train"].folders)
    else:
        columns, spec = _inputs(options, modality, tables, name, notes)
        meant = [column for column in columns_of(options) if column not in options.categorical]
        notes |= numbers_as_text(tables["train"], (*meant, options.label))
    splits = {}
    for role, values in columns.items():
        groups = {group: group_values(tables[role], group) for group in options.groups}
        splits[role] = MemorySplit(content_ids(values), {modality: values, "target": targets[role]}, groups)
    splits = _with_test(splits, labels, parts, name, notes)
    spec = spec if labels.classes is None else {"classes": labels.classes, **spec}
    source = fetched["train"]
    described = Source(source.origin, name, fingerprint_of(splits), source.revision, source.licence, notes)
    return Data(labels.problem, spec, splits, described)


# ── who plays which part ────────────────────────────────────────────────────────────────────────


def _roles(options: Options, there: tuple[str, ...], name: str, notes: dict[str, Any]) -> dict[str, str]:
    """The data set's own names of `train` and, where it has them, of `validation` and `test`."""
    stated = {role: getattr(options, role) for role in USUAL_NAMES}
    for role, split in stated.items():
        if split and split not in there:
            listed = ", ".join(there)
            raise DataInvalid(f"{name} has no split `{split}`{nearest(split, there)} ({role} may be: {listed})")
    found = {}
    for role, usual in USUAL_NAMES.items():
        free = [split for split in usual if split in there and split not in stated.values()]
        split = stated[role] if stated[role] is not None else (free[0] if free else None)
        if split:
            found[role] = split
    said = [f'{role} = "{split}"' for role, split in stated.items() if split]
    if "train" not in found and len(there) == 1 and not said:
        found = {"train": there[0]}
        notes["train"] = f"drawn from `{there[0]}`, the only split there is"
    if "train" not in found:
        beside = f" beside {' and '.join(said)}" if said else ""
        others = ", ".join(split for split in there if split not in stated.values())
        hint = f'name the one to train on, train = "…", out of: {others}' if others else "leave that out"
        raise DataInvalid(f"{name} has no split called `train`{beside}: {hint}")
    if unused := [split for split in there if split not in found.values()]:
        notes["splits that are not used"] = ", ".join(unused)
    return found


def _labelled(
    tables: Mapping[str, pa.Table], labels: Labels, parts: Mapping[str, str], notes: dict[str, Any]
) -> tuple[dict[str, pa.Table], dict[str, np.ndarray]]:
    """The examples that have a label; a split that has none at all is left out."""
    kept, targets, dropped = {}, {}, 0
    for role, table in tables.items():
        known = labels.known(role)
        if len(known) and not known.any() and role != "train":
            notes[f"`{parts[role]}`"] = f"not used: none of its {len(known)} examples has a label"
            continue
        if not len(known) and role != "train":
            continue
        dropped += int((~known).sum())
        kept[role] = table if known.all() else table.filter(pa.array(known))
        targets[role] = labels.targets[role][known]
    if dropped:
        notes["examples left out, without a label"] = dropped
    return kept, targets


def _with_test(
    splits: dict[str, MemorySplit], labels: Labels, parts: Mapping[str, str], name: str, notes: dict[str, Any]
) -> dict[str, MemorySplit]:
    """The same splits where one can be tested on; else one that is made by the rule of this module's description."""
    if "test" in splits:
        return splits
    if "validation" in splits:
        notes["test"] = f"the split `{parts['validation']}`, since there is no test split with labels"
        return {"train": splits["train"], "test": splits["validation"]}
    whole = splits["train"]
    if len(whole) < 2:
        raise DataInvalid(f"{name} has one example with a label: none is left to test on")
    count = max(1, round(len(whole) / 5))
    rows = split_by_content(
        whole.ids,
        whole.columns["target"] if labels.classes is not None else None,
        {"test": count, "train": len(whole) - count},
    )
    notes["test"] = f"{count} of the {len(whole)} examples of `{parts['train']}`, drawn by content"
    return {"train": whole.at(np.sort(rows["train"])), "test": whole.at(np.sort(rows["test"]))}


# ── inputs ──────────────────────────────────────────────────────────────────────────────────────


def _inputs(
    options: Options, modality: str, tables: Mapping[str, pa.Table], name: str, notes: dict[str, Any]
) -> tuple[dict[str, Any], dict[str, Any]]:
    """The texts or the table of each split, and what the problem's `spec` says of them."""
    if modality == "text":
        return _texts(options, tables, name, notes), {}
    encoder = table_encoder(tables["train"], columns_of(options), options.categorical, options.categories)
    values, missing, unknown = {}, 0, 0
    for role, table in tables.items():
        values[role], absent, other = encoder(table, f"{name}, split {role}")
        missing, unknown = missing + absent, unknown + other
    if missing:
        notes["missing values"] = missing
    if unknown:
        notes["values of rare categories, or of such as train has not"] = unknown
    return values, {"columns": encoder.columns}


def _texts(options: Options, tables: Mapping[str, pa.Table], name: str, notes: dict[str, Any]) -> dict[str, list[str]]:
    found, empty = {}, 0
    for role, table in tables.items():
        found[role], count = texts(table, columns_of(options), options.separator)
        if count == len(found[role]) and role == "train":
            raise DataInvalid(f"{name}: all {count} texts of train are empty (inputs = {list(columns_of(options))})")
        empty += count
    if empty:
        notes["empty texts"] = empty
    return found


def _images(
    options: Options, tables: Mapping[str, pa.Table], sources: Sources, name: str, within: Sequence[Path]
) -> tuple[dict[str, np.ndarray], dict[str, Any]]:
    """Pixels (n, H, W, C) of each split, all of one size and mode; of files by path, those `within` are opened."""
    (column,) = columns_of(options)
    form = Form()
    for role, table in tables.items():
        form |= form_of(table[column], f"{name}, split {role}", within)
    if options.size is None and len(form.sizes) > 1:
        least, greatest = min(form.sizes, key=_area), max(form.sizes, key=_area)
        raise DataInvalid(
            f"{name}: images of {len(form.sizes)} sizes, from {least[0]}×{least[1]} to {greatest[0]}×{greatest[1]}: "
            "state what all are brought to, such as size = 64"
        )
    width, height = (options.size, options.size) if options.size else next(iter(form.sizes), (1, 1))
    held = sum(table.num_rows for table in tables.values()) * width * height * (3 if form.mode == "RGB" else 1)
    if held > MAX_BYTES:
        raise DataInvalid(
            f"{name}: its pixels would take {held / 2**30:.0f} GiB of memory, more than {MAX_BYTES >> 30}: state a "
            "smaller size"
        )
    images = {
        role: decode_images(
            table[column], form.mode, f"{name}, split {role}", sources.cache, size=options.size,
            download=hub_command(options.id, revision=options.revision), within=within,
        )
        for role, table in tables.items()
    }  # fmt: skip
    return images, {"shape": next(iter(images.values())).shape[1:]}


def _area(size: tuple[int, int]) -> int:
    return size[0] * size[1]
