"""Splits: examples in memory, and views of a part of them, of two splits together, or of changed examples.

A split on disk may offer `targets`, (n,) or in the form of the problem, known without reading an example. Labels are
then checked, and splits stratified, as in memory, and nothing is decoded for it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np

from bench_suite.contracts import Data, DataInvalid, Split, Transform
from bench_suite.data.fingerprint import hash_of, row_hashes
from bench_suite.data.ragged import Ragged

CHUNK = 4096
"""Rows that are read at a time from a split that may not fit in memory."""


@dataclass(frozen=True, eq=False)
class MemorySplit:
    """Examples whose raw values are in memory (or memory-mapped)."""

    ids: np.ndarray
    "(n,) int64, from `fingerprint.content_ids`."
    columns: Mapping[str, Any]
    "Inputs and `target` by name: arrays (n, ...), lists of n, or `Ragged` of n rows."
    groups: Mapping[str, np.ndarray] = field(default_factory=dict)
    "Sensitive attributes, each (n,)."
    in_memory: bool = True
    clusters: np.ndarray | None = None
    "(n,) int64: examples of one number, such as those of one customer, are not independent; None if all are."
    identifiers: Mapping[str, np.ndarray] = field(default_factory=dict)
    """Columns that name something with several rows, such as a customer, if the splits were drawn without regard to
    them: by name (n,) int64, equal for rows of one value in all splits, −1 for a missing one."""

    def __post_init__(self) -> None:
        clusters = {} if self.clusters is None else {"clusters": self.clusters}
        for name, column in {**self.columns, **self.groups, **self.identifiers, **clusters}.items():
            if len(column) != len(self.ids):
                raise DataInvalid(f"column `{name}` has {len(column)} rows, but there are {len(self.ids)} ids")

    def __len__(self) -> int:
        return len(self.ids)

    def take(self, rows: np.ndarray) -> Mapping[str, Any]:
        """Return the columns at `rows` ((k,) positions), in that order."""
        return {name: take(column, rows) for name, column in self.columns.items()}

    def at(self, rows: np.ndarray) -> MemorySplit:
        """Return a new split of the examples at `rows` ((k,) positions), in that order."""
        groups = {name: values[rows] for name, values in self.groups.items()}
        clusters = None if self.clusters is None else self.clusters[rows]
        identifiers = {name: values[rows] for name, values in self.identifiers.items()}
        return MemorySplit(self.ids[rows], self.take(rows), groups, clusters=clusters, identifiers=identifiers)


@dataclass(frozen=True, eq=False)
class Subset:
    """A view of some examples of another split, in a given order. Nothing is read or copied until `take`."""

    split: Split
    rows: np.ndarray
    "(m,) positions in `split`."

    @cached_property
    def ids(self) -> np.ndarray:
        """The (m,) int64 ids."""
        return self.split.ids[self.rows]

    @cached_property
    def groups(self) -> Mapping[str, np.ndarray]:
        """Sensitive attributes, each (m,)."""
        return {name: np.asarray(values)[self.rows] for name, values in self.split.groups.items()}

    @property
    def in_memory(self) -> bool:
        """Whether the underlying split is in memory."""
        return self.split.in_memory

    @cached_property
    def targets(self) -> Any | None:
        """The (m,) targets if the underlying split knows them without reading, else None."""
        whole = targets_of(self.split)
        return None if whole is None else take(whole, self.rows)

    def __len__(self) -> int:
        return len(self.rows)

    def take(self, rows: np.ndarray) -> Mapping[str, Any]:
        """Return the columns at `rows` ((k,) positions in this subset), in that order."""
        return self.split.take(self.rows[np.asarray(rows)])


@dataclass(frozen=True, eq=False)
class Joined:
    """A view of the examples of one split followed by those of another."""

    first: Split
    second: Split

    @cached_property
    def ids(self) -> np.ndarray:
        """The (n,) int64 ids."""
        return np.concatenate([self.first.ids, self.second.ids])

    @cached_property
    def groups(self) -> Mapping[str, np.ndarray]:
        """Sensitive attributes that both splits have, each (n,)."""
        shared = [name for name in self.first.groups if name in self.second.groups]
        return {name: np.concatenate([self.first.groups[name], self.second.groups[name]]) for name in shared}

    @property
    def in_memory(self) -> bool:
        """Whether both splits are in memory."""
        return self.first.in_memory and self.second.in_memory

    @cached_property
    def targets(self) -> Any | None:
        """The (n,) targets if both splits know them without reading, else None."""
        parts = [targets_of(part) for part in (self.first, self.second)]
        return None if any(part is None for part in parts) else concatenate(parts)

    def __len__(self) -> int:
        return len(self.first) + len(self.second)

    def take(self, rows: np.ndarray) -> Mapping[str, Any]:
        """Return the columns at `rows` ((k,) positions), in that order."""
        rows = np.asarray(rows)
        in_first = rows < len(self.first)
        if in_first.all():
            return self.first.take(rows)
        if not in_first.any():
            return self.second.take(rows - len(self.first))
        parts = self.first.take(rows[in_first]), self.second.take(rows[~in_first] - len(self.first))
        order = np.empty(len(rows), dtype=np.int64)
        order[np.r_[np.flatnonzero(in_first), np.flatnonzero(~in_first)]] = np.arange(len(rows))
        return {name: take(concatenate([parts[0][name], parts[1][name]]), order) for name in parts[0]}


@dataclass(frozen=True, eq=False)
class View:
    """A view of all examples of a split, in the same order. What differs is what `take` of a kind of view returns."""

    split: Split

    @property
    def ids(self) -> np.ndarray:
        """The (n,) int64 ids of the examples of the split, so that both can be paired."""
        return self.split.ids

    @property
    def groups(self) -> Mapping[str, np.ndarray]:
        """Sensitive attributes of the examples of the split, each (n,)."""
        return self.split.groups

    @property
    def in_memory(self) -> bool:
        """Whether the underlying split is in memory."""
        return self.split.in_memory

    @property
    def clusters(self) -> np.ndarray | None:
        """The (n,) int64 numbers of clusters; None if all examples are independent."""
        return clusters_of(self.split)

    def __len__(self) -> int:
        return len(self.split)


@dataclass(frozen=True, eq=False)
class Changed(View):
    """A view of a split whose raw values are changed as they are taken: corrupted, or with a word swapped."""

    change: Transform
    "Maps raw values of k rows to raw values of the same k rows."

    def take(self, rows: np.ndarray) -> Mapping[str, Any]:
        """Return the changed columns at `rows` ((k,) positions), in that order."""
        return self.change(self.split.take(rows))


def take(column: Any, rows: np.ndarray) -> Any:
    """Return the (k,) rows of a column: an array, `Ragged` or a list."""
    if isinstance(column, np.ndarray | Ragged):
        return column[rows]
    return [column[row] for row in np.asarray(rows).tolist()]


def concatenate(parts: Sequence[Any]) -> Any:
    """Return one column out of its parts (at least one): arrays, `Ragged`, or lists."""
    if isinstance(parts[0], np.ndarray):
        return parts[0] if len(parts) == 1 else np.concatenate(parts)
    if isinstance(parts[0], Ragged):
        return Ragged.concatenate(parts)
    return [value for part in parts for value in part]


def targets_of(split: Split) -> Any | None:
    """Return all targets of a split if they are known without reading an example, else None.

    The targets of a `Changed` split are not known, because the change may affect them.
    """
    if isinstance(split, MemorySplit):
        return split.columns.get("target")
    return getattr(split, "targets", None)


def clusters_of(split: Split) -> np.ndarray | None:
    """Return (n,) int64 numbers of clusters, within which examples are not independent; None if all examples are."""
    if isinstance(split, Subset):
        whole = clusters_of(split.split)
        return None if whole is None else whole[split.rows]
    if isinstance(split, Joined):
        first, second = clusters_of(split.first), clusters_of(split.second)
        return None if first is None or second is None else np.concatenate([first, second])
    return getattr(split, "clusters", None)


def column(split: Split, name: str) -> Any | None:
    """Return all values of one column of a split; None if it has no column of that name.

    Targets come from `targets_of` if it knows them. A split that is not in memory is read `CHUNK` rows at a time, so
    that only these rows and the column itself are held.
    """
    if name == "target" and (targets := targets_of(split)) is not None:
        return targets
    if isinstance(split, MemorySplit):
        return split.columns.get(name)
    if isinstance(split, Subset) and split.in_memory:
        whole = column(split.split, name)
        return None if whole is None else take(whole, split.rows)
    if isinstance(split, Joined):
        parts = [part for part in (column(split.first, name), column(split.second, name)) if part is not None]
        return concatenate(parts) if len(parts) == 2 else None
    chunks = []
    for start in range(0, len(split), CHUNK):
        taken = split.take(np.arange(start, min(start + CHUNK, len(split))))
        if name not in taken:
            return None
        chunks.append(taken[name])
    return concatenate(chunks) if chunks else None


def classes_of(split: Split) -> np.ndarray | None:
    """Return the (n,) integer targets to stratify by; None if they are no classes, or must be read from disk."""
    target = column(split, "target") if split.in_memory else targets_of(split)
    if isinstance(target, np.ndarray) and target.ndim == 1 and target.dtype.kind in "iub":
        return target
    return None


def chosen_groups(available: Mapping[str, np.ndarray], names: Sequence[str] | None) -> dict[str, np.ndarray]:
    """Return the sensitive attributes that a suite asks for; None asks for all.

    Raises:
        DataInvalid: The task has no attribute of one of the names.
    """
    unknown = [name for name in names or () if name not in available]
    if unknown:
        allowed = ", ".join(available) or "none"
        raise DataInvalid(f"groups = {list(names or ())}: no group `{unknown[0]}` in this task; it has: {allowed}")
    return {name: available[name] for name in (available if names is None else names)}


def fingerprint_of(splits: Mapping[str, Split], preparation: tuple[str | int | float, ...] = ()) -> str:
    """Return a hash of the examples of each split. Inputs count through the ids, which are hashes of their content.

    Args:
        splits: By name.
        preparation: As in `Source`.
    """
    fingerprint = hash_of(
        {
            name: {"ids": split.ids, "target": column(split, "target"), "groups": dict(split.groups)}
            for name, split in splits.items()
        }
    )
    return hash_of(fingerprint, *preparation) if preparation else fingerprint


def fingerprints_of(
    splits: Mapping[str, Split], preparation: tuple[str | int | float, ...] = ()
) -> dict[str, dict[str, str]]:
    """Return two hashes of each split: `examples`, the same in any order of the examples, and `order`.

    An example is its content, its target and its groups. Examples that occur several times count as often.

    Args:
        splits: By name.
        preparation: As in `Source`.

    Returns:
        By split; empty if the targets of a split are not known without reading it from disk.
    """
    fingerprints = {}
    for name, split in splits.items():
        target = column(split, "target") if split.in_memory else targets_of(split)
        if target is None and not split.in_memory:
            return {}
        groups = sorted(split.groups)
        columns = [np.asarray(split.groups[group]) for group in groups]
        hashes = row_hashes(split.ids, *columns, *([] if target is None else [target]))
        examples, order = (hash_of(groups, preparation, part) for part in (np.sort(hashes), hashes))
        fingerprints[name] = {"examples": examples, "order": order}
    return fingerprints


def modalities_in(data: Data) -> tuple[str, ...]:
    """Return which of images, texts and tables the examples of train are."""
    train = data.splits["train"]
    first = train.take(np.arange(min(1, len(train))))
    return tuple(name for name in ("image", "text", "table") if name in first)
