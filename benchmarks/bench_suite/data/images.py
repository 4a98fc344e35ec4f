"""Decoding of images, from an Arrow column or from files, into arrays of pixels."""

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
"""Channels of the Pillow modes that images are converted to."""
VERSION = 2
"""Version of the decoding; raised when the pixels change, so that the cache serves no older ones."""
FEW_BITS = 1 << 12
"Grey pictures of 16 bits whose values are all below this have too few levels in the upper eight bits."
REPAIR_FILE = "\n  to repair it: replace that file, or remove it"
"""Advice for a broken image in a file of its own."""
REPAIR_ROW = "\n  to repair it: add the picture, or remove the row that names it"
"""Advice for a row that names a missing file."""


# ── one image ───────────────────────────────────────────────────────────────────────────────────


def pixels(file: bytes, mode: Mode, name: str, size: int | None = None, *, crop: float = 1.0, repair: str = "") -> Any:
    """Return the (H, W, C) uint8 pixels of one encoded image, in any format that Pillow reads.

    Colours are converted to `mode` with Pillow's `convert`: grey fills all three channels, CMYK and palettes are
    translated, alpha is dropped. An animation gives its first frame. Of 16 bits a channel the upper eight are kept. A
    picture is turned as its EXIF orientation says.

    Args:
        file: The encoded image.
        mode: `L` (1 channel) or `RGB` (3).
        name: What messages call the image: split and row, or the file within the data set.
        size: Height and width that the middle square is resized to, bilinear with antialiasing; None keeps the image.
        crop: Side of the middle square as a share of the image's shorter side, in (0, 1].
        repair: Advice for an image that does not decode: a line break and a line, such as `REPAIR_FILE`.

    Raises:
        DataInvalid: The image does not decode.
    """
    from PIL import Image

    try:
        with Image.open(io.BytesIO(file)) as image:
            upright = _in_mode(_upright(image), mode, name)
            if size is not None:
                upright = upright.resize((size, size), Image.Resampling.BILINEAR, box=_middle(upright.size, crop))
            array = np.asarray(upright)
    # UnidentifiedImageError is an OSError. Pillow's readers raise the others for damaged files of some formats.
    except (
        *(OSError, SyntaxError, ValueError, EOFError, IndexError, OverflowError, TypeError, struct.error, zlib.error),
        Image.DecompressionBombError,
    ) as error:
        raise DataInvalid(_decoding_error(name, file, error) + repair) from error
    return array.reshape(*array.shape[:2], CHANNELS[mode])


_ORIENTATION = 0x0112
_TURNED = (5, 6, 7, 8)
"Orientations of EXIF that exchange width and height."


def _orientation(image: PillowImage.Image) -> int:
    """Return the EXIF orientation, 1 if there is none. Most pictures have no EXIF, which is known without parsing."""
    if "exif" not in image.info and image.format != "TIFF":
        return 1
    try:
        return int(image.getexif().get(_ORIENTATION, 1))
    except (ValueError, TypeError, SyntaxError, OSError, struct.error):  # a damaged EXIF block turns nothing
        return 1


def upright_size(image: PillowImage.Image) -> tuple[int, int]:
    """Return width and height of a picture after it is turned as its EXIF says; nothing is decoded."""
    width, height = image.size
    return (height, width) if _orientation(image) in _TURNED else (width, height)


def _upright(image: PillowImage.Image) -> PillowImage.Image:
    from PIL import ImageOps

    return ImageOps.exif_transpose(image) if _orientation(image) != 1 else image


def is_transparent(image: PillowImage.Image) -> bool:
    """Return whether a picture has an alpha channel, or a colour that stands for transparent; nothing is decoded."""
    return image.mode in ("RGBA", "LA", "La", "PA", "RGBa") or "transparency" in image.info


def _check_alpha(image: PillowImage.Image, name: str) -> None:
    """Refuse a picture of which only the alpha channel shows something, because alpha is dropped."""
    if not is_transparent(image):
        return
    values = np.asarray(image.convert("RGBA"))
    varies = values.reshape(-1, 4).min(axis=0) != values.reshape(-1, 4).max(axis=0)
    if varies[3] and not varies[:3].any():
        raise DataInvalid(
            f"{name}: all of what it shows is in the alpha channel, which models do not receive: save the pictures on "
            "a background of one colour, without alpha"
        )


