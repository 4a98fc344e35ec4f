"""Planted pixels: pictures of noise in which a small glyph alone tells the class, and it is known where it lies.

Each glyph fills a box of 5×5 pixels, at one place in all pictures or at one that is drawn for each. All other pixels
are noise that knows nothing of the class, so an explanation of a model that is right has to point into the box. A decoy
is a second, brighter glyph in the corner below: in a share r of train it copies the picture's class, in the others and
in test it shows any class alike, by chance the picture's own in a quarter of them. So in train it shows the class in
r + (1 − r) / 4, in test in 1 / 4. A model that learnt it is wrong there, and what explains that model points at the
decoy.

Beside the image, examples hold `relevant` and `decoy`, the pixels of either; models are not given them.
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
"Brightness of a glyph and of a decoy; noise is drawn from 0 up to, but without, its own."
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
    "Examples to learn from; a fifth as many are tested on."
    side: int = 16
    "Side of the square pictures, in pixels."
    place: Literal["fixed", "drawn"] = "fixed"
    "Where the glyph lies: at one place in all pictures, or anywhere above the decoy's rows, drawn for each."
    decoy: float | None = None
    """Share r of the training pictures whose decoy copies their class; that of the others shows any class alike. So it
    shows the class in r + (1 − r) / 4 of them; in test it tells nothing. None: there is no decoy."""


def load(options: Options, sources: Sources) -> Data:
    """Splits `train` and `test`: `image` (n, side, side, 1) uint8, `target` (n,) int64, masks (n, side, side) bool."""
    chosen_groups({}, options.groups)
    random = np.random.default_rng(0)
    splits = {
        "train": _split(options, options.size, options.decoy, random),
        "test": _split(options, max(4, options.size // 5), 0.0, random),
    }
    spec = {"classes": tuple(GLYPHS), "shape": (options.side, options.side, 1)}
    return Data(PROBLEM, spec, splits, Source("generated", "planted_pixels", fingerprint_of(splits)))


def _split(options: Options, n: int, told: float | None, random: np.random.Generator) -> MemorySplit:
    """`n` pictures; the decoys of a share `told` copy their class, those of the others show any class alike."""
    side, last = options.side, options.side - BOX
    target = random.permutation(np.arange(n) % len(GLYPHS))
    image = random.integers(0, NOISE, (n, side, side), dtype=np.uint8)
    masks = {name: np.zeros((n, side, side), dtype=bool) for name in ("relevant", "decoy")}
    drawn = random.integers(0, (last - BOX + 1, last + 1), (n, 2))
    corners = drawn if options.place == "drawn" else np.ones((n, 2), dtype=np.int64)
    _plant(image, masks["relevant"], corners, target, INK)
    if options.decoy is not None:
        shown = random.permutation(np.arange(n) % len(GLYPHS))
        telling = random.permutation(n) < round((told or 0.0) * n)
        shown[telling] = target[telling]
        _plant(image, masks["decoy"], np.full((n, 2), last), shown, DECOY_INK)
    image = image[..., None]
    return MemorySplit(content_ids(image), {"image": image, "target": target, **masks})


def _plant(image: np.ndarray, mask: np.ndarray, corners: np.ndarray, shown: np.ndarray, ink: int) -> None:
    """Draw the glyph of class `shown` (n,) into each image at its corner, and mark pixels that differ by class."""
    glyphs = np.array([[[mark == "#" for mark in row] for row in glyph] for glyph in GLYPHS.values()])
    telling = glyphs.any(axis=0) & ~glyphs.all(axis=0)
    for number, (top, left) in enumerate(corners.tolist()):
        box = np.s_[number, top : top + BOX, left : left + BOX]
        image[box][glyphs[shown[number]]] = ink
        mask[box] = telling
