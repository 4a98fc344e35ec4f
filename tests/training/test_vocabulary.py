"""Vocabularies: learnt from train alone, the same on every machine; each text is encoded independently."""

from __future__ import annotations

import pickle
from typing import Any, ClassVar

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from bench_suite.contracts import Data, Source
from bench_suite.data.ragged import Ragged
from bench_suite.data.sources import Sources
from bench_suite.data.splits import CHUNK, MemorySplit
from bench_suite.tasks import imdb
from bench_suite.training.vocabulary import (
    PADDING,
    UNKNOWN,
    Vocabulary,
    collate,
    truncate,
    vocabulary_of,
    word_vectors,
    words_of,
)

TEXTS = st.lists(st.text(st.sampled_from("abZ 'é.!<>/br日\n0\ud800"), max_size=40), max_size=6)


def data_of(train: Any, **others: Any) -> Data:
    splits = {"train": train if hasattr(train, "take") else memory(train), **others}
    return Data("classification", {"classes": ("no", "yes")}, splits, Source("generated", "texts", "0"))


def memory(texts: list[str]) -> MemorySplit:
    return MemorySplit(np.arange(len(texts)), {"text": texts, "target": np.zeros(len(texts), dtype=np.int64)})


class Forbidden:
    """A split that raises if it is read."""

    ids = np.arange(3)
    groups: ClassVar[dict[str, Any]] = {}
    in_memory = True

    def __len__(self) -> int:
        return 3

    def take(self, rows: np.ndarray) -> dict[str, Any]:
        raise AssertionError("a split other than train was read")


class OnDisk:
    """Texts generated on access; the class records how many were read at once."""

    groups: ClassVar[dict[str, Any]] = {}
    in_memory = False

    def __init__(self, length: int) -> None:
        self.ids = np.arange(length)
        self.asked: list[int] = []

    def __len__(self) -> int:
        return len(self.ids)

    def take(self, rows: np.ndarray) -> dict[str, Any]:
        self.asked.append(len(rows))
        return {"text": [f"every number{row % 7}" for row in rows.tolist()]}


# ── words ───────────────────────────────────────────────────────────────────────────────────────


def test_words_are_lower_case_and_keep_apostrophes_inside_them() -> None:
    text = "It's GREAT!<br /><br />'Don't' miss it... (10/10), señor <i>日本</i>"
    assert words_of(text) == ["it's", "great", "!", "don't", "miss", "it", "10", "10", "señor", "日本"]


def test_markup_parts_words_and_less_than_is_no_markup() -> None:
    assert words_of("one<br />two") == ["one", "two"]
    assert words_of("1 < 2 and 3 > 2") == ["1", "2", "and", "3", "2"]


# ── fitting ─────────────────────────────────────────────────────────────────────────────────────


def test_the_most_frequent_words_are_taken_and_ties_are_broken_by_the_word() -> None:
    data = data_of(["d c b", "b a a a", "c d once"])
    assert vocabulary_of(data, 10, 5).words == ("a", "b", "c", "d")
    assert vocabulary_of(data, 3, 5).words == ("a", "b", "c")
    assert vocabulary_of(data, 10, 5, least=1).words == ("a", "b", "c", "d", "once")


def test_the_order_of_the_examples_makes_no_difference() -> None:
    texts = [f"w{i % 13} w{i % 7} w{i % 5}" for i in range(100)]
    assert vocabulary_of(data_of(texts), 12, 5).words == vocabulary_of(data_of(texts[::-1]), 12, 5).words


def test_no_split_but_train_is_read() -> None:
    data = data_of(["good good"], test=Forbidden(), validation=Forbidden())
    assert vocabulary_of(data, 10, 5).words == ("good",)


def test_a_split_on_disk_is_read_a_chunk_at_a_time() -> None:
    train = OnDisk(2 * CHUNK + 5)
    vocabulary = vocabulary_of(data_of(train), 100, 5)
    assert vocabulary.words[0] == "every"
    assert len(vocabulary.words) == 8
    assert train.asked == [CHUNK, CHUNK, 5]


def test_a_task_without_any_word_has_an_empty_vocabulary() -> None:
    vocabulary = vocabulary_of(data_of(["", "..."]), 10, 5)
    assert (vocabulary.words, len(vocabulary)) == ((), 2)


