"""Bag of words: a weight for each word, and each pair of neighbouring words, that a text contains; both are hashed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import nn

from bench_suite.contracts import Batch, Data, Network
from bench_suite.data.ragged import Ragged
from bench_suite.training.inputs import outputs_of

VERSION = 1
MODALITIES = ("text",)
PROBLEMS = ("classification", "regression")
PROVIDES = ("gradients", "embeddings")
NO_EXAMPLE_GRADIENTS = "EmbeddingBag"
BOUNDS = {"buckets": (2, 2_147_483_647), "ngrams": (1, 8), "dimension": (1, None)}


@dataclass(frozen=True)
class Options:
    buckets: int = 262_144
    "Rows of the embedding to which n-grams are hashed; n-grams with the same hash share a row."
    ngrams: int = 2
    "Longest run of words that is a feature: 1: words only; 2: pairs too."
    dimension: int = 8
    "Width of the embedding that is summed over a text."


@dataclass(frozen=True)
class HashedNgrams:
    """An encoding of texts as the set of buckets to which their n-grams are hashed."""

    buckets: int
    ngrams: int

    def __call__(self, raw: Mapping[str, Any]) -> Mapping[str, Any]:
        """Return `tokens`, the bucket numbers of each text's n-grams: `Ragged` of k rows."""
        texts = raw["text"]
        # 256 reviews are 330 kB of text, so intermediate results stay in the processor's cache.
        starts = range(0, max(1, len(texts)), 256)
        parts = [hash_ngrams(texts[at : at + 256], self.buckets, self.ngrams) for at in starts]
        return {"tokens": Ragged.concatenate(parts)}


WORD_BYTES = np.zeros(256, dtype=bool)
"Bytes that are part of a word: letters, digits, the apostrophe, and all of UTF-8 beyond ASCII."
WORD_BYTES[list(b"abcdefghijklmnopqrstuvwxyz0123456789'")] = True
WORD_BYTES[128:] = True

PRIME = 0x9E3779B97F4A7C15
INVERSE = pow(PRIME, -1, 2**64)


def hash_ngrams(texts: Sequence[str], buckets: int, ngrams: int) -> Ragged:
    """Return the buckets, int32 and ascending, of each text's n-grams of up to `ngrams` words.

    Texts are read in lower case. Features are presence, not counts, which suits sentiment better (Pang et al. 2002,
    arXiv cs/0205070). A word's hash is the polynomial Σ bⱼ Pʲ modulo 2⁶⁴ over its bytes, computed for all words at once
    as a difference of prefix sums: 25,000 reviews take less than 3 s on one core, and a loop over words takes 20 s. The
    hashes are the same on all machines.

    Args:
        texts: k texts.
        buckets: number of buckets.
        ngrams: longest run of words that is a feature.
    """
    encoded = [text.lower().encode(errors="surrogatepass") for text in texts]
    text_starts = np.cumsum([0] + [len(piece) + 1 for piece in encoded])
    letters = np.frombuffer(b" ".join(encoded) + b" ", dtype=np.uint8)
    inside = np.concatenate([[False], WORD_BYTES[letters], [False]])
    starts = np.flatnonzero(inside[1:] & ~inside[:-1])
    ends = np.flatnonzero(inside[:-1] & ~inside[1:])
    text_of = np.searchsorted(text_starts, starts, side="right") - 1

    powers = np.cumprod(np.full(len(letters), PRIME, dtype=np.uint64))
    prefix = np.concatenate([np.zeros(1, dtype=np.uint64), np.cumsum(powers * letters, dtype=np.uint64)])
    back = np.cumprod(np.full(len(letters), INVERSE, dtype=np.uint64))
    words = mix_bits((prefix[ends] - prefix[starts]) * back[starts])

    keys = [text_of * buckets + (words % np.uint64(buckets)).astype(np.int64)]
    run = words
    for length in range(2, ngrams + 1):
        run = mix_bits(run[:-1] * np.uint64(PRIME) + words[length - 1 :])
        whole = text_of[: len(run)] == text_of[length - 1 :]  # an n-gram never spans two texts
        keys.append((text_of[: len(run)] * buckets + (run % np.uint64(buckets)).astype(np.int64))[whole])
    present = np.unique(np.concatenate(keys))
    offsets = np.searchsorted(present, np.arange(len(texts) + 1) * buckets)
    return Ragged((present % buckets).astype(np.int32), offsets.astype(np.int64))


def mix_bits(hashes: np.ndarray) -> np.ndarray:
    """Return (n,) uint64 in which each bit depends on all bits: the last step of SplitMix64 (Steele et al. 2014)."""
    hashes = (hashes ^ (hashes >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    hashes = (hashes ^ (hashes >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return hashes ^ (hashes >> np.uint64(31))


class BagOfWords(nn.Module):
    """The sum of a text's embeddings, divided by the root of their number, and a linear layer."""

    def __init__(self, outputs: int, options: Options) -> None:
        super().__init__()
        self.scalar = outputs == 1
        self.embedding = nn.EmbeddingBag(options.buckets, options.dimension, mode="sum", include_last_offset=True)
        nn.init.normal_(self.embedding.weight, std=0.01)
        self.head = nn.Linear(options.dimension, outputs)

    def forward(self, tokens: torch.Tensor, offsets: torch.Tensor) -> torch.Tensor:
        """Return logits (k, classes), or values (k,), of k texts.

        Args:
            tokens: (total,) int32, the buckets of all texts in a row.
            offsets: (k + 1,), the position of each text's first bucket, and the total.
        """
        count = (offsets[1:] - offsets[:-1]).clamp(min=1)
        features = self.embedding(tokens, offsets) * count.rsqrt().unsqueeze(-1)
        outputs = self.head(features)
        return outputs.squeeze(-1) if self.scalar else outputs

    def get_input_embeddings(self) -> nn.EmbeddingBag:
        """Return the layer that turns buckets into vectors; the method's name is that of Transformers."""
        return self.embedding


def collate(columns: Mapping[str, Any]) -> Batch:
    """Return the texts of one batch in a row, without padding."""
    tokens = columns["tokens"]
    return Batch({"tokens": tokens.values, "offsets": tokens.offsets}, columns["target"])


def build(data: Data, options: Options) -> Network:
    """Return the network for the task's texts; n-grams are cached on disk by number of buckets and length."""
    module = BagOfWords(outputs_of(data), options)
    return Network(
        module,
        encode=HashedNgrams(options.buckets, options.ngrams),
        collate=collate,
        encoding=("hashed_ngrams", options.buckets, options.ngrams),
    )
