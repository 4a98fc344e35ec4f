"""References: the inputs that say nothing, as the network is given them, and whether it is given what can be explained.

Whatever `encode` and `collate` do to an input they do to the reference: scaled there or within the network, the same
function has the same attributions.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal

import numpy as np
import torch

from bench_suite.contracts import BenchError, Data, Network, Split
from bench_suite.data.encoded import encoded
from bench_suite.data.splits import MemorySplit, Subset
from bench_suite.training.inputs import MAX_ROWS_ON_DISK, spread_rows

Reference = Literal["mean", "zero"]


def image_reference(network: Network, data: Data, reference: Reference) -> torch.Tensor:
    """(1, H, W, C) float32: a picture of the training images' mean colour, or a black one, as the network is given it.

    The mean colour is of at most `MAX_ROWS_ON_DISK` images. `encode` is given whole numbers, as images have; what lies
    between the two pictures of the nearest ones is their weighted mean. Raises BenchError like `only`.
    """
    train = data.splits["train"]
    images = train.take(spread_rows(train, MAX_ROWS_ON_DISK))["image"]
    colour = images.mean(axis=(0, 1, 2)) if reference == "mean" else np.zeros(images.shape[3])
    shape = images.shape[1:]

    def picture(colour: np.ndarray) -> torch.Tensor:
        raw = {"image": np.broadcast_to(colour, (1, *shape)).astype(images.dtype)}
        return only("image", _given(network, train, raw), shape).double()

    below, above = picture(np.floor(colour)), picture(np.ceil(colour))
    return (below + torch.from_numpy(colour - np.floor(colour)) * (above - below)).float()


def table_reference(network: Network, data: Data, reference: Reference) -> torch.Tensor:
    """(1, d) float32: the mean of the training rows as the network is given them, or a row of zeros as it is given it.

    The mean is of at most `LOOKED_AT` rows, of a column over those that are not missing. Raises BenchError like `only`.
    """
    train = data.splits["train"]
    columns = train.take(np.arange(1))["table"].shape[1]
    if reference == "zero":
        return only("table", _given(network, train, {"table": np.zeros((1, columns))}), (columns,)).float()
    rows = encoded(network, Subset(train, spread_rows(train)))
    table = only("table", rows.batch(network, torch.arange(len(rows))).inputs, (columns,))
    return table.double().nanmean(dim=0, keepdim=True).float()


def _given(network: Network, train: Split, raw: Mapping[str, Any]) -> Mapping[str, torch.Tensor]:
    """What the network is given of one example: the first of `train`, with what `raw` has instead."""
    row = encoded(network, MemorySplit(train.ids[:1], {**train.take(np.arange(1)), **raw}))
    return row.batch(network, torch.arange(1)).inputs


def only(kind: str, inputs: Mapping[str, torch.Tensor], shape: tuple[int, ...]) -> torch.Tensor:
    """The one input of a network, if it is what attributions can be shown on, else BenchError with the reason.

    Arguments:
        kind: `image` or `table`: what the input has to be called.
        inputs: what the network is given, k rows each.
        shape: of an example as the task gives it, (H, W, C) or (d,). Of a grey image there may be several channels.
    """
    found = inputs.get(kind)
    own = found is not None and (found.shape[1:] == shape or (kind == "image" and _coloured(found, shape)))
    if len(inputs) == 1 and found is not None and own:
        return found
    given = ", ".join(f"{name} {tuple(values.shape[1:])}" for name, values in inputs.items())
    raise BenchError(
        f"attribution needs one input, {kind} {shape}, as the task gives it; this network is given {given}"
    )


def _coloured(found: torch.Tensor, shape: tuple[int, ...]) -> bool:
    return found.ndim == 4 and found.shape[1:3] == shape[:2] and shape[2] == 1
