"""Images: from encoded files, in an Arrow column or by themselves, to arrays of pixels."""

from __future__ import annotations

import io
import struct
import zlib
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from bench_suite.contracts import Data, DataInvalid, Source
from bench_suite.data.fingerprint import content_ids, hash_of
from bench_suite.data.hub import hub_command
from bench_suite.data.sources import numbers
from bench_suite.data.splits import MemorySplit, chosen_groups, fingerprint_of

if TYPE_CHECKING:
    import pyarrow as pa
    from PIL import Image as PillowImage

    from bench_suite.data.cache import Cache
    from bench_suite.data.hub import Fetched
    from bench_suite.data.sources import Sources

Mode = Literal["L", "RGB"]
CHANNELS = {"L": 1, "RGB": 3}
"""Pillow's modes that images are brought to, and their channels."""
VERSION = 1
"""Of the way from files to pixels: raised when it changes, so that no older pixels are taken from the cache."""
REPAIR_FILE = "\n  to repair it: fetch that file anew, or remove it"
"""What to do about an image that is a file by itself: the others are whole."""
REPAIR_ROW = "\n  to repair it: put the picture there, or remove the row that names it"
"""What to do about a row that names a file that is not there."""


# ── one image ───────────────────────────────────────────────────────────────────────────────────


def pixels(file: bytes, mode: Mode, name: str, size: int | None = None, *, crop: float = 1.0, repair: str = "") -> Any:
    """(H, W, C) uint8 pixels of one encoded image, of whatever format Pillow reads.

    Colours are brought to `mode` as Pillow's `convert` does it: grey fills all three channels, CMYK and palettes are
    translated, alpha is dropped, an animation gives its first frame. Of 16 bits a channel the upper eight are kept.

    Args:
        mode: `L` (1 channel) or `RGB` (3).
        name: of the image, for messages: split and row, or the file within the data set.
        size: None leaves the image as it is; else its middle, resized to (size, size), bilinear with antialiasing.
        crop: share of the shorter side that the middle square has, in (0, 1].
        mend: what to do where it does not decode: a line break and a line, such as `REPAIR_FILE`.

    Raises:
        DataInvalid: it does not decode.
    """
    from PIL import Image

    try:
        with Image.open(io.BytesIO(file)) as image:
            upright = _in_mode(image, mode)
            if size is not None:
                upright = upright.resize((size, size), Image.Resampling.BILINEAR, box=_middle(upright.size, crop))
            array = np.asarray(upright)
    # UnidentifiedImageError is an OSError. The others are what Pillow's readers raise of damaged files, by format.
    except (
        *(OSError, SyntaxError, ValueError, EOFError, IndexError, OverflowError, TypeError, struct.error, zlib.error),
        Image.DecompressionBombError,
    ) as error:
        raise DataInvalid(_undecodable(name, file, error) + repair) from error
    return array.reshape(*array.shape[:2], CHANNELS[mode])


def _in_mode(image: PillowImage.Image, mode: Mode) -> PillowImage.Image:
    from PIL import Image

    if image.mode == mode:
        image.load()
        return image
    if image.mode.startswith("I"):  # 16 bits of grey: `convert` would clip all above 255 to white
        image = Image.fromarray((np.asarray(image).astype(np.int64).clip(0, 0xFFFF) >> 8).astype(np.uint8))
    elif image.mode == "F":
        raise ValueError("its pixels are floating-point numbers, of which nothing says what is white")
    return image.convert(mode)


def _middle(size: tuple[int, int], crop: float) -> tuple[float, float, float, float]:
    """Left, upper, right and lower of the square in the middle whose side is `crop` of the shorter side."""
    width, height = size
    side = crop * min(width, height)
    left, upper = (width - side) / 2, (height - side) / 2
    return left, upper, left + side, upper + side


def _undecodable(name: str, file: bytes, error: BaseException) -> str:
    reason = "it is empty" if not file else f"{len(file):,} bytes that begin with {file[:8].hex(' ')}"
    said = (str(error).splitlines() or [""])[0]
    said = "" if not said or "BytesIO" in said else f": {said}"
    return f"{name} does not decode as an image ({reason}){said}"


# ── a column of images ──────────────────────────────────────────────────────────────────────────


def decoded(
    column: pa.ChunkedArray,
    mode: Mode,
    name: str,
    cache: Cache | None = None,
    *,
    size: int | None = None,
    crop: float = 1.0,
    anew: str = "",
    within: Sequence[Path] = (),
) -> np.ndarray:
    """(n, H, W, C) uint8 pixels of images of one size, kept in `cache` under their encoded bytes.

    Args:
        column: struct<bytes, path> a row, or binary: as the hub's Parquet files and `datasets` hold images.
        mode: Pillow's mode that images are brought to: grey (1 channel) or colour (3).
        name: what the images are, for messages.
        cache: where the pixels are kept; None keeps nothing.
        size, crop: as of `pixels`; without `size` all images must be of the size of the first.
        anew: command that gets the data anew, for messages.
        within: as of `encoded_bytes`.

    Raises:
        DataInvalid: an image does not decode, may not be opened, or is of another size than the first.
    """
    rows = column.to_pylist()
    files = [encoded_bytes(value, f"{name}: the image of row {row}", anew, within) for row, value in enumerate(rows)]
    paths = [_own_file(value) for value in rows]
    del rows

    def make() -> dict[str, np.ndarray]:
        return {"pixels": _decode(files, paths, mode, name, size, crop, anew)}

    key = hash_of("images", VERSION, mode, files, *(() if size is None else (size, crop)))
    return (make() if cache is None else cache.arrays(key, make))["pixels"]


