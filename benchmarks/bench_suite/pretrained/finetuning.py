"""Adapting: how much of a pretrained encoder is trained: all of it, low-rank additions to its matrices, or nothing."""

from __future__ import annotations

import importlib
import warnings
from collections.abc import Mapping
from contextlib import nullcontext
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import torch
from torch import nn

from bench_suite.contracts import BenchError
from bench_suite.pretrained.classifier import Pooled
from bench_suite.pretrained.encoders import device_of
from bench_suite.pretrained.tokenizing import Tokenized

LORA_EXTRA = "pip install 'bench-suite[lora]'"
"""What to paste for low-rank adaptation."""

TOKENS_A_BATCH = 8_192
"""Padded tokens that a frozen encoder is given at once: 32 texts of 256. MiniLM's activations then take 50 MB a layer,
and on one core more at once is no faster."""

Precision = Literal["32-true", "bf16-mixed"]


@dataclass(frozen=True, eq=False)
class Features:
    """Encodes texts as the pooled features of an encoder that is never trained: computed once, and cached."""

    tokenized: Tokenized
    pooled: Pooled
    precision: Precision

    def __call__(self, raw: Mapping[str, Any]) -> Mapping[str, Any]:
        """`features` of raw values with k texts in `text`: (k, width) float32.

        Rows are put together by length, and each is masked, so that in 32 bits those of the same text differ by some
        1e-6 at most, whatever it is encoded beside; under `bf16-mixed` by some 1e-2. Computed where the encoder's
        parameters lie, without dropout. The same call gives the same bits.
        """
        tokens = self.tokenized(raw)["tokens"].torch()
        features = np.zeros((len(tokens), self.pooled.width), dtype=np.float32)
        order = torch.argsort(tokens.lengths, descending=True, stable=True)
        device = device_of(self.pooled)
        self.pooled.eval()
        cast = torch.autocast(device.type, torch.bfloat16) if self.precision == "bf16-mixed" else nullcontext()
        start = 0
        with torch.inference_mode(), cast:
            while start < len(order):
                longest = int(tokens.lengths[order[start]])
                rows = order[start : start + max(1, TOKENS_A_BATCH // longest)]
                batch = self.tokenized.collate({"tokens": tokens[rows]}).to(str(device))
                features[rows.numpy()] = self.pooled(**batch.inputs).float().cpu().numpy()
                start += len(rows)
        return {"features": features}

    @property
    def encoding(self) -> tuple[Any, ...]:
        """`Network.encoding` of a network that is given these features."""
        return ("features", 1, *self.tokenized.encoding, self.pooled.pooling, self.precision)


def freeze(module: nn.Module) -> None:
    """Nothing of a module is trained any more, and nothing in it is dropped out."""
    module.requires_grad_(False)
    module.eval()


def add_lora(encoder: nn.Module, rank: int) -> None:
    """Freeze an encoder, and add to each of its linear layers a product of two thin matrices, which are trained.

    A layer of `d_in` inputs and `d_out` outputs gets rank · (d_in + d_out) parameters, and begins as it was. The sum is
    scaled by 2, whatever the rank (`lora_alpha` = 2 · rank). Hu et al. 2021, arXiv 2106.09685, adapt the queries and
    values; all linear layers together do better (Dettmers et al. 2023, arXiv 2305.14314). Raises BenchError where
    `peft` cannot be imported.
    """
    try:
        import peft

        importlib.import_module("torch.distributed.tensor")  # some versions of `peft` ask for it without importing it
    except ImportError as error:
        reason = "is not installed" if getattr(error, "name", None) == "peft" else f"does not load ({error})"
        raise BenchError(f"lora needs the package `peft`, which {reason}\n  to get it: {LORA_EXTRA}") from None
    config = peft.LoraConfig(r=rank, lora_alpha=2 * rank, lora_dropout=0.0, bias="none", target_modules="all-linear")
    encoder.requires_grad_(False)
    try:
        with warnings.catch_warnings(action="ignore"):  # it says what it does about GPT-2's transposed layers
            peft.inject_adapter_in_model(config, encoder)
    except ValueError as error:
        raise BenchError(
            f"lora: {type(encoder).__name__} has no linear layers that `peft` can adapt: {error}"
        ) from error
