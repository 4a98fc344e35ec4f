"""Planted columns: a table in which only four known columns depend on the class, optionally beside decoys.

A signal column is ±1 by class plus noise of standard deviation 1; noise columns are independent of the class. The best
rule is known: it is linear, and with a weight of 2 for each signal column its sum is the log odds. Two decoys may be
added, for which an explanation can only show how the model uses them:

- `decoy` copies the class in a share r of the training examples, and is a fair coin in the others and in test. So it
  equals the class in r + (1 − r) / 2 of train, and the best rule gives it the weight ln((1 + r) / (1 − r)).
- `suppressor` holds the noise of the first signal column and as much of its own, and is independent of the class. The
  best rule gives it the weight −2, to remove noise from the first signal column, and doubles the weight of that column.
  So a large gradient is no evidence that a column depends on the class (Haufe et al. 2014, doi
  10.1016/j.neuroimage.2013.10.067).

Besides the table, examples hold the masks `relevant` and `decoy` of these columns; models do not receive them.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import numpy as np

from bench_suite.contracts import Data, Source
from bench_suite.data.fingerprint import content_ids
from bench_suite.data.splits import MemorySplit, chosen_groups, fingerprint_of

if TYPE_CHECKING:
    from bench_suite.data.sources import Sources

VERSION = 1
MODALITY = "table"
PROBLEM = "classification"
GROUPS = ()
SHIFTS = ()
BOUNDS = {"size": (4, None), "noise": (1, 1000), "decoy": (0.0, 1.0)}

SIGNALS = 4


@dataclass(frozen=True)
class Options:
    data: Literal["full", "sample"] = "full"
    "Both mean the same: it is generated."
    groups: tuple[str, ...] | None = None
    "Sensitive attributes to report by; this table has none."
    size: int = 4000
    "Training examples; there are a fifth as many test examples."
    noise: int = 12
    "Columns that are independent of the class."
    decoy: float | None = None
    """Share r of the training examples whose `decoy` copies their class; that of the others is a fair coin. So it
    equals the class in r + (1 − r) / 2 of them; in test it is independent of the class. None: no such column."""
    suppressor: bool = False
    "Add a column that shares the noise of the first signal column and is independent of the class."


def load(options: Options, sources: Sources) -> Data:
    """Return splits `train` and `test`: `table` (n, d) float64, `target` (n,) int64, and masks (n, d) bool."""
    chosen_groups({}, options.groups)
    random = np.random.default_rng(0)
    splits = {
        "train": _split(options, options.size, options.decoy, random),
        "test": _split(options, max(4, options.size // 5), 0.0, random),
    }
    spec = {"classes": ("no", "yes"), "columns": columns(options)}
    return Data(PROBLEM, spec, splits, Source("generated", "planted_columns", fingerprint_of(splits)))


def columns(options: Options) -> tuple[str, ...]:
    """Return the names of the columns, signals first."""
    names = [f"signal {number}" for number in range(1, SIGNALS + 1)]
    names += [f"noise {number}" for number in range(1, options.noise + 1)]
    names += ["decoy"] if options.decoy is not None else []
    return (*names, "suppressor") if options.suppressor else tuple(names)


def _split(options: Options, n: int, copied: float | None, random: np.random.Generator) -> MemorySplit:
    """Return `n` examples; a share `copied` of the decoys copies the class, the others are a fair coin."""
    target = random.permutation(np.arange(n) % 2)
    sign = 2.0 * target - 1.0
    table = random.standard_normal((n, len(columns(options))))
    disturbance = table[:, 0].copy()
    table[:, :SIGNALS] += sign[:, None]
    first_decoy = SIGNALS + options.noise
    if options.decoy is not None:
        coin = random.permutation(np.arange(n) % 2) * 2.0 - 1.0
        copies = random.permutation(n) < round((copied or 0.0) * n)
        table[:, first_decoy] = np.where(copies, sign, coin)
    if options.suppressor:
        table[:, -1] += disturbance
    relevant, decoy = np.zeros((2, n, table.shape[1]), dtype=bool)
    relevant[:, :SIGNALS] = True
    decoy[:, first_decoy:] = True
    return MemorySplit(content_ids(table), {"table": table, "target": target, "relevant": relevant, "decoy": decoy})
