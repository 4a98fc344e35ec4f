"""A fixed rule without training or parameters: approve if no public record speaks against it."""

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


class Rule(nn.Module):
    """Logits (k, 2) of (k,) flags, which differ by one."""

    def forward(self, flag: torch.Tensor) -> torch.Tensor:
        """Return logits that favour the second class if the flag is 0."""
        return torch.stack([flag, 1.0 - flag], dim=1)


class _Flag:
    def __init__(self, column: int) -> None:
        self.column = column

    def __call__(self, raw: Mapping[str, Any]) -> Mapping[str, Any]:
        return {"flag": (raw["table"][:, self.column] == 1.0).astype("float32")}


def build(data: Data, options: None) -> Network:
    """Return the rule, which reads one column."""
    return Network(Rule(), encode=_Flag(data.spec["columns"].index("pubrec")), collate=stack)
