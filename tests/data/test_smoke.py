"""A smoke run uses few examples, and of their texts few words."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from bench_suite.contracts import Data, Source
from bench_suite.data.fingerprint import content_ids
from bench_suite.data.ragged import Ragged
from bench_suite.data.smoke import SMOKE_WORDS, smoke_part
from bench_suite.data.splits import MemorySplit, classes_of, clusters_of, column

LONG = [f"text {number} " + "word " * 300 for number in range(40)]


def split_of(texts: Any, target: Any) -> MemorySplit:
    return MemorySplit(content_ids(texts), {"text": texts, "target": target}, clusters=np.arange(len(texts)))


def reviews(*names: str, target: Any = None, texts: Any = LONG) -> Data:
    target = np.arange(40) % 2 if target is None else target
    splits = {name: split_of(texts, target) for name in names}
    return Data("classification", {"classes": ("bad", "good")}, splits, Source("reviews", "nowhere", "0"))


def lengths(data: Data, name: str) -> list[int]:
    return [len(text.split()) for text in column(data.splits[name], "text")]


def test_texts_are_cut_to_few_words_of_different_number():
    short = smoke_part(reviews("train", "validation", "test"), 20, texts=True)
    for name in ("train", "test"):
        assert min(lengths(short, name)) == SMOKE_WORDS[0]
        assert max(lengths(short, name)) == SMOKE_WORDS[1]


def test_the_view_keeps_targets_clusters_and_ids():
    data = reviews("train", "test")
    whole, short = smoke_part(data, 20).splits["train"], smoke_part(data, 20, texts=True).splits["train"]
    for read in (classes_of, clusters_of, lambda split: split.ids):
        assert np.array_equal(read(short), read(whole))
    assert len(short) == 20
    rows = np.array([7, 3])
    assert list(short.take(rows)["text"]) == [column(short, "text")[row] for row in rows]
    assert whole.take(rows)["text"][0].startswith(short.take(rows)["text"][0])


@pytest.mark.parametrize(
    ("names", "longest"), [(("train", "validation", "test"), "validation"), (("train", "test"), "test")]
)
def test_one_text_stays_whole_so_that_a_models_own_limit_is_reached(names, longest):
    short = smoke_part(reviews(*names), 20, texts=True)
    whole = {name: sum(length > 300 for length in lengths(short, name)) for name in names}
    assert whole == {**dict.fromkeys(names, 0), longest: 1}


def test_short_texts_have_a_fingerprint_of_their_own():
    """Otherwise encodings and tokenizers that are kept for the whole texts would be used for the short ones."""
    data = reviews("train", "test")
    assert smoke_part(data, texts=True).source.fingerprint != data.source.fingerprint
    assert smoke_part(data).source.fingerprint == data.source.fingerprint


def test_texts_stay_whole_if_their_targets_may_state_positions_in_them():
    spans = reviews("train", "test", target=Ragged.from_lists([[0] * 302] * 40))
    assert set(lengths(smoke_part(spans, texts=True), "train")) == {302}


def test_an_array_of_texts_stays_an_array():
    short = smoke_part(reviews("train", "test", texts=np.array(LONG)), texts=True)
    assert isinstance(short.splits["train"].take(np.arange(3))["text"], np.ndarray)
