"""Breast cancer: is a lump malignant or benign? 569 diagnoses (Street, Wolberg and Mangasarian 1993).

Thirty numbers, computed from the image of a fine needle aspirate: for ten properties of the cell nuclei the mean, the
standard error, and the "worst", which is the mean of the three largest. The data set is "Breast Cancer Wisconsin
(Diagnostic)", in the units and with the class numbers of scikit-learn's `load_breast_cancer`: 0 is malignant, 1 benign.

scikit-learn ships the whole data set, so `full` and `sample` mean the same.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import numpy as np

from bench_suite.contracts import Data, DataInvalid, Source
from bench_suite.data.fingerprint import content_ids
from bench_suite.data.splits import MemorySplit, chosen_groups, fingerprint_of
from bench_suite.data.splitting import split_by_content

if TYPE_CHECKING:
    from bench_suite.data.sources import Sources

VERSION = 1
MODALITY = "table"
PROBLEM = "classification"
GROUPS = ()
SHIFTS = ()
PACKAGE = ("scikit-learn", "sklearn/datasets/data/breast_cancer.csv")
LICENCE = "BSD-3-Clause"

CLASSES = ("malignant", "benign")
PROPERTIES = (
    *("radius", "texture", "perimeter", "area", "smoothness", "compactness", "concavity", "concave points"),
    *("symmetry", "fractal dimension"),
)
COLUMNS = (
    *(f"mean {name}" for name in PROPERTIES),
    *(f"{name} error" for name in PROPERTIES),
    *(f"worst {name}" for name in PROPERTIES),
)


@dataclass(frozen=True)
class Options:
    data: Literal["full", "sample"] = "full"
    "Both mean the same: the package holds the whole set."
    groups: tuple[str, ...] | None = None
    "Sensitive attributes to report by; none here."


def load(options: Options, sources: Sources) -> Data:
    """Return splits `train` and `test` (four to one) of `table` (n, 30) float64 and `target` (n,) int64.

    Raises:
        DataUnavailable: The package is not installed, or lacks the file.
        DataInvalid: The file cannot be read.
    """
    chosen_groups({}, options.groups)
    file, version = sources.package(*PACKAGE)
    origin = f"package:{PACKAGE[0]} {version}"
    try:
        # The first line holds counts and the names of the classes, not the names of columns.
        values = np.loadtxt(file, delimiter=",", skiprows=1, ndmin=2)
    except (OSError, ValueError) as error:
        repair = f"pip install --force-reinstall {PACKAGE[0]}"
        raise DataInvalid(f"{origin}: `{PACKAGE[1]}` cannot be read: {error}\n  to repair it: {repair}") from error
    if values.shape[1] != len(COLUMNS) + 1:
        raise DataInvalid(f"{origin}: rows have {values.shape[1]} numbers; 30 and a diagnosis are expected")
    table, target = np.ascontiguousarray(values[:, :-1]), values[:, -1].astype(np.int64)
    whole = MemorySplit(content_ids(table), {"table": table, "target": target})
    test = round(len(whole) / 5)
    parts = split_by_content(whole.ids, target, {"test": test, "train": len(whole) - test})
    splits = {name: whole.at(parts[name]) for name in ("train", "test")}
    spec = {"classes": CLASSES, "columns": COLUMNS}
    return Data(PROBLEM, spec, splits, Source(origin, "breast_cancer", fingerprint_of(splits), licence=LICENCE))
