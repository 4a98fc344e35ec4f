"""Classifier: a text's token vectors pooled to one, and a head on top of it."""

from __future__ import annotations

from typing import Any, Literal

import torch
from torch import nn
from torch.nn import functional

from bench_suite.contracts import BenchError
from bench_suite.pretrained.encoders import width

Pooling = Literal["mean", "cls", "last"]


class Pooled(nn.Module):
    """An encoder of Transformers, and one vector of all that it gives for a text's tokens."""

    def __init__(self, encoder: nn.Module, pooling: Pooling) -> None:
        super().__init__()
        self.encoder = encoder
        self.pooling = pooling
        self.width = width(encoder)

    def forward(self, tokens: torch.Tensor, lengths: torch.Tensor) -> torch.Tensor:
        """Features (k, width) float32: the mean of a text's vectors, or its first or last token's.

        `tokens` (k, L) int64, anything beyond a text's length; `lengths` (k,) int64, each at least 1.
        """
        lengths = lengths.unsqueeze(-1)
        inside = torch.arange(tokens.shape[1], device=tokens.device) < lengths
        vectors = self.encoder(input_ids=tokens, attention_mask=inside.long()).last_hidden_state.float()
        if self.pooling == "mean":
            return (vectors * inside.unsqueeze(-1)).sum(dim=1) / lengths
        if self.pooling == "cls":
            return vectors[:, 0]
        last = (lengths - 1).unsqueeze(-1).expand(-1, 1, vectors.shape[2])
        return vectors.gather(1, last).squeeze(1)


class Head(nn.Module):
    """Dropout and a linear layer, with perhaps a hidden layer and tanh before them, as BERT's own classifier has."""

    def __init__(self, inputs: int, outputs: int, hidden: int | None, dropout: float) -> None:
        super().__init__()
        self.scalar = outputs == 1
        self.hidden = nn.Linear(inputs, hidden) if hidden else None
        self.dropout = nn.Dropout(dropout)
        self.output = nn.Linear(hidden or inputs, outputs)

    def forward(self, features: torch.Tensor) -> torch.Tensor:
        """Logits (k, classes), or values (k,), of features (k, inputs)."""
        if self.hidden is not None:
            features = torch.tanh(self.hidden(self.dropout(features)))
        outputs = self.output(self.dropout(features))
        return outputs.squeeze(-1) if self.scalar else outputs


class Classifier(nn.Module):
    """An encoder, pooling and a head, trained together."""

    def __init__(self, pooled: Pooled, head: Head) -> None:
        super().__init__()
        self.pooled = pooled
        self.head = head

    def forward(self, tokens: torch.Tensor, lengths: torch.Tensor) -> torch.Tensor:
        """Logits (k, classes), or values (k,), of k texts: `tokens` (k, L) int64, `lengths` (k,) int64."""
        return self.head(self.pooled(tokens, lengths))

    def get_input_embeddings(self) -> Any:
        """The layer that turns token numbers into vectors, by the name that Transformers gives it."""
        encoder: Any = self.pooled.encoder
        return encoder.get_input_embeddings()


class Probe(nn.Module):
    """A head on features that a frozen encoder gave, each brought to mean 0 and deviation 1 over the batch.

    Without that a linear layer on a pretrained encoder's features, which lie close together, learns slowly (He et al.
    2022, arXiv 2111.06377, A.1). Predictions use the running mean and deviation.
    """

    def __init__(self, head: Head, inputs: int) -> None:
        super().__init__()
        self.norm = nn.BatchNorm1d(inputs, affine=False)
        self.head = head

    def forward(self, features: torch.Tensor) -> torch.Tensor:
        """Logits (k, classes), or values (k,), of features (k, inputs) float32."""
        batch = self.training and len(features) > 1  # of a single example there is no deviation
        mean, variance = self.norm.running_mean, self.norm.running_var
        momentum = self.norm.momentum if self.norm.momentum is not None else 0.1
        scaled = functional.batch_norm(features.float(), mean, variance, None, None, batch, momentum, self.norm.eps)
        return self.head(scaled)

    def get_input_embeddings(self) -> nn.Module:
        """Always raises BenchError: tokens never reach what is trained."""
        raise BenchError("freeze = true computes features once, so no gradient reaches the tokens: set freeze = false")
