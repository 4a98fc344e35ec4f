"""CIFAR-10: photographs of 32×32 pixels in colour, ten classes of animals and vehicles (Krizhevsky 2009).

The published split, 50,000 to train and 10,000 to test. No package ships a sample of it.
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
HUB = "uoft-cs/cifar10"
LICENCE = "not stated by its authors"

CLASSES = ("airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck")


@dataclass(frozen=True)
class Options:
    data: Literal["full", "sample"] = "full"
    "`full`: 50,000 and 10,000 photographs of the hub. There is no `sample`: no package ships one."
    groups: tuple[str, ...] | None = None
    "Sensitive attributes to report by; CIFAR-10 has none."


def check(options: Options) -> None:
    """Raises ValueError where a sample is asked for, which there is not."""
    no_sample("cifar10", options.data)


def load(options: Options, sources: Sources) -> Data:
    """Splits `train` and `test` of `image` (n, 32, 32, 3) uint8 and `target` (n,) int64.

    Raises:
        DataUnavailable: neither folder nor hub has them; the message holds the command that gets them.
        DataInvalid: what is there cannot be read.
    """
    chosen_groups({}, options.groups)
    splits = {}
    for name in ("train", "test"):
        splits[name], fetched = image_split(sources, HUB, name, config="plain_text", image="img", mode="RGB")
    source = Source(fetched.origin, "cifar10", fingerprint_of(splits), fetched.revision, LICENCE)
    return Data(PROBLEM, {"classes": CLASSES, "shape": (32, 32, 3)}, splits, source)
