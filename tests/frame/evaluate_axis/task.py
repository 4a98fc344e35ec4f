"""569 breast cancer diagnoses from scikit-learn; the target is whether the tumour is malignant."""

from __future__ import annotations

from typing import Any

import numpy as np
from sklearn.datasets import load_breast_cancer

from bench_suite.contracts import Data, Source
from bench_suite.data.fingerprint import content_ids
from bench_suite.data.splits import MemorySplit, fingerprint_of
from bench_suite.data.splitting import split_by_content

VERSION = 1
MODALITY = "table"
PROBLEM = "./screening.py"


def load(options: None, sources: Any) -> Data:
    """Return `table` (n, 30) float64 and `target` (n,) int64, 1 if malignant."""
    table, benign = load_breast_cancer(return_X_y=True)
    target = 1 - benign.astype(np.int64)
    whole = MemorySplit(content_ids(table), {"table": table, "target": target})
    parts = split_by_content(whole.ids, target, {"test": 114, "train": len(whole) - 114})
    splits = {name: whole.at(parts[name]) for name in ("train", "test")}
    source = Source("package:scikit-learn", "breast_cancer", fingerprint_of(splits), licence="BSD-3-Clause")
    return Data("screening", {"classes": ("benign", "malignant")}, splits, source)
