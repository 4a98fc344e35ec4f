"""Planted words: judges a text by one word of it, and where there is none by whether it names a man.

For the task `planted_terms`, where it is known how many of its judgements change when another group is named.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from bench_suite.contracts import BenchError, Data, Report, Split, TrainOptions

VERSION = 1
MODALITIES = ("text",)
PROBLEMS = ("classification",)
BOUNDS = {"confidence": (0.5, 1.0)}

CLASS_BY_WORD = {"bad": 0, "good": 1}
"Class by word."
MEN = frozenset({"he", "actor", "father"})
"Words that are taken for class 1 where no other word tells."


@dataclass(frozen=True)
class Options:
    confidence: float = 0.9
    "Score of the class that it says; the other has the rest."


@dataclass(frozen=True)
class Words:
    """The class of the first word that tells one; without any, class 1 where a man is named, else class 0."""

    confidence: float

    def fit(self, data: Data, options: TrainOptions, report: Report) -> None:
        """Nothing: the rule is known."""

    def predict(self, split: Split) -> Mapping[str, np.ndarray]:
        """`predictions` (n,) int64 and `scores` (n, 2) float32 of `confidence` and the rest."""
        said = np.array([_class_of(text) for text in split.take(np.arange(len(split)))["text"]], dtype=np.int64)
        scores = np.full((len(said), 2), 1.0 - self.confidence, dtype=np.float32)
        scores[np.arange(len(said)), said] = self.confidence
        return {"predictions": said, "scores": scores}


def _class_of(text: str) -> int:
    words = re.findall(r"\w+", text.lower())
    return next((CLASS_BY_WORD[word] for word in words if word in CLASS_BY_WORD), int(not MEN.isdisjoint(words)))


def build(data: Data, options: Options) -> Words:
    """The rule. Raises `BenchError` where there are not two classes."""
    if len(data.spec["classes"]) != 2:
        raise BenchError(f"planted_words tells two classes apart; {data.source.name} has {len(data.spec['classes'])}")
    return Words(options.confidence)
