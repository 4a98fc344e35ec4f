"""Maps of attributions as small pictures: red speaks for the class, blue against it, and nothing is transparent.

A map can be read on white and on black paper, so a page has one for its light and its dark mode.
"""

from __future__ import annotations

import base64
import io

import numpy as np

MAX_SIDE = 64
"Pixels of the longer side of a map."
LEVELS = 7
"Steps from nothing to the strongest colour of each sign: 15 colours need 4 bits a pixel."
LARGEST = 127
"The magnitude of the strongest weight."
FOR, AGAINST = (222, 68, 55), (40, 128, 224)
"Colours of the strongest weights, which contrast with white and with black."


def map_picture(values: np.ndarray) -> tuple[str, tuple[int, int]]:
    """Return a map as `data:` address, and its width and height in pixels.

    Args:
        values: (H, W) weights from −`LARGEST` to `LARGEST`.

    Raises:
        ValueError: they are no map, or one that is too large.
    """
    from PIL import Image

    if values.ndim != 2 or 0 in values.shape or max(values.shape) > MAX_SIDE or not np.isfinite(values).all():
        raise ValueError(f"a map has up to {MAX_SIDE} × {MAX_SIDE} finite numbers, not {values.shape}")
    shares = np.clip(values.astype(np.float64) / LARGEST, -1.0, 1.0)
    steps = np.rint(LEVELS * shares).astype(np.int64)
    image = Image.fromarray((steps + LEVELS).astype(np.uint8))
    image.putpalette([part for step in _steps() for part in (FOR if step > 0 else AGAINST)])
    # Weak weights are what most pixels have: the root makes them visible.
    opacities = bytes(round(255 * (abs(step) / LEVELS) ** 0.6) for step in _steps())
    sink = io.BytesIO()
    image.save(sink, format="PNG", optimize=True, bits=4, transparency=opacities)
    return f"data:image/png;base64,{base64.b64encode(sink.getvalue()).decode()}", image.size


def _steps() -> range:
    return range(-LEVELS, LEVELS + 1)
