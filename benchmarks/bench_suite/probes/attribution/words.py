"""Words: what the tokens of a text are called, and how much of an attribution each of its words bears."""

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
"What the model `bag_of_words` takes for a word, in a lower-cased text."
CUT = "[…]"
"Stands, with a share of 0, where words of a text are left out."
BLANK = "␣"
"The name of a word that is nothing but white space, as tokens of blank lines are."

Weighted = list[tuple[str, float]]


def weighted_words(network: Network, text: str, tokens: Sequence[int], parts: Sequence[float], bag: bool) -> Weighted:
    """The words of a text in order, each with its share of the attribution; the shares sum to that of all `parts`.

    Where the network was given not all of the text, and it is known where the gap lies, `CUT` stands there.

    Arguments:
        text: as the task gives it.
        tokens, parts: number and attribution of each token that the network was given of it.
        bag: whether tokens are hashed runs of words, in no order.
    """
    encode: Any = network.encode
    if bag:
        return _of_bag(encode, text, tokens, parts)
    if isinstance(encode, Vocabulary):
        return _of_vocabulary(encode, text, tokens, parts)
    tokenizer = getattr(encode, "tokenizer", None)
    pieces = [str(token) for token in tokens]
    if tokenizer is None or not hasattr(tokenizer, "id_to_token"):
        return list(zip(pieces, map(float, parts)))
    pieces = [tokenizer.id_to_token(int(token)) or str(token) for token in tokens]
    return _of_tokenizer(encode, text, tokens, pieces, parts) or _joined(pieces, parts)


def _of_vocabulary(encode: Vocabulary, text: str, tokens: Sequence[int], parts: Sequence[float]) -> Weighted:
    words = words_of(text)
    places = _places(len(words), encode.max_length, encode.keep)
    if len(places) != len(tokens):  # a text without words is one token
        return [(str(token), float(part)) for token, part in zip(tokens, parts)]
    found: Weighted = []
    last = -1
    for place, part in zip(places, parts):
        if place != last + 1:
            found.append((CUT, 0.0))
        found.append((words[place], float(part)))
        last = place
    return found if last == len(words) - 1 else [*found, (CUT, 0.0)]


def _places(n: int, most: int, keep: Keep) -> list[int]:
    """Numbers of those of the `n` words or tokens of a text that are kept."""
    every: Any = range(n)
    places: Any = truncate(every, most, keep)
    return list(places)


def _of_tokenizer(
    encode: Any, text: str, tokens: Sequence[int], pieces: Sequence[str], parts: Sequence[float]
) -> Weighted | None:
    """Words as they stand in the text, by the places that the tokenizer tells of its tokens (`tokenizers.Encoding`).

    Pieces are one word where the tokenizer took them from one, and no white space parts them. Special tokens
    have their own names. None where the text's tokens are not those that the network was given.
    """
    text = str(text).encode(errors="replace").decode()  # tokenizers refuse half of a surrogate pair
    ends = [len(getattr(encode, name, ())) for name in ("prefix", "suffix")]
    first, stop = ends[0], len(tokens) - ends[1]
    read = encode.tokenizer.encode(text, add_special_tokens=not hasattr(encode, "prefix"))
    places = _places(len(read.ids), max(0, stop - first), getattr(encode, "keep", "first"))
    if [read.ids[place] for place in places] != [int(token) for token in tokens[first:stop]]:
        return None
    found: Weighted = []
    last, span = -1, (0, 0)
    for place, piece, part in zip(places, pieces[first:stop], parts[first:stop]):
        neighbour = place == last + 1
        if not neighbour:
            found.append((CUT, 0.0))
        begin, end = _stripped(text, *read.offsets[place])
        word = read.word_ids[place]  # None of special tokens
        same = found and neighbour and word is not None and word == read.word_ids[last]
        goes_on = same and not any(letter.isspace() for letter in text[span[1] : begin])
        span = (min(begin, span[0]), max(end, span[1])) if goes_on else (begin, end)
        share = float(part) + (found.pop()[1] if goes_on else 0.0)
        found.append((piece if word is None else text[slice(*span)] or BLANK, share))
        last = place
    if last != len(read.ids) - 1:
        found.append((CUT, 0.0))
    named = list(zip(pieces, map(float, parts)))
    return [*named[:first], *found, *named[stop:]]


def _stripped(text: str, start: int, stop: int) -> tuple[int, int]:
    """Where the same part of a text begins and ends without white space; after the space where it is nothing else."""
    piece = text[start:stop]
    start += len(piece) - len(piece.lstrip())
    return start, start + len(piece.strip())


def _joined(pieces: Sequence[str], parts: Sequence[float]) -> Weighted:
    """Pieces of words put together by their marks alone, where nobody tells their places in the text.

    WordPiece marks those that go on, byte-level BPE and SentencePiece those that begin. Bytes become letters again.
    """
    byte_level = any(piece.startswith("Ġ") for piece in pieces)
    begins = "Ġ" if byte_level else "▁" if any(piece.startswith("▁") for piece in pieces) else ""
    found: Weighted = []
    for piece, part in zip(pieces, parts):
        goes_on = piece.startswith("##") or (begins and piece[:1] not in {begins, "", *string.punctuation})
        name = piece.removeprefix("##").removeprefix(begins)
        if goes_on and found:
            before, weight = found.pop()
            found.append((before + name, weight + float(part)))
        else:
            found.append((name, float(part)))
    return [(_letters(word), weight) for word, weight in found] if byte_level else found


def _letters(word: str) -> str:
    """Letters of what byte-level BPE writes a character a byte."""
    from tokenizers.decoders import ByteLevel

    return ByteLevel().decode([word]).strip() or BLANK


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
