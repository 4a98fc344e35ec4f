"""LSTM: a recurrent network for texts, a long short-term memory over words (Hochreiter and Schmidhuber 1997)."""

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
NO_EXAMPLE_GRADIENTS = "LSTM"
BOUNDS = {
    "vocabulary": (1, None),
    "max_length": (1, None),
    "dimension": (1, None),
    "hidden": (1, None),
    "layers": (1, None),
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
    "Width of a word's vector."
    hidden: int = 64
    "Width of the memory of each direction."
    layers: int = 1
    "Number of layers; each reads the states of the layer below."
    bidirectional: bool = False
    "A second memory that reads from the last word to the first; it doubles the time."
    pooling: Literal["max", "mean", "last"] = "max"
    "How a text's states become one vector: their maximum, their mean, or the state after the last word."
    embedding_dropout: float = 0.2
    "Probability that a number in a word's vector is dropped, in training."
    dropout: float = 0.5
    "Probability that a feature is dropped before the last layer and between layers, in training."


class LSTM(nn.Module):
    """Word vectors, long short-term memories over them, pooling of the states to one vector, and a linear layer.

    A forward memory reaches the end of a text before the padding. A backward memory reads the text reversed within its
    own length. So sequences are not packed, and oneDNN's kernel for whole sequences computes both directions. In
    bfloat16, on a processor with matrix instructions for it, it reads twice as many texts a second as in 32 bits.
    """

    def __init__(self, vocabulary: Vocabulary, outputs: int, options: Options) -> None:
        super().__init__()
        self.scalar = outputs == 1
        self.pooling = options.pooling
        self.embedding = word_vectors(vocabulary, options.dimension)
        self.embedding_dropout = nn.Dropout(options.embedding_dropout)
        states = options.hidden * (2 if options.bidirectional else 1)
        widths = [options.dimension] + [states] * (options.layers - 1)
        self.forwards = nn.ModuleList(nn.LSTM(width, options.hidden, batch_first=True) for width in widths)
        self.backwards = nn.ModuleList(
            nn.LSTM(width, options.hidden, batch_first=True) for width in widths if options.bidirectional
        )
        self.dropout = nn.Dropout(options.dropout)
        self.head = nn.Linear(states, outputs)

    def forward(self, tokens: torch.Tensor, lengths: torch.Tensor) -> torch.Tensor:
        """Return logits (k, classes), or values (k,), of k texts.

        Args:
            tokens: (k, L) int64 word numbers; values beyond a text's length are ignored.
            lengths: (k,) int64, each at least 1.
        """
        positions = torch.arange(tokens.shape[1], device=tokens.device)
        inside = positions < lengths.unsqueeze(-1)
        back = torch.where(inside, lengths.unsqueeze(-1) - 1 - positions, positions)  # its own inverse
        states = self.embedding_dropout(self.embedding(tokens))
        for layer, memory in enumerate(self.forwards):
            if layer:
                states = self.dropout(states)
            onward = memory(states)[0]
            if self.backwards:
                onward = torch.cat(
                    [onward, reverse_texts(self.backwards[layer](reverse_texts(states, back))[0], back)], dim=-1
                )
            states = onward
        outputs = self.head(self.dropout(self.pool(states, inside, lengths)))
        return outputs.squeeze(-1) if self.scalar else outputs

    def pool(self, states: torch.Tensor, inside: torch.Tensor, lengths: torch.Tensor) -> torch.Tensor:
        """Return one vector for each text, (k, states), from the states (k, L, states) of its words.

        Args:
            states: (k, L, states).
            inside: (k, L) bool: whether a position is within its text.
            lengths: (k,) int64.
        """
        inside = inside.unsqueeze(-1)
        if self.pooling == "max":
            return states.masked_fill(~inside, -math.inf).amax(dim=1)
        if self.pooling == "mean":
            return (states * inside).sum(dim=1) / lengths.unsqueeze(-1)
        # The states that have seen the whole text: forward at the last word, backward at the first.
        last = (lengths - 1).view(-1, 1, 1).expand(-1, 1, states.shape[-1])
        ends = states.gather(1, last).squeeze(1)
        if not self.backwards:
            return ends
        hidden = states.shape[-1] // 2
        return torch.cat([ends[:, :hidden], states[:, 0, hidden:]], dim=-1)

    def get_input_embeddings(self) -> nn.Embedding:
        """Return the layer that turns word numbers into vectors; the method's name is that of Transformers."""
        return self.embedding


def reverse_texts(states: torch.Tensor, back: torch.Tensor) -> torch.Tensor:
    """Return states (k, L, d) in the order of positions `back` (k, L): texts reversed, with the padding in place."""
    return states.gather(1, back.unsqueeze(-1).expand_as(states))


def build(data: Data, options: Options) -> Network:
    """Return the network for the task's texts; its vocabulary is that of the train split."""
    vocabulary = vocabulary_of(data, options.vocabulary, options.max_length, options.keep)
    module = LSTM(vocabulary, outputs_of(data), options)
    return Network(module, encode=vocabulary, collate=collate, encoding=vocabulary.encoding, padded="tokens")
