"""The part of the data that a smoke run uses: few examples, and texts of few words.

A smoke run shows that everything works, and its numbers mean nothing. So it reads as little as reaches every step.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from bench_suite.contracts import Data, Split
from bench_suite.data.fingerprint import hash_of
from bench_suite.data.splits import Subset, View, classes_of, column, targets_of
from bench_suite.data.splitting import select_stratified, shuffle_by_content

SMOKE_EXAMPLES = 64
"""Examples that `--smoke` keeps in each split."""
SMOKE_EXAMPLES_PRETRAINED = 16
"""The same for a pretrained model, which takes as long for one example as others for a thousand."""
SMOKE_WORDS = (8, 16)
"""Least and greatest number of words that `--smoke` keeps of a text; lengths differ, so that batches are padded."""


@dataclass(frozen=True, eq=False)
class ShortTexts(View):
    """A view of a split whose column `text`, if it has one, is cut to few words as it is taken."""

    whole: int = 0
    "Number of the first examples whose texts stay whole, so that a model's own limit is reached."

    @property
    def targets(self) -> Any | None:
        """The (n,) targets if the underlying split knows them without reading, else None."""
        return targets_of(self.split)

    def take(self, rows: np.ndarray) -> Mapping[str, Any]:
        """Return the columns at `rows` ((k,) positions), in that order."""
        columns = dict(self.split.take(rows))
        if "text" in columns:
            texts = [
                text if row < self.whole else _cut(text, row)
                for text, row in zip(columns["text"], np.asarray(rows).tolist())
            ]
            columns["text"] = np.array(texts) if isinstance(columns["text"], np.ndarray) else texts
        return columns


def _cut(text: Any, row: int) -> Any:
    """Return the first words of a text; anything that is no text stays as it is."""
    least, most = SMOKE_WORDS
    return " ".join(text.split(maxsplit=most)[: least + row % (most - least + 1)]) if isinstance(text, str) else text


def smoke_part(data: Data, count: int = SMOKE_EXAMPLES, *, texts: bool = False) -> Data:
    """Return the data with at most `count` examples in each split, stratified by class.

    Args:
        data: The prepared data.
        count: Most examples of a split.
        texts: Whether the examples may be texts. Texts in memory with one class or value for each are cut to
            `SMOKE_WORDS`. One of the validation split (of the test split, if there is none) stays whole. The
            fingerprint then differs from that of the whole texts, so that nothing that was computed from the one is
            used for the other.
    """
    splits = {name: _subsample(split, count) for name, split in data.splits.items()}
    if not (texts and _has_one_value(splits["train"])):
        return replace(data, splits=splits)
    longest = "validation" if "validation" in splits else "test"
    short = {name: ShortTexts(split, int(name == longest)) for name, split in splits.items()}
    fingerprint = hash_of(data.source.fingerprint, "short texts", SMOKE_WORDS)
    return replace(data, splits=short, source=replace(data.source, fingerprint=fingerprint))


def _has_one_value(split: Split) -> bool:
    """Return whether each target is one class or number, so that it does not state positions in the text."""
    target = column(split, "target") if split.in_memory else None
    return isinstance(target, np.ndarray) and target.ndim == 1 and target.dtype.kind in "iubf"


def _subsample(split: Split, count: int) -> Split:
    if len(split) <= count:
        return split
    order = shuffle_by_content(split.ids)
    return Subset(split, np.sort(order[select_stratified(order, classes_of(split), count)]))
