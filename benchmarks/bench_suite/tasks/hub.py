"""Any Hugging Face data set of images, texts or tables, which the suite names by its id and columns, without code.

    [[tasks]]
    use = "hub"
    name = "tweets"
    id = "cardiffnlp/tweet_eval"
    config = "emotion"
    inputs = "text"
    label = "label"

**Inputs.** One column of encoded images makes a task of images: grey if all are grey, else colour. Columns that all
hold text make a task of texts; several columns are joined by `separator`, as for pairs of sentences. Any other columns
make a table. Numbers stay as they are (NaN if missing), truth values become 0 and 1, times become days since 1970.
Text, class numbers and the columns in `categorical` get a column of 0 and 1 for each category of train, and one for
`missing` if train lacks values. Set `modality` to choose another, such as a table for nothing but text.

**Labels.** Floats make a regression, other labels classes, unless `problem` is stated. Classes have the names that the
data set gives them (`ClassLabel`), else the labels of all splits are the names: numbers in ascending order, texts by
code point. Examples without a label are left out and counted. In CSV files, `NA`, `null` and the like count as no label
if all other labels are numbers or truth values, or if there are no others; among texts, `NA` is a class.

**Splits** are those of the data set. If it has no test split, or one without labels, its validation split is tested on,
as is usual (GLUE, Wang et al. 2018). If it has neither, a fifth of train is drawn by content, stratified by class. If
it has no validation split, one is held out of train, as for every task. The record's notes report these choices.

A folder `$BENCH_DATA/<id>` with the hub's layout takes precedence over the hub. It holds Parquet, CSV or JSON files, or
pictures in files of their own, which become the column `image`. The classes of pictures are their folders,
`train/CLASS/`, in the column `label`; or `train/metadata.csv` (or `.jsonl`) describes them, with one row a picture and
its path in `file_name`.
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
from bench_suite.environment import format_bytes

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
"""Most bytes of pixels that are held in memory."""


@dataclass(frozen=True)
class Options:
    id: str
    """Id of the data set on the hub: `owner/name`. A folder `$BENCH_DATA/<id>` takes precedence over the hub. For files
    of your own put train.csv (and test.csv) in `$BENCH_DATA/me/NAME` and write `me/NAME`."""
    inputs: str | tuple[str, ...]
    "A column of images or texts, or a list of columns: of a table, or of texts to be joined."
    label: str = "label"
    "The column to predict."
    config: str | None = None
    "The configuration (subset); needed if there are several."
    revision: str | None = None
    "Branch, tag or commit on the hub: with a commit, the data never change. It does not apply to a folder."
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
    categorical: tuple[str, ...] = ()
    "Columns of a table whose numbers are codes, such as a postcode."
    categories: int = 100
    "Most categories of a column that get their own column in the table: the most frequent of train."
    size: int | None = None
    "Height and width to which the middle square of each image is resized. Needed if their sizes differ."
    data: Literal["full"] = "full"
    "The whole data set: no package ships samples of it."


def columns_of(options: Options) -> tuple[str, ...]:
    """Return the names of the input columns."""
    return (options.inputs,) if isinstance(options.inputs, str) else options.inputs


def check(options: Options) -> None:
    """Raise ValueError if the id is not one of a data set, or if a column is named for two purposes."""
    if (error := path_error(options.id)) is not None:
        raise ValueError(f"id = {error}")
    if options.id.startswith(("http:", "https:")) or not re.fullmatch(r"\w[\w.-]*(/\w[\w.-]*)?", options.id):
        raise ValueError(
            f"id = {options.id!r} is not the id of a data set: write owner/name, as on its page on the hub"
        )
    inputs = columns_of(options)
    if not inputs:
        raise ValueError("inputs names no column")
    for option, names in (("inputs", inputs), ("groups", options.groups), ("categorical", options.categorical)):
        if len(set(names)) < len(names):
            raise ValueError(f"{option} names a column twice")
    if options.label in (*inputs, *options.groups):
        option = "inputs" if options.label in inputs else "groups"
        raise ValueError(f"label = {options.label!r} is also in `{option}`: nothing would be left to learn")
    for column in options.categorical:
        if column not in inputs:
            raise ValueError(f"categorical names {column!r}, which is not an input{nearest(column, inputs)}")
    named = [name for name in (options.train, options.validation, options.test) if name]
    if len(set(named)) < len(named):
        raise ValueError(f"one split is named twice among train, validation and test: {', '.join(map(repr, named))}")


def load(options: Options, sources: Sources) -> Data:
    """Return splits `train`, `test` and perhaps `validation`, in memory.

    Columns: `image` (n, H, W, C) uint8, `text`, lists of str, or `table` (n, d) float64 with NaN for missing values;
    `target` (n,) int64 class numbers or (n,) float64.

    Raises:
        DataUnavailable: Neither a folder nor the hub has the data set; the message holds the reason and the command
            that downloads it.
        DataInvalid: It has no such column, split or configuration, or nothing can be learnt from it.
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
        plain_inputs = [column for column in columns_of(options) if column not in options.categorical]
        notes |= numbers_as_text(tables["train"], (*plain_inputs, options.label))
    splits = {}
    for role, values in columns.items():
        groups = {group: group_values(tables[role], group) for group in options.groups}
        splits[role] = MemorySplit(content_ids(values), {modality: values, "target": targets[role]}, groups)
    splits = _with_test(splits, labels, parts, name, notes)
    spec = spec if labels.classes is None else {"classes": labels.classes, **spec}
    train = fetched["train"]
    source = Source(train.origin, name, fingerprint_of(splits), train.revision, train.licence, notes)
    return Data(labels.problem, spec, splits, source)


