"""Generated splits: examples that a seed and their position determine, each made when it is taken and never stored."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from bench_suite.data.fingerprint import content_ids, hash_of

SEED = 0
"Seed of all generated examples; each has a generator of its own, so that it is the same in any order of reading."


@dataclass(frozen=True, eq=False)
class GeneratedSplit:
    """Examples of random inputs, whose targets are known without making them."""

    ids: np.ndarray
    "(n,) int64, of what determines each example: the recipe, the split and the position."
    make: Callable[[np.random.Generator], Any]
    "Returns the input of one example; a module's function, or a partial of one, since it may be sent to a process."
    column: str
    "Name of the input."
    targets: np.ndarray
    "(n,) int64."
    number: int
    "Number of the split; splits of one task differ in it."
    groups: Mapping[str, np.ndarray] = field(default_factory=dict)
    in_memory: bool = False

    def __len__(self) -> int:
        return len(self.ids)

    def take(self, rows: np.ndarray) -> Mapping[str, Any]:
        """Return the input and `target` at `rows` ((k,) positions): arrays, or a list of texts."""
        values = [self.make(np.random.default_rng((SEED, self.number, row))) for row in np.asarray(rows).tolist()]
        inputs = values if values and isinstance(values[0], str) else np.array(values)
        return {self.column: inputs, "target": self.targets[rows]}


def generated_splits(
    make: Callable[[np.random.Generator], Any], column: str, recipe: tuple[Any, ...], classes: int, train: int
) -> dict[str, GeneratedSplit]:
    """Return `train`, and `test` with half as many examples, whose classes follow one another.

    Args:
        make: returns the input of one example.
        column: name of the input.
        recipe: everything that determines the inputs besides the seed, such as the task's name and options.
        classes: number of classes.
        train: examples of the train split.
    """
    tag = int(hash_of(*recipe)[:15], 16)
    splits = {}
    for number, (name, size) in enumerate((("train", train), ("test", max(1, train // 2)))):
        positions = np.arange(size)
        identities = np.stack([np.full(size, tag), np.full(size, number), positions], axis=1)
        splits[name] = GeneratedSplit(content_ids(identities), make, column, positions % classes, number)
    return splits
