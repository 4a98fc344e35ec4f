"""Splitting by content: only its content decides which part an example belongs to.

Neither a seed nor the order of rows matters. The parts are the same on every machine and in every run, and a data set
that grows keeps most of its examples where they were.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from bench_suite.data.fingerprint import contents, mixed

TOLERANCE, FAR = 0.05, 2.0
"""If whole groups make a part miss its share by more than `TOLERANCE` of all rows, or make it more than `FAR` times as
large or as small, the groups are chosen by what fits."""
NOTED = 0.03
"If whole groups make a part miss its share by more than this share of all rows, a note says so."


def shuffle_by_content(ids: np.ndarray) -> np.ndarray:
    """Return the (n,) rows in a pseudo-random order that depends on content only; equal rows keep their order."""
    return np.lexsort((np.asarray(ids), mixed(contents(ids))))


def _shuffled_again(ids: np.ndarray, rows: np.ndarray) -> np.ndarray:
    """Return `rows` in an order that does not depend on how they were split.

    Without it the last part would begin with the classes whose shares of the other parts were filled first.
    """
    return rows[np.lexsort((ids[rows], mixed(mixed(contents(ids[rows])))))]


def split_by_content(
    ids: np.ndarray, target: np.ndarray | None, counts: Mapping[str, int], *, separate: bool = False
) -> dict[str, np.ndarray]:
    """Split rows into parts by their content, so that no two parts share an example.

    Repeated examples go to the last part, so that no test example counts twice. If too few other examples are left,
    whole groups of equal examples are split, and the sizes are approximate.

    Args:
        ids: (n,) int64.
        target: (n,) integer classes to stratify by, so that each part gets its share of each class; None does not
            stratify.
        counts: Sizes by name, whole numbers that sum to n.
        separate: Whether equal rows are separate examples, as in a table of few different values, so that they may
            stand in several parts.

    Returns:
        Rows by name, each (m,) int64, in pseudo-random order.

    Raises:
        ValueError: The counts are not whole numbers, or do not sum to n.
    """
    parts, by_groups = _parts(ids, target, counts, separate=separate)
    return parts if by_groups else {name: _shuffled_again(ids, rows) for name, rows in parts.items()}


def rows_by_content(
    ids: np.ndarray, target: np.ndarray | None, counts: Mapping[str, int], *, separate: bool = False
) -> dict[str, np.ndarray]:
    """Return the rows of `split_by_content` in ascending order, in half the time."""
    parts, _ = _parts(ids, target, counts, separate=separate)
    return {name: np.sort(rows) for name, rows in parts.items()}


def _parts(
    ids: np.ndarray, target: np.ndarray | None, counts: Mapping[str, int], *, separate: bool
) -> tuple[dict[str, np.ndarray], bool]:
    """Return the rows of each part, and whether groups of equal examples had to be split."""
    if sum(counts.values()) != len(ids) or any(count != int(count) or count < 0 for count in counts.values()):
        raise ValueError(f"counts {dict(counts)} must be whole numbers that sum to the {len(ids)} examples")
    order = np.argsort(mixed(ids), kind="stable") if separate else shuffle_by_content(ids)
    ordered = ids[order] if separate else contents(ids)[order]
    starts = np.flatnonzero(np.r_[True, ordered[1:] != ordered[:-1]]) if len(ids) else np.empty(0, dtype=np.int64)
    repeated = np.repeat(np.diff(np.r_[starts, len(ids)]) > 1, np.diff(np.r_[starts, len(ids)]))
    *firsts, last = counts
    single = order[~repeated]
    if len(single) < sum(counts[name] for name in firsts):
        parts = _split_groups_by_class(order, starts, target, counts)
        return parts or _split_whole_groups(order, starts, counts), True
    parts = {}
    for name in firsts:
        picked = select_stratified(single, target, counts[name])
        parts[name], single = single[picked], single[~picked]
    free = np.ones(len(ids), dtype=bool)
    free[np.concatenate([*parts.values(), single[:0]])] = False
    parts[last] = order[free[order]]
    return parts, False


def _split_groups_by_class(
    order: np.ndarray, starts: np.ndarray, target: np.ndarray | None, counts: Mapping[str, int]
) -> dict[str, np.ndarray] | None:
    """Assign groups of equal examples to parts so that each gets its share of each class; None if one gets no row."""
    if target is None:
        return None
    group_of_row = np.searchsorted(starts, np.arange(len(order)), side="right") - 1
    classes = np.unique(target, return_inverse=True)[1][order]
    shares = np.array(list(counts.values()), dtype=np.float64) / len(order)
    part_of_group = assign_groups(group_of_row, classes, shares)
    parts = {name: order[part_of_group[group_of_row] == number] for number, name in enumerate(counts)}
    return parts if all(len(parts[name]) or not count for name, count in counts.items()) else None


def assign_groups(
    group_of_row: np.ndarray, classes: np.ndarray, shares: np.ndarray, *, by_size: bool = True
) -> np.ndarray:
    """Return the (g,) part of each group of rows: large groups first, each to the part that lacks most of its classes.

    If a part is then far from its share (`TOLERANCE`, `FAR`), because a group is larger than the part should be, groups
    are assigned by what fits: the last part, which is trained on, gets those that fit into no other.

    Args:
        group_of_row: (n,) int64 numbers of groups, from 0.
        classes: (n,) int64 class numbers, from 0; all 0 to balance sizes only.
        shares: (p,) share of each part; they sum to 1.
        by_size: Whether large groups come first; otherwise groups come by their numbers, whatever fits.
    """
    sizes = np.zeros((int(group_of_row.max()) + 1, int(classes.max()) + 1))
    np.add.at(sizes, (group_of_row, classes), 1)
    parts = _by_lack(sizes, shares, by_size=by_size)
    reached = _shares_of(parts, sizes, shares)
    if not by_size or (np.abs(reached - shares).max() <= TOLERANCE and not is_far(reached[:-1], shares[:-1]).any()):
        return parts
    fitting = _by_fit(sizes, shares)
    missed = [np.abs(drawn - shares).max() for drawn in (reached, _shares_of(fitting, sizes, shares))]
    untrained = shares[-1] > 0 and reached[-1] == 0
    return fitting if missed[1] < missed[0] or untrained else parts


def is_far(reached: np.ndarray | float, share: np.ndarray | float) -> np.ndarray:
    """Return whether a part is more than `FAR` times as large as its share, or as small; element by element."""
    return np.asarray((np.asarray(reached) > np.asarray(share) * FAR) | (np.asarray(reached) < np.asarray(share) / FAR))


def _shares_of(parts: np.ndarray, sizes: np.ndarray, shares: np.ndarray) -> np.ndarray:
    """Return the (p,) share of all rows that each part got."""
    return np.bincount(parts, weights=sizes.sum(axis=1), minlength=len(shares)) / sizes.sum()


def _by_fit(sizes: np.ndarray, shares: np.ndarray) -> np.ndarray:
    """Return the (g,) part of each group: each part but the last gets large groups that fit, until it is filled.

    If the smallest of the groups that are left, or of those that are too large, brings the part nearer to its share, it
    is added, or taken instead.

    Args:
        sizes: (g, c) rows of each class in each group.
        shares: (p,) share of each part.
    """
    last = len(shares) - 1
    parts = np.full(len(sizes), last, dtype=np.int64)
    totals = sizes.sum(axis=1)
    order = np.argsort(-totals, kind="stable")
    for part in range(last):
        wanted = shares[part] * sizes.sum(axis=0)
        free = [group for group in order.tolist() if parts[group] == last]
        if shares[part] == 0 or len(free) < 2:
            continue
        chosen: list[int] = []
        lack = wanted.copy()
        for group in free:
            nearer = np.square(lack - sizes[group]).sum() < np.square(lack).sum()
            if totals[group] <= lack.sum() and nearer and len(chosen) < len(free) - 1:
                chosen.append(group)
                lack = lack - sizes[group]
        taken = {*chosen}
        left = [group for group in free if group not in taken]
        others = [[*chosen, left[-1]]] if len(left) > 1 else []
        if too_large := [group for group in free if totals[group] > wanted.sum()]:
            others.append([too_large[-1]])
        options = [option for option in (chosen, *others) if option]
        parts[min(options, key=lambda option: abs(totals[option].sum() - wanted.sum()))] = part
    return parts


def _by_lack(sizes: np.ndarray, shares: np.ndarray, *, by_size: bool) -> np.ndarray:
    """Return the (g,) part of each group, by size or by number: the part that lacks most of the group's classes."""
    wanted = shares[:, None] * sizes.sum(axis=0)
    filled = np.zeros_like(wanted)
    parts = np.zeros(len(sizes), dtype=np.int64)
    scale = np.maximum(wanted, 1e-9)
    order = np.argsort(-sizes.sum(axis=1), kind="stable") if by_size else np.arange(len(sizes))
    for group in order.tolist():
        lack = ((wanted - filled) / scale) @ (sizes[group] / sizes[group].sum())
        parts[group] = int(np.argmax(np.where(shares > 0, lack, -np.inf)))
        filled[parts[group]] += sizes[group]
    return parts


