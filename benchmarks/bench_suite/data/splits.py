"""Splits: examples held in memory, views on some of them, and how train, validation and test are kept apart.

Who lands where is decided by the examples' content, never by a seed: pairing across seeds and runs depends on it.
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


def column(split: Split, name: str) -> Any | None:
    """All values of one column of a split, or None where there is none of that name.

    Read `CHUNK` rows at a time where the split is not held here, so that no more than that and this column is held.
    """
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
    """(n,) integer targets to stratify by, where the split is in memory and has such."""
    target = column(split, "target") if split.in_memory else None
    if isinstance(target, np.ndarray) and target.ndim == 1 and target.dtype.kind in "iub":
        return target
    return None


def hold_out(split: Split, fraction: float) -> tuple[Split, Split]:
    """Parts a split in two, `(train, validation)`, with `fraction` of the examples in the second.

    Drawn by content: the same for every seed, on every machine. Stratified where the target is integer classes and
    the split is in memory; one on disk is parted by its ids alone and left there. Equal examples stay in train.
    """
    held = min(max(round(len(split) * fraction), 1), len(split) - 1) if len(split) > 1 else 0
    parts = dealt(split.ids, _classes(split), {"validation": held, "train": len(split) - held})
    return Subset(split, np.sort(parts["train"])), Subset(split, np.sort(parts["validation"]))


def duplicates_of(test: Split, train: Split) -> np.ndarray:
    """(k,) rows of `train` whose content stands in `test` too: those to leave out of `train`."""
    return np.flatnonzero(np.isin(contents(train.ids), contents(test.ids)))


def without(split: MemorySplit, rows: np.ndarray) -> MemorySplit:
    """The examples of a split but for those at `rows` ((k,) positions); the split itself where there are none."""
    return split.at(np.delete(np.arange(len(split)), rows)) if len(rows) else split


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
    """What a cell trains and tests on, out of what a task brought.

    Args:
        data: as the task's `load` gave it.
        validation: share of train to hold out where the task brings no validation split. 0 trains on everything, a
            validation split that the task brings included.
        smoke: leave `SMOKE_EXAMPLES` examples in each split.

    Raises:
        DataInvalid: a split is missing or empty, or a label is none of `spec["classes"]`.
    """
    splits = dict(data.splits)
    for name in ("train", "test"):
        if name not in splits:
            raise DataInvalid(f"{data.source.name}: the task gives no `{name}` split; it gives: {', '.join(splits)}")
    for name, split in splits.items():
        if not len(split):
            raise DataInvalid(f"{data.source.name}: split `{name}` is empty")
        _check_labels(data, name, split)
    if validation > 0 and "validation" not in splits:
        splits["train"], splits["validation"] = hold_out(splits["train"], validation)
        if not len(splits["validation"]):
            raise DataInvalid(
                f"{data.source.name}: {len(data.splits['train'])} training example leaves none to validate on"
            )
    elif validation == 0 and "validation" in splits:
        splits["train"] = Joined(splits["train"], splits.pop("validation"))
    if smoke:
        splits = {name: _few(split) for name, split in splits.items()}
    return replace(data, splits=splits)


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
