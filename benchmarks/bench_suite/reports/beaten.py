"""Which rows of a large table each row is better than, by intervals, in memory that grows with the number of rows."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterator, Mapping, Sequence, Set
from dataclasses import dataclass
from itertools import islice
from typing import Any


@dataclass(frozen=True, eq=False)
class Beaten(Set[str]):
    """The labels of the rows whose intervals end below that of one row: the first ones in an order that all share."""

    positions: Mapping[str, int]
    "The labels of all rows in ascending order of the upper ends of their intervals, with their positions."
    count: int
    "Number of these labels that the row beats."

    def __contains__(self, label: object) -> bool:
        return isinstance(label, str) and self.positions.get(label, self.count) < self.count

    def __iter__(self) -> Iterator[str]:
        return islice(self.positions, self.count)

    def __len__(self) -> int:
        return self.count

    def __hash__(self) -> int:
        return self._hash()

    @classmethod
    def _from_iterable(cls, it: Any) -> frozenset[str]:  # type: ignore[override]  # what `&` and `-` return
        return frozenset(it)


def beaten(labels: Sequence[str], ends: Sequence[tuple[float, float]]) -> list[Beaten]:
    """Return for each row the labels of the rows whose upper end is below its lower end.

    Args:
        labels: the labels of the rows.
        ends: the lower and the upper end of each row; an end that is no number is below none.
    """
    ascending = sorted((high, number) for number, (_, high) in enumerate(ends) if high == high)
    highs: list[float] = []
    positions: dict[str, int] = {}
    for high, number in ascending:
        if labels[number] not in positions:  # two rows may have one label: the lower one decides
            positions[labels[number]] = len(positions)
            highs.append(high)
    return [Beaten(positions, bisect_left(highs, low)) for low, _ in ends]
