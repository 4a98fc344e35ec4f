"""Planted words: classifies a text by one word, or without such a word, by whether it names a man.

It is for the task `planted_terms`, for which the number of predictions that change with the named group is known, and
with `cased` the number of those that change in capitals.
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
"Words that mean class 1 if no word of `CLASS_BY_WORD` occurs."


@dataclass(frozen=True)
class Options:
    confidence: float = 0.9
    "Score of the predicted class; the other class has 1 minus it."
    cased: bool = False
    "Whether words in capitals are unknown, so that predictions change with the form of a text."


@dataclass(frozen=True)
class Words:
    """The class of the first word in `CLASS_BY_WORD`; without any, class 1 if a man is named, else class 0."""

    confidence: float
    cased: bool = False

    def fit(self, data: Data, options: TrainOptions, report: Report) -> None:
        """Do nothing: the rule is fixed."""

    def predict(self, split: Split) -> Mapping[str, np.ndarray]:
        """Return `predictions` (n,) int64 and `scores` (n, 2) float32: `confidence`, and 1 minus it."""
        texts = split.take(np.arange(len(split)))["text"]
        classes = np.array([_class_of(text if self.cased else text.lower()) for text in texts], dtype=np.int64)
        scores = np.full((len(classes), 2), 1.0 - self.confidence, dtype=np.float32)
        scores[np.arange(len(classes)), classes] = self.confidence
        return {"predictions": classes, "scores": scores}


def _class_of(text: str) -> int:
    words = re.findall(r"\w+", text)
    return next((CLASS_BY_WORD[word] for word in words if word in CLASS_BY_WORD), int(not MEN.isdisjoint(words)))


def build(data: Data, options: Options) -> Words:
    """Return the rule; raise BenchError unless there are two classes."""
    if len(data.spec["classes"]) != 2:
        raise BenchError(f"planted_words is for two classes; {data.source.name} has {len(data.spec['classes'])}")
    return Words(options.confidence, options.cased)
