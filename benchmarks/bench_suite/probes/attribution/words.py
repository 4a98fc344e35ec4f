"""Words: the words of a text from its tokens, and each word's share of the attribution."""

from __future__ import annotations

import re
import string
from collections import Counter
from collections.abc import Sequence
from typing import Any

import numpy as np

from bench_suite.contracts import Network
from bench_suite.training.vocabulary import Keep, Vocabulary, truncate, words_of

BAG_WORD = re.compile("[a-z0-9'\u0080-\U0010ffff]+")
"A word of the model `bag_of_words`, in a lower-cased text."


class Cut(str):
    """A mark in place of omitted words. A word of the text with the same letters is a plain string."""


CUT = Cut("[…]")
"The mark in place of omitted words of a text; its share is 0."
BLANK = "␣"
"The name of a word that consists of white space, such as the token of a blank line."

Weighted = list[tuple[str, float]]


def weighted_words(network: Network, text: str, tokens: Sequence[int], parts: Sequence[float], bag: bool) -> Weighted:
    """Return the words of a text in order, each with its share of the attribution.

    The shares sum to the sum of `parts`. If the network read only a part of the text and the gap is known, `CUT` is in
    its place.

    Args:
        network: the network that read the text.
        text: the raw text of the task.
        tokens: the number of each token that the network read.
        parts: the attribution of each of these tokens.
        bag: whether tokens are hashes of runs of words, without order.
    """
    encode: Any = network.encode
    if bag:
        return _bag_words(encode, text, tokens, parts)
    if isinstance(encode, Vocabulary):
        return _vocabulary_words(encode, text, tokens, parts)
    tokenizer = getattr(encode, "tokenizer", None)
    pieces = [str(token) for token in tokens]
    if tokenizer is None or not hasattr(tokenizer, "id_to_token"):
        return list(zip(pieces, map(float, parts)))
    pieces = [tokenizer.id_to_token(int(token)) or str(token) for token in tokens]
    return _tokenizer_words(encode, text, tokens, pieces, parts) or _words_from_pieces(pieces, parts)


def _vocabulary_words(encode: Vocabulary, text: str, tokens: Sequence[int], parts: Sequence[float]) -> Weighted:
    words = words_of(text)
    positions = _positions_after_truncation(len(words), encode.max_length, encode.keep)
    if len(positions) != len(tokens):  # a text without words is one token
        return [(str(token), float(part)) for token, part in zip(tokens, parts)]
    weighted: Weighted = []
    last = -1
    for position, part in zip(positions, parts):
        if position != last + 1:
            weighted.append((CUT, 0.0))
        weighted.append((words[position], float(part)))
        last = position
    return weighted if last == len(words) - 1 else [*weighted, (CUT, 0.0)]


def _positions_after_truncation(n: int, most: int, keep: Keep) -> list[int]:
    """Return the positions of the words or tokens that are kept of the `n` in a text."""
    all_positions: Any = range(n)
    positions: Any = truncate(all_positions, most, keep)
    return list(positions)


def _tokenizer_words(
    encode: Any, text: str, tokens: Sequence[int], pieces: Sequence[str], parts: Sequence[float]
) -> Weighted | None:
    """Return the words of the text by the positions of their tokens in it (`tokenizers.Encoding`).

    Pieces form one word if the tokenizer took them from one word and no white space separates them. Special tokens have
    their own names. The result is None if the text's tokens are not those that the network read.
    """
    text = str(text).encode(errors="replace").decode()  # tokenizers reject half of a surrogate pair
    ends = [len(getattr(encode, name, ())) for name in ("prefix", "suffix")]
    first, stop = ends[0], len(tokens) - ends[1]
    read = encode.tokenizer.encode(text, add_special_tokens=not hasattr(encode, "prefix"))
    positions = _positions_after_truncation(len(read.ids), max(0, stop - first), getattr(encode, "keep", "first"))
    if [read.ids[position] for position in positions] != [int(token) for token in tokens[first:stop]]:
        return None
    weighted: Weighted = []
    last, span = -1, (0, 0)
    for position, piece, part in zip(positions, pieces[first:stop], parts[first:stop]):
        neighbour = position == last + 1
        if not neighbour:
            weighted.append((CUT, 0.0))
        begin, end = _stripped_span(text, *read.offsets[position])
        word = read.word_ids[position]  # None for special tokens
        same = weighted and neighbour and word is not None and word == read.word_ids[last]
        goes_on = same and not any(letter.isspace() for letter in text[span[1] : begin])
        span = (min(begin, span[0]), max(end, span[1])) if goes_on else (begin, end)
        share = float(part) + (weighted.pop()[1] if goes_on else 0.0)
        weighted.append((piece if word is None else text[slice(*span)] or BLANK, share))
        last = position
    if last != len(read.ids) - 1:
        weighted.append((CUT, 0.0))
    named = list(zip(pieces, map(float, parts)))
    return [*named[:first], *weighted, *named[stop:]]


def _stripped_span(text: str, start: int, stop: int) -> tuple[int, int]:
    """Return begin and end of a part of a text without outer white space; its end twice if it is all white space."""
    piece = text[start:stop]
    start += len(piece) - len(piece.lstrip())
    return start, start + len(piece.strip())


def _words_from_pieces(pieces: Sequence[str], parts: Sequence[float]) -> Weighted:
    """Join pieces of words by their marks alone, if their positions in the text are unknown.

    WordPiece marks pieces that continue a word; byte-level BPE and SentencePiece mark those that begin one. Bytes are
    decoded to letters.
    """
    byte_level = any(piece.startswith("Ġ") for piece in pieces)
    begins = "Ġ" if byte_level else "▁" if any(piece.startswith("▁") for piece in pieces) else ""
    weighted: Weighted = []
    for piece, part in zip(pieces, parts):
        goes_on = piece.startswith("##") or (begins and piece[:1] not in {begins, "", *string.punctuation})
        name = piece.removeprefix("##").removeprefix(begins)
        if goes_on and weighted:
            before, weight = weighted.pop()
            weighted.append((before + name, weight + float(part)))
        else:
            weighted.append((name, float(part)))
    return [(_decoded_bytes(word), weight) for word, weight in weighted] if byte_level else weighted


def _decoded_bytes(word: str) -> str:
    """Return the letters of a word that byte-level BPE writes with one character for each byte."""
    from tokenizers.decoders import ByteLevel

    return ByteLevel().decode([word]).strip() or BLANK


def _bag_words(encode: Any, text: str, tokens: Sequence[int], parts: Sequence[float]) -> Weighted:
    """Divide a bucket's attribution equally among the runs of words hashed to it, and a run's among its words."""
    words = BAG_WORD.findall(text.lower())
    runs: list[tuple[int, int, int]] = []  # bucket, first word, number of words
    shorter: list[set[int]] = []
    for length in range(1, int(getattr(encode, "ngrams", 1)) + 1):
        texts = [" ".join(words[at : at + length]) for at in range(len(words) - length + 1)]
        longer = [set(row.tolist()) for row in encode({"text": texts})["tokens"]] if texts else []
        for at, buckets in enumerate(longer):
            new = buckets - (shorter[at] | shorter[at + 1]) if shorter else buckets
            runs += [(bucket, at, length) for bucket in new]
        shorter = longer
    times = Counter(bucket for bucket, _, _ in runs)
    weight = dict(zip(map(int, tokens), map(float, parts)))
    shares = np.zeros(len(words))
    for bucket, at, length in runs:
        shares[at : at + length] += weight.get(bucket, 0.0) / times[bucket] / length
    return list(zip(words, shares.tolist()))
