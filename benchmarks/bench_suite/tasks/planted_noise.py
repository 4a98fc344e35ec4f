"""Planted noise: a known share of the labels is wrong, so the best accuracy and the gain from memorising are known.

In this generated table the sign of the first column is the true class, 0 or 1, of equal size. In each class exactly the
share `flipped` has the other label, in `test` and, before a validation split is held out, in `train`. A model that
knows the sign (`planted_rule`) is right on 1 − `flipped` of the examples, and none is better except by chance. A model
that also remembers its training examples (`planted_memory`) is right on all of these, and no better on `test`: its gap
is `flipped`. In the shift `noisier` the share `shifted` of the labels is wrong; otherwise it is like `test`.
"""

from __future__ import annotations

from dataclasses import dataclass
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
GROUPS = ()
SHIFTS = ("noisier",)
BOUNDS = {"train": (4, None), "test": (4, None), "flipped": (0.0, 0.5), "shifted": (0.0, 0.5)}

COLUMNS = ("sign", "noise 1", "noise 2", "noise 3")
SPLITS = {"train": ("train", "flipped"), "test": ("test", "flipped"), "shift:noisier": ("test", "shifted")}
"For each split the options that state its number of examples and the share of flipped labels."


@dataclass(frozen=True)
class Options:
    data: Literal["full", "sample"] = "full"
    "Both mean the same: it is generated."
    groups: tuple[str, ...] | None = None
    "Sensitive attributes to report by; none here."
    train: int = 1000
    "Examples to train on, before a validation split is held out."
    test: int = 2000
    "Examples to test on; the shift has as many."
    flipped: float = 0.1
    "Share of the examples of each class with the other label, in train and test."
    shifted: float = 0.3
    "That share in the shift `noisier`."


def check(options: Options) -> None:
    """Raise ValueError if a share of flipped labels is no count of examples."""
    for name in SPLITS:
        _flips(options, name)


def load(options: Options, sources: Sources) -> Data:
    """Return splits `train`, `test` and `shift:noisier` of `table` (n, 4) float64 and `target` (n,) int64."""
    chosen_groups({}, options.groups)
    random = np.random.default_rng(0)
    splits = {name: _split(options, name, random) for name in SPLITS}
    spec = {"classes": ("negative", "positive"), "columns": COLUMNS}
    return Data(PROBLEM, spec, splits, Source("generated", "planted_noise", fingerprint_of(splits)))


def _split(options: Options, name: str, random: np.random.Generator) -> MemorySplit:
    half, flips = _flips(options, name)
    true, number = np.repeat([0, 1], half), np.tile(np.arange(half), 2)
    label = np.where(number < flips, 1 - true, true)
    return draw_table(draw_signed(true == 1, random), label.astype(np.int64), len(COLUMNS), random)


def _flips(options: Options, name: str) -> tuple[int, int]:
    """Return the number of examples of each class in a split, and how many are flipped. Raise ValueError."""
    size, share = SPLITS[name]
    examples: int = getattr(options, size)
    if examples % 2:
        raise ValueError(f"{size} = {examples} cannot be halved over two classes; give an even number")
    return examples // 2, count_of_share(getattr(options, share), examples // 2, f"in each class, {share}")
