"""Sentences of a small grammar with part-of-speech tags; the preceding word determines the tag of `run` and `walk`."""

from __future__ import annotations

import random
from typing import Any

from bench_suite.contracts import Data, Source
from bench_suite.data.fingerprint import content_ids
from bench_suite.data.ragged import Ragged
from bench_suite.data.splits import MemorySplit, fingerprint_of

VERSION = 1
MODALITY = "text"
PROBLEM = "./token_classification.py"
TAGS = ("determiner", "noun", "verb", "adverb")
WORDS = {0: ("the", "a"), 1: ("dog", "cat", "run", "walk"), 2: ("sees", "likes", "run", "walk"), 3: ("often", "never")}


def load(options: None, sources: Any) -> Data:
    """Return 1,000 training and 200 test sentences: `text`, split by spaces; `target`, `Ragged` of tag numbers."""
    draw = random.Random(0)
    seen = dict(_sentence(draw) for _ in range(5_000))
    sentences = sorted(seen)[:1_200]
    draw.shuffle(sentences)
    splits = {name: _split(part, seen) for name, part in (("train", sentences[:1_000]), ("test", sentences[1_000:]))}
    return Data(
        "token_classification", {"classes": TAGS}, splits, Source("generated", "sentences", fingerprint_of(splits))
    )


def _sentence(draw: random.Random) -> tuple[str, tuple[int, ...]]:
    tags: list[int] = []
    for _ in range(draw.randint(1, 3)):
        tags += [0, 1, *([3] if draw.random() < 0.5 else []), 2]
    return " ".join(draw.choice(WORDS[tag]) for tag in tags), tuple(tags)


def _split(sentences: list[str], tags: dict[str, tuple[int, ...]]) -> MemorySplit:
    target = Ragged.from_lists([tags[sentence] for sentence in sentences], dtype="int64")
    return MemorySplit(content_ids(sentences), {"text": sentences, "target": target})
