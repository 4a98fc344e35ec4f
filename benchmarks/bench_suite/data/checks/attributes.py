"""Attributes of texts and pictures that say nothing of their content, such as a length: D003 asks what they predict."""

from __future__ import annotations

import re
from typing import Any

import numpy as np

from bench_suite.data.splits import CHUNK

_WORD = re.compile(r"\w+")


def attributes_of(modality: str, inputs: Any) -> dict[str, np.ndarray]:
    """Return attributes of n examples by name, each (n,) float64.

    Args:
        modality: `text` or `image`.
        inputs: n texts, or (n, H, W, C) pixels.
    """
    return _of_texts(inputs) if modality == "text" else _of_pictures(np.asarray(inputs))


def _of_texts(texts: list[str]) -> dict[str, np.ndarray]:
    lengths = np.array([len(text) for text in texts], dtype=np.float64)
    capitals = np.array([sum(map(str.isupper, text)) for text in texts], dtype=np.float64)
    digits = np.array([sum(map(str.isdigit, text)) for text in texts], dtype=np.float64)
    return {
        "the number of characters": lengths,
        "the number of words": np.array([len(_WORD.findall(text)) for text in texts], dtype=np.float64),
        "the number of line ends": np.array([text.count("\n") for text in texts], dtype=np.float64),
        "the share of capital letters": capitals / np.maximum(lengths, 1),
        "the share of digits": digits / np.maximum(lengths, 1),
    }


def _of_pictures(images: np.ndarray) -> dict[str, np.ndarray]:
    """Return the mean and the spread of the pixels, the mean of each channel less that of all, and the corners."""
    n, channels = len(images), images.shape[3]
    means, spread = np.empty((n, channels)), np.empty(n)
    for start in range(0, n, CHUNK):
        part = images[start : start + CHUNK].astype(np.float32)
        means[start : start + CHUNK] = part.mean(axis=(1, 2))
        spread[start : start + CHUNK] = part.std(axis=(1, 2, 3))
    attributes = {"the mean brightness": means.mean(axis=1), "the contrast": spread}
    if channels == 3:
        for number, name in enumerate(("red", "green", "blue")):
            attributes[f"the share of {name}"] = means[:, number] / np.maximum(means.sum(axis=1), 1)
    for row, above in ((0, "top"), (-1, "bottom")):
        for column, side in ((0, "left"), (-1, "right")):
            attributes[f"the {above} {side} pixel"] = images[:, row, column].mean(axis=1, dtype=np.float64)
    return attributes
