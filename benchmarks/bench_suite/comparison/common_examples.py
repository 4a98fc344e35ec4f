"""Match the test examples of two runs: the common ones, and how many were lost, gained or relabelled.

An example is its content and its target. Examples that occur several times are matched as often as both sides have
them. So the order of the examples does not matter, nor do their ids, which count the occurrences of equal content.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from bench_suite.contracts import Predictions
from bench_suite.data.fingerprint import mixed, row_hashes


@dataclass(frozen=True)
class SplitChange:
    """How the test examples of two runs differ."""

    common: int
    "Examples that both have, with the same target."
    lost: int = 0
    "Examples that base alone has."
    gained: int = 0
    "Examples that head alone has."
    relabelled: int = 0
    "Examples that both have, with other targets."
    regrouped: int = 0
    "Common examples with other sensitive attributes."

    @property
    def any(self) -> bool:
        """Whether the examples differ."""
        return any((self.lost, self.gained, self.relabelled, self.regrouped))

    def __str__(self) -> str:
        counts = {
            "lost": self.lost, "gained": self.gained, "relabelled": self.relabelled,
            "in another group": self.regrouped,
        }  # fmt: skip
        return ", ".join(f"{count:,} {word}" for word, count in counts.items() if count)


def match(base: Predictions, head: Predictions) -> tuple[np.ndarray, np.ndarray, SplitChange]:
    """Return the common examples of two sides, and how the others differ.

    Args:
        base: with `targets`, unless the examples have scores only.
        head: the same.

    Returns:
        The rows of the common examples in base and in head, (k,) int64 each, in the order of the ids of base; and the
        number of other examples.
    """
    orders = _order(base), _order(head)
    if _equal(base, head, *orders):
        return *orders, SplitChange(len(base))
    rest = np.arange(len(base)), np.arange(len(head))
    keys = [_keys(side) for side in (base, head)]
    pairs = []
    for level in range(3):  # equal in content, target and groups; in content and target; in content
        of_base, of_head = (
            _numbered(side_keys[level][rows], np.asarray(side.ids)[rows])
            for side, side_keys, rows in zip((base, head), keys, rest)
        )
        _, mine, theirs = np.intersect1d(of_base, of_head, assume_unique=True, return_indices=True)
        pairs.append((rest[0][mine], rest[1][theirs]))
        rest = np.delete(rest[0], mine), np.delete(rest[1], theirs)
    same, regrouped, relabelled = pairs
    rows = [np.concatenate([same[side], regrouped[side]]) for side in (0, 1)]
    order = np.argsort(np.asarray(base.ids)[rows[0]], kind="stable")
    change = SplitChange(len(order), len(rest[0]), len(rest[1]), len(relabelled[0]), len(regrouped[0]))
    return rows[0][order], rows[1][order], change


def rows_of(predictions: Predictions, rows: np.ndarray) -> Predictions:
    """Return the predictions of some examples, in the order of `rows`, (k,) int64."""
    if len(rows) == len(predictions) and np.array_equal(rows, np.arange(len(rows))):
        return predictions
    columns = {name: _rows(values, rows) for name, values in predictions.columns.items()}
    groups = {name: np.asarray(values)[rows] for name, values in predictions.groups.items()}
    return replace(predictions, ids=np.asarray(predictions.ids)[rows], columns=columns, groups=groups)


def same_values(mine: Any, theirs: Any) -> bool:
    """Return whether two columns are equal; missing numbers are."""
    if isinstance(mine, np.ndarray) and isinstance(theirs, np.ndarray):
        return np.array_equal(mine, theirs, equal_nan=mine.dtype.kind == "f" and theirs.dtype.kind == "f")
    return len(mine) == len(theirs) and all(np.array_equal(a, b) for a, b in zip(mine, theirs))


def same_columns(mine: Mapping[str, Any], theirs: Mapping[str, Any]) -> bool:
    """Return whether two sides have the same columns with equal values."""
    return mine.keys() == theirs.keys() and all(same_values(mine[name], theirs[name]) for name in mine)


def _rows(values: Any, rows: np.ndarray) -> Any:
    """Return the rows of one column."""
    return values[rows] if isinstance(values, np.ndarray) else [values[row] for row in rows.tolist()]


def _order(side: Predictions) -> np.ndarray:
    """Return the rows in the order of their ids, (n,) int64."""
    ids = np.asarray(side.ids)
    return np.arange(len(ids)) if (ids[1:] > ids[:-1]).all() else np.argsort(ids, kind="stable")


def _equal(base: Predictions, head: Predictions, mine: np.ndarray, theirs: np.ndarray) -> bool:
    """Return whether the ids alone match the examples, which is so unless the data have changed.

    Args:
        base: one side.
        head: the other side.
        mine: the rows of base in the order of their ids, (n,) int64.
        theirs: the rows of head in the order of their ids, (n,) int64.
    """
    if len(base) != len(head) or not np.array_equal(np.asarray(base.ids)[mine], np.asarray(head.ids)[theirs]):
        return False
    of_base, of_head = (
        {**_targets(side), **{f"group/{name}": values for name, values in side.groups.items()}} for side in (base, head)
    )
    return of_base.keys() == of_head.keys() and all(
        same_values(_rows(of_base[name], mine), _rows(of_head[name], theirs)) for name in of_base
    )


def _keys(side: Predictions) -> Sequence[np.ndarray]:
    """Return hashes, (n,) uint64 each, of content, target and groups; of content and target; of content."""
    groups = [np.asarray(side.groups[name]) for name in sorted(side.groups)]
    targets = _targets(side).values()
    return row_hashes(side.ids, *targets, *groups), row_hashes(side.ids, *targets), row_hashes(side.ids)


def _targets(side: Predictions) -> dict[str, Any]:
    """Return the column `targets`, if there is one: imported scores have none."""
    return {name: values for name, values in side.columns.items() if name == "targets"}


def _numbered(keys: np.ndarray, ids: np.ndarray) -> np.ndarray:
    """Return (n,) uint64 keys that are distinct: of the key and of the number of equal keys with smaller ids."""
    order = np.lexsort((ids, keys))
    ordered = keys[order]
    positions = np.arange(len(keys))
    first = np.r_[True, ordered[1:] != ordered[:-1]] if len(keys) else np.empty(0, dtype=bool)
    occurrence = positions - np.maximum.accumulate(np.where(first, positions, 0))
    distinct = np.empty(len(keys), dtype=np.uint64)
    distinct[order] = mixed(ordered + mixed(occurrence))
    return distinct
