"""CIFAR-100: photographs of 32×32 pixels in colour, 100 classes in 20 groups (Krizhevsky 2009).

The published split, 50,000 to train and 10,000 to test: 500 and 100 of each class. No package ships a sample of it.
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
HUB = "uoft-cs/cifar100"
LICENCE = "not stated by its authors"

# In the order of their numbers, which is that of the alphabet.
_FINE = """
    apple aquarium_fish baby bear beaver bed bee beetle bicycle bottle bowl boy bridge bus butterfly camel can castle
    caterpillar cattle chair chimpanzee clock cloud cockroach couch crab crocodile cup dinosaur dolphin elephant
    flatfish forest fox girl hamster house kangaroo keyboard lamp lawn_mower leopard lion lizard lobster man maple_tree
    motorcycle mountain mouse mushroom oak_tree orange orchid otter palm_tree pear pickup_truck pine_tree plain plate
    poppy porcupine possum rabbit raccoon ray road rocket rose sea seal shark shrew skunk skyscraper snail snake spider
    squirrel streetcar sunflower sweet_pepper table tank telephone television tiger tractor train trout tulip turtle
    wardrobe whale willow_tree wolf woman worm
"""
_COARSE = """
    aquatic_mammals fish flowers food_containers fruit_and_vegetables household_electrical_devices
    household_furniture insects large_carnivores large_man-made_outdoor_things large_natural_outdoor_scenes
    large_omnivores_and_herbivores medium_mammals non-insect_invertebrates people reptiles small_mammals trees
    vehicles_1 vehicles_2
"""
FINE, COARSE = tuple(_FINE.split()), tuple(_COARSE.split())


@dataclass(frozen=True)
class Options:
    labels: Literal["fine", "coarse"] = "fine"
    "`fine`: 100 classes, such as `maple_tree`; `coarse`: the 20 that they are grouped into, such as `trees`."
    data: Literal["full", "sample"] = "full"
    "`full`: 50,000 and 10,000 photographs from the hub. There is no `sample`: no package ships one."
    groups: tuple[str, ...] | None = None
    "Sensitive attributes to report by; CIFAR-100 has none."


def check(options: Options) -> None:
    """Raise ValueError if the suite asks for a sample, because there is none."""
    no_sample("cifar100", options.data)


def load(options: Options, sources: Sources) -> Data:
    """Return splits `train` and `test` of `image` (n, 32, 32, 3) uint8 and `target` (n,) int64.

    Raises:
        DataUnavailable: Neither a folder nor the hub has the data; the message holds the command that downloads them.
        DataInvalid: The data cannot be read.
    """
    fine = options.labels == "fine"
    return load_images(
        sources,
        HUB,
        name="cifar100" if fine else "cifar100-coarse",
        config="cifar100",
        classes=FINE if fine else COARSE,
        shape=(32, 32, 3),
        licence=LICENCE,
        image="img",
        label=f"{options.labels}_label",
        groups=options.groups,
    )
