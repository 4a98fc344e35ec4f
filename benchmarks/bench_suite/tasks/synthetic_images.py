"""Synthetic images: noise of any size, to measure how fast a model is without any data.

Each pixel is drawn uniformly from 0 to 255, and the classes follow one another: there is nothing to learn. The examples
are made when they are taken, by a fixed seed, so no file is read and a large number of them takes no memory.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Literal

import numpy as np

from bench_suite.contracts import Data, Source
from bench_suite.data.generated import generated_splits
from bench_suite.data.splits import chosen_groups, fingerprint_of

if TYPE_CHECKING:
    from bench_suite.data.sources import Sources

VERSION = 1
MODALITY = "image"
PROBLEM = "classification"
GROUPS = ()
SHIFTS = ()
BOUNDS = {"size": (1, 4096), "channels": (1, 64), "classes": (2, 100_000), "examples": (2, 10_000_000)}


@dataclass(frozen=True)
class Options:
    data: Literal["full", "sample"] = "full"
    "Both mean the same: it is generated."
    groups: tuple[str, ...] | None = None
    "Sensitive attributes to report by; these images have none."
    size: int = 224
    "Side of the square images, in pixels."
    channels: int = 3
    "Values of a pixel: 3 for colour, 1 for grey."
    classes: int = 1000
    "Number of classes: 1000 as in ImageNet."
    examples: int = 4000
    "Training examples; there are half as many test examples."


def load(options: Options, sources: Sources) -> Data:
    """Return `train` and `test`: `image` (n, size, size, channels) uint8, `target` (n,) int64; nothing is made yet."""
    chosen_groups({}, options.groups)
    shape = (options.size, options.size, options.channels)
    splits = generated_splits(
        partial(_noise, shape), "image", ("synthetic_images", *shape), options.classes, options.examples
    )
    spec = {"classes": tuple(f"class {number}" for number in range(options.classes)), "shape": shape}
    return Data(PROBLEM, spec, splits, Source("generated", "synthetic_images", fingerprint_of(splits)))


def _noise(shape: tuple[int, int, int], random: np.random.Generator) -> np.ndarray:
    return random.integers(0, 256, shape, dtype=np.uint8)
