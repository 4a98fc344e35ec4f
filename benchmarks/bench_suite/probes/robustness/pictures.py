"""Pictures: one test image under each corruption, at each severity."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from bench_suite.probes.robustness.images import corrupt_images

TILE = 64
"Least height of an image in the picture, in pixels; smaller ones are enlarged by whole numbers."
MAX_TILE = 128
"Greatest height; larger ones are reduced."
GAP = 4
NAMES_WIDTH = 120
"Width of the column of names."


def corruption_grid(image: np.ndarray, names: Sequence[str], severities: Sequence[int]) -> np.ndarray:
    """Draw an image under each corruption: a row for each corruption, a column for each severity.

    Args:
        image: (H, W, 1 or 3) uint8.
        names: of corruptions of images.
        severities: from 1 to 5.

    Returns:
        RGB bytes (height, width, 3).
    """
    tiles = [[_tile(image), *(_tile(corrupt_images(image[None], name, s)[0]) for s in severities)] for name in names]
    width, height = tiles[0][0].size
    font = ImageFont.load_default(12)
    canvas = Image.new(
        "RGB", (NAMES_WIDTH + (1 + len(severities)) * (width + GAP), 20 + len(names) * (height + GAP)), "white"
    )
    draw = ImageDraw.Draw(canvas)
    for column, heading in enumerate(("not corrupted", *(f"severity {severity}" for severity in severities))):
        middle = NAMES_WIDTH + column * (width + GAP) + width // 2
        shown = heading if draw.textlength(heading, font) <= width + GAP else heading.split()[-1]
        draw.text((middle, 10), "clean" if column == 0 else shown, "black", font, anchor="mm")
    for row, (name, line) in enumerate(zip(names, tiles)):
        top = 20 + row * (height + GAP)
        draw.text((NAMES_WIDTH - 8, top + height // 2), name.replace("_", " "), "black", font, anchor="rm")
        for column, tile in enumerate(line):
            canvas.paste(tile, (NAMES_WIDTH + column * (width + GAP), top))
    return np.asarray(canvas)


def _tile(image: np.ndarray) -> Image.Image:
    """Return an image (H, W, C) as a picture of a size that can be seen."""
    picture = Image.fromarray(image[..., 0] if image.shape[2] == 1 else image).convert("RGB")
    height, width = image.shape[:2]
    if height > MAX_TILE:
        return picture.resize((max(1, width * MAX_TILE // height), MAX_TILE), Image.Resampling.BOX)
    factor = max(1, -(-TILE // height))
    return picture.resize((width * factor, height * factor), Image.Resampling.NEAREST)
