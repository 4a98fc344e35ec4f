"""Folds of a data set: each example is tested on in exactly one fold of a repeat; content decides in which.

Fold numbers run through the repeats: fold 7 of `{ folds = 5, repeats = 2 }` is part 2 of repeat 1.
"""

from __future__ import annotations

import numpy as np

from bench_suite.data.fingerprint import contents, mixed
from bench_suite.data.splitting import assign_groups

MAX_CHECKED = 1_000
"Up to this number of groups, repeats are checked to differ; more groups cannot repeat their folds by chance."
SPREAD = 0.5
"Groups that are up to e^0.5 = 1.6 times larger may come later in a repeat, so that repeats differ."


class TooFewGroups(ValueError):
    """Data that cannot be split into so many folds, or so many different times; the message says why."""


def folds_of(
    ids: np.ndarray, groups: np.ndarray | None, classes: np.ndarray | None, folds: int, repeat: int, *, separate: bool
) -> np.ndarray:
    """Return the (n,) fold of each example within one repeat, 0 to folds − 1.

    Groups of several examples are assigned first, large ones first, each to the fold that lacks most of its classes.
    Single examples fill each class up evenly. So no group has examples in two folds, and the folds' sizes, and their
    shares of each class, are as even as the groups allow.

    Args:
        ids: (n,) int64 content ids.
        groups: (n,) int64 labels of groups, whose examples stay together; None if each example is one, or if equal
            examples are.
        classes: (n,) int64 class numbers from 0, to stratify by; None balances the sizes only.
        folds: number of folds, 2 or more.
        repeat: number of the repeat, from 0: each shuffles the examples in another way.
        separate: without groups, whether equal examples are separate ones.

    Raises:
        TooFewGroups: There are fewer groups than folds, or an earlier repeat has the same folds.
    """
    keys = groups if groups is not None else ids if separate else contents(ids)
    labels, group_of_row, sizes = np.unique(keys, return_inverse=True, return_counts=True)
    if len(labels) < folds:
        raise TooFewGroups(f"{len(labels)} {'groups' if groups is not None else 'different examples'}")
    strata = np.zeros(len(ids), dtype=np.int64) if classes is None else classes
    drawn = _folds_of(labels, group_of_row, sizes, strata, folds, repeat)
    if len(labels) <= MAX_CHECKED:
        here = _canonical(drawn)
        for earlier in range(repeat):
            if np.array_equal(here, _canonical(_folds_of(labels, group_of_row, sizes, strata, folds, earlier))):
                raise TooFewGroups(f"repeat {repeat} has the same folds as repeat {earlier}")
    return drawn


def _folds_of(
    labels: np.ndarray, group_of_row: np.ndarray, sizes: np.ndarray, strata: np.ndarray, folds: int, repeat: int
) -> np.ndarray:
    hashes = mixed(labels.astype(np.uint64) ^ mixed(np.array([repeat], dtype=np.int64)))
    fold_of_group = np.full(len(labels), -1, dtype=np.int64)
    several = np.flatnonzero(sizes > 1)
    held = np.zeros((folds, int(strata.max()) + 1), dtype=np.int64)
    if len(several):
        # A pseudo-random factor lets groups of similar size change places between repeats.
        shares = (hashes[several] >> np.uint64(11)).astype(np.float64) / 2.0**53
        order = several[np.lexsort((hashes[several], -np.log(sizes[several]) - SPREAD * shares))]
        rank = np.full(len(labels), -1, dtype=np.int64)
        rank[order] = np.arange(len(order))
        rows = np.flatnonzero(rank[group_of_row] >= 0)
        fold_of_group[order] = assign_groups(
            rank[group_of_row[rows]], strata[rows], np.full(folds, 1 / folds), by_size=False
        )
        np.add.at(held, (fold_of_group[group_of_row[rows]], strata[rows]), 1)
    single = np.flatnonzero(sizes[group_of_row] == 1)
    single = single[np.argsort(hashes[group_of_row[single]], kind="stable")]
    for stratum in np.unique(strata[single]).tolist():
        rows = single[strata[single] == stratum]
        added = _evened(held[:, stratum], held.sum(axis=1), len(rows))
        fold_of_group[group_of_row[rows]] = np.repeat(np.arange(folds), added)
        held[:, stratum] += added
    return fold_of_group[group_of_row]


def _evened(held: np.ndarray, totals: np.ndarray, count: int) -> np.ndarray:
    """Return how many of `count` examples each fold gets, so that `held` (folds,) becomes as even as possible.

    What is left over goes to the folds with the fewest examples of all classes, `totals`.
    """
    low, high = int(held.min()), int(held.max()) + count
    while low < high:  # the highest level that the examples fill
        middle = (low + high + 1) // 2
        low, high = (middle, high) if np.maximum(middle - held, 0).sum() <= count else (low, middle - 1)
    added = np.maximum(low - held, 0)
    left = count - int(added.sum())
    open_folds = np.flatnonzero(held <= low)
    added[open_folds[np.argsort((totals + added)[open_folds], kind="stable")[:left]]] += 1
    return added


def _canonical(drawn: np.ndarray) -> np.ndarray:
    """Return folds numbered by their first example, so that equal folds have equal numbers."""
    _, firsts, numbers = np.unique(drawn, return_index=True, return_inverse=True)
    return np.argsort(np.argsort(firsts))[numbers]
