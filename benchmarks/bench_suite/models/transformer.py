"""A small transformer encoder for texts, trained from scratch (Vaswani et al. 2017).

Its layers are `torch.nn.TransformerEncoderLayer`, which every PyTorch has: no extra is needed. The architectures of
Transformers, with its tokenizers, and pretrained or not, are the model `bert`.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

import torch
from torch import nn

from bench_suite.contracts import Data, Network
from bench_suite.training.inputs import outputs_of
from bench_suite.training.vocabulary import DEVIATION, Vocabulary, collate, vocabulary_of, word_vectors

VERSION = 1
MODALITIES = ("text",)
PROBLEMS = ("classification", "regression")
PROVIDES = ("gradients", "embeddings")
BOUNDS = {
    "vocabulary": (1, None),
    "max_length": (1, None),
    "dimension": (1, None),
    "heads": (1, None),
    "layers": (1, None),
    "feedforward": (1, None),
    "embedding_dropout": (0.0, 0.99),
    "dropout": (0.0, 0.99),
}


@dataclass(frozen=True)
class Options:
    vocabulary: int = 30_000
    "Most words that are known, the most frequent of the training texts; all others count as one."
    max_length: int = 256
    "Words of a text that are read."
    keep: Literal["first", "last", "ends"] = "ends"
    "Which words of a longer text: the first, the last, or half from each end."
    dimension: int = 64
    "Width of the vector that stands for a word, and of all layers."
    heads: int = 2
    "Heads of attention; they share `dimension` among them. On a CPU few and wide ones are quicker."
    layers: int = 1
    "Encoder layers."
    feedforward: int = 128
    "Width of the hidden layer that follows attention in each encoder layer."
    pooling: Literal["max", "mean"] = "mean"
    "What is made of a text's vectors: the highest value of each number, or their mean."
    embedding_dropout: float = 0.3
    "Chance that a number of a word's vector is left out, in training."
    dropout: float = 0.3
    "Chance that a number is left out of what a layer adds and before the last one, in training; not in attention."


def check(options: Options) -> None:
    """Raise ValueError where the heads cannot share the dimension among them."""
    if options.dimension % options.heads:
        raise ValueError(
            f"dimension = {options.dimension} cannot be shared among heads = {options.heads}: give a multiple of "
            f"{options.heads}"
        )


class Transformer(nn.Module):
    """Word vectors and positions that are learnt, encoder layers, the mean over a text's words, and a linear layer.

    Norms come before attention and feed-forward layer, not after (Xiong et al. 2020, arXiv 2002.04745), so that it
    trains without a long warm-up.
    """

    def __init__(self, vocabulary: Vocabulary, outputs: int, options: Options) -> None:
        super().__init__()
        self.scalar = outputs == 1
        self.pooling = options.pooling
        self.embedding = word_vectors(vocabulary, options.dimension)
        self.positions = nn.Parameter(torch.empty(options.max_length, options.dimension))
        nn.init.normal_(self.positions, std=DEVIATION)
        self.embedding_dropout = nn.Dropout(options.embedding_dropout)
        layers = [
            nn.TransformerEncoderLayer(
                options.dimension,
                options.heads,
                options.feedforward,
                options.dropout,
                activation="gelu",
                batch_first=True,
                norm_first=True,
            )
            for _ in range(options.layers)
        ]
        for layer in layers:
            # The weights of attention are never left out: PyTorch's fused attention has no dropout on a CPU, and
            # without it attention alone, on 64 texts of 200 words, takes 107 ms a step instead of 34.
            layer.self_attn.dropout = 0.0
        self.layers = nn.ModuleList(layers)
        self.norm = nn.LayerNorm(options.dimension)
        self.dropout = nn.Dropout(options.dropout)
        self.head = nn.Linear(options.dimension, outputs)

    def forward(self, tokens: torch.Tensor, lengths: torch.Tensor) -> torch.Tensor:
        """Logits (k, classes), or values (k,), of k texts.

        `tokens` (k, L) int64 word numbers, anything beyond a text's length; `lengths` (k,) int64, each at least 1; L
        no more than `max_length`.
        """
        outside = torch.arange(tokens.shape[1], device=tokens.device) >= lengths.unsqueeze(-1)
        vectors = self.embedding_dropout(self.embedding(tokens) + self.positions[: tokens.shape[1]])
        for layer in self.layers:
            vectors = layer(vectors, src_key_padding_mask=outside)
        vectors = self.norm(vectors)
        outside = outside.unsqueeze(-1)
        if self.pooling == "max":
            pooled = vectors.masked_fill(outside, -math.inf).amax(dim=1)
        else:
            pooled = vectors.masked_fill(outside, 0.0).sum(dim=1) / lengths.unsqueeze(-1)
        outputs = self.head(self.dropout(pooled))
        return outputs.squeeze(-1) if self.scalar else outputs

    def get_input_embeddings(self) -> nn.Embedding:
        """The layer that turns word numbers into vectors, by the name that Transformers gives it."""
        return self.embedding


def build(data: Data, options: Options) -> Network:
    """The network for the task's texts, its words those of the training split."""
    vocabulary = vocabulary_of(data, options.vocabulary, options.max_length, options.keep)
    module = Transformer(vocabulary, outputs_of(data), options)
    return Network(module, encode=vocabulary, collate=collate, encoding=vocabulary.encoding, padded="tokens")
