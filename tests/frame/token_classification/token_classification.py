"""Token classification: a class for each word of a text."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import torch
from torch.nn import functional

from bench_suite.contracts import Batch, Evaluation, Network

METRICS = {
    "token_accuracy": {"unit": "fraction", "better": "higher", "ideal": 1.0},
    "sentence_accuracy": {"unit": "fraction", "better": "higher", "ideal": 1.0},
}
NO_WORD = -100  # target of a position that contains only padding


def loss(outputs: torch.Tensor, targets: torch.Tensor, spec: Mapping[str, Any]) -> torch.Tensor:
    """Return the mean cross-entropy in nats over words: logits (k, words, classes) against (k, words) int64."""
    return functional.cross_entropy(outputs.flatten(0, 1), targets.flatten(), ignore_index=NO_WORD)


def predict(network: Network, batch: Batch, evaluation: Evaluation) -> dict[str, list[np.ndarray]]:
    """Return `predictions`: for each text an array with one class for each word."""
    classes = network.module(**batch.inputs).argmax(dim=-1).cpu().numpy()
    lengths = (batch.targets != NO_WORD).sum(dim=1).tolist()
    return {"predictions": [row[:length] for row, length in zip(classes, lengths)]}


def token_accuracy(predictions: Sequence[np.ndarray], targets: Sequence[np.ndarray]) -> float:
    """Return the share of words with the correct class."""
    return float(np.mean(np.concatenate(list(predictions)) == np.concatenate(list(targets))))


def sentence_accuracy(predictions: Sequence[np.ndarray], targets: Sequence[np.ndarray]) -> float:
    """Return the share of texts without a wrong word."""
    return float(np.mean([bool((p == t).all()) for p, t in zip(predictions, targets)]))
