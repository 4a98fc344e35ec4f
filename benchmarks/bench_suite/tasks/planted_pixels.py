"""Planted pixels: pictures of noise in which only a small glyph at a known position depends on the class.

Each glyph fills a box of 5×5 pixels, at the same position in all pictures or at a random one. All other pixels are
noise that is independent of the class, so the explanation of an accurate model has to point into the box. A decoy is a
second, brighter glyph in the lower corner. In a share r of train it copies the picture's class; in the others and in
test it shows each class equally often, so by chance the picture's own in a quarter of them. So it shows the class in r
+ (1 − r) / 4 of train and in 1 / 4 of test. A model that learnt the decoy is often wrong in test, and its explanation
points at the decoy.

Besides the image, examples hold the masks `relevant` and `decoy` of these pixels; models do not receive them.
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
MODALITY = "image"
PROBLEM = "classification"
GROUPS = ()
SHIFTS = ()
BOUNDS = {"size": (4, None), "side": (12, 256), "decoy": (0.0, 1.0)}

BOX = 5
"Side of a glyph, in pixels."
INK, DECOY_INK, NOISE = 200, 255, 120
"Brightness of a glyph and of a decoy, and the bound of the noise, which is drawn from 0 to NOISE − 1."
GLYPHS = {
    "rows": ("#####", ".....", "#####", ".....", "#####"),
    "columns": ("#.#.#", "#.#.#", "#.#.#", "#.#.#", "#.#.#"),
    "cross": ("#...#", ".#.#.", "..#..", ".#.#.", "#...#"),
    "ring": (".###.", "#...#", "#...#", "#...#", ".###."),
}


@dataclass(frozen=True)
class Options:
    data: Literal["full", "sample"] = "full"
    "Both mean the same: it is generated."
    groups: tuple[str, ...] | None = None
    "Sensitive attributes to report by; these pictures have none."
    size: int = 2000
    "Training examples; there are a fifth as many test examples."
    side: int = 16
    "Side of the square pictures, in pixels."
    place: Literal["fixed", "drawn"] = "fixed"
    "Position of the glyph: the same in all pictures, or drawn for each, anywhere above the rows of the decoy."
    decoy: float | None = None
    """Share r of the training pictures whose decoy copies their class; that of the others shows each class equally
    often. So it shows the class in r + (1 − r) / 4 of them; in test it is independent of the class. None: no decoy."""


def load(options: Options, sources: Sources) -> Data:
    """Return `train` and `test`: `image` (n, side, side, 1) uint8, `target` (n,) int64, masks (n, side, side) bool."""
    chosen_groups({}, options.groups)
    random = np.random.default_rng(0)
    splits = {
        "train": _split(options, options.size, options.decoy, random),
        "test": _split(options, max(4, options.size // 5), 0.0, random),
    }
    spec = {"classes": tuple(GLYPHS), "shape": (options.side, options.side, 1)}
    return Data(PROBLEM, spec, splits, Source("generated", "planted_pixels", fingerprint_of(splits)))


def _split(options: Options, n: int, copied: float | None, random: np.random.Generator) -> MemorySplit:
    """Return `n` pictures; a share `copied` of the decoys copies the class, the others show all equally often."""
    side, last = options.side, options.side - BOX
    target = random.permutation(np.arange(n) % len(GLYPHS))
    image = random.integers(0, NOISE, (n, side, side), dtype=np.uint8)
    masks = {name: np.zeros((n, side, side), dtype=bool) for name in ("relevant", "decoy")}
    drawn = random.integers(0, (last - BOX + 1, last + 1), (n, 2))
    corners = drawn if options.place == "drawn" else np.ones((n, 2), dtype=np.int64)
    _plant(image, masks["relevant"], corners, target, INK)
    if options.decoy is not None:
        decoys = random.permutation(np.arange(n) % len(GLYPHS))
        copies = random.permutation(n) < round((copied or 0.0) * n)
        decoys[copies] = target[copies]
        _plant(image, masks["decoy"], np.full((n, 2), last), decoys, DECOY_INK)
    image = image[..., None]
    return MemorySplit(content_ids(image), {"image": image, "target": target, **masks})


def _plant(image: np.ndarray, mask: np.ndarray, corners: np.ndarray, classes: np.ndarray, ink: int) -> None:
    """Draw the glyph of each image's class (n,) at its corner, and mark the pixels that differ between the classes."""
    glyphs = np.array([[[mark == "#" for mark in row] for row in glyph] for glyph in GLYPHS.values()])
    differing = glyphs.any(axis=0) & ~glyphs.all(axis=0)
    for number, (top, left) in enumerate(corners.tolist()):
        box = np.s_[number, top : top + BOX, left : left + BOX]
        image[box][glyphs[classes[number]]] = ink
        mask[box] = differing
