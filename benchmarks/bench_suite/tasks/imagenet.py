"""ImageNet: photographs of any size, 1,000 classes (Russakovsky et al. 2015, ILSVRC 2012).

1,281,167 images to train. The labels of the published test images are not public, so the published validation part,
50,000 images, is the `test` split here. The validation split is held out of train, as in every task without one.

The data are read from `$BENCH_DATA/ILSVRC/imagenet-1k`, or from the hub's own cache. A run downloads nothing, because
the data set is gated and takes 150 GB. Two layouts are read and give the same ids:

- one folder a class: `train/<class>/*.JPEG` and `val/<class>/*.JPEG` (or `validation/`), which trains faster;
- the hub's Parquet files: `train-*.parquet` and `validation-*.parquet`, there or in `data/`.

Images stay on disk. Each is decoded by the DataLoader's workers when it is taken, and its middle square is resized to
`size`. The first run reads all bytes once to compute ids, which the cache keeps. Any other images in one of these
layouts are read in the same way, whatever their classes.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from bench_suite.contracts import Data, DataInvalid, DataUnavailable, Source
from bench_suite.data.folders import class_folders, hub_snapshot, open_images, parquet_files, parquet_images
from bench_suite.data.hub import hub_command
from bench_suite.data.images import VERSION as PIXELS_VERSION
from bench_suite.data.images import no_sample
from bench_suite.data.places import data_folder
from bench_suite.data.splits import chosen_groups, fingerprint_of

if TYPE_CHECKING:
    from bench_suite.data.sources import Sources

VERSION = 1
MODALITY = "image"
PROBLEM = "classification"
GROUPS = ()
SHIFTS = ()
HUB = "ILSVRC/imagenet-1k"
DOWNLOADS = False
LICENCE = "ImageNet's terms of access: research and education, not for profit"
BOUNDS = {"size": (8, None), "crop": (0.05, 1.0)}

PARTS = {"train": ("train",), "test": ("val", "validation")}
"Names of the splits on disk."
PAGE = f"https://huggingface.co/datasets/{HUB}"


@dataclass(frozen=True)
class Options:
    data: Literal["full", "sample"] = "full"
    "`full`: all images on this machine. There is no `sample`: no package ships one."
    groups: tuple[str, ...] | None = None
    "Sensitive attributes to report by; ImageNet has none."
    size: int = 224
    "Height and width in pixels of the square images that models receive."
    crop: float = 0.875
    "Side of the square as a share of an image's shorter side: 0.875 is usual (224 of 256 pixels), 1 crops least."


def check(options: Options) -> None:
    """Raise ValueError if the suite asks for a sample, because there is none."""
    no_sample("imagenet", options.data)


def load(options: Options, sources: Sources) -> Data:
    """Return splits `train` and `test`, on disk, of `image` (k, size, size, 3) uint8 and `target` (k,) int64.

    Raises:
        DataUnavailable: The data set is not on this machine; the message holds the command that downloads it.
        DataInvalid: Files are missing or cannot be read, or a test class is not among those of train.
    """
    chosen_groups({}, options.groups)
    folder, origin, revision = _locate()
    splits: dict[str, Any] = {}
    classes: tuple[str, ...] | None = None
    for name in ("train", "test"):
        store, targets, names = _part(folder, name, classes)
        classes = names if classes is None else classes
        splits[name] = open_images(store, targets, options.size, options.crop, sources.cache)
    preparation = (PIXELS_VERSION, options.size, options.crop)
    fingerprint = fingerprint_of(splits, preparation)
    spec = {"classes": classes, "shape": (options.size, options.size, 3)}
    source = Source(origin, "imagenet-1k", fingerprint, revision, LICENCE, preparation=preparation)
    return Data(PROBLEM, spec, splits, source)


def _locate() -> tuple[Path, str, str | None]:
    """Return the folder of the data set, its origin, and its revision if it is in the hub's cache."""
    folder = data_folder(HUB)
    if folder is not None:
        return folder, f"folder:{HUB}", None
    snapshot = hub_snapshot(HUB)
    if snapshot is not None:
        return snapshot, f"hub:{HUB}", snapshot.name
    reason = f"no folder $BENCH_DATA/{HUB}" if os.environ.get("BENCH_DATA") else "BENCH_DATA is not set"
    raise DataUnavailable(
        f"{HUB}: {reason}, and the hub's local cache does not hold it. It is gated: accept its terms on {PAGE}, and "
        "log in with `hf auth login`",
        hub_command(HUB),
    )


def _part(folder: Path, split: str, classes: tuple[str, ...] | None) -> Any:
    """Return the images of a split, their targets, and the names of the classes."""
    # Both splits have one layout, because class numbers of one layout mean nothing in the other.
    folders = (folder / "train").is_dir()
    for part in PARTS[split]:
        if folders and (folder / part).is_dir():
            return class_folders(folder, HUB, part, classes)
        if not folders and (files := parquet_files(folder, HUB, part)):
            return parquet_images(files, HUB, "image", "label")
    pattern = "/<class>/" if folders else "-*.parquet"
    wanted = " nor ".join(f"{part}{pattern}" for part in PARTS[split])
    more = "" if split == "test" else " nor train/<class>/"
    raise DataInvalid(
        f"{HUB}: the folder has no {wanted}{more}, so there is nothing to {split} on\n  to get it: {hub_command(HUB)}"
    )
