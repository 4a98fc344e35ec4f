"""Diabetes: how far has the disease progressed a year later? 442 patients, a regression (Efron et al. 2004).

Ten numbers at the baseline: age, sex, body mass index, blood pressure and six blood serum measurements, in their
original units (scikit-learn's `load_diabetes(scaled=False)`). scikit-learn ships the whole data set, so `full` and
`sample` mean the same.
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
MODALITY = "table"
PROBLEM = "regression"
GROUPS = ()
SHIFTS = ()
PACKAGE = ("scikit-learn", "sklearn/datasets/data/diabetes_data_raw.csv.gz")
LICENCE = "BSD-3-Clause"

TARGET_FILE = "sklearn/datasets/data/diabetes_target.csv.gz"
COLUMNS = ("age", "sex", "bmi", "bp", "s1", "s2", "s3", "s4", "s5", "s6")


@dataclass(frozen=True)
class Options:
    data: Literal["full", "sample"] = "full"
    "Both mean the same: the package holds the whole set."
    groups: tuple[str, ...] | None = None
    "Sensitive attributes to report by; none here, because sex is an input as in the published data set."


def load(options: Options, sources: Sources) -> Data:
    """Return splits `train` and `test` (four to one) of `table` (n, 10) float64 and `target` (n,) float64, 25 to 346.

    Raises:
        DataUnavailable: The package is not installed, or lacks the files.
        DataInvalid: The files cannot be read.
    """
    chosen_groups({}, options.groups)
    table, origin = sources.csv(*PACKAGE, header=False, delimiter=" ")
    targets, _ = sources.csv(PACKAGE[0], TARGET_FILE, header=False)
    if table.num_columns != len(COLUMNS) or table.num_rows != targets.num_rows:
        raise DataInvalid(
            f"{origin}: {table.num_rows} rows of {table.num_columns} columns and {targets.num_rows} targets; "
            f"{len(COLUMNS)} columns and one target a row are expected"
        )
    values = np.stack([numbers(column, "float64", origin) for column in table.columns], axis=1)
    whole = MemorySplit(content_ids(values), {"table": values, "target": numbers(targets["f0"], "float64", origin)})
    test = round(len(whole) / 5)
    parts = split_by_content(whole.ids, None, {"test": test, "train": len(whole) - test})
    splits = {name: whole.at(parts[name]) for name in ("train", "test")}
    spec = {"columns": COLUMNS, "unit": "points"}
    return Data(PROBLEM, spec, splits, Source(origin, "diabetes", fingerprint_of(splits), licence=LICENCE))
