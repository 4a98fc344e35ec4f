"""Compact letter display: rows that share a letter cannot be told apart."""

from __future__ import annotations

import string
from collections.abc import Iterable, Iterator

LETTERS = string.ascii_lowercase + string.ascii_uppercase


def letter_display(count: int, different: Iterable[tuple[int, int]]) -> list[str]:
    """Return the letters of each row, such that two rows share one exactly if they are not known to differ.

    Insert and absorb (Piepho 2004, doi 10.1198/1061860043515): each pair that differs splits the groups that contain
    both, and groups within other groups are dropped.

    Args:
        count: the number of rows, best first.
        different: pairs of rows that differ, as positions from 0.

    Returns:
        One text a row; the first row has the letter `a`.
    """
    groups = [frozenset(range(count))] if count else []
    for first, second in different:
        split: list[frozenset[int]] = []
        for group in groups:
            split += [group - {first}, group - {second}] if {first, second} <= group else [group]
        groups = [group for group in dict.fromkeys(split) if not any(group < other for other in split)]
    groups.sort(key=sorted)
    names = list(_names(len(groups)))
    return ["".join(name for name, group in zip(names, groups) if row in group) for row in range(count)]


def _names(count: int) -> Iterator[str]:
    for number in range(count):
        turn, position = divmod(number, len(LETTERS))
        yield LETTERS[position] + (str(turn + 1) if turn else "")
