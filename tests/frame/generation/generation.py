"""Generation: the model writes a text after a prompt. The network must also have `module.generate` and `decode`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch.nn import functional

from bench_suite.contracts import Batch, Evaluation, Network

METRICS = {"exact_match": {"unit": "fraction", "better": "higher", "ideal": 1.0}}
BOUNDS = {"beams": (1, None)}
NOT_ASKED = -100  # target of a position that is prompt or padding


@dataclass(frozen=True)
class Options:
    beams: int = 1
    "Texts kept at each step of the search; 1 is greedy."


def loss(outputs: torch.Tensor, targets: torch.Tensor, spec: Mapping[str, Any]) -> torch.Tensor:
    """Return the mean cross-entropy in nats: logits (k, places, tokens) against the next token, (k, places)."""
    return functional.cross_entropy(outputs[:, :-1].flatten(0, 1), targets[:, 1:].flatten(), ignore_index=NOT_ASKED)


def predict(network: Network, batch: Batch, evaluation: Evaluation) -> dict[str, list[str]]:
    """Return `predictions`: the decoded text after each prompt, up to `spec["characters"]` tokens."""
    prompts = batch.inputs["prompts"]
    module: Any = network.module
    tokens = module.generate(prompts, new_tokens=evaluation.spec["characters"], beams=evaluation.options.beams)
    return {"predictions": [module.decode(row) for row in tokens[:, prompts.shape[1] :].tolist()]}


def exact_match(predictions: Sequence[str], targets: Sequence[str]) -> float:
    """Return the share of examples whose whole text is correct."""
    return sum(p == t for p, t in zip(predictions, targets)) / len(targets)