def _split_whole_groups(order: np.ndarray, starts: np.ndarray, counts: Mapping[str, int]) -> dict[str, np.ndarray]:
    """Cut the order where a group of equal examples starts; each part gets at least one group while there are any."""
    wanted = np.cumsum(list(counts.values()))
    cuts, group = [0], 0
    for part, size in enumerate(list(counts.values())[:-1]):
        first, last = group + 1, len(starts) - (len(counts) - 1 - part)
        if size == 0:
            cuts.append(cuts[-1])
        elif first > last:
            cuts.append(max(cuts[-1], int(wanted[part])))  # fewer groups than parts: equal examples are separated
        else:
            group = int(np.clip(np.searchsorted(starts, wanted[part]), first, last))
            cuts.append(max(cuts[-1], int(starts[group])))
    cuts.append(len(order))
    return {name: order[start:stop] for name, start, stop in zip(counts, cuts, cuts[1:])}


def select_stratified(order: np.ndarray, target: np.ndarray | None, count: int) -> np.ndarray:
    """Select the first rows of each class of `order`, `count` in all, with each class in proportion to `target`.

    Shares are by largest remainders (Hamilton's method). If `order` has too few rows of a class, rows of other classes
    fill its share.

    Args:
        order: (m,) rows.
        target: (n,) integer classes; None selects the first rows whatever their class.
        count: Number of rows to select.

    Returns:
        (m,) bool, True for the selected rows of `order`.
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
