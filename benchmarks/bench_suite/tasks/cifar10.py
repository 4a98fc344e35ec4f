"""CIFAR-10: photographs of 32×32 pixels in colour, ten classes of animals and vehicles (Krizhevsky 2009).

The published split, 50,000 to train and 10,000 to test. No package ships a sample of it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from bench_suite.data.images import load_images, no_sample

if TYPE_CHECKING:
    from bench_suite.contracts import Data
    from bench_suite.data.sources import Sources

VERSION = 1
MODALITY = "image"
PROBLEM = "classification"
GROUPS = ()
SHIFTS = ()
HUB = "uoft-cs/cifar10"
LICENCE = "not stated by its authors"

CLASSES = ("airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck")


@dataclass(frozen=True)
class Options:
    data: Literal["full", "sample"] = "full"
    "`full`: 50,000 and 10,000 photographs from the hub. There is no `sample`: no package ships one."
    groups: tuple[str, ...] | None = None
    "Sensitive attributes to report by; CIFAR-10 has none."


def check(options: Options) -> None:
    """Raise ValueError if the suite asks for a sample, because there is none."""
    no_sample("cifar10", options.data)


def load(options: Options, sources: Sources) -> Data:
    """Return splits `train` and `test` of `image` (n, 32, 32, 3) uint8 and `target` (n,) int64.

    Raises:
        DataUnavailable: Neither a folder nor the hub has the data; the message holds the command that downloads them.
        DataInvalid: The data cannot be read.
    """
    return load_images(
        sources,
        HUB,
        name="cifar10",
        config="plain_text",
        classes=CLASSES,
        shape=(32, 32, 3),
        licence=LICENCE,
        image="img",
        groups=options.groups,
    )
