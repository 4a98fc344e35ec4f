"""Splits: examples held in memory, views on some of them, and how train, validation and test are kept apart.

Who lands where is decided by the examples' content, never by a seed: pairing across seeds and runs depends on it.

A split on disk may offer `targets`, (n,) or whatever the problem has, known without reading an example. Then labels are
checked and classes get their shares as in memory, and nothing is decoded for it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any

import numpy as np

from bench_suite.contracts import Data, DataInvalid, Split, Transform
from bench_suite.data.drawing import dealt, shuffled, stratified
from bench_suite.data.fingerprint import contents, hash_of
from bench_suite.data.ragged import Ragged

SMOKE_EXAMPLES = 64
"""Examples that `--smoke` leaves in each split."""
CHUNK = 4096
"""Rows that are read at once from a split that may not fit in memory."""


@dataclass(frozen=True, eq=False)
class MemorySplit:
    """Examples whose raw values are in memory (or memory-mapped)."""

    ids: np.ndarray
    "(n,) int64, as `fingerprint.content_ids` gives them."
    columns: Mapping[str, Any]
    "Inputs and `target` by name: arrays (n, ...), lists of n, or `Ragged` of n rows."
    groups: Mapping[str, np.ndarray] = field(default_factory=dict)
    "Sensitive attributes, each (n,)."
    in_memory: bool = True

    def __post_init__(self) -> None:
        for name, column in {**self.columns, **self.groups}.items():
            if len(column) != len(self.ids):
                raise DataInvalid(f"column `{name}` has {len(column)} rows where there are {len(self.ids)} ids")

    def __len__(self) -> int:
        return len(self.ids)

    def take(self, rows: np.ndarray) -> Mapping[str, Any]:
        """The columns at `rows` ((k,) positions), in that order."""
        return {name: _rows(column, rows) for name, column in self.columns.items()}

    def at(self, rows: np.ndarray) -> MemorySplit:
        """The examples at `rows` ((k,) positions), in that order, as a split of their own."""
        groups = {name: values[rows] for name, values in self.groups.items()}
        return MemorySplit(self.ids[rows], self.take(rows), groups)


@dataclass(frozen=True, eq=False)
class Subset:
    """Some examples of another split, in a given order. Nothing is read or copied until `take`."""

    split: Split
    rows: np.ndarray
    "(m,) positions in `split`."

    @cached_property
    def ids(self) -> np.ndarray:
        """(m,) int64"""
        return self.split.ids[self.rows]

    @cached_property
    def groups(self) -> Mapping[str, np.ndarray]:
        """Sensitive attributes, each (m,)."""
        return {name: np.asarray(values)[self.rows] for name, values in self.split.groups.items()}

    @property
    def in_memory(self) -> bool:
        """As the split it is a view of."""
        return self.split.in_memory

    @cached_property
    def targets(self) -> Any | None:
        """(m,) targets, where the split it is a view of knows them without reading."""
        whole = targets_of(self.split)
        return None if whole is None else _rows(whole, self.rows)

    def __len__(self) -> int:
        return len(self.rows)

    def take(self, rows: np.ndarray) -> Mapping[str, Any]:
        """The columns at `rows` ((k,) positions in this subset), in that order."""
        return self.split.take(self.rows[np.asarray(rows)])


@dataclass(frozen=True, eq=False)
class Joined:
    """The examples of one split and then those of another."""

    first: Split
    second: Split

    @cached_property
    def ids(self) -> np.ndarray:
        """(n,) int64"""
        return np.concatenate([self.first.ids, self.second.ids])

    @cached_property
    def groups(self) -> Mapping[str, np.ndarray]:
        """Sensitive attributes that both splits have, each (n,)."""
        shared = [name for name in self.first.groups if name in self.second.groups]
        return {name: np.concatenate([self.first.groups[name], self.second.groups[name]]) for name in shared}

    @property
    def in_memory(self) -> bool:
        """True where both are."""
        return self.first.in_memory and self.second.in_memory

    @cached_property
    def targets(self) -> Any | None:
        """(n,) targets, where both splits know them without reading."""
        parts = [targets_of(part) for part in (self.first, self.second)]
        return None if any(part is None for part in parts) else joined(parts)

    def __len__(self) -> int:
        return len(self.first) + len(self.second)

    def take(self, rows: np.ndarray) -> Mapping[str, Any]:
        """The columns at `rows` ((k,) positions), in that order."""
        rows = np.asarray(rows)
        early = rows < len(self.first)
        if early.all():
            return self.first.take(rows)
        if not early.any():
            return self.second.take(rows - len(self.first))
        parts = self.first.take(rows[early]), self.second.take(rows[~early] - len(self.first))
        order = np.empty(len(rows), dtype=np.int64)
        order[np.r_[np.flatnonzero(early), np.flatnonzero(~early)]] = np.arange(len(rows))
        return {name: _rows(joined([parts[0][name], parts[1][name]]), order) for name in parts[0]}


@dataclass(frozen=True, eq=False)
class Changed:
    """The examples of another split with their raw values changed as they are taken: corrupted, or a word swapped."""

    split: Split
    change: Transform
    "Raw values of k rows to raw values of the same k rows."

    @property
    def ids(self) -> np.ndarray:
        """(n,) int64 of the unchanged examples, so that both can be paired."""
        return self.split.ids

    @property
    def groups(self) -> Mapping[str, np.ndarray]:
        """Sensitive attributes of the unchanged examples."""
        return self.split.groups

    @property
    def in_memory(self) -> bool:
        """As the split that is changed."""
        return self.split.in_memory

    def __len__(self) -> int:
        return len(self.split)

    def take(self, rows: np.ndarray) -> Mapping[str, Any]:
        """The changed columns at `rows` ((k,) positions), in that order."""
        return self.change(self.split.take(rows))


def _rows(column: Any, rows: np.ndarray) -> Any:
    if isinstance(column, np.ndarray | Ragged):
        return column[rows]
    return [column[row] for row in np.asarray(rows).tolist()]


def joined(parts: Sequence[Any]) -> Any:
    """One column out of parts of it (at least one): arrays, `Ragged`, or lists."""
    if isinstance(parts[0], np.ndarray):
        return parts[0] if len(parts) == 1 else np.concatenate(parts)
    if isinstance(parts[0], Ragged):
        return Ragged.concatenate(parts)
    return [value for part in parts for value in part]


def targets_of(split: Split) -> Any | None:
    """All targets of a split, where they are known without reading an example; else None.

    A `Changed` split says nothing: a change may be one of targets too.
    """
    if isinstance(split, MemorySplit):
        return split.columns.get("target")
    return getattr(split, "targets", None)


def column(split: Split, name: str) -> Any | None:
    """All values of one column of a split, or None where there is none of that name.

    Targets are had from `targets_of` where it knows them. All else of a split that is not held here is read `CHUNK`
    rows at a time, so that no more than that and this column is held.
    """
    if name == "target" and (known := targets_of(split)) is not None:
        return known
    if isinstance(split, MemorySplit):
        return split.columns.get(name)
    if isinstance(split, Subset) and split.in_memory:
        whole = column(split.split, name)
        return None if whole is None else _rows(whole, split.rows)
    if isinstance(split, Joined):
        parts = [part for part in (column(split.first, name), column(split.second, name)) if part is not None]
        return joined(parts) if len(parts) == 2 else None
    chunks = []
    for start in range(0, len(split), CHUNK):
        taken = split.take(np.arange(start, min(start + CHUNK, len(split))))
        if name not in taken:
            return None
        chunks.append(taken[name])
    return joined(chunks) if chunks else None


# ── who lands where ─────────────────────────────────────────────────────────────────────────────


def _classes(split: Split) -> np.ndarray | None:
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
    classes = _classes(split)
    alone = np.empty(0, dtype=np.int64) if classes is None else _alone(classes)
    rest = np.delete(np.arange(len(split)), alone)
    held = min(held, len(rest))
    counts = {"validation": held, "train": len(rest) - held}
    parts = dealt(split.ids[rest], None if classes is None else classes[rest], counts)
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


def kept_apart(splits: Mapping[str, Split]) -> tuple[dict[str, Split], dict[str, int], str]:
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


# ── the last step before a model sees the data ──────────────────────────────────────────────────


def chosen_groups(available: Mapping[str, np.ndarray], names: Sequence[str] | None) -> dict[str, np.ndarray]:
    """The sensitive attributes that a suite asks for; None asks for all."""
    unknown = [name for name in names or () if name not in available]
    if unknown:
        allowed = ", ".join(available) or "none"
        raise DataInvalid(f"groups = {list(names or ())}: no group `{unknown[0]}` in this task; it has: {allowed}")
    return {name: available[name] for name in (available if names is None else names)}


def fingerprint_of(splits: Mapping[str, Split]) -> str:
    """Hash of what splits hold and of who landed where; inputs count through the ids, which are of their content."""
    return hash_of(
        {
            name: {"ids": split.ids, "target": column(split, "target"), "groups": dict(split.groups)}
            for name, split in splits.items()
        }
    )


def prepare(data: Data, validation: float, smoke: bool = False) -> Data:
    """What a cell trains and tests on, out of what a task brought: `kept_apart`, and with examples to validate on.

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
    splits, notes, left_out = kept_apart(data.splits)
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
    if smoke:
        splits = {name: _few(split) for name, split in splits.items()}
    return replace(data, splits=splits, source=replace(data.source, fingerprint=fingerprint, notes=noted))


def _rare_classes(data: Data, train: Split) -> dict[str, str]:
    """Notes of classes of which train has one example, or none."""
    classes, target = data.spec.get("classes"), _classes(train)
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
    return Subset(split, np.sort(order[stratified(order, _classes(split), SMOKE_EXAMPLES)]))


def _check_labels(data: Data, name: str, split: Split) -> None:
    classes, target = data.spec.get("classes"), _classes(split)
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
