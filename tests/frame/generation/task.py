"""Copying: given `fad=`, write `fad`. All strings of three letters out of eight; a fifth of them are the test split."""

from __future__ import annotations

import itertools
import random
from typing import Any

from bench_suite.contracts import Data, Source
from bench_suite.data.fingerprint import content_ids
from bench_suite.data.splits import MemorySplit, fingerprint_of

VERSION = 1
MODALITY = "text"
PROBLEM = "./generation.py"
LETTERS = "abcdefgh"


def load(options: None, sources: Any) -> Data:
    """Return `text`, the prompt, and `target`, the text to write: lists of strings."""
    strings = ["".join(letters) for letters in itertools.product(LETTERS, repeat=3)]
    random.Random(0).shuffle(strings)
    parts = {"train": strings[100:], "test": strings[:100]}
    splits = {name: _split(part) for name, part in parts.items()}
    return Data("generation", {"characters": 4}, splits, Source("generated", "copying", fingerprint_of(splits)))


def _split(strings: list[str]) -> MemorySplit:
    return MemorySplit(content_ids(strings), {"text": [f"{s}=" for s in strings], "target": strings})
