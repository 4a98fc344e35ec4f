"""A recurrent network for texts: a long short-term memory reads word after word (Hochreiter and Schmidhuber 1997)."""

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
    "hidden": (1, None),
    "layers": (1, None),
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
    "Width of the vector that stands for a word."
    hidden: int = 64
    "Width of the memory, of each direction."
    layers: int = 1
    "Memories one upon another, each reading the states of the one below."
    bidirectional: bool = False
    "A second memory that reads from the last word to the first; twice the time."
    pooling: Literal["max", "mean", "last"] = "max"
    "What is made of a text's states: the highest value of each, their mean, or the state after the last word."
    embedding_dropout: float = 0.2
    "Chance that a number of a word's vector is left out, in training."
    dropout: float = 0.5
    "Chance that a feature is left out before the last layer, and between layers, in training."


class LSTM(nn.Module):
    """Word vectors, long short-term memories over them, one vector pooled of all states, and a linear layer.

    A memory that reads forward has not seen the padding where the text ends; one that reads backward is given the text
    reversed within its own length. So nothing is packed, and oneDNN's kernel for whole sequences computes both: in
    bfloat16 and on a processor with matrix instructions for it, twice as many texts a second as in 32 bits.
    """

    def __init__(self, vocabulary: Vocabulary, outputs: int, options: Options) -> None:
        super().__init__()
        self.scalar = outputs == 1
        self.pooling = options.pooling
        self.embedding = word_vectors(vocabulary, options.dimension)
        self.embedding_dropout = nn.Dropout(options.embedding_dropout)
        states = options.hidden * (2 if options.bidirectional else 1)
        wide = [options.dimension] + [states] * (options.layers - 1)
        self.forwards = nn.ModuleList(nn.LSTM(width, options.hidden, batch_first=True) for width in wide)
        self.backwards = nn.ModuleList(
            nn.LSTM(width, options.hidden, batch_first=True) for width in wide if options.bidirectional
        )
        self.dropout = nn.Dropout(options.dropout)
        self.head = nn.Linear(states, outputs)

    def forward(self, tokens: torch.Tensor, lengths: torch.Tensor) -> torch.Tensor:
        """Logits (k, classes), or values (k,), of k texts.

        `tokens` (k, L) int64 word numbers, anything beyond a text's length; `lengths` (k,) int64, each at least 1.
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
        outputs = self.head(self.dropout(self.pooled(states, inside, lengths)))
        return outputs.squeeze(-1) if self.scalar else outputs

    def pooled(self, states: torch.Tensor, inside: torch.Tensor, lengths: torch.Tensor) -> torch.Tensor:
        """(k, states) of the states (k, L, states) of each text's own words."""
        inside = inside.unsqueeze(-1)
        if self.pooling == "max":
            return states.masked_fill(~inside, -math.inf).amax(dim=1)
        if self.pooling == "mean":
            return (states * inside).sum(dim=1) / lengths.unsqueeze(-1)
        # What has read the whole text: forward the state of the last word, backward that of the first.
        last = (lengths - 1).view(-1, 1, 1).expand(-1, 1, states.shape[-1])
        ends = states.gather(1, last).squeeze(1)
        if not self.backwards:
            return ends
        hidden = states.shape[-1] // 2
        return torch.cat([ends[:, :hidden], states[:, 0, hidden:]], dim=-1)

    def get_input_embeddings(self) -> nn.Embedding:
        """The layer that turns word numbers into vectors, by the name that Transformers gives it."""
        return self.embedding


def reverse_texts(states: torch.Tensor, back: torch.Tensor) -> torch.Tensor:
    """States (k, L, d) in the order of positions `back` (k, L): each text reversed, its padding where it was."""
    return states.gather(1, back.unsqueeze(-1).expand_as(states))


def build(data: Data, options: Options) -> Network:
    """The network for the task's texts, its words those of the training split."""
    vocabulary = vocabulary_of(data, options.vocabulary, options.max_length, options.keep)
    module = LSTM(vocabulary, outputs_of(data), options)
    return Network(module, encode=vocabulary, collate=collate, encoding=vocabulary.encoding, padded="tokens")
