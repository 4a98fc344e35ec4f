"""Fashion-MNIST: pictures of clothes from a shop, 28×28 grey pixels, ten classes (Xiao et al. 2017).

The published split, 60,000 to train and 10,000 to test. No package ships a sample of it.
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
HUB = "zalando-datasets/fashion_mnist"
LICENCE = "MIT"

CLASSES = ("T-shirt", "trousers", "pullover", "dress", "coat", "sandal", "shirt", "sneaker", "bag", "ankle boot")


@dataclass(frozen=True)
class Options:
    data: Literal["full", "sample"] = "full"
    "`full`: 60,000 and 10,000 pictures from the hub. There is no `sample`: no package ships one."
    groups: tuple[str, ...] | None = None
    "Sensitive attributes to report by; Fashion-MNIST has none."


def check(options: Options) -> None:
    """Raise ValueError if the suite asks for a sample, because there is none."""
    no_sample("fashion_mnist", options.data)


def load(options: Options, sources: Sources) -> Data:
    """Return splits `train` and `test` of `image` (n, 28, 28, 1) uint8 and `target` (n,) int64.

    Raises:
        DataUnavailable: Neither a folder nor the hub has the data; the message holds the command that downloads them.
        DataInvalid: The data cannot be read.
    """
    return load_images(
        sources,
        HUB,
        name="fashion_mnist",
        config="fashion_mnist",
        classes=CLASSES,
        shape=(28, 28, 1),
        licence=LICENCE,
        groups=options.groups,
    )
