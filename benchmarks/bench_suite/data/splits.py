"""Splits: examples held in memory, and views on some of them, on two together, or on changed ones.

A split on disk may offer `targets`, (n,) or whatever the problem has, known without reading an example. Then labels are
checked and classes get their shares as in memory, and nothing is decoded for it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np

from bench_suite.contracts import DataInvalid, Split, Transform
from bench_suite.data.fingerprint import hash_of
from bench_suite.data.ragged import Ragged

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
