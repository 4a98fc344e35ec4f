"""Planted line: a regression whose best prediction and smallest possible error are known.

In this generated table the target is the first column plus a residual: one or two times `deviation`, up or down, each
equally often at every value of that column. A model that predicts the first column (`planted_rule`) has a mean absolute
error of exactly 1.5 and a root mean square error of exactly √2.5 deviations. No model has a lower root mean square
error, except by chance.
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
"In units of `deviation`; each value of the line has one example of each."


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
    """Raise ValueError if not every value of the line can have each of the four residuals."""
    for name in ("train", "test"):
        if getattr(options, name) % 4:
            raise ValueError(
                f"{name} = {getattr(options, name)} is not a multiple of four: each value of the line has four examples"
            )


def variance(options: Options) -> float:
    """Return the variance of the targets of `test`.

    It is (m + 1) / (3 (m − 1)), from m = test / 4 even steps from −1 to 1, plus 2.5 deviations². The two add up
    exactly, because each value of the line has all residuals.
    """
    steps = options.test // 4
    return (steps + 1) / (3 * (steps - 1)) + 2.5 * options.deviation**2


def load(options: Options, sources: Sources) -> Data:
    """Return splits `train` and `test` of `table` (n, 4) float64 and `target` (n,) float64."""
    chosen_groups({}, options.groups)
    random = np.random.default_rng(0)
    splits = {name: _split(getattr(options, name), options.deviation, random) for name in ("train", "test")}
    return Data(PROBLEM, {"columns": COLUMNS}, splits, Source("generated", "planted_line", fingerprint_of(splits)))


def _split(size: int, deviation: float, random: np.random.Generator) -> MemorySplit:
    line = np.repeat(np.linspace(-1.0, 1.0, size // len(RESIDUALS)), len(RESIDUALS))
    target = line + deviation * np.tile(RESIDUALS, size // len(RESIDUALS))
    return draw_table(line, target, len(COLUMNS), random)
