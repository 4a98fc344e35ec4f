"""A linear model of an unscaled table: two logits."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from torch import nn

from bench_suite.contracts import Data, Network
from bench_suite.data.encoded import stack

VERSION = 1
MODALITIES = ("table",)
PROBLEMS = ("classification",)
PROVIDES = ("gradients",)


class Linear(nn.Module):
    """A linear layer: (k, classes) logits of (k, d)."""

    def __init__(self, columns: int, classes: int) -> None:
        super().__init__()
        self.layer = nn.Linear(columns, classes)

    def forward(self, table: torch.Tensor) -> torch.Tensor:
        """Return one number for each class."""
        return self.layer(table)


def build(data: Data, options: None) -> Network:
    """Return the model with fresh weights."""
    columns = data.splits["train"].take([0])["table"].shape[1]
    return Network(Linear(columns, len(data.spec["classes"])), encode=_encode, collate=stack)


def _encode(raw: Mapping[str, Any]) -> Mapping[str, Any]:
    return {"table": raw["table"]}
