"""Synthetic tokens: texts of an exact number of tokens, to measure how fast a model is without any data.

A text is a row of random token numbers, such as `17 29011 4`. Models for texts read one token for each number: those of
Transformers take the number itself, without a tokenizer and without special tokens; those with a vocabulary of words
take each number as a word. So a text of 128 numbers is 128 tokens for every model, and an embedding has `vocabulary`
rows. There is nothing to learn. The texts are made when they are taken, by a fixed seed, so no file is read.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Literal

import numpy as np

from bench_suite.contracts import Data, Source
from bench_suite.data.generated import generated_splits
from bench_suite.data.splits import chosen_groups, fingerprint_of

if TYPE_CHECKING:
    from bench_suite.data.sources import Sources

VERSION = 1
MODALITY = "text"
PROBLEM = "classification"
GROUPS = ()
SHIFTS = ()
BOUNDS = {"tokens": (1, 1_000_000), "vocabulary": (2, 10_000_000), "classes": (2, 100_000), "examples": (2, 10_000_000)}


@dataclass(frozen=True)
class Options:
    data: Literal["full", "sample"] = "full"
    "Both mean the same: it is generated."
    groups: tuple[str, ...] | None = None
    "Sensitive attributes to report by; these texts have none."
    tokens: int = 128
    "Tokens of each text. A model reads no more of them than its `max_length`."
    vocabulary: int = 30_522
    "Number of different tokens: 30,522 as in BERT; GPT-2 has 50,257."
    classes: int = 2
    "Number of classes."
    examples: int = 2000
    "Training examples; there are half as many test examples."


def load(options: Options, sources: Sources) -> Data:
    """Return `train` and `test`: `text`, lists of str, and `target` (n,) int64; nothing is made yet."""
    chosen_groups({}, options.groups)
    recipe = ("synthetic_tokens", options.tokens, options.vocabulary)
    make = partial(_numbers, options.tokens, options.vocabulary)
    splits = generated_splits(make, "text", recipe, options.classes, options.examples)
    classes = tuple(f"class {number}" for number in range(options.classes))
    spec = {"classes": classes, "vocabulary": options.vocabulary}
    return Data(PROBLEM, spec, splits, Source("generated", "synthetic_tokens", fingerprint_of(splits)))


def _numbers(tokens: int, vocabulary: int, random: np.random.Generator) -> str:
    """Return the numbers of a text, never 0, which most models take for padding."""
    return " ".join(map(str, random.integers(1, vocabulary, tokens).tolist()))
