"""Baselines: reference inputs in the network's form, and a check that the network's input can be explained.

The reference passes through `encode` and `collate` like an input. So the same function has the same attributions,
whether it scales its input there or within the network.
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
    """Return an image of the training images' mean colour, or a black one, in the network's form.

    The mean is over at most `MAX_ROWS_ON_DISK` images. `encode` takes integers, so the image is interpolated between
    the encoded images of the next integers below and above the mean.

    Returns:
        (1, H, W, C) float32.

    Raises:
        BenchError: as `single_input`.
    """
    train = data.splits["train"]
    images = train.take(spread_rows(train, MAX_ROWS_ON_DISK))["image"]
    colour = images.mean(axis=(0, 1, 2)) if reference == "mean" else np.zeros(images.shape[3])
    shape = images.shape[1:]

    def encoded_image(colour: np.ndarray) -> torch.Tensor:
        raw = {"image": np.broadcast_to(colour, (1, *shape)).astype(images.dtype)}
        return single_input("image", _network_inputs(network, train, raw), shape).double()

    below, above = encoded_image(np.floor(colour)), encoded_image(np.ceil(colour))
    return (below + torch.from_numpy(colour - np.floor(colour)) * (above - below)).float()


def table_reference(network: Network, data: Data, reference: Reference) -> tuple[torch.Tensor, torch.Tensor]:
    """Return the mean of the training rows in the network's form, or a row of zeros in that form, and their deviation.

    Mean and standard deviation of a column are over at most `MAX_ROWS` rows, without missing values.

    Returns:
        The reference and the deviation of each column, (1, d) float32 each.

    Raises:
        BenchError: as `single_input`.
    """
    train = data.splits["train"]
    columns = train.take(np.arange(1))["table"].shape[1]
    rows = encoded(network, Subset(train, spread_rows(train)))
    table = single_input("table", rows.batch(network, torch.arange(len(rows))).inputs, (columns,)).double()
    mean = table.nanmean(dim=0, keepdim=True)
    deviation = (table - mean).square().nanmean(dim=0, keepdim=True).sqrt().nan_to_num(nan=0.0).float()
    if reference == "mean":
        return mean.float(), deviation
    zeros = _network_inputs(network, train, {"table": np.zeros((1, columns))})
    return single_input("table", zeros, (columns,)).float(), deviation


def _network_inputs(network: Network, train: Split, raw: Mapping[str, Any]) -> Mapping[str, torch.Tensor]:
    """Return the network's inputs for the first example of `train`, with its columns replaced by those of `raw`."""
    row = encoded(network, MemorySplit(train.ids[:1], {**train.take(np.arange(1)), **raw}))
    return row.batch(network, torch.arange(1)).inputs


def single_input(kind: str, inputs: Mapping[str, torch.Tensor], shape: tuple[int, ...]) -> torch.Tensor:
    """Return the only input of a network, if attributions can be shown on it.

    Args:
        kind: `image` or `table`: the required name of the input.
        inputs: the network's inputs, k rows each.
        shape: shape of an example in the task, (H, W, C) or (d,). A network may repeat a grey image in channels.

    Raises:
        BenchError: if the network has another input, several, or one of another shape.
    """
    values = inputs.get(kind)
    if values is not None and len(inputs) == 1:
        repeated = kind == "image" and _is_grey_in_channels(values, shape)
        if repeated or values.shape[1:] == shape:
            return values
    actual = ", ".join(f"{name} {tuple(values.shape[1:])}" for name, values in inputs.items())
    raise BenchError(f"attribution needs one input, {kind} {shape}, as in the task; this network takes {actual}")


def _is_grey_in_channels(values: torch.Tensor, shape: tuple[int, ...]) -> bool:
    return values.ndim == 4 and values.shape[1:3] == shape[:2] and shape[2] == 1
