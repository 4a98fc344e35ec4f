"""Drawing: which example lands in which part, decided by its content alone.

No seed and no order of rows has a say, so the parts are the same on every machine and in every run, and a data set that
grows keeps most of its examples where they were.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from bench_suite.data.fingerprint import contents


def _drawn(ids: np.ndarray) -> np.ndarray:
    """(n,) uint64 keys to sort by: equal for equal content, else as good as random (SplitMix64, Steele et al. 2014)."""
    mixed = contents(ids).astype(np.uint64) + np.uint64(0x9E3779B97F4A7C15)
    mixed = (mixed ^ (mixed >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    mixed = (mixed ^ (mixed >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return mixed ^ (mixed >> np.uint64(31))


def shuffled(ids: np.ndarray) -> np.ndarray:
    """(n,) rows in an order drawn by content: the same whatever order the rows came in, but for equal rows."""
    return np.lexsort((np.asarray(ids), _drawn(ids)))


def dealt(ids: np.ndarray, target: np.ndarray | None, counts: Mapping[str, int]) -> dict[str, np.ndarray]:
    """Deals rows into parts, drawn by content, so that no content stands in two parts.

    Examples that stand more than once go to the last part, so what is tested on is tested once. Where too few others
    are left, whole groups of equal examples are dealt, and sizes are nearly as asked.

    Args:
        ids: (n,) int64.
        target: (n,) integer classes to stratify by: each part gets its share of each class; None draws from all.
        counts: sizes by name; they sum to n.

    Returns:
        Rows by name, each (m,) int64, in drawn order.
    """
    order = shuffled(ids)
    ordered = contents(ids)[order]
    starts = np.flatnonzero(np.r_[True, ordered[1:] != ordered[:-1]]) if len(ids) else np.empty(0, dtype=np.int64)
    repeated = np.repeat(np.diff(np.r_[starts, len(ids)]) > 1, np.diff(np.r_[starts, len(ids)]))
    *firsts, last = counts
    single = order[~repeated]
    if len(single) < sum(counts[name] for name in firsts):
        return _dealt_in_groups(order, starts, counts)
    parts: dict[str, np.ndarray] = {}
    for name in firsts:
        picked = stratified(single, target, counts[name])
        parts[name], single = single[picked], single[~picked]
    used = np.isin(order, np.concatenate([*parts.values(), single[:0]]))
    return {**parts, last: order[~used]}


def _dealt_in_groups(order: np.ndarray, starts: np.ndarray, counts: Mapping[str, int]) -> dict[str, np.ndarray]:
    """Cuts the drawn order where a group of equal examples starts; within one only if there is but one group."""
    bounds, position = [0], 0
    for count in list(counts.values())[:-1]:
        position += count
        later = starts[starts >= max(position, 1)]
        earlier = starts[(starts > bounds[-1]) & (starts < position)]
        bounds.append(int(later[0] if len(later) else earlier[-1] if len(earlier) else position))
    bounds.append(len(order))
    return {name: order[start:stop] for name, start, stop in zip(counts, bounds, bounds[1:])}


def stratified(order: np.ndarray, target: np.ndarray | None, count: int) -> np.ndarray:
    """(len(order),) bool: the first `count` rows of `order`, each class with its share of them (largest remainders)."""
    if target is None:
        return np.arange(len(order)) < count
    classes, inverse = np.unique(target[order], return_inverse=True)
    sizes = np.bincount(inverse, minlength=len(classes))
    shares = _apportioned(count, sizes)
    picked = np.zeros(len(order), dtype=bool)
    for stratum, share in enumerate(shares.tolist()):
        picked[np.flatnonzero(inverse == stratum)[:share]] = True
    return picked


def _apportioned(count: int, sizes: np.ndarray) -> np.ndarray:
    """`count` (at most their sum) shared out in proportion to `sizes`, by largest remainders (Hamilton's method)."""
    exact = count * sizes / max(1, sizes.sum())
    shares = np.floor(exact).astype(np.int64)
    shares[np.argsort(shares - exact, kind="stable")[: count - shares.sum()]] += 1
    return shares
