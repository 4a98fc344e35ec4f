"""Digits: handwritten digits of 8×8 grey pixels, ten classes; 1,797 of them (Alpaydin and Kaynak 1998).

The test part of the UCI data set "Optical Recognition of Handwritten Digits", as in scikit-learn's `load_digits`. Each
pixel counts the inked pixels of a 4×4 block, 0 to 16. The counts are scaled to 0 to 255 as for all images here, as the
nearest whole number to 255/16 times the count: 17 distinct values stay distinct, so nothing is lost.

scikit-learn ships the whole data set, so `full` and `sample` mean the same.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import numpy as np

from bench_suite.contracts import Data, DataInvalid, Source
from bench_suite.data.fingerprint import content_ids
from bench_suite.data.sources import numbers
from bench_suite.data.splits import MemorySplit, chosen_groups, fingerprint_of
from bench_suite.data.splitting import split_by_content

if TYPE_CHECKING:
    from bench_suite.data.sources import Sources

VERSION = 1
MODALITY = "image"
PROBLEM = "classification"
GROUPS = ()
SHIFTS = ()
CLASSES = ("0", "1", "2", "3", "4", "5", "6", "7", "8", "9")
PACKAGE = ("scikit-learn", "sklearn/datasets/data/digits.csv.gz")
LICENCE = "BSD-3-Clause"

GREATEST = 16
"Largest count of inked pixels."


@dataclass(frozen=True)
class Options:
    data: Literal["full", "sample"] = "full"
    "Both mean the same: the package holds the whole set."
    groups: tuple[str, ...] | None = None
    "Sensitive attributes to report by; digits have none."


def load(options: Options, sources: Sources) -> Data:
    """Return splits `train` and `test` (four to one) of `image` (n, 8, 8, 1) uint8 and `target` (n,) int64.

    Raises:
        DataUnavailable: The package is not installed, or lacks the file.
        DataInvalid: The file cannot be read.
    """
    chosen_groups({}, options.groups)
    table, origin = sources.csv(*PACKAGE, header=False)
    if table.num_columns != 65:
        raise DataInvalid(f"{origin}: rows have {table.num_columns} numbers; 64 pixels and a label are expected")
    values = np.stack([numbers(column, "int64", origin) for column in table.columns], axis=1)
    counts, target = values[:, :-1], values[:, -1].copy()
    if counts.min(initial=0) < 0 or counts.max(initial=0) > GREATEST:
        raise DataInvalid(f"{origin}: pixels from {counts.min()} to {counts.max()}; 0 to {GREATEST} are expected")
    image = np.rint(counts * (255 / GREATEST)).astype(np.uint8).reshape(-1, 8, 8, 1)
    whole = MemorySplit(content_ids(image), {"image": image, "target": target})
    test = round(len(whole) / 5)
    parts = split_by_content(whole.ids, target, {"test": test, "train": len(whole) - test})
    splits = {name: whole.at(parts[name]) for name in ("train", "test")}
    spec = {"classes": CLASSES, "shape": (8, 8, 1)}
    return Data(PROBLEM, spec, splits, Source(origin, "digits", fingerprint_of(splits), licence=LICENCE))
