"""Fashion-MNIST: pictures of clothes from a shop, 28×28 grey pixels, ten classes (Xiao et al. 2017).

The published split, 60,000 to train and 10,000 to test. No package ships a sample of it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from bench_suite.contracts import Data, Source
from bench_suite.data.images import image_split, no_sample
from bench_suite.data.splits import chosen_groups, fingerprint_of

if TYPE_CHECKING:
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
    "`full`: 60,000 and 10,000 pictures of the hub. There is no `sample`: no package ships one."
    groups: tuple[str, ...] | None = None
    "Sensitive attributes to report by; Fashion-MNIST has none."


def check(options: Options) -> None:
    """Raises ValueError where a sample is asked for, which there is not."""
    no_sample("fashion_mnist", options.data)


def load(options: Options, sources: Sources) -> Data:
    """Splits `train` and `test` of `image` (n, 28, 28, 1) uint8 and `target` (n,) int64.

    Raises:
        DataUnavailable: neither folder nor hub has them; the message holds the command that gets them.
        DataInvalid: what is there cannot be read.
    """
    chosen_groups({}, options.groups)
    splits = {}
    for name in ("train", "test"):
        splits[name], fetched = image_split(sources, HUB, name, config="fashion_mnist", mode="L")
    source = Source(fetched.origin, "fashion_mnist", fingerprint_of(splits), fetched.revision, LICENCE)
    return Data(PROBLEM, {"classes": CLASSES, "shape": (28, 28, 1)}, splits, source)
