"""Tokenizing: the tokens of Transformers itself, truncated correctly, each text independently."""

from __future__ import annotations

import pickle
import subprocess
import sys
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bench_suite.contracts import BenchError, Data
from bench_suite.data.ragged import Ragged
from bench_suite.data.splits import column
from bench_suite.pretrained.tokenizing import TextTokenizer, fit_tokenizer, pretrained_tokenizer
from bench_suite.pretrained.weights import WeightFiles, find, transformers

MINILM = "sentence-transformers/all-MiniLM-L6-v2"


@pytest.fixture(scope="module")
def minilm() -> WeightFiles:
    return find(MINILM)


def test_it_gives_the_tokens_that_transformers_gives(minilm: WeightFiles, reviews: Data) -> None:
    texts = [*column(reviews.splits["test"], "text"), "", "Ünïcode — 日本", "[SEP] in a text"]
    own = transformers().AutoTokenizer.from_pretrained(minilm.folder)
    expected = own(texts, truncation=True, max_length=50)["input_ids"]
    tokens = pretrained_tokenizer(minilm, 50, "first")({"text": texts})["tokens"]
    assert tokens.lists() == expected
    assert tokens.values.dtype == np.int32


def test_a_longer_text_keeps_its_beginning_its_end_or_both_between_the_special_tokens(minilm: WeightFiles) -> None:
    text = {"text": ["one two three four five six seven eight nine"]}
    numbers = pretrained_tokenizer(minilm, 20, "first")(text)["tokens"].lists()[0]
    words = numbers[1:-1]
    assert (numbers[0], numbers[-1], len(words)) == (101, 102, 9)
    ways: dict[Any, list[int]] = {"first": words[:5], "last": words[-5:], "ends": words[:3] + words[-2:]}
    for keep, expected in ways.items():
        assert pretrained_tokenizer(minilm, 7, keep)(text)["tokens"].lists() == [[101, *expected, 102]]


def test_lone_surrogates_which_the_tokenizer_refuses_do_no_harm(minilm: WeightFiles) -> None:
    tokens = pretrained_tokenizer(minilm, 20, "first")({"text": ["fine", "not \ud800 fine"]})["tokens"]
    assert tokens.lengths.tolist() == [3, 5]


def test_max_length_must_leave_room_beside_the_special_tokens(minilm: WeightFiles) -> None:
    with pytest.raises(BenchError, match="leaves no room beside the tokenizer's 2 special tokens"):
        pretrained_tokenizer(minilm, 2, "first")


@pytest.mark.parametrize("kind", ["wordpiece", "bpe"])
def test_a_fit_tokenizer_knows_the_train_split_and_gives_every_text_a_token(kind: Any, reviews: Data) -> None:
    fitted = fit_tokenizer(reviews, kind, 400, 32, "ends")
    assert 300 <= len(fitted) <= 400
    tokens = fitted({"text": ["", " ", "a film", "日本"]})["tokens"]
    assert tokens.lengths.min() >= 1
    assert 0 <= tokens.values.min() <= tokens.values.max() < len(fitted)
    special = [2, 3] if kind == "wordpiece" else [0]
    assert tokens.lists()[0] == special


def test_a_fit_tokenizer_is_the_same_in_another_process(reviews: Data) -> None:
    code = (
        "from bench_suite.tasks import imdb; from bench_suite.data.sources import Sources;"
        "from bench_suite.data.preparation import prepare;"
        "from bench_suite.pretrained.tokenizing import fit_tokenizer;"
        "data = prepare(imdb.load(imdb.Options(data='sample'), Sources(offline=True)), 0.1, smoke=True);"
        "print([fit_tokenizer(data, kind, 1000, 32, 'first').origin for kind in ('wordpiece', 'bpe')])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    here = [fit_tokenizer(reviews, kind, 1000, 32, "first").origin for kind in ("wordpiece", "bpe")]
    assert done.stdout.strip() == str(here)


@pytest.fixture(scope="module")
def bpe(reviews: Data) -> TextTokenizer:
    return fit_tokenizer(reviews, "bpe", 400, 16, "ends")


@settings(max_examples=30)
@given(texts=st.lists(st.text(max_size=40), min_size=1, max_size=5))
def test_each_text_by_itself_in_any_process(texts: list[str], bpe: TextTokenizer) -> None:
    together: Ragged = bpe({"text": texts})["tokens"]
    copy = pickle.loads(pickle.dumps(bpe))
    assert [copy({"text": [text]})["tokens"].lists()[0] for text in texts] == together.lists()
    assert together.lengths.min() >= 1
    assert together.lengths.max() <= 16


def test_batches_are_padded_with_the_tokenizers_own_number(minilm: WeightFiles) -> None:
    tokenized = pretrained_tokenizer(minilm, 20, "first")
    batch = tokenized.collate({"tokens": tokenized({"text": ["a b c", "a"]})["tokens"].torch(), "target": None})
    assert batch.inputs["lengths"].tolist() == [5, 3]
    assert batch.inputs["tokens"][1, 3:].tolist() == [0, 0]
