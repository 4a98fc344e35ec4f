"""Planted line: a regression whose best answer, and what is left of the error then, are known.

A generated table. The target is the first column and a residual: `deviation` or twice that, upwards or downwards, each
as often as the others at every value of that column. Whoever says the first column itself (the model `planted_rule`)
has a mean absolute error of 1.5 and a root mean square error of √2.5 deviations, exactly, and nobody can do better than
the latter.
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
PROBLEM = "regression"
GROUPS = ()
SHIFTS = ()
BOUNDS = {"train": (8, None), "test": (8, None), "deviation": (1e-6, 1e6)}

COLUMNS = ("line", "noise 1", "noise 2", "noise 3")
RESIDUALS = (-2.0, -1.0, 1.0, 2.0)
"In deviations; each value of the line has an example of each."


@dataclass(frozen=True)
class Options:
    data: Literal["full", "sample"] = "full"
    "Both mean the same: it is generated."
    groups: tuple[str, ...] | None = None
    "Sensitive attributes to report by; none here."
    train: int = 800
    "Examples to train on, before a validation split is held out; a multiple of four."
    test: int = 800
    "Examples to test on; a multiple of four."
    deviation: float = 0.25
    "Unit of the residuals; the line itself goes from −1 to 1."


def check(options: Options) -> None:
    """Raise ValueError where not every value of the line can have each of the four residuals."""
    for name in ("train", "test"):
        if getattr(options, name) % 4:
            raise ValueError(f"{name} = {getattr(options, name)} is no multiple of four, one example for each residual")


def variance(options: Options) -> float:
    """Of the targets of `test`: (m + 1) / (3 (m − 1)) of m = test / 4 even steps from −1 to 1, and 2.5 deviations².

    The two add up exactly, since each value of the line has all residuals.
    """
    steps = options.test // 4
    return (steps + 1) / (3 * (steps - 1)) + 2.5 * options.deviation**2


def load(options: Options, sources: Sources) -> Data:
    """Splits `train` and `test` of `table` (n, 4) float64 and `target` (n,) float64."""
    chosen_groups({}, options.groups)
    random = np.random.default_rng(0)
    splits = {name: _split(getattr(options, name), options.deviation, random) for name in ("train", "test")}
    return Data(PROBLEM, {"columns": COLUMNS}, splits, Source("generated", "planted_line", fingerprint_of(splits)))


def _split(size: int, deviation: float, random: np.random.Generator) -> MemorySplit:
    line = np.repeat(np.linspace(-1.0, 1.0, size // len(RESIDUALS)), len(RESIDUALS))
    target = line + deviation * np.tile(RESIDUALS, size // len(RESIDUALS))
    return draw_table(line, target, len(COLUMNS), random)
