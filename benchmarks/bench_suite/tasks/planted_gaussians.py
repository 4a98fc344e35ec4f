"""Planted Gaussians: test examples and those of a shift lie at a known distance, so their separability is known.

In this generated table the first column has the class in its sign: its size is normal with mean `apart` and standard
deviation 1. In the shift `nearer` the mean of the size is `apart` − `distance`. A score that grows with the size
separates test from the shift with an AUROC of Φ(distance/√2), and accepts Φ(1.645 − distance) of the shift at the
threshold that accepts 95 % of test. The sizes of each class and split are the quantiles of their normal distribution at
(i − ½)/n, in random order, so that both numbers hold for the examples themselves but for about 1/n.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import numpy as np

from bench_suite.contracts import Data, Source
from bench_suite.data.planted import draw_table
from bench_suite.data.splits import MemorySplit, chosen_groups, fingerprint_of

if TYPE_CHECKING:
    from bench_suite.data.sources import Sources

VERSION = 1
MODALITY = "table"
PROBLEM = "classification"
GROUPS = ()
SHIFTS = ("nearer",)
CLASSES = ("negative", "positive")
BOUNDS = {"train": (4, None), "test": (4, None), "apart": (4.0, None), "distance": (0.0, None)}

COLUMNS = ("sign", "noise 1", "noise 2", "noise 3")


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
    apart: float = 8.0
    "Mean size of the first column, in standard deviations."
    distance: float = 1.5
    "How much smaller that mean is in the shift."


def check(options: Options) -> None:
    """Raise ValueError unless both classes have as many examples, and sizes of the shift are positive."""
    for name in ("train", "test"):
        if getattr(options, name) % 2:
            raise ValueError(f"{name} = {getattr(options, name)} cannot be halved over two classes")
    if options.distance > options.apart - 4.0:
        raise ValueError(f"distance = {options.distance:g} puts the shift on both sides of 0: state at most apart − 4")


def load(options: Options, sources: Sources) -> Data:
    """Return splits `train`, `test` and `shift:nearer` of `table` (n, 4) float64 and `target` (n,) int64."""
    chosen_groups({}, options.groups)
    random = np.random.default_rng(0)
    sizes = {"train": options.train, "test": options.test, "shift:nearer": options.test}
    splits = {
        name: _split(size, options.apart - options.distance * name.startswith("shift:"), random)
        for name, size in sizes.items()
    }
    spec = {"classes": CLASSES, "columns": COLUMNS}
    return Data(PROBLEM, spec, splits, Source("generated", "planted_gaussians", fingerprint_of(splits)))


def _split(examples: int, mean: float, random: np.random.Generator) -> MemorySplit:
    from scipy import special

    half = examples // 2
    sizes = np.tile(mean + special.ndtri((np.arange(half) + 0.5) / half), 2)
    target = np.repeat([0, 1], half).astype(np.int64)
    return draw_table(np.where(target == 1, sizes, -sizes), target, len(COLUMNS), random)
