"""A two-layer GPT-2 over single characters, built from a configuration. Nothing is downloaded."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from torch import nn
from transformers import GPT2Config, GPT2LMHeadModel

from bench_suite.contracts import Batch, Data, Network
from bench_suite.data.ragged import Ragged

VERSION = 1
MODALITIES = ("text",)
PROBLEMS = ("generation",)
PROVIDES = ("gradients", "embeddings")
END, FIRST = 0, ord("=")  # token 0 ends a text; the others are characters from `=` on
TOKENS = ord("z") - FIRST + 2


class Writer(nn.Module):
    """The language model; the problem `generation` needs its `generate` and `decode`."""

    def __init__(self) -> None:
        super().__init__()
        sizes = GPT2Config(
            vocab_size=TOKENS, n_positions=16, n_embd=32, n_layer=2, n_head=4, bos_token_id=END, eos_token_id=END,
            resid_pdrop=0.0, embd_pdrop=0.0, attn_pdrop=0.0,
        )  # fmt: skip
        self.gpt = GPT2LMHeadModel(sizes)

    def forward(self, tokens: torch.Tensor, prompts: torch.Tensor) -> torch.Tensor:
        """Return logits (k, places, tokens) of whole texts (k, places); `generate` alone takes the prompts."""
        return self.gpt(input_ids=tokens).logits

    def generate(self, prompts: torch.Tensor, new_tokens: int, beams: int) -> torch.Tensor:
        """Return prompts (k, places) of equal length, with up to `new_tokens` more tokens after each."""
        return self.gpt.generate(
            prompts, attention_mask=torch.ones_like(prompts), max_new_tokens=new_tokens, num_beams=beams,
            do_sample=False, pad_token_id=END,
        )  # fmt: skip

    def decode(self, tokens: list[int]) -> str:
        """Return the text before the end token."""
        return "".join(chr(t + FIRST - 1) for t in (tokens[: tokens.index(END)] if END in tokens else tokens))


def build(data: Data, options: None) -> Network:
    """Return a writer with fresh weights."""
    return Network(Writer(), encode=_encode, collate=_collate)


def _tokens(text: str) -> list[int]:
    return [ord(character) - FIRST + 1 for character in text]


def _encode(raw: Mapping[str, Any]) -> Mapping[str, Any]:
    prompts = [_tokens(text) for text in raw["text"]]
    answers = [[*_tokens(text), END] for text in raw["target"]]
    return {
        "prompts": Ragged.from_lists(prompts, "int64"),
        "tokens": Ragged.from_lists([p + a for p, a in zip(prompts, answers)], "int64"),
        "asked": Ragged.from_lists([[-100] * len(p) + a for p, a in zip(prompts, answers)], "int64"),
    }


def _collate(columns: Mapping[str, Any]) -> Batch:
    inputs = {name: columns[name].padded(END) for name in ("tokens", "prompts")}
    return Batch(inputs, columns["asked"].padded(-100))
