"""Planted groups: two sensitive attributes, one with gaps between its groups that are known to the count.

A generated table in which the first column tells the class that a rule says: 1 where it is positive (the model
`planted_rule`). In each group of the attribute `planted` that rule is right, and says 1, just as often as the options
state: `selection_gap` and `error_gap` are differences of counts, not of draws. The attribute `balanced` cuts across:
each of its two groups holds half of each count, so that between them there is no gap at all.

What is exact is so in `test` and, before a validation split is held out of it, in `train`, which has as many examples.
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
    "Sensitive attributes to report by, out of `planted`, `balanced`; both by default. They are never inputs."
    size: int = 400
    "Examples of each group of `planted` in a split."
    members: int = 2
    "Groups of the attribute `planted`, which are called A, B and so on."
    selection_rate: float = 0.5
    "Share of the first group of which the rule says 1."
    selection_gap: float = 0.2
    "How much lower that share is in the last group; groups in between lie on a line."
    error_rate: float = 0.15
    "Share of the first group of which the rule is wrong."
    error_gap: float = 0.1
    "How much higher that share is in the last group; groups in between lie on a line."
    base_rate: float = 0.4
    "Share of the first group whose class is 1."
    base_gap: float = 0.1
    "How much lower that share is in the last group; groups in between lie on a line."


def members(options: Options) -> tuple[str, ...]:
    """Names of the groups of `planted`, first to last."""
    return tuple(ascii_uppercase[: options.members])


def check(options: Options) -> None:
    """Raise ValueError where the options' shares are no counts of examples."""
    confusions(options)


def confusions(options: Options) -> np.ndarray:
    """(members, 2, 2) int64: examples of a split by group of `planted`, true class and what the rule says.

    Of S examples of which the rule says 1, P of class 1 and E on which it is wrong, (S + P − E) / 2 are of class 1 and
    said to be. Raises ValueError where a share is no whole number of examples, where half of a count is none, or where
    no examples can have all three shares.
    """
    if options.size % 2:
        raise ValueError(f"size = {options.size} cannot be halved over `balanced`; give an even number")
    return np.array([_confusion(options, member) for member in range(options.members)], dtype=np.int64)


def _confusion(options: Options, member: int) -> list[list[int]]:
    half, along = options.size // 2, member / (options.members - 1)
    of = f"in group {ascii_uppercase[member]}, the share of"
    selected = count_of_share(options.selection_rate - options.selection_gap * along, half, f"{of} selection")
    wrong = count_of_share(options.error_rate + options.error_gap * along, half, f"{of} errors")
    positive = count_of_share(options.base_rate - options.base_gap * along, half, f"{of} class 1")
    both, odd = divmod(selected + positive - wrong, 2)
    counts = [[half - positive - selected + both, selected - both], [positive - both, both]]
    if odd or min(min(row) for row in counts) < 0:
        raise ValueError(
            f"no {half} examples of group {ascii_uppercase[member]} can be {selected} times said to be of class 1, "
            f"{positive} times of it, and {wrong} times mistaken; move a rate by {1 / half:g}, or make size larger"
        )
    return [[2 * count for count in row] for row in counts]


def load(options: Options, sources: Sources) -> Data:
    """Splits `train` and `test` of `table` (n, 4) float64 and `target` (n,) int64; groups are (n,) texts."""
    random = np.random.default_rng(0)
    splits = {name: _split(options, random) for name in ("train", "test")}
    spec = {"classes": ("no", "yes"), "columns": COLUMNS}
    return Data(PROBLEM, spec, splits, Source("generated", "planted_groups", fingerprint_of(splits)))


def _split(options: Options, random: np.random.Generator) -> MemorySplit:
    member, half, true, said = (np.array(column) for column in zip(*_rows(confusions(options))))
    groups = {"planted": np.array(members(options))[member], "balanced": np.array(HALVES)[half]}
    chosen = chosen_groups(groups, options.groups)
    return draw_table(draw_signed(said == 1, random), true.astype(np.int64), len(COLUMNS), random, chosen)


def _rows(counts: np.ndarray) -> Iterator[tuple[int, int, int, int]]:
    """Group of `planted`, group of `balanced`, true class and what the rule says, of each example."""
    for (member, true, said), count in np.ndenumerate(counts):
        for number in range(count):
            yield member, number % 2, true, said
