"""Fine-tuning: which part of a pretrained encoder is trained: all, low-rank additions to its matrices, or nothing."""

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
from bench_suite.pretrained.classifier import PooledEncoder
from bench_suite.pretrained.encoders import device_of
from bench_suite.pretrained.tokenizing import TextTokenizer

LORA_EXTRA = "pip install 'bench-suite[lora]'"
"""Command that installs low-rank adaptation."""

TOKENS_A_BATCH = 8_192
"""Padded tokens in one batch of a frozen encoder: 32 texts of 256. MiniLM's activations then take 50 MB a layer, and
larger batches are no faster on one core."""

Precision = Literal["32-true", "bf16-mixed"]


@dataclass(frozen=True, eq=False)
class Features:
    """An encoding of texts as the pooled features of a frozen encoder, which are computed once and cached."""

    tokenized: TextTokenizer
    pooled: PooledEncoder
    precision: Precision

    def __call__(self, raw: Mapping[str, Any]) -> Mapping[str, Any]:
        """Return the `features`, (k, width) float32, of the k texts in the column `text`.

        Batches hold rows of similar length, and padding is masked. So the features of a text depend on its batch by
        about 1e-6 at most in 32 bits, and by about 1e-2 under `bf16-mixed`. They are computed on the device of the
        encoder's parameters, without dropout. The same call gives the same bits.
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
        """Return the `Network.encoding` of a network that reads these features."""
        return ("features", 1, *self.tokenized.encoding, self.pooled.pooling, self.precision)


def freeze(module: nn.Module) -> None:
    """Stop the training of a module's parameters, and turn off its dropout."""
    module.requires_grad_(False)
    module.eval()


def add_lora(encoder: nn.Module, rank: int) -> None:
    """Freeze an encoder, and add a trained product of two thin matrices to each of its linear layers.

    A layer of `d_in` inputs and `d_out` outputs gets rank · (d_in + d_out) parameters; its initial output is unchanged.
    The addition is scaled by 2 for every rank (`lora_alpha` = 2 · rank). Hu et al. 2021, arXiv 2106.09685, adapt the
    queries and values; adapting all linear layers does better (Dettmers et al. 2023, arXiv 2305.14314).

    Args:
        encoder: of Transformers; changed in place.
        rank: columns of the first matrix, rows of the second.

    Raises:
        BenchError: `peft` cannot be imported, or the encoder has no linear layer that it can adapt.
    """
    try:
        import peft

        importlib.import_module("torch.distributed.tensor")  # some versions of `peft` use it without importing it
    except ImportError as error:
        reason = "is not installed" if getattr(error, "name", None) == "peft" else f"does not load ({error})"
        raise BenchError(f"lora needs the package `peft`, which {reason}\n  to install it: {LORA_EXTRA}") from None
    config = peft.LoraConfig(r=rank, lora_alpha=2 * rank, lora_dropout=0.0, bias="none", target_modules="all-linear")
    encoder.requires_grad_(False)
    try:
        with warnings.catch_warnings(action="ignore"):  # it announces how it treats GPT-2's transposed layers
            peft.inject_adapter_in_model(config, encoder)
    except ValueError as error:
        raise BenchError(
            f"lora: {type(encoder).__name__} has no linear layers that `peft` can adapt: {error}"
        ) from error
