"""Preparing: what a cell trains and tests on, out of what a task brought; train, validation and test kept apart.

Who lands where is decided by the examples' content, never by a seed: pairing across seeds and runs depends on it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np

from bench_suite.contracts import Data, DataInvalid, Split
from bench_suite.data.fingerprint import contents, hash_of
from bench_suite.data.splits import Joined, Subset, column, targets_of
from bench_suite.data.splitting import shuffled, split_by_content, stratified

SMOKE_EXAMPLES = 64
"""Examples that `--smoke` leaves in each split."""


def classes_of(split: Split) -> np.ndarray | None:
    """(n,) integer targets to stratify by, where they are such and nothing has to be read from disk for them."""
    target = column(split, "target") if split.in_memory else targets_of(split)
    if isinstance(target, np.ndarray) and target.ndim == 1 and target.dtype.kind in "iub":
        return target
    return None


def hold_out(split: Split, fraction: float) -> tuple[Split, Split]:
    """Parts a split in two, `(train, validation)`, with `fraction` of the examples in the second.

    Drawn by content: the same for every seed, on every machine. Stratified where the targets are integer classes that
    are known without reading from disk; else parted by the ids alone. Equal examples stay in train, and so does the
    only example of a class, without which nothing could be learnt of it.
    """
    held = min(max(round(len(split) * fraction), 1), len(split) - 1) if len(split) > 1 else 0
    classes = classes_of(split)
    alone = np.empty(0, dtype=np.int64) if classes is None else _alone(classes)
    rest = np.delete(np.arange(len(split)), alone)
    held = min(held, len(rest))
    counts = {"validation": held, "train": len(rest) - held}
    parts = split_by_content(split.ids[rest], None if classes is None else classes[rest], counts)
    train = np.sort(np.r_[rest[parts["train"]], alone])
    return Subset(split, train), Subset(split, np.sort(rest[parts["validation"]]))


def _alone(classes: np.ndarray) -> np.ndarray:
    """(k,) rows whose class stands nowhere else."""
    _, firsts, counts = np.unique(classes, return_index=True, return_counts=True)
    return firsts[counts == 1]


def duplicates_of(test: Split, train: Split) -> np.ndarray:
    """(k,) rows of `train` whose content stands in `test` too: those to leave out of `train`."""
    return np.flatnonzero(np.isin(contents(train.ids), contents(test.ids)))


def without(split: Split, rows: np.ndarray) -> Split:
    """The examples of a split but for those at `rows` ((k,) positions), as a view; itself where there are none."""
    return Subset(split, np.delete(np.arange(len(split)), rows)) if len(rows) else split


def drop_test_duplicates(splits: Mapping[str, Split]) -> tuple[dict[str, Split], dict[str, int], str]:
    """Splits of which no example that is learnt from stands in one that is tested on.

    What stands in `test` or in a shift is left out of `train` and of a `validation` that the task brings, since models
    are chosen by the one and may be trained on the other; what stands in `validation` is left out of `train`. `test`
    and the shifts stay whole: what is measured on them compares with what others have measured. Equal means equal
    content of the inputs, whatever the targets say.

    Returns:
        The splits; how many examples each was relieved of and why, to be noted; and a hash of who they were, empty
        where there were none.
    """
    apart = dict(splits)
    tested = [name for name in ("test", *splits) if name in splits and (name == "test" or name.startswith("shift:"))]
    notes: dict[str, int] = {}
    left_out: list[Any] = []
    for name in ("validation", "train"):
        for other in dict.fromkeys([*tested, *(("validation",) if name == "train" else ())]):
            if name not in apart or other not in apart:
                continue
            rows = duplicates_of(apart[other], apart[name])
            if len(rows):
                notes[f"left out of {name}, since they stand in {other}"] = len(rows)
                left_out += [name, apart[name].ids[rows]]
                apart[name] = without(apart[name], rows)
    return apart, notes, hash_of(left_out) if left_out else ""


def prepare(data: Data, validation: float, smoke: bool = False) -> Data:
    """Return what a cell trains and tests on: without duplicates of test examples, and with a validation split.

    Args:
        data: as the task's `load` gave it.
        validation: share of train to hold out where the task brings no validation split. 0 trains on everything, a
            validation split that the task brings included.
        smoke: leave `SMOKE_EXAMPLES` examples in each split.

    Returns:
        The data, with notes of what was left out and of classes with one example or none to learn from. Where examples
        were left out, they count in the fingerprint too.

    Raises:
        DataInvalid: a split is missing or empty, a label is none of `spec["classes"]`, or train holds nothing that is
            not tested on.
    """
    for name in ("train", "test"):
        if name not in data.splits:
            given = ", ".join(data.splits) or "none"
            raise DataInvalid(f"{data.source.name}: the task gives no `{name}` split; it gives: {given}")
    for name, split in data.splits.items():
        if not len(split):
            raise DataInvalid(f"{data.source.name}: split `{name}` is empty; it needs one example at the least")
        _check_labels(data, name, split)
    _check_ids(data)
    splits, notes, left_out = drop_test_duplicates(data.splits)
    for name in ("train", "validation"):
        if name in splits and not len(splits[name]):
            raise DataInvalid(
                f"{data.source.name}: each of the {len(data.splits[name])} examples of `{name}` stands in a split that "
                "is tested on, too, so none is left. Give the splits examples of their own"
            )
    if validation > 0 and "validation" not in splits:
        splits["train"], splits["validation"] = hold_out(splits["train"], validation)
        if not len(splits["validation"]):
            n = len(splits["train"])
            few = f"{n} training examples of as many classes leave" if n > 1 else f"{n} training example leaves"
            raise DataInvalid(
                f"{data.source.name}: {few} none to validate on; give more, or train on everything: validation = 0"
            )
    elif validation == 0 and "validation" in splits:
        splits["train"] = Joined(splits["train"], splits.pop("validation"))
    fingerprint = hash_of(data.source.fingerprint, left_out) if left_out else data.source.fingerprint
    noted = {**data.source.notes, **notes, **_rare_classes(data, splits["train"])}
    made = replace(data, splits=splits, source=replace(data.source, fingerprint=fingerprint, notes=noted))
    return smoke_part(made) if smoke else made


def smoke_part(data: Data) -> Data:
    """The data with `SMOKE_EXAMPLES` examples in each split that has more, classes in proportion."""
    return replace(data, splits={name: _few(split) for name, split in data.splits.items()})


def _rare_classes(data: Data, train: Split) -> dict[str, str]:
    """Notes of classes of which train has one example, or none."""
    classes, target = data.spec.get("classes"), classes_of(train)
    if classes is None or target is None:
        return {}
    times = np.bincount(target, minlength=len(classes))
    notes = {}
    for count, what in ((1, "classes with one example to learn from"), (0, "classes without an example to learn from")):
        names = [str(classes[number]) for number in np.flatnonzero(times == count)]
        if names:
            more = f" and {len(names) - 5} more" if len(names) > 5 else ""
            notes[what] = ", ".join(names[:5]) + more
    return notes


def _check_ids(data: Data) -> None:
    """Refuses row numbers: they would make the examples of one split pass for those of another."""
    train, test = (np.asarray(data.splits[name].ids) for name in ("train", "test"))
    if all(len(ids) > 1 and (ids == np.arange(len(ids))).all() for ids in (train, test)):
        raise DataInvalid(
            f"{data.source.name}: the ids of `train` and of `test` both count from 0, as if examples of the one stood "
            "in the other. Make them of the examples' content: bench_suite.data.fingerprint.content_ids"
        )


def _few(split: Split) -> Split:
    if len(split) <= SMOKE_EXAMPLES:
        return split
    order = shuffled(split.ids)
    return Subset(split, np.sort(order[stratified(order, classes_of(split), SMOKE_EXAMPLES)]))


def _check_labels(data: Data, name: str, split: Split) -> None:
    classes, target = data.spec.get("classes"), classes_of(split)
    if classes is None or target is None:
        return
    outside = (target < 0) | (target >= len(classes))
    if outside.any():
        values, times = np.unique(target[outside], return_counts=True)
        found = ", ".join(f"{value} ({count} times)" for value, count in zip(values[:5].tolist(), times[:5].tolist()))
        more = f" and {len(values) - 5} more values" if len(values) > 5 else ""
        raise DataInvalid(
            f"{data.source.name}: split `{name}` has labels outside its {len(classes)} classes (0 to "
            f"{len(classes) - 1}): {found}{more}. Correct the labels, or name all classes."
        )
