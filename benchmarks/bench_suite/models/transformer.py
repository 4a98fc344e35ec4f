"""Transformer: a small transformer encoder for texts, trained from scratch (Vaswani et al. 2017).

Its layers are `torch.nn.TransformerEncoderLayer`, so no extra is needed. The model `bert` has the architectures and
tokenizers of the package Transformers, pretrained or from scratch.
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
NO_EXAMPLE_GRADIENTS = "MultiheadAttention"
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
    "Greatest number of words, the most frequent ones of the train split; all others are one unknown word."
    max_length: int = 256
    "Words of a text that are read."
    keep: Literal["first", "last", "ends"] = "ends"
    "Which words of a longer text are read: the first, the last, or half from each end."
    dimension: int = 64
    "Width of a word's vector and of all layers."
    heads: int = 2
    "Attention heads, which share `dimension`. On a CPU, few wide heads are faster."
    layers: int = 1
    "Encoder layers."
    feedforward: int = 128
    "Width of the hidden layer after the attention in each encoder layer."
    pooling: Literal["max", "mean"] = "mean"
    "How a text's vectors become one: their maximum, or their mean."
    embedding_dropout: float = 0.3
    "Probability that a number in a word's vector is dropped, in training."
    dropout: float = 0.3
    "Probability that a number in a layer's output, or before the last layer, is dropped in training; not in attention."


def check(options: Options) -> None:
    """Raise ValueError if `dimension` is not a multiple of `heads`."""
    if options.dimension % options.heads:
        raise ValueError(
            f"dimension = {options.dimension} cannot be shared among heads = {options.heads}: give a multiple of "
            f"{options.heads}"
        )


class Transformer(nn.Module):
    """Learnt word vectors and positions, encoder layers, pooling over a text's words, and a linear layer.

    Norms come before attention and feed-forward layer, not after them (Xiong et al. 2020, arXiv 2002.04745), so the
    training needs no long warm-up.
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
            # No dropout of attention weights: PyTorch's fused attention does not support it on a CPU, and without the
            # fused kernel, attention on 64 texts of 200 words takes 107 ms a step instead of 34.
            layer.self_attn.dropout = 0.0
        self.layers = nn.ModuleList(layers)
        self.norm = nn.LayerNorm(options.dimension)
        self.dropout = nn.Dropout(options.dropout)
        self.head = nn.Linear(options.dimension, outputs)

    def forward(self, tokens: torch.Tensor, lengths: torch.Tensor) -> torch.Tensor:
        """Return logits (k, classes), or values (k,), of k texts.

        Args:
            tokens: (k, L) int64 word numbers, L at most `max_length`; values beyond a text's length are ignored.
            lengths: (k,) int64, each at least 1.
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
        """Return the layer that turns word numbers into vectors; the method's name is that of Transformers."""
        return self.embedding


def build(data: Data, options: Options) -> Network:
    """Return the network for the task's texts; its vocabulary is that of the train split."""
    vocabulary = vocabulary_of(data, options.vocabulary, options.max_length, options.keep)
    module = Transformer(vocabulary, outputs_of(data), options)
    return Network(module, encode=vocabulary, collate=collate, encoding=vocabulary.encoding, padded="tokens")
