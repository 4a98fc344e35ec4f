"""Text CNN: a convolutional network for texts, filters over runs of a few words anywhere in the text (Kim 2014)."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

import torch
from torch import nn

from bench_suite.contracts import Data, Network
from bench_suite.training.inputs import outputs_of
from bench_suite.training.vocabulary import Vocabulary, collate, vocabulary_of, word_vectors

VERSION = 1
MODALITIES = ("text",)
PROBLEMS = ("classification", "regression")
PROVIDES = ("gradients", "embeddings")
BOUNDS = {
    "vocabulary": (1, None),
    "max_length": (1, None),
    "dimension": (1, None),
    "filters": (1, None),
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
    dimension: int = 100
    "Width of a word's vector."
    widths: tuple[int, ...] = (3, 4, 5)
    "Widths of the filters, in words."
    filters: int = 100
    "Number of filters of each width."
    embedding_dropout: float = 0.0
    "Probability that a number in a word's vector is dropped, in training."
    dropout: float = 0.5
    "Probability that a filter's output is dropped before the last layer, in training."


def check(options: Options) -> None:
    """Raise ValueError if there is no filter, or one without words."""
    if not options.widths or min(options.widths) < 1:
        raise ValueError("widths: state at least one width, each of 1 or more words")


class TextCNN(nn.Module):
    """Filters over the vectors of neighbouring words, their maximum over the text, and a linear layer.

    Source: Kim 2014, arXiv 1408.5882, the variant with learnt word vectors. All windows that overlap the text count,
    with zeros beyond its ends, so the shortest text has windows too.
    """

    def __init__(self, vocabulary: Vocabulary, outputs: int, options: Options) -> None:
        super().__init__()
        self.scalar = outputs == 1
        self.widths = options.widths
        self.embedding = word_vectors(vocabulary, options.dimension)
        self.embedding_dropout = nn.Dropout(options.embedding_dropout)
        # Two dimensions, one of height 1: the vectors are `channels_last` in memory without a copy, and a step takes
        # three quarters of the time of `Conv1d`.
        self.convolutions = nn.ModuleList(
            nn.Conv2d(options.dimension, options.filters, (1, width), padding=(0, width - 1)) for width in self.widths
        )
        self.dropout = nn.Dropout(options.dropout)
        self.head = nn.Linear(options.filters * len(self.widths), outputs)

    def forward(self, tokens: torch.Tensor, lengths: torch.Tensor) -> torch.Tensor:
        """Return logits (k, classes), or values (k,), of k texts.

        Args:
            tokens: (k, L) int64 word numbers; values beyond a text's length are ignored.
            lengths: (k,) int64, each at least 1.
        """
        vectors = self.embedding_dropout(self.embedding(tokens)).masked_fill(
            padding_mask(lengths, tokens.shape[1], -1), 0.0
        )
        planes = vectors.transpose(1, 2).unsqueeze(2)  # (k, dimension, 1, L)
        maxima = []
        for width, convolution in zip(self.widths, self.convolutions):
            values = convolution(planes).squeeze(2)  # (k, filters, L + width - 1)
            outside = padding_mask(lengths + width - 1, values.shape[2], 1)
            maxima.append(values.masked_fill(outside, -math.inf).amax(dim=2))
        features = torch.relu(torch.cat(maxima, dim=1))  # ReLU of the maximum is the maximum of the ReLU
        outputs = self.head(self.dropout(features))
        return outputs.squeeze(-1) if self.scalar else outputs

    def get_input_embeddings(self) -> nn.Embedding:
        """Return the layer that turns word numbers into vectors; the method's name is that of Transformers."""
        return self.embedding


def padding_mask(lengths: torch.Tensor, size: int, unsqueezed: int) -> torch.Tensor:
    """Return which of the positions 0..`size` - 1 are at or beyond each of `lengths` (k,).

    Bool (k, size), with an additional dimension of size 1 at `unsqueezed`.
    """
    return (torch.arange(size, device=lengths.device) >= lengths.unsqueeze(-1)).unsqueeze(unsqueezed)


def build(data: Data, options: Options) -> Network:
    """Return the network for the task's texts; its vocabulary is that of the train split."""
    vocabulary = vocabulary_of(data, options.vocabulary, options.max_length, options.keep)
    module = TextCNN(vocabulary, outputs_of(data), options)
    return Network(module, encode=vocabulary, collate=collate, encoding=vocabulary.encoding, padded="tokens")