def encoded_bytes(value: Any, name: str, anew: str = "", within: Sequence[Path] = ()) -> bytes:
    """The encoded file of one image as Arrow gives it: bytes, or {"bytes", "path"} of which one may be missing.

    Args:
        value: what Arrow gives.
        name: of the image, for messages.
        anew: command that gets the data anew, for messages.
        within: the only folders whose files are opened, since a data set may name any file of this machine; a relative
            path is one within the first.

    Raises:
        DataInvalid: there is no image, its file lies elsewhere, or it cannot be read.
    """
    if isinstance(value, bytes):
        return value
    if value and value.get("bytes") is not None:
        return value["bytes"]
    command = f"\n  to get the data anew: {anew}" if anew else ""
    if not value or not value.get("path"):
        raise DataInvalid(f"{name} is missing{command}")
    said = f"{name}: its file `{Path(value['path']).name}`"
    try:
        # Links are followed first: one within a folder may lead out of it.
        file = Path(*within[:1], value["path"]).resolve()
        if not any(file.is_relative_to(folder.resolve()) for folder in within):
            raise DataInvalid(
                f"{said} is not in the data set's own folder, and no other file is opened: put it there, or its bytes "
                "into the column"
            )
        return file.read_bytes()
    except (OSError, ValueError) as error:  # ValueError: a path that can be none
        reason = getattr(error, "strerror", None) or error
        if isinstance(error, FileNotFoundError) and _own_file(value) is not None:
            raise DataInvalid(f"{name}: there is no file {value['path']}{REPAIR_ROW}") from error
        raise DataInvalid(f"{said} cannot be read: {reason}{command}") from error


def _own_file(value: Any) -> str | None:
    """The path of an image that is a file of a person's folder; None of one that the hub's library keeps."""
    path = value.get("path") if isinstance(value, dict) and value.get("bytes") is None else None
    return None if path is None or Path(path).is_absolute() else path


def _decode(
    files: Sequence[bytes],
    paths: Sequence[str | None],
    mode: Mode,
    name: str,
    size: int | None,
    crop: float,
    anew: str,
) -> np.ndarray:
    """One thread: two take as long for small images, of which Python's own part needs its lock."""
    images = np.empty((0, 0, 0, CHANNELS[mode]), dtype=np.uint8)
    whole = f"\n  to get the data anew: {anew}" if anew else ""
    for row, (file, path) in enumerate(zip(files, paths)):
        called = f"{name}: the image of row {row}" if path is None else f"{name}: the file {path}"
        image = pixels(file, mode, called, size, crop=crop, repair=whole if path is None else REPAIR_FILE)
        if row == 0:
            images = np.empty((len(files), *image.shape), dtype=np.uint8)
        if image.shape != images.shape[1:]:
            height, width, _ = image.shape
            raise DataInvalid(f"{called} is {width}×{height}, the first is {images.shape[2]}×{images.shape[1]}")
        images[row] = image
    return images


# ── a split of images ───────────────────────────────────────────────────────────────────────────


def image_split(
    sources: Sources,
    hub_id: str,
    split: str,
    *,
    config: str,
    mode: Mode,
    image: str = "image",
    label: str = "label",
) -> tuple[MemorySplit, Fetched]:
    """A split of a hub data set of images of one size, in memory, and where it was found.

    Args:
        split, config: the hub's names.
        mode: `L` or `RGB`.
        image, label: names of the columns.

    Returns:
        `image` (n, H, W, C) uint8 and `target` (n,) int64; ids are of the pixels.

    Raises:
        DataUnavailable: it is neither in a folder nor on the hub.
        DataInvalid: it cannot be read, an image does not decode, or a label is missing.
    """
    fetched = sources.hub(hub_id, split, config=config, columns=(image, label))
    name = f"{hub_id}, split {split}"
    images = decoded(fetched.table[image], mode, name, sources.cache, anew=hub_command(hub_id), within=fetched.folders)
    target = numbers(fetched.table[label], "int64", f"{name}, column {label}")
    return MemorySplit(content_ids(images), {"image": images, "target": target}), fetched


def load_images(
    sources: Sources,
    hub_id: str,
    *,
    name: str,
    config: str,
    classes: tuple[str, ...],
    shape: tuple[int, int, int],
    licence: str,
    image: str = "image",
    label: str = "label",
    groups: Sequence[str] | None = None,
) -> Data:
    """Return a published classification data set of the hub: images of one size, in its own train and test splits.

    Args:
        sources: Where the data are read from.
        hub_id: `owner/name`.
        name: What reports call the data set.
        config: The hub's name of the configuration.
        classes: Names of the classes, in the order of their numbers.
        shape: Height, width and channels of every image; one channel is grey, three are colour.
        licence: The licence of the data.
        image: Name of the column of images.
        label: Name of the column of class numbers.
        groups: The sensitive attributes that the suite asks for. These data sets have none.

    Returns:
        Splits `train` and `test` of `image` (n, H, W, C) uint8 and `target` (n,) int64.

    Raises:
        DataUnavailable: Neither a folder nor the hub has the data; the message holds the command that downloads them.
        DataInvalid: The data cannot be read, or the suite asks for a group.
    """
    chosen_groups({}, groups)
    mode: Mode = "L" if shape[2] == 1 else "RGB"
    splits = {}
    for split in ("train", "test"):
        splits[split], fetched = image_split(sources, hub_id, split, config=config, mode=mode, image=image, label=label)
    source = Source(fetched.origin, name, fingerprint_of(splits), fetched.revision, licence)
    return Data("classification", {"classes": classes, "shape": shape}, splits, source)


def no_sample(task: str, data: str) -> None:
    """Raise ValueError if a suite asks for the sample of a task that no package ships a sample of."""
    if data == "sample":
        raise ValueError(f'data = "sample": no package ships a sample of {task}; use data = "full"')
