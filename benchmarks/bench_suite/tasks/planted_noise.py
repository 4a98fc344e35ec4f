"""Planted noise: labels of which a known share is wrong, so that the best accuracy is known, and what memory is worth.

A generated table in which the sign of the first column is the true class, 0 or 1, of equal size. Of each class exactly
the share `flipped` bears the other's label, in `test` and, before a validation split is held out of it, in `train`.
Whoever knows the sign (the model `planted_rule`) is right on 1 − `flipped` of the examples, and nobody can be better
than by luck. Who also remembers what was trained on (`planted_memory`) is right on all of that, and no better on
`test`: the gap is `flipped`. In the shift `noisier` the share `shifted` of the labels is wrong, all else as in `test`.
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
"By name: the options that say how many examples a split has, and which share of them is flipped."


@dataclass(frozen=True)
class Options:
    data: Literal["full", "sample"] = "full"
    "Both mean the same: it is generated."
    groups: tuple[str, ...] | None = None
    "Sensitive attributes to report by; none here."
    train: int = 1000
    "Examples to train on, before a validation split is held out."
    test: int = 2000
    "Examples to test on, and as many in the shift."
    flipped: float = 0.1
    "Share of the labels of each class that are the other's, in train and test."
    shifted: float = 0.3
    "The same in the shift `noisier`."


def check(options: Options) -> None:
    """Raise ValueError where a share of flipped labels is no count of examples."""
    for name in SPLITS:
        _flips(options, name)


def load(options: Options, sources: Sources) -> Data:
    """Splits `train`, `test` and `shift:noisier` of `table` (n, 4) float64 and `target` (n,) int64."""
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
    """Examples of each class in a split, and how many of them are flipped. Raises ValueError."""
    size, share = SPLITS[name]
    examples: int = getattr(options, size)
    if examples % 2:
        raise ValueError(f"{size} = {examples} cannot be halved over two classes; give an even number")
    return examples // 2, count_of_share(getattr(options, share), examples // 2, f"in each class, {share}")
