"""Drawing: which example lands in which part, decided by its content alone.

No seed and no order of rows has a say, so the parts are the same on every machine and in every run, and a data set that
grows keeps most of its examples where they were.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from bench_suite.data.fingerprint import contents


def _mixed(keys: np.ndarray) -> np.ndarray:
    """(n,) uint64, as good as random and the same for equal keys (SplitMix64, Steele et al. 2014)."""
    mixed = keys.astype(np.uint64) + np.uint64(0x9E3779B97F4A7C15)
    mixed = (mixed ^ (mixed >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    mixed = (mixed ^ (mixed >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return mixed ^ (mixed >> np.uint64(31))


def shuffled(ids: np.ndarray) -> np.ndarray:
    """(n,) rows in an order drawn by content: the same whatever order the rows came in, but for equal rows."""
    return np.lexsort((np.asarray(ids), _mixed(contents(ids))))


def _shuffled_again(ids: np.ndarray, rows: np.ndarray) -> np.ndarray:
    """`rows` in an order that does not depend on how they were dealt.

    Without it the last part would start with those classes whose share of the others was full first.
    """
    return rows[np.lexsort((ids[rows], _mixed(_mixed(contents(ids[rows])))))]


def split_by_content(ids: np.ndarray, target: np.ndarray | None, counts: Mapping[str, int]) -> dict[str, np.ndarray]:
    """Deals rows into parts, drawn by content, so that no content stands in two parts.

    Examples that stand more than once go to the last part, so what is tested on is tested once. Where too few others
    are left, whole groups of equal examples are dealt, and sizes are nearly as asked.

    Args:
        ids: (n,) int64.
        target: (n,) integer classes to stratify by: each part gets its share of each class; None draws from all.
        counts: sizes by name, whole numbers that sum to n.

    Returns:
        Rows by name, each (m,) int64, in drawn order.

    Raises:
        ValueError: the counts are no whole numbers, or do not sum to n.
    """
    if sum(counts.values()) != len(ids) or any(count != int(count) or count < 0 for count in counts.values()):
        raise ValueError(f"counts {dict(counts)} must be whole numbers that sum to the {len(ids)} examples")
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
    parts[last] = order[~used]
    return {name: _shuffled_again(ids, rows) for name, rows in parts.items()}


def _dealt_in_groups(order: np.ndarray, starts: np.ndarray, counts: Mapping[str, int]) -> dict[str, np.ndarray]:
    """Cuts the drawn order where a group of equal examples starts, and each part gets one while there are any."""
    wanted = np.cumsum(list(counts.values()))
    cuts, group = [0], 0
    for part, size in enumerate(list(counts.values())[:-1]):
        first, last = group + 1, len(starts) - (len(counts) - 1 - part)
        if size == 0:
            cuts.append(cuts[-1])
        elif first > last:
            cuts.append(max(cuts[-1], int(wanted[part])))  # fewer groups than parts: equal examples are parted
        else:
            group = int(np.clip(np.searchsorted(starts, wanted[part]), first, last))
            cuts.append(max(cuts[-1], int(starts[group])))
    cuts.append(len(order))
    return {name: order[start:stop] for name, start, stop in zip(counts, cuts, cuts[1:])}


def stratified(order: np.ndarray, target: np.ndarray | None, count: int) -> np.ndarray:
    """(len(order),) bool: `count` rows of `order`, the first of each class, which has its share in `target`.

    Shares are by largest remainders (Hamilton's method); where `order` has too few of a class, others stand in.
    """
    if target is None:
        return np.arange(len(order)) < count
    classes, sizes = np.unique(target, return_counts=True)
    stratum = np.searchsorted(classes, target[order])
    room = np.bincount(stratum, minlength=len(classes))
    exact = count * sizes / sizes.sum()
    shares = np.minimum(np.floor(exact).astype(np.int64), room)
    by_remainder = np.argsort(np.floor(exact) - exact, kind="stable").tolist()
    while (missing := min(count, len(order)) - shares.sum()) > 0:
        open_strata = [number for number in by_remainder if shares[number] < room[number]]
        shares[open_strata[:missing]] += 1
    picked = np.zeros(len(order), dtype=bool)
    for number, share in enumerate(shares.tolist()):
        picked[np.flatnonzero(stratum == number)[:share]] = True
    return picked