def _in_mode(image: PillowImage.Image, mode: Mode, name: str = "") -> PillowImage.Image:
    from PIL import Image

    _check_alpha(image, name)

    if image.mode == mode:
        image.load()
        return image
    if image.mode.startswith("I"):  # 16 bits of grey: `convert` would clip all above 255 to white
        image = Image.fromarray((np.asarray(image).astype(np.int64).clip(0, 0xFFFF) >> 8).astype(np.uint8))
    elif image.mode == "F":
        raise ValueError("its pixels are floating-point numbers, and the file does not say which value is white")
    return image.convert(mode)


def _middle(size: tuple[int, int], crop: float) -> tuple[float, float, float, float]:
    """Return left, upper, right and lower of the middle square whose side is `crop` of the shorter side."""
    width, height = size
    side = crop * min(width, height)
    left, upper = (width - side) / 2, (height - side) / 2
    return left, upper, left + side, upper + side


def _decoding_error(name: str, file: bytes, error: BaseException) -> str:
    from PIL import UnidentifiedImageError

    content = "it is empty" if not file else f"{len(file):,} bytes that begin with {file[:8].hex(' ')}"
    if file.startswith(b"version https://git-lfs"):
        content = "it is a pointer of Git LFS, not the file itself: fetch it with git lfs pull"
    elif file[:64].lstrip().lower().startswith((b"<!doctype html", b"<html")):
        content = "it is a web page: fetch the file again"
    # Pillow's message for an unknown format names the buffer in memory, which says nothing to a reader.
    reason = "" if isinstance(error, UnidentifiedImageError) else (str(error).splitlines() or [""])[0]
    return f"{name} does not decode as an image ({content}){f': {reason}' if reason else ''}"


# ── a column of images ──────────────────────────────────────────────────────────────────────────


def decode_images(
    column: pa.ChunkedArray,
    mode: Mode,
    name: str,
    cache: Cache | None = None,
    *,
    size: int | None = None,
    crop: float = 1.0,
    download: str = "",
    within: Sequence[Path] = (),
) -> np.ndarray:
    """Return the (n, H, W, C) uint8 pixels of images of one size; `cache` keeps them under their encoded bytes.

    Args:
        column: struct<bytes, path> or binary, as the hub's Parquet files and `datasets` hold images.
        mode: Pillow's mode that images are converted to: `L` (1 channel) or `RGB` (3).
        name: What messages call the images.
        cache: Keeps the pixels; None keeps nothing.
        size: As in `pixels`; without it all images must have the size of the first.
        crop: As in `pixels`.
        download: The command that downloads the data again, for messages.
        within: As in `encoded_bytes`.

    Raises:
        DataInvalid: An image does not decode, may not be opened, or differs in size from the first.
    """
    rows = column.to_pylist()
    files = [
        encoded_bytes(value, f"{name}: the image of row {row}", download, within) for row, value in enumerate(rows)
    ]
    paths = [own_path(value) for value in rows]
    del rows

    def make() -> dict[str, np.ndarray]:
        _check_depth(files, name)
        return {"pixels": _decode(files, paths, mode, name, size, crop, download)}

    key = hash_of("images", VERSION, mode, files, *(() if size is None else (size, crop)))
    images = (make() if cache is None else cache.arrays(key, make))["pixels"]
    if len(images) > 1 and images.min() == images.max():
        raise DataInvalid(_one_colour(files[0], name, int(images.max())))
    return images


def _check_depth(files: Sequence[bytes], name: str) -> None:
    """Refuse grey pictures of more than 8 bits of which the upper eight of 16 bits, which models receive, show little.

    Raises:
        DataInvalid: They use at most 12 bits, as cameras and scanners often do, or more than 16.
    """
    from PIL import Image

    most: int | None = None
    for file in files:
        try:
            with Image.open(io.BytesIO(file)) as image:
                if image.mode.startswith("I"):
                    most = max(most or 0, int(np.asarray(image).max()))
        except (OSError, SyntaxError, ValueError, Image.DecompressionBombError):
            continue  # reported with its row when it is decoded
    if most is None or not most or FEW_BITS <= most <= 0xFFFF:
        return
    if most > 0xFFFF:
        raise DataInvalid(
            f"{name}: the pictures have 32 bits and values up to {most:,}, and 16 bits are read: save them with 8 bits"
        )
    levels = "are black" if most < 256 else f"have only {(most >> 8) + 1} levels"
    raise DataInvalid(
        f"{name}: the pictures have 16 bits, and no value is above {max(most, 255)}, so the upper eight bits, which "
        f"models receive, {levels}: save them with 8 bits"
    )


