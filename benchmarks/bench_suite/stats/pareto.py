"""The Pareto front of two quantities."""

from __future__ import annotations

from collections.abc import Sequence


def pareto_front(first: Sequence[float], second: Sequence[float]) -> list[int]:
    """Return the positions of the points that no other point beats, in their order.

    A point beats another one if it is as high in both quantities, and higher in one.

    Args:
        first: a quantity of each point, (n,); higher is better.
        second: another one, (n,); higher is better.
    """
    order = sorted(range(len(first)), key=lambda number: (-first[number], -second[number]))
    front = []
    best, best_first = float("-inf"), float("nan")
    for number in order:
        if second[number] > best or (second[number] == best and first[number] == best_first):
            front.append(number)
            best, best_first = second[number], first[number]
    return sorted(front)
