"""Preparation of a task's data for a cell: duplicates removed between the splits, and validation held out of train.

The content of an example decides its split, never a seed: pairing across seeds and runs depends on this.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np

from bench_suite.contracts import Data, DataInvalid, Split
from bench_suite.data.fingerprint import contents, hash_of
from bench_suite.data.smoke import smoke_part
from bench_suite.data.splits import (
    Joined,
    MemorySplit,
    Subset,
    classes_of,
    clusters_of,
    fingerprint_of,
    fingerprints_of,
)
from bench_suite.data.splitting import NOTED, assign_groups, split_by_content

MAX_DROPPED = 0.05
"""Most of train that is removed as duplicates of tested examples without the suite stating it."""


def hold_out(split: Split, fraction: float) -> tuple[Split, Split]:
    """Split the examples by content into `(train, validation)`, with `fraction` of them in validation.

    The result is the same for every seed and on every machine. Whole clusters are held out. It is stratified if
    the targets are integer classes that are known without reading from disk. Equal examples stay in train, and so does
    the only example of a class, because a model could not learn the class without it.
    """
    held_out = min(max(round(len(split) * fraction), 1), len(split) - 1) if len(split) > 1 else 0
    classes = classes_of(split)
    if (clusters := clusters_of(split)) is not None:
        return _hold_out_clusters(split, clusters, fraction)
    single = np.empty(0, dtype=np.int64) if classes is None else _single_examples(classes)
    rest = np.delete(np.arange(len(split)), single)
    held_out = min(held_out, len(rest))
    counts = {"validation": held_out, "train": len(rest) - held_out}
    target = None if classes is None else classes[rest]
    parts = split_by_content(split.ids[rest], target, counts, separate=_is_table(split))
    train = np.sort(np.r_[rest[parts["train"]], single])
    return Subset(split, train), Subset(split, np.sort(rest[parts["validation"]]))


def _hold_out_clusters(split: Split, clusters: np.ndarray, fraction: float) -> tuple[Split, Split]:
    _, cluster_of_row = np.unique(clusters, return_inverse=True)
    none = np.zeros(len(clusters), dtype=np.int64)
    parts = assign_groups(cluster_of_row, none, np.array([fraction, 1 - fraction]))
    held_out = parts[cluster_of_row] == 0
    return Subset(split, np.flatnonzero(~held_out)), Subset(split, np.flatnonzero(held_out))


def _single_examples(classes: np.ndarray) -> np.ndarray:
    """Return the (k,) rows that are the only example of their class."""
    _, firsts, counts = np.unique(classes, return_index=True, return_counts=True)
    return firsts[counts == 1]


def duplicates_of(test: Split, train: Split) -> np.ndarray:
    """Return the (k,) rows of `train` whose content is also in `test`: those to remove from `train`."""
    return np.flatnonzero(np.isin(contents(train.ids), contents(test.ids)))


def drop_rows(split: Split, rows: np.ndarray) -> Split:
    """Return a view of a split without the examples at `rows` ((k,) positions); the split itself if there are none."""
    return Subset(split, np.delete(np.arange(len(split)), rows)) if len(rows) else split


def drop_test_duplicates(
    splits: Mapping[str, Split], words: str = "removed from"
) -> tuple[dict[str, Split], dict[str, int], str]:
    """Remove from train and validation the examples that a later split tests on.

    Examples of `test` and of the shifts are removed from `train` and from the task's own `validation`, because models
    are trained on the one and chosen by the other. Examples of `validation` are removed from `train`. `test` and the
    shifts stay whole, so that results on them compare with published ones. Two examples are equal if their inputs are,
    whatever their targets.

    Args:
        splits: The task's splits by name.
        words: What the notes say of these examples.

    Returns:
        The splits; for the record's notes, how many examples were removed from which split and why; and a hash of the
        removed examples, empty if there are none.
    """
    remaining = dict(splits)
    tested = [name for name in ("test", *splits) if name in splits and (name == "test" or name.startswith("shift:"))]
    notes: dict[str, int] = {}
    removed: list[Any] = []
    for name in ("validation", "train"):
        for other in dict.fromkeys([*tested, *(("validation",) if name == "train" else ())]):
            if name not in remaining or other not in remaining:
                continue
            rows = duplicates_of(remaining[other], remaining[name])
            if len(rows):
                notes[f"{words} {name}, because {other} has them too"] = len(rows)
                removed += [name, remaining[name].ids[rows]]
                remaining[name] = drop_rows(remaining[name], rows)
    return remaining, notes, hash_of(removed) if removed else ""


def prepare(data: Data, validation: float, smoke: bool = False) -> Data:
    """Return the data that a cell trains and tests on: without duplicates of test examples, with a validation split.

    Args:
        data: The data as the task's `load` returned them.
        validation: Share of train to hold out if the task brings no validation split. 0 trains on everything,
            including the task's own validation split.
        smoke: Keep `SMOKE_EXAMPLES` examples in each split, and their texts whole.

    Returns:
        The data, with notes on removed examples and on classes with one training example or none. Removed examples
        change the fingerprint.

    Raises:
        DataInvalid: A split is missing or empty, a label is not in `spec["classes"]`, or all training examples are
            also in a tested split.
    """
    check_splits(data)
    splits, notes, removed = _without_duplicates(data)
    fingerprints = _fingerprints(data, splits)
    for name in ("train", "validation"):
        if name in splits and not len(splits[name]):
            raise DataInvalid(
                f"{data.source.name}: all {len(data.splits[name])} examples of `{name}` are also in a split that is "
                "tested on, so none is left. Give each split its own examples"
            )
    if validation > 0 and "validation" not in splits:
        whole = splits["train"]
        splits["train"], splits["validation"] = hold_out(whole, validation)
        if not len(splits["validation"]):
            n = len(splits["train"])
            if clusters_of(whole) is not None:
                raise DataInvalid(
                    f"{data.source.name}: all {n} training examples are one group, which stays whole, so none is left "
                    "to validate on: train on everything: validation = 0"
                )
            few = f"{n} training examples of as many classes leave" if n > 1 else f"{n} training example leaves"
            raise DataInvalid(
                f"{data.source.name}: {few} none to validate on; give more, or train on everything: validation = 0"
            )
        reached = len(splits["validation"]) / len(whole)
        if clusters_of(whole) is not None and abs(reached - validation) > NOTED:
            notes = {**notes, "validation": f"{reached:.1%} of train and not {validation:.1%}, as groups stay whole"}
    elif validation == 0 and "validation" in splits:
        splits["train"] = Joined(splits["train"], splits.pop("validation"))
    fingerprint = hash_of(data.source.fingerprint, removed) if removed else data.source.fingerprint
    added = {**notes, **_rare_classes(data, splits["train"])}
    source = replace(
        data.source, fingerprint=fingerprint, notes={**data.source.notes, **added},
        prominent=tuple(dict.fromkeys((*data.source.prominent, *added))), fingerprints=fingerprints,
    )  # fmt: skip
    prepared = replace(data, splits=splits, source=source)
    return smoke_part(prepared) if smoke else prepared


def _without_duplicates(data: Data) -> tuple[dict[str, Split], dict[str, Any], str]:
    """Treat the train examples whose inputs a tested split has too, as the task or the kind of data asks.

    Equal rows are usual in a table of few different values, and a table that lost them would lose most of its rows.

    Raises:
        DataInvalid: There are such examples and the task refuses them, or more than `MAX_DROPPED` of train would be
            removed and the suite does not state it.
    """
    policy = data.duplicates
    if policy in (None, "ask"):
        policy = "keep" if _is_table(data.splits["train"]) else policy or "drop"
    splits, notes, removed = drop_test_duplicates(data.splits, "kept in" if policy == "keep" else "removed from")
    dropped = len(data.splits["train"]) - len(splits["train"])
    share = dropped / len(data.splits["train"])
    counts = f"{dropped:,} of the {len(data.splits['train']):,} examples of train ({share:.0%})"
    if removed and policy == "refuse":
        raise DataInvalid(f"{data.source.name}: {counts} have inputs that a tested split has too: remove them")
    if policy == "keep":
        return dict(data.splits), dict(notes), ""
    if policy == "ask" and share > MAX_DROPPED:
        raise DataInvalid(
            f"{data.source.name}: {counts} have inputs that a tested split has too, and would be removed: "
            'state duplicates = "drop" if that is right, or duplicates = "keep"'
        )
    return splits, dict(notes), removed


def _is_table(split: Split) -> bool:
    """Return whether the examples are rows of a table, of which equal ones are separate examples."""
    if isinstance(split, Subset):
        return _is_table(split.split)
    return isinstance(split, MemorySplit) and "table" in split.columns


def _fingerprints(data: Data, splits: Mapping[str, Split]) -> Mapping[str, Mapping[str, str]]:
    """Return the fingerprints of the splits that a cell learns from and is tested on, before any are held out.

    They are empty if the task's own fingerprint is not that of `fingerprint_of`: what it covers is not known, so it
    alone decides whether two data sets are the same.
    """
    source = data.source
    fingerprints = fingerprints_of(splits, source.preparation)
    own = bool(fingerprints) and source.fingerprint != fingerprint_of(data.splits, source.preparation)
    return {} if own else fingerprints


def check_splits(data: Data) -> None:
    """Raise DataInvalid if train or test is missing or empty, a label is no class, or the ids are row numbers."""
    for name in ("train", "test"):
        if name not in data.splits:
            names = ", ".join(data.splits) or "none"
            raise DataInvalid(f"{data.source.name}: the task gives no `{name}` split; it gives: {names}")
    for name, split in data.splits.items():
        if not len(split):
            raise DataInvalid(f"{data.source.name}: split `{name}` is empty; it needs at least one example")
        _check_labels(data, name, split)
    _check_ids(data)


def _rare_classes(data: Data, train: Split) -> dict[str, str]:
    """Return notes on the classes with one example or none in train."""
    classes, target = data.spec.get("classes"), classes_of(train)
    if classes is None or target is None:
        return {}
    sizes = np.bincount(target, minlength=len(classes))
    notes = {}
    for size, note in ((1, "classes with one training example"), (0, "classes without a training example")):
        names = [str(classes[number]) for number in np.flatnonzero(sizes == size)]
        if names:
            more = f" and {len(names) - 5} more" if len(names) > 5 else ""
            notes[note] = ", ".join(names[:5]) + more
    return notes


def _check_ids(data: Data) -> None:
    """Raise DataInvalid if the ids are row numbers, because examples of two splits would then look equal."""
    train, test = (np.asarray(data.splits[name].ids) for name in ("train", "test"))
    if all(len(ids) > 1 and (ids == np.arange(len(ids))).all() for ids in (train, test)):
        raise DataInvalid(
            f"{data.source.name}: the ids of `train` and of `test` both count from 0, so the splits seem to share "
            "examples. Make ids of the examples' content: bench_suite.data.fingerprint.content_ids"
        )


def _check_labels(data: Data, name: str, split: Split) -> None:
    classes, target = data.spec.get("classes"), classes_of(split)
    if classes is None or target is None:
        return
    outside = (target < 0) | (target >= len(classes))
    if outside.any():
        values, counts = np.unique(target[outside], return_counts=True)
        listed = ", ".join(f"{value} ({count} times)" for value, count in zip(values[:5].tolist(), counts[:5].tolist()))
        more = f" and {len(values) - 5} more values" if len(values) > 5 else ""
        raise DataInvalid(
            f"{data.source.name}: split `{name}` has labels outside its {len(classes)} classes (0 to "
            f"{len(classes) - 1}): {listed}{more}. Correct the labels, or name all classes."
        )