def _one_colour(file: bytes, name: str, value: int) -> str:
    """Return the message for pictures that show nothing."""
    from PIL import Image

    with Image.open(io.BytesIO(file)) as image:
        wide = image.mode.startswith("I")
        values = np.asarray(image) if wide else np.zeros(1)
    if (wide and values.max() > values.min()) or (wide and 0 < values.max() < 256):
        return (
            f"{name}: the pictures have 16 bits, and no value is above 255, so the upper eight bits, which models "
            "receive, are black: save them with 8 bits"
        )
    return f"{name}: every picture is one colour, the same in all (value {value}): look at the files"


def encoded_bytes(value: Any, name: str, download: str = "", within: Sequence[Path] = ()) -> bytes:
    """Return the encoded file of one image.

    Args:
        value: The image as Arrow holds it: bytes, or {"bytes", "path"} of which one may be missing.
        name: What messages call the image.
        download: The command that downloads the data again, for messages.
        within: The only folders whose files may be opened, because a data set could name any file of this machine. A
            relative path starts from the first.

    Raises:
        DataInvalid: There is no image, its file is outside of these folders, or it cannot be read.
    """
    if isinstance(value, bytes):
        return value
    if value and value.get("bytes") is not None:
        return value["bytes"]
    command = _download_again(download)
    if not value or not value.get("path"):
        raise DataInvalid(f"{name} is missing{command}")
    subject = f"{name}: its file `{Path(value['path']).name}`"
    try:
        # Links are followed first: one within a folder may lead out of it.
        file = Path(*within[:1], value["path"]).resolve()
        if "\\" in value["path"] and not file.is_file():  # written on Windows
            file = Path(*within[:1], value["path"].replace("\\", "/")).resolve()
        if not any(file.is_relative_to(folder.resolve()) for folder in within):
            raise DataInvalid(
                f"{subject} is not in the data set's own folder, and no other file is opened: move it there, or store "
                "its bytes in the column"
            )
        return file.read_bytes()
    except (OSError, ValueError) as error:  # ValueError: an invalid path
        reason = getattr(error, "strerror", None) or error
        if isinstance(error, FileNotFoundError) and own_path(value) is not None:
            raise DataInvalid(f"{name}: there is no file {value['path']}{REPAIR_ROW}") from error
        raise DataInvalid(f"{subject} cannot be read: {reason}{command}") from error


def _download_again(command: str) -> str:
    return f"\n  to download the data again: {command}" if command else ""


def own_path(value: Any) -> str | None:
    """Return the path of an image file in the user's folder; None for a file that the hub's library keeps."""
    path = value.get("path") if isinstance(value, dict) and value.get("bytes") is None else None
    return None if path is None or Path(path).is_absolute() else path


def _decode(
    files: Sequence[bytes],
    paths: Sequence[str | None],
    mode: Mode,
    name: str,
    size: int | None,
    crop: float,
    download: str,
) -> np.ndarray:
    """Decode in one thread: two take as long for small images, because Python's own part holds its lock."""
    images = np.empty((0, 0, 0, CHANNELS[mode]), dtype=np.uint8)
    command = _download_again(download)
    for row, (file, path) in enumerate(zip(files, paths)):
        label = f"{name}: the image of row {row}" if path is None else f"{name}: the file {path}"
        image = pixels(file, mode, label, size, crop=crop, repair=command if path is None else REPAIR_FILE)
        if row == 0:
            images = np.empty((len(files), *image.shape), dtype=np.uint8)
        if image.shape != images.shape[1:]:
            height, width, _ = image.shape
            raise DataInvalid(f"{label} is {width}×{height}, the first is {images.shape[2]}×{images.shape[1]}")
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
    """Return a split of a hub data set of images of one size, in memory, and the table that it comes from.

    Args:
        sources: Where the data are read from.
        hub_id: `owner/name`.
        split: The hub's name of the split.
        config: The hub's name of the configuration.
        mode: `L` or `RGB`.
        image: Name of the column of images.
        label: Name of the column of class numbers.

    Returns:
        The split, with `image` (n, H, W, C) uint8, `target` (n,) int64 and ids of the pixels; and the fetched table.

    Raises:
        DataUnavailable: Neither a folder nor the hub has the data set.
        DataInvalid: The data cannot be read, an image does not decode, or a label is missing.
    """
    fetched = sources.hub(hub_id, split, config=config, columns=(image, label))
    name = f"{hub_id}, split {split}"
    images = decode_images(
        fetched.table[image], mode, name, sources.cache, download=hub_command(hub_id), within=fetched.folders
    )
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