# ── the role of each split ──────────────────────────────────────────────────────────────────────


def _roles(options: Options, splits: tuple[str, ...], name: str, notes: dict[str, Any]) -> dict[str, str]:
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


def _with_test(
    splits: dict[str, MemorySplit], labels: Labels, parts: Mapping[str, str], name: str, notes: dict[str, Any]
) -> dict[str, MemorySplit]:
    """Return the splits with a test split: their own, else the validation split, else a fifth of train."""
    if "test" in splits:
        return splits
    if "validation" in splits:
        notes["test"] = f"the split `{parts['validation']}`, because there is no test split with labels"
        return {"train": splits["train"], "test": splits["validation"]}
    whole = splits["train"]
    if len(whole) < 2:
        raise DataInvalid(f"{name} has only one example with a label, so none is left to test on: add examples")
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
    """Return the texts or the table of each split, and their entries of the problem's `spec`."""
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
        notes["values of rare categories, or of categories that train lacks"] = unknown
    return values, {"columns": encoder.columns}


def _texts(options: Options, tables: Mapping[str, pa.Table], name: str, notes: dict[str, Any]) -> dict[str, list[str]]:
    by_role, empty = {}, 0
    for role, table in tables.items():
        by_role[role], count = texts(table, columns_of(options), options.separator)
        if count == len(by_role[role]) and role == "train":
            raise DataInvalid(f"{name}: all {count} texts of train are empty (inputs = {list(columns_of(options))})")
        empty += count
    if empty:
        notes["empty texts"] = empty
    return by_role


def _images(
    options: Options, tables: Mapping[str, pa.Table], sources: Sources, name: str, within: Sequence[Path]
) -> tuple[dict[str, np.ndarray], dict[str, Any]]:
    """Return the pixels (n, H, W, C) of each split, of one size and mode; only files `within` folders are opened."""
    (column,) = columns_of(options)
    form = Form()
    for role, table in tables.items():
        form |= form_of(table[column], f"{name}, split {role}", within)
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
            download=hub_command(options.id, revision=options.revision), within=within,
        )
        for role, table in tables.items()
    }  # fmt: skip
    return images, {"shape": next(iter(images.values())).shape[1:]}


def _area(size: tuple[int, int]) -> int:
    return size[0] * size[1]
