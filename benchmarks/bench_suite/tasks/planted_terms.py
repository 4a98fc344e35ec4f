"""Planted terms: texts that name men, women or nobody, a known share of which is classified by these names only.

Most texts contain a word of sentiment, *good* or *bad*. The others, *undecided*, contain none. The model
`planted_words` predicts positive for an undecided text that names a man, and negative for any other, so its prediction
flips when the identity terms are swapped. This is the case for exactly the share `undecided_men` of the texts that name
men, and `undecided_women` of those that name women: counts, not random draws. Half of the decided texts of each kind
are good, and half of the undecided ones are labelled positive.

The counts are exact in `test` and, before a validation split is held out, in `train`, which is equally large.
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
"Identity terms by kind of text; terms at the same position are swapped for one another."
SENTIMENT = ("bad", "good")
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
    "Share of the texts that name men and contain no word of sentiment."
    undecided_women: float = 0.1
    "That share of the texts that name women. All texts that name nobody contain such a word."


def check(options: Options) -> None:
    """Raise ValueError if the options' shares are no counts of texts."""
    undecided(options)


def undecided(options: Options) -> tuple[int, ...]:
    """Return the number of undecided texts of each kind, in the order of `KINDS`.

    All counts are even, so that half of the decided and half of the undecided texts are of either class.

    Raises:
        ValueError: A share is no count of texts.
    """
    if options.size % 2:
        raise ValueError(f"size = {options.size} cannot be halved over two classes; give an even number")
    half = options.size // 2
    shares = {"undecided_men": options.undecided_men, "undecided_women": options.undecided_women}
    return (*(2 * count_of_share(share, half, f"of each class, {name}") for name, share in shares.items()), 0)


def load(options: Options, sources: Sources) -> Data:
    """Return splits `train` and `test`: `text`, lists of str, and `target` (n,) int64."""
    chosen_groups({}, options.groups)
    random = np.random.default_rng(0)
    splits = {name: _split(options, first, random) for name, first in (("train", 1), ("test", 1 + 3 * options.size))}
    return Data(
        PROBLEM, {"classes": ("negative", "positive")}, splits,
        Source("generated", "planted_terms", fingerprint_of(splits)),
    )  # fmt: skip


def _split(options: Options, first: int, random: np.random.Generator) -> MemorySplit:
    """Return three kinds of texts in random order, numbered from `first`, so that no two splits share one."""
    texts: list[str] = []
    targets: list[int] = []
    for kind, undecided_count in zip(KINDS, undecided(options)):
        for number in range(options.size):
            target = number % 2
            word = UNDECIDED if number < undecided_count else SENTIMENT[target]
            who = WHO[kind][number // 2 % len(WHO[kind])]
            texts.append(f"Film {first + len(texts)}: {who} called it {word}.")
            targets.append(target)
    order = random.permutation(len(texts))
    shuffled = [texts[row] for row in order]
    return MemorySplit(content_ids(shuffled), {"text": shuffled, "target": np.array(targets, dtype=np.int64)[order]})
