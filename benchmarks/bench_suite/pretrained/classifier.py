"""Classifier: pool the vectors of a text's tokens into one vector, and put a head on top of it."""

from __future__ import annotations

from typing import Any, Literal

import torch
from torch import nn
from torch.nn import functional

from bench_suite.contracts import BenchError
from bench_suite.pretrained.encoders import width

Pooling = Literal["mean", "cls", "last"]


class PooledEncoder(nn.Module):
    """An encoder of Transformers whose token vectors are pooled into one vector for each text."""

    def __init__(self, encoder: nn.Module, pooling: Pooling) -> None:
        super().__init__()
        self.encoder = encoder
        self.pooling = pooling
        self.width = width(encoder)

    def forward(self, tokens: torch.Tensor, lengths: torch.Tensor) -> torch.Tensor:
        """Return features (k, width) float32: the mean of each text's vectors, or its first or last token's vector.

        Args:
            tokens: (k, L) int64; values beyond a text's length are ignored.
            lengths: (k,) int64, each at least 1.
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
    """Dropout and a linear layer; with `hidden`, a hidden layer with tanh before them, as in BERT's own classifier."""

    def __init__(self, inputs: int, outputs: int, hidden: int | None, dropout: float) -> None:
        super().__init__()
        self.scalar = outputs == 1
        self.hidden = nn.Linear(inputs, hidden) if hidden else None
        self.dropout = nn.Dropout(dropout)
        self.output = nn.Linear(hidden or inputs, outputs)

    def forward(self, features: torch.Tensor) -> torch.Tensor:
        """Return logits (k, classes), or values (k,), of features (k, inputs)."""
        if self.hidden is not None:
            features = torch.tanh(self.hidden(self.dropout(features)))
        outputs = self.output(self.dropout(features))
        return outputs.squeeze(-1) if self.scalar else outputs


class Classifier(nn.Module):
    """An encoder, pooling and a head that are trained together."""

    def __init__(self, pooled: PooledEncoder, head: Head) -> None:
        super().__init__()
        self.pooled = pooled
        self.head = head

    def forward(self, tokens: torch.Tensor, lengths: torch.Tensor) -> torch.Tensor:
        """Return logits (k, classes), or values (k,), of k texts: `tokens` (k, L) int64, `lengths` (k,) int64."""
        return self.head(self.pooled(tokens, lengths))

    def get_input_embeddings(self) -> Any:
        """Return the layer that turns token numbers into vectors; the method's name is that of Transformers."""
        encoder: Any = self.pooled.encoder
        return encoder.get_input_embeddings()


class FeatureClassifier(nn.Module):
    """A head on the features of a frozen encoder, each scaled to mean 0 and standard deviation 1 over the batch.

    The features of a pretrained encoder lie close together, so a linear layer without this scaling learns slowly
    (He et al. 2022, arXiv 2111.06377, A.1). Predictions use the running mean and standard deviation.
    """

    def __init__(self, head: Head, inputs: int) -> None:
        super().__init__()
        self.norm = nn.BatchNorm1d(inputs, affine=False)
        self.head = head

    def forward(self, features: torch.Tensor) -> torch.Tensor:
        """Return logits (k, classes), or values (k,), of features (k, inputs) float32."""
        batch = self.training and len(features) > 1  # a single example has no deviation
        mean, variance = self.norm.running_mean, self.norm.running_var
        momentum = self.norm.momentum if self.norm.momentum is not None else 0.1
        scaled = functional.batch_norm(features.float(), mean, variance, None, None, batch, momentum, self.norm.eps)
        return self.head(scaled)

    def get_input_embeddings(self) -> nn.Module:
        """Raise BenchError always: the trained part never sees the tokens."""
        raise BenchError(
            "freeze = true computes the features once, so no gradient reaches the tokens: set freeze = false"
        )
