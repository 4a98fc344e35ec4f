"""A linear model of a standardised table: one logit."""

from __future__ import annotations

import torch
from torch import nn

from bench_suite.contracts import Data, Network
from bench_suite.data.encoded import stack
from bench_suite.training.inputs import standardisation_of

VERSION = 1
MODALITIES = ("table",)
PROBLEMS = ("screening",)
PROVIDES = ("gradients",)


class Linear(nn.Module):
    """A linear layer: (k,) logits of (k, d)."""

    def __init__(self, columns: int) -> None:
        super().__init__()
        self.layer = nn.Linear(columns, 1)

    def forward(self, table: torch.Tensor) -> torch.Tensor:
        """Return one number for each row."""
        return self.layer(table).squeeze(-1)


def build(data: Data, options: None) -> Network:
    """Return the model with fresh weights."""
    return Network(
        Linear(data.splits["train"].take([0])["table"].shape[1]), encode=standardisation_of(data), collate=stack
    )
