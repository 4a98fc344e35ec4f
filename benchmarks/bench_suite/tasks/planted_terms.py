"""Planted terms: texts that name men, women or nobody, of which a known share is judged by nothing but whom they name.

In most texts a word tells what was thought: *good* or *bad*. In the others, *undecided*, there is none; whoever takes
such a text for positive where it names a man, and for negative where it does not (the model `planted_words`), turns
round when its words are swapped. So of the texts that name men the share `undecided_men` flips when they name women
instead, and of those that name women the share `undecided_women`: counts, not draws. Half of the decided texts of each
kind are good, and half of the undecided ones are labelled positive.

What is exact is so in `test` and, before a validation split is held out of it, in `train`, which has as many texts.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import numpy as np

from bench_suite.contracts import Data, Source
from bench_suite.data.fingerprint import content_ids
from bench_suite.data.planted import count_of_share
from bench_suite.data.splits import MemorySplit, chosen_groups, fingerprint_of

if TYPE_CHECKING:
    from bench_suite.data.sources import Sources

VERSION = 1
MODALITY = "text"
PROBLEM = "classification"
GROUPS = ()
SHIFTS = ()
BOUNDS = {"size": (4, None), "undecided_men": (0.0, 1.0), "undecided_women": (0.0, 1.0)}

KINDS = ("men", "women", "nobody")
WHO = {
    "men": ("he", "an actor", "his father"),
    "women": ("she", "an actress", "her mother"),
    "nobody": ("it", "the crowd", "the paper"),
}
"Of whom a text speaks, in turn: words that are swapped for those at the same place."
THOUGHT = ("bad", "good")
"By class."
UNDECIDED = "long"


@dataclass(frozen=True)
class Options:
    data: Literal["full", "sample"] = "full"
    "Both mean the same: it is generated."
    groups: tuple[str, ...] | None = None
    "Sensitive attributes to report by; these texts have none."
    size: int = 200
    "Texts of a split that name men; as many name women, and as many nobody."
    undecided_men: float = 0.3
    "Share of the texts that name men in which nothing else tells what was thought."
    undecided_women: float = 0.1
    "The same of the texts that name women. Of those that name nobody, all are decided."


def check(options: Options) -> None:
    """Raise ValueError where the options' shares are no counts of texts."""
    undecided(options)


def undecided(options: Options) -> tuple[int, ...]:
    """Texts of each kind that are judged by whom they name, in the order of `KINDS`. Raises ValueError.

    All counts are even, so that half of the decided and half of the undecided texts are of either class.
    """
    if options.size % 2:
        raise ValueError(f"size = {options.size} cannot be halved over two classes; give an even number")
    half = options.size // 2
    shares = {"undecided_men": options.undecided_men, "undecided_women": options.undecided_women}
    return (*(2 * count_of_share(share, half, f"of each class, {name}") for name, share in shares.items()), 0)


def load(options: Options, sources: Sources) -> Data:
    """Splits `train` and `test`: `text`, lists of str, and `target` (n,) int64."""
    chosen_groups({}, options.groups)
    random = np.random.default_rng(0)
    splits = {name: _split(options, first, random) for name, first in (("train", 1), ("test", 1 + 3 * options.size))}
    return Data(
        PROBLEM, {"classes": ("negative", "positive")}, splits,
        Source("generated", "planted_terms", fingerprint_of(splits)),
    )  # fmt: skip


def _split(options: Options, first: int, random: np.random.Generator) -> MemorySplit:
    """Three kinds of texts in drawn order, numbered from `first`, so that none stands in two splits."""
    texts: list[str] = []
    targets: list[int] = []
    for kind, without in zip(KINDS, undecided(options)):
        for number in range(options.size):
            target = number % 2
            thought = UNDECIDED if number < without else THOUGHT[target]
            who = WHO[kind][number // 2 % len(WHO[kind])]
            texts.append(f"Film {first + len(texts)}: {who} called it {thought}.")
            targets.append(target)
    order = random.permutation(len(texts))
    shuffled = [texts[place] for place in order]
    return MemorySplit(content_ids(shuffled), {"text": shuffled, "target": np.array(targets, dtype=np.int64)[order]})
