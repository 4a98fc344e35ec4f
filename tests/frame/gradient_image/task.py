"""Noise images. One patch, rows 1 to 3 and columns 6 to 8, determines the class: dark or bright."""

from __future__ import annotations

from typing import Any

import numpy as np

from bench_suite.contracts import Data, Source
from bench_suite.data.fingerprint import content_ids
from bench_suite.data.splits import MemorySplit, fingerprint_of

VERSION = 1
MODALITY = "image"
PROBLEM = "classification"


def load(options: None, sources: Any) -> Data:
    """Return `image` (n, 10, 10, 1) uint8 and `target` (n,) int64."""
    draw = np.random.default_rng(0)
    splits = {}
    for name, n in (("train", 800), ("test", 200)):
        target = draw.integers(0, 2, n)
        image = draw.integers(96, 160, (n, 10, 10, 1), dtype=np.uint8)
        image[:, 1:4, 6:9] = (image[:, 1:4, 6:9] - 40) + (80 * target[:, None, None, None]).astype(np.uint8)
        splits[name] = MemorySplit(content_ids(image), {"image": image, "target": target})
    spec = {"classes": ("dark", "bright")}
    return Data("classification", spec, splits, Source("generated", "corners", fingerprint_of(splits)))
