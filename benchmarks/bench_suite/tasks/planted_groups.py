"""Planted groups: two sensitive attributes, one of them with gaps between its groups that are exact counts.

In this generated table the first column decides what a rule predicts: 1 if it is positive (the model `planted_rule`).
In each group of the attribute `planted` the rule is right, and predicts 1, exactly as often as the options state:
`selection_gap` and `error_gap` are differences of counts, not of random draws. The attribute `balanced` is crossed with
it: each of its two groups holds half of each count, so there is no gap between them.

The counts are exact in `test` and, before a validation split is held out, in `train`, which is equally large.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from string import ascii_uppercase
from typing import TYPE_CHECKING, Literal

import numpy as np

from bench_suite.contracts import Data, Source
from bench_suite.data.planted import count_of_share, draw_signed, draw_table
from bench_suite.data.splits import MemorySplit, chosen_groups, fingerprint_of

if TYPE_CHECKING:
    from bench_suite.data.sources import Sources

VERSION = 1
MODALITY = "table"
PROBLEM = "classification"
GROUPS = ("planted", "balanced")
SHIFTS = ()
BOUNDS = {
    "size": (4, None),
    "members": (2, 26),
    "selection_rate": (0.0, 1.0),
    "selection_gap": (-1.0, 1.0),
    "error_rate": (0.0, 1.0),
    "error_gap": (-1.0, 1.0),
    "base_rate": (0.0, 1.0),
    "base_gap": (-1.0, 1.0),
}

COLUMNS = ("rule", "noise 1", "noise 2", "noise 3")
HALVES = ("left", "right")
"Groups of the attribute `balanced`."


@dataclass(frozen=True)
class Options:
    data: Literal["full", "sample"] = "full"
    "Both mean the same: it is generated."
    groups: tuple[str, ...] | None = None
    "Sensitive attributes to report by: some of `planted`, `balanced`; both by default. They are never inputs."
    size: int = 400
    "Examples of each group of `planted` in a split."
    members: int = 2
    "Number of groups of the attribute `planted`, which are called A, B and so on."
    selection_rate: float = 0.5
    "Share of the first group for which the rule predicts 1."
    selection_gap: float = 0.2
    "How much lower that share is in the last group; linear for the groups in between."
    error_rate: float = 0.15
    "Share of the first group for which the rule is wrong."
    error_gap: float = 0.1
    "How much higher that share is in the last group; linear for the groups in between."
    base_rate: float = 0.4
    "Share of the first group whose class is 1."
    base_gap: float = 0.1
    "How much lower that share is in the last group; linear for the groups in between."


def members(options: Options) -> tuple[str, ...]:
    """Return the names of the groups of `planted`, first to last."""
    return tuple(ascii_uppercase[: options.members])


def check(options: Options) -> None:
    """Raise ValueError if the options' shares are no counts of examples."""
    confusions(options)


def confusions(options: Options) -> np.ndarray:
    """Return the confusion matrices of the rule, (members, 2, 2) int64: examples by group, true class and prediction.

    If the rule predicts 1 for S examples, P are of class 1 and it is wrong on E, then (S + P − E) / 2 are of class 1
    and predicted to be.

    Raises:
        ValueError: A share, or half of it, is not a whole number of examples, or no examples can have all three shares.
    """
    if options.size % 2:
        raise ValueError(f"size = {options.size} cannot be halved over `balanced`; give an even number")
    return np.array([_confusion(options, member) for member in range(options.members)], dtype=np.int64)


def _confusion(options: Options, member: int) -> list[list[int]]:
    half, position = options.size // 2, member / (options.members - 1)
    name = f"in group {ascii_uppercase[member]}, the share of"
    selected = count_of_share(options.selection_rate - options.selection_gap * position, half, f"{name} selection")
    wrong = count_of_share(options.error_rate + options.error_gap * position, half, f"{name} errors")
    positive = count_of_share(options.base_rate - options.base_gap * position, half, f"{name} class 1")
    both, remainder = divmod(selected + positive - wrong, 2)
    counts = [[half - positive - selected + both, selected - both], [positive - both, both]]
    if remainder or min(min(row) for row in counts) < 0:
        raise ValueError(
            f"{half} examples of group {ascii_uppercase[member]} cannot have {selected} predictions of class 1, "
            f"{positive} examples of class 1 and {wrong} errors; change a rate by {1 / half:g}, or make size larger"
        )
    return [[2 * count for count in row] for row in counts]


def load(options: Options, sources: Sources) -> Data:
    """Return splits `train` and `test` of `table` (n, 4) float64 and `target` (n,) int64; groups are (n,) texts."""
    random = np.random.default_rng(0)
    splits = {name: _split(options, random) for name in ("train", "test")}
    spec = {"classes": ("no", "yes"), "columns": COLUMNS}
    return Data(PROBLEM, spec, splits, Source("generated", "planted_groups", fingerprint_of(splits)))


def _split(options: Options, random: np.random.Generator) -> MemorySplit:
    member, half, true, predicted = (np.array(column) for column in zip(*_rows(confusions(options))))
    groups = {"planted": np.array(members(options))[member], "balanced": np.array(HALVES)[half]}
    chosen = chosen_groups(groups, options.groups)
    return draw_table(draw_signed(predicted == 1, random), true.astype(np.int64), len(COLUMNS), random, chosen)


def _rows(counts: np.ndarray) -> Iterator[tuple[int, int, int, int]]:
    """Yield the group of `planted`, the group of `balanced`, the true and the predicted class of each example."""
    for (member, true, predicted), count in np.ndenumerate(counts):
        for number in range(count):
            yield member, number % 2, true, predicted
