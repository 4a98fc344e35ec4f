"""Words: what the tokens of a text are called, and how much of an attribution each of its words bears."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from typing import Any

import numpy as np

from bench_suite.contracts import Network
from bench_suite.training.vocabulary import Vocabulary, kept, words_of

BAG_WORD = re.compile("[a-z0-9'\u0080-\U0010ffff]+")
"What the model `bag_of_words` takes for a word, in a lower-cased text."

Weighted = list[tuple[str, float]]


def weighted_words(network: Network, text: str, tokens: Sequence[int], parts: Sequence[float], bag: bool) -> Weighted:
    """The words of a text in order, each with its share of the attribution; the shares sum to that of all `parts`.

    Arguments:
        text: as the task gives it.
        tokens, parts: number and attribution of each token that the network was given of it.
        bag: whether tokens are hashed runs of words, in no order.
    """
    encode: Any = network.encode
    if bag:
        return _of_bag(encode, text, tokens, parts)
    if isinstance(encode, Vocabulary):
        known = list(kept(words_of(text), encode.max_length, encode.keep))
        names = known if len(known) == len(tokens) else [str(token) for token in tokens]
        return list(zip(names, map(float, parts)))
    tokenizer = getattr(encode, "tokenizer", None)
    pieces = [str(token) for token in tokens]
    if tokenizer is not None and hasattr(tokenizer, "id_to_token"):
        pieces = [tokenizer.id_to_token(int(token)) or str(token) for token in tokens]
    return _joined(pieces, parts)


def _joined(pieces: Sequence[str], parts: Sequence[float]) -> Weighted:
    """Pieces of words put together: WordPiece marks those that go on, byte-level BPE those that begin."""
    byte_level = any(piece.startswith("Ġ") for piece in pieces)
    found: Weighted = []
    for piece, part in zip(pieces, parts):
        goes_on = piece.startswith("##") or (byte_level and piece[:1].isalnum() and not piece.startswith("Ġ"))
        name = piece.removeprefix("##").removeprefix("Ġ")
        if goes_on and found:
            before, weight = found.pop()
            found.append((before + name, weight + float(part)))
        else:
            found.append((name, float(part)))
    return found


def _of_bag(encode: Any, text: str, tokens: Sequence[int], parts: Sequence[float]) -> Weighted:
    """A bucket's attribution is shared alike by the runs of words hashed to it, and a run's by its words."""
    words = BAG_WORD.findall(text.lower())
    runs: list[tuple[int, int, int]] = []  # bucket, first word, how many words
    shorter: list[set[int]] = []
    for length in range(1, int(getattr(encode, "ngrams", 1)) + 1):
        texts = [" ".join(words[at : at + length]) for at in range(len(words) - length + 1)]
        every = [set(row.tolist()) for row in encode({"text": texts})["tokens"]] if texts else []
        for at, buckets in enumerate(every):
            new = buckets - (shorter[at] | shorter[at + 1]) if shorter else buckets
            runs += [(bucket, at, length) for bucket in new]
        shorter = every
    times = Counter(bucket for bucket, _, _ in runs)
    weight = dict(zip(map(int, tokens), map(float, parts)))
    shares = np.zeros(len(words))
    for bucket, at, length in runs:
        shares[at : at + length] += weight.get(bucket, 0.0) / times[bucket] / length
    return list(zip(words, shares.tolist()))
