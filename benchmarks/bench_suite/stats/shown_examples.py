"""Which examples represent a classifier: the most confident right and wrong ones, and those it hesitates about."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np

ExampleKind = Literal["right", "wrong", "borderline"]


@dataclass(frozen=True)
class ChosenExample:
    """A test example that a rule chose."""

    kind: ExampleKind
    rank: int
    "1 for the first example of its kind."
    row: int
    "Its position in the test split."

    @property
    def name(self) -> str:
        """The name of its artifact: `right`, `right-2`, …."""
        return self.kind if self.rank == 1 else f"{self.kind}-{self.rank}"


def choose_examples(
    targets: np.ndarray, predictions: np.ndarray, scores: np.ndarray, shown: int
) -> list[ChosenExample]:
    """Choose up to `shown` examples of each kind by rule.

    `right`: the most confident of those that are right. `wrong`: the most confident of those that are wrong.
    `borderline`: those with the smallest difference between the two highest scores, among all others.

    Args:
        targets: (n,) true classes.
        predictions: (n,) predicted classes.
        scores: (n, classes).
        shown: number of examples of each kind.
    """
    ordered = np.sort(scores, axis=1)
    confidence, margin = ordered[:, -1], ordered[:, -1] - ordered[:, -2]
    right = targets == predictions
    rules: tuple[tuple[ExampleKind, np.ndarray, np.ndarray], ...] = (
        ("right", -confidence, right),
        ("wrong", -confidence, ~right),
        ("borderline", margin, np.ones(len(right), dtype=bool)),
    )
    chosen: list[ChosenExample] = []
    for kind, order, eligible in rules:
        taken = {example.row for example in chosen}
        rows = [int(row) for row in np.argsort(order, kind="stable") if eligible[row] and int(row) not in taken]
        chosen += [ChosenExample(kind, rank, row) for rank, row in enumerate(rows[:shown], 1)]
    return chosen
