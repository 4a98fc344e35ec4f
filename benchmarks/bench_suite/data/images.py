"""Images: from encoded files in an Arrow column to one array of pixels."""

from __future__ import annotations

import io
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from bench_suite.contracts import DataInvalid
from bench_suite.data.fingerprint import hash_of

if TYPE_CHECKING:
    import pyarrow as pa

    from bench_suite.data.cache import Cache

CHANNELS = {"L": 1, "RGB": 3}


def decoded(column: pa.ChunkedArray, mode: Literal["L", "RGB"], name: str, cache: Cache | None = None) -> np.ndarray:
    """(n, H, W, C) uint8 pixels of images of one size, kept in `cache` under their encoded bytes.

    One thread: 60,000 digits take 1.8 s, and two threads as long, since Pillow's decoder for them holds Python's lock.

    Args:
        column: struct<bytes, path> a row, or binary: as the hub's Parquet files and `datasets` hold images.
        mode: Pillow's mode that images are brought to: grey (1 channel) or colour (3).
        name: what the images are, for messages.
        cache: where the pixels are kept; None keeps nothing.

    Raises:
        DataInvalid: an image does not decode, or is of another size than the first.
    """
    files = [_bytes(value) for value in column.to_pylist()]

    def make() -> dict[str, np.ndarray]:
        return {"pixels": _decode(files, mode, name)}

    return (make() if cache is None else cache.arrays(hash_of("images", 1, mode, files), make))["pixels"]


def _bytes(value: Any) -> bytes:
    if isinstance(value, bytes):
        return value
    if value and value.get("bytes") is not None:
        return value["bytes"]
    if value and value.get("path"):
        return Path(value["path"]).read_bytes()
    return b""


def _decode(files: list[bytes], mode: str, name: str) -> np.ndarray:
    from PIL import Image, UnidentifiedImageError

    pixels = np.empty((0, 0, 0, CHANNELS[mode]), dtype=np.uint8)
    for row, file in enumerate(files):
        try:
            with Image.open(io.BytesIO(file)) as image:
                array = np.asarray(image if image.mode == mode else image.convert(mode))
        except (UnidentifiedImageError, OSError, SyntaxError, ValueError) as error:
            raise DataInvalid(f"{name}: the image of row {row} does not decode ({len(file)} bytes)") from error
        if row == 0:
            pixels = np.empty((len(files), *array.shape[:2], CHANNELS[mode]), dtype=np.uint8)
        if array.shape[:2] != pixels.shape[1:3]:
            height, width = array.shape[:2]
            raise DataInvalid(
                f"{name}: the image of row {row} is {width}×{height}, the first is {pixels.shape[2]}×{pixels.shape[1]}"
            )
        pixels[row] = array.reshape(pixels.shape[1:])
    return pixels
