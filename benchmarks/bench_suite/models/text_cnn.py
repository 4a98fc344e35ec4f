"""A convolutional network for texts: runs of a few words that are looked for, each anywhere in the text (Kim 2014)."""

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
    "Most words that are known, the most frequent of the training texts; all others count as one."
    max_length: int = 256
    "Words of a text that are read."
    keep: Literal["first", "last", "ends"] = "ends"
    "Which words of a longer text: the first, the last, or half from each end."
    dimension: int = 100
    "Width of the vector that stands for a word."
    widths: tuple[int, ...] = (3, 4, 5)
    "Words that a filter sees at once; so many filters of each width."
    filters: int = 100
    "Filters of each width."
    embedding_dropout: float = 0.0
    "Chance that a number of a word's vector is left out, in training."
    dropout: float = 0.5
    "Chance that what a filter found is left out before the last layer, in training."


def check(options: Options) -> None:
    """Raise ValueError where there is no filter, or one of no word."""
    if not options.widths or min(options.widths) < 1:
        raise ValueError("widths: at least one, and each of 1 or more words")


class TextCNN(nn.Module):
    """Filters over the vectors of neighbouring words; of each filter the highest value in the text; a linear layer.

    Kim 2014, arXiv 1408.5882, the variant whose word vectors are learnt. Every window that touches the text counts,
    also those that reach over one of its ends, where there are zeros; so the shortest text has windows too.
    """

    def __init__(self, vocabulary: Vocabulary, outputs: int, options: Options) -> None:
        super().__init__()
        self.scalar = outputs == 1
        self.widths = options.widths
        self.embedding = word_vectors(vocabulary, options.dimension)
        self.embedding_dropout = nn.Dropout(options.embedding_dropout)
        # Two dimensions, one of height 1: the vectors lie in memory as `channels_last` wants them, nothing is copied,
        # and a step takes three quarters of the time of `Conv1d`.
        self.convolutions = nn.ModuleList(
            nn.Conv2d(options.dimension, options.filters, (1, width), padding=(0, width - 1)) for width in self.widths
        )
        self.dropout = nn.Dropout(options.dropout)
        self.head = nn.Linear(options.filters * len(self.widths), outputs)

    def forward(self, tokens: torch.Tensor, lengths: torch.Tensor) -> torch.Tensor:
        """Logits (k, classes), or values (k,), of k texts.

        `tokens` (k, L) int64 word numbers, anything beyond a text's length; `lengths` (k,) int64, each at least 1.
        """
        vectors = self.embedding_dropout(self.embedding(tokens)).masked_fill(
            padding_mask(lengths, tokens.shape[1], -1), 0.0
        )
        planes = vectors.transpose(1, 2).unsqueeze(2)  # (k, dimension, 1, L)
        found = []
        for width, convolution in zip(self.widths, self.convolutions):
            values = convolution(planes).squeeze(2)  # (k, filters, L + width - 1)
            untouched = padding_mask(lengths + width - 1, values.shape[2], 1)
            found.append(values.masked_fill(untouched, -math.inf).amax(dim=2))
        features = torch.relu(torch.cat(found, dim=1))  # of the highest value: the same as the highest after ReLU
        outputs = self.head(self.dropout(features))
        return outputs.squeeze(-1) if self.scalar else outputs

    def get_input_embeddings(self) -> nn.Embedding:
        """The layer that turns word numbers into vectors, by the name that Transformers gives it."""
        return self.embedding


def padding_mask(lengths: torch.Tensor, size: int, unsqueezed: int) -> torch.Tensor:
    """Which of the positions 0..`size` - 1 lie at or beyond each of `lengths` (k,): bool (k, size), with a dimension of
    one more at `unsqueezed`."""
    return (torch.arange(size, device=lengths.device) >= lengths.unsqueeze(-1)).unsqueeze(unsqueezed)


def build(data: Data, options: Options) -> Network:
    """The network for the task's texts, its words those of the training split."""
    vocabulary = vocabulary_of(data, options.vocabulary, options.max_length, options.keep)
    module = TextCNN(vocabulary, outputs_of(data), options)
    return Network(module, encode=vocabulary, collate=collate, encoding=vocabulary.encoding, padded="tokens")