def test_the_words_of_film_reviews() -> None:
    train = imdb.load(imdb.Options(data="sample"), Sources(offline=True)).splits["train"]
    vocabulary = vocabulary_of(data_of(memory(train.take(np.arange(2000))["text"])), 5000, 256)
    assert vocabulary.words[:3] == ("the", "and", "a")
    assert "br" not in vocabulary.words
    assert {"don't", "!", "awful", "wonderful"} <= set(vocabulary.words)


# ── encoding ────────────────────────────────────────────────────────────────────────────────────


def test_known_words_have_numbers_from_two_and_all_others_one() -> None:
    vocabulary = Vocabulary(("the", "film"), 5)
    assert vocabulary({"text": ["The film, the end", "FILM"]})["tokens"].lists() == [[2, 3, 2, UNKNOWN], [3]]


def test_a_text_without_words_is_one_unknown_word() -> None:
    tokens = Vocabulary(("the",), 5)({"text": ["", " ... ", "the"]})["tokens"]
    assert tokens.lists() == [[UNKNOWN], [UNKNOWN], [2]]
    assert tokens.values.dtype == np.int32
    assert len(Vocabulary(("the",), 5)({"text": []})["tokens"]) == 0


def test_long_texts_keep_their_first_words_their_last_or_half_of_each() -> None:
    words = list("abcdefg")
    assert truncate(words, 3, "first") == ["a", "b", "c"]
    assert truncate(words, 3, "last") == ["e", "f", "g"]
    assert truncate(words, 3, "ends") == ["a", "b", "g"]
    assert truncate(words, 4, "ends") == ["a", "b", "f", "g"]
    assert [truncate(words, 1, keep) for keep in ("first", "last", "ends")] == [["a"], ["g"], ["a"]]
    assert truncate(words, 7, "ends") == words


@given(TEXTS, st.integers(1, 5), st.sampled_from(["first", "last", "ends"]))
def test_each_text_is_encoded_by_itself_and_has_from_one_to_max_length_words(
    texts: list[str], most: int, keep: Any
) -> None:
    vocabulary = Vocabulary(("a", "b", "br", "é"), most, keep)
    rows = vocabulary({"text": texts})["tokens"].lists()
    assert rows == [vocabulary({"text": [text]})["tokens"].lists()[0] for text in texts]
    assert all(1 <= len(row) <= most for row in rows)
    assert all(PADDING not in row for row in rows)


def test_it_can_be_sent_to_another_process() -> None:
    vocabulary = Vocabulary(("the", "film"), 3, "ends")
    raw = {"text": ["the film is the end"]}
    expected = vocabulary(raw)["tokens"].lists()
    again = pickle.loads(pickle.dumps(vocabulary))
    assert again(raw)["tokens"].lists() == expected
    assert again.encoding == vocabulary.encoding


def test_whatever_changes_the_tokens_changes_the_key_they_are_cached_under() -> None:
    keys = [
        Vocabulary(("a", "b"), 5).encoding,
        Vocabulary(("b", "a"), 5).encoding,
        Vocabulary(("a",), 5).encoding,
        Vocabulary(("a", "b"), 6).encoding,
        Vocabulary(("a", "b"), 5, "last").encoding,
    ]
    assert len(set(keys)) == len(keys)


# ── inputs of networks ──────────────────────────────────────────────────────────────────────────


def test_a_batch_is_padded_to_its_longest_text() -> None:
    rows = Ragged.from_lists([[5], [6, 7, 8], [9, 2]], dtype=np.int32).torch()
    batch = collate({"tokens": rows, "target": torch.tensor([0, 1, 0])})
    assert batch.inputs["tokens"].tolist() == [[5, 0, 0], [6, 7, 8], [9, 2, 0]]
    assert batch.inputs["lengths"].tolist() == [1, 3, 2]
    assert batch.targets.tolist() == [0, 1, 0]


@pytest.mark.parametrize("decay", [0.0, 0.1])
def test_the_vector_of_padding_is_zero_and_stays_so(decay: float) -> None:
    vectors = word_vectors(Vocabulary(("a", "b"), 5), 4)
    assert tuple(vectors.weight.shape) == (4, 4)
    update = torch.optim.AdamW(vectors.parameters(), weight_decay=decay)
    vectors(torch.tensor([[2, 3, PADDING]])).square().sum().backward()
    update.step()
    assert vectors.weight[PADDING].abs().sum() == 0.0
    assert vectors.weight[2].abs().sum() > 0.0
