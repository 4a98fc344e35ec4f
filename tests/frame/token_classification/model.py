"""A tagger that sees a window of words: embeddings and one convolution over them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any

import torch
from torch import nn

from bench_suite.contracts import Batch, Data, Network
from bench_suite.data.ragged import Ragged

VERSION = 1
MODALITIES = ("text",)
PROBLEMS = ("token_classification",)
PROVIDES = ("gradients",)
BOUNDS = {"width": (1, None)}


@dataclass(frozen=True)
class Options:
    width: int = 3
    "Words in the window, an odd number: 1 sees only the word itself."


class Tagger(nn.Module):
    """Logits (k, words, classes) of word numbers (k, words)."""

    def __init__(self, words: int, classes: int, width: int) -> None:
        super().__init__()
        self.embed = nn.Embedding(words + 2, 16, padding_idx=0)
        self.window = nn.Conv1d(16, 32, width, padding=width // 2)
        self.head = nn.Linear(32, classes)

    def forward(self, words: torch.Tensor) -> torch.Tensor:
        """Return logits for (k, words) int64, with 0 for padding."""
        hidden = self.window(self.embed(words).transpose(1, 2)).relu()
        return self.head(hidden.transpose(1, 2))


def build(data: Data, options: Options) -> Network:
    """Return the tagger, over the words of the training split."""
    train = data.splits["train"]
    texts = train.take(range(len(train)))["text"]
    numbers = {word: number for number, word in enumerate(sorted({w for text in texts for w in text.split()}), 2)}
    module = Tagger(len(numbers), len(data.spec["classes"]), options.width)
    return Network(module, encode=partial(_encode, numbers), collate=_collate)


def _encode(numbers: Mapping[str, int], raw: Mapping[str, Any]) -> Mapping[str, Any]:
    return {"words": Ragged.from_lists([[numbers.get(w, 1) for w in text.split()] for text in raw["text"]], "int64")}


def _collate(columns: Mapping[str, Any]) -> Batch:
    return Batch({"words": columns["words"].padded(0)}, columns["target"].padded(-100))
