"""From a task's raw images and tables to what a network is fed; what is learnt of them comes from the train split."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import nn

from bench_suite.contracts import Data, Split

MAX_ROWS = 10_000
"Rows that statistics of images and tables are taken from, spread evenly; all of them where there are fewer."
MAX_ROWS_ON_DISK = 512
"The same, of images that are on disk."


def spread_rows(split: Split, most: int = MAX_ROWS) -> np.ndarray:
    """Positions, (k,) int64, of at most `most` rows spread evenly over a split: as much of it as one may hold."""
    return np.unique(np.linspace(0, len(split) - 1, min(most, len(split))).astype(np.int64))


def image_only(raw: Mapping[str, Any]) -> Mapping[str, Any]:
    """The images as they are, (k, H, W, C) uint8: a quarter of the memory of float32, and no copy."""
    return {"image": raw["image"]}


class Pixels(nn.Module):
    """Images (k, H, W, C), uint8 or float on the same scale 0..255, to float32: each channel of mean 0, all together of
    deviation 1."""

    shift: torch.Tensor

    def __init__(self, mean: np.ndarray, deviation: float) -> None:
        super().__init__()
        self.scale = 1.0 / deviation
        self.register_buffer("shift", torch.tensor(-mean / deviation, dtype=torch.float32))

    def forward(self, image: torch.Tensor) -> torch.Tensor:
        """The same shape, float32; differentiable where `image` is float."""
        # Of the ways to write it the quickest for a batch of MNIST: 10 µs, `addcmul` 30, and a step takes 600.
        return torch.add(self.shift, image.float(), alpha=self.scale)


def pixels_of(data: Data) -> Pixels:
    """`Pixels` with the training images' mean a channel, (C,), and their deviation from it.

    Of a split on disk, whose pictures are large and must be decoded, `MAX_ROWS_ON_DISK` tell enough.
    """
    train = data.splits["train"]
    rows = spread_rows(train, MAX_ROWS if train.in_memory else MAX_ROWS_ON_DISK)
    pixels, total, squares = 0, np.zeros(()), 0.0
    for start in range(0, len(rows), 256):  # a few at a time: as float64 they take eight times their memory
        images = train.take(rows[start : start + 256])["image"].astype(np.float64)
        pixels += images[..., 0].size
        total = total + images.sum(axis=(0, 1, 2))
        squares += float(np.square(images).sum())
    mean = total / pixels
    deviation = float(np.sqrt(max(0.0, squares / (pixels * len(mean)) - float(np.square(mean).mean()))))
    return Pixels(mean, deviation if deviation > 0.0 else 1.0)


@dataclass(frozen=True, eq=False)
class Standardisation:
    """Tables (k, d) float64 with NaN to float32 without: the median where missing, mean 0 and deviation 1 a column."""

    median: np.ndarray
    mean: np.ndarray
    deviation: np.ndarray

    def __call__(self, raw: Mapping[str, Any]) -> Mapping[str, Any]:
        """`table` (k, d) float32, of mean 0 and deviation 1 on train; missing values stand at the median."""
        table = np.asarray(raw["table"], dtype=np.float64)
        filled = np.where(np.isnan(table), self.median, table)
        return {"table": ((filled - self.mean) / self.deviation).astype(np.float32)}


def standardisation_of(data: Data) -> Standardisation:
    """`Standardisation` with the medians, means and deviations (d,) of the training rows.

    A column that is missing everywhere counts as 0, one that never varies as 0 after standardising.
    """
    train = data.splits["train"]
    table = np.asarray(train.take(spread_rows(train))["table"], dtype=np.float64)
    missing = np.isnan(table)
    median = np.zeros(table.shape[1])
    known = ~missing.all(axis=0)
    median[known] = np.nanmedian(table[:, known], axis=0)
    filled = np.where(missing, median, table)
    deviation = filled.std(axis=0)
    return Standardisation(median, filled.mean(axis=0), np.where(deviation > 0.0, deviation, 1.0))


def outputs_of(data: Data) -> int:
    """How many numbers a network gives for an example: a logit a class, or the one value of a regression."""
    return len(data.spec["classes"]) if data.problem == "classification" else 1
