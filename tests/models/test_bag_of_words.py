"""Hashed n-grams: the same on every machine, independent for each text, and fast; the model learns from them."""

from __future__ import annotations

import re

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from bench_suite.contracts import Evaluation, Placement, TrainOptions
from bench_suite.data.encoded import encoded
from bench_suite.data.preparation import prepare
from bench_suite.data.sources import Sources
from bench_suite.engines import native
from bench_suite.metrics.accuracy import accuracy
from bench_suite.models import bag_of_words
from bench_suite.models.bag_of_words import INVERSE, PRIME, HashedNgrams, hash_ngrams
from bench_suite.problems import classification
from bench_suite.tasks import imdb
from bench_suite.training.prediction import predict

MANY = 2**31 - 1
"So many buckets that n-grams hardly ever share one."
ALL_BITS = 2**64 - 1


def scrambled(value: int) -> int:
    value = ((value ^ (value >> 30)) * 0xBF58476D1CE4E5B9) & ALL_BITS
    value = ((value ^ (value >> 27)) * 0x94D049BB133111EB) & ALL_BITS
    return value ^ (value >> 31)


def by_hand(text: str, buckets: int, ngrams: int) -> list[int]:
    """Compute the same in plain Python, one word at a time."""
    words = []
    for word in re.findall(rb"[a-z0-9'\x80-\xff]+", text.lower().encode(errors="surrogatepass")):
        # (prefix[end] - prefix[start]) / P^start, where the prefix sums run over P^(j+1) b_j
        words.append(scrambled(sum(byte * pow(PRIME, j, 2**64) for j, byte in enumerate(word)) & ALL_BITS))
    numbers, run = {word % buckets for word in words}, words
    for length in range(2, ngrams + 1):
        run = [scrambled((left * PRIME + right) & ALL_BITS) for left, right in zip(run, words[length - 1 :])]
        numbers |= {value % buckets for value in run}
    return sorted(numbers)


@given(st.lists(st.text(st.sampled_from("abcZ 'é.!<日\n0"), max_size=30), max_size=6), st.integers(1, 3))
def test_it_is_what_a_plain_loop_over_words_gives(texts: list[str], ngrams: int) -> None:
    assert [row.tolist() for row in hash_ngrams(texts, 1000, ngrams)] == [by_hand(t, 1000, ngrams) for t in texts]


def test_the_inverse_undoes_the_prime() -> None:
    assert (PRIME * INVERSE) % 2**64 == 1


def test_known_buckets_so_that_no_machine_and_no_version_differs() -> None:
    assert hash_ngrams(["Not good."], 262_144, 2).values.tolist() == [5799, 163095, 223857]
    assert hash_ngrams(["good"], 262_144, 1).values.tolist() == [5799]


def test_case_and_punctuation_make_no_difference_and_order_does() -> None:
    def tokens(text: str) -> set[int]:
        return set(hash_ngrams([text], MANY, 2).values.tolist())

    assert tokens("It is NOT good!") == tokens("it is, not good")
    assert tokens("not good but bad") != tokens("not bad but good")
    assert len(tokens("good good good")) == 2  # the word and the pair; presence, not counts
    assert len(tokens("a b c")) == 5


def test_no_pair_of_words_spans_two_texts() -> None:
    together = hash_ngrams(["very", "good"], MANY, 2)
    assert together.lengths.tolist() == [1, 1]


def test_texts_without_words_and_no_texts_at_all_have_no_tokens() -> None:
    assert hash_ngrams(["", "...", "a"], 100, 2).lengths.tolist() == [0, 0, 1]
    assert len(HashedNgrams(100, 2)({"text": []})["tokens"]) == 0
    torch.manual_seed(0)
    module = bag_of_words.BagOfWords(2, bag_of_words.Options(buckets=100))
    logits = module(torch.tensor([], dtype=torch.int32), torch.tensor([0, 0]))
    assert torch.isfinite(logits).all()


def test_chunks_make_no_difference() -> None:
    texts = [f"review number {i} is {'good' if i % 2 else 'bad'}" for i in range(600)]
    encode = HashedNgrams(4096, 2)
    whole = encode({"text": texts})["tokens"]
    for row in (0, 255, 256, 599):
        assert whole[np.array([row])].values.tolist() == encode({"text": [texts[row]]})["tokens"].values.tolist()


@pytest.mark.slow
def test_it_reaches_89_percent_on_the_imdb_sample() -> None:
    data = prepare(imdb.load(imdb.Options(data="sample"), Sources(offline=True)), 0.1, smoke=False)
    placement = Placement("cpu", 1, "32-true")
    reached = []
    for seed in (0, 1):
        torch.manual_seed(seed)
        network = bag_of_words.build(data, bag_of_words.Options())
        columns = {name: encoded(network, data.splits[name]) for name in ("train", "validation", "test")}
        options = TrainOptions(epochs=3, learning_rate=3e-3, schedule="linear")
        native.train(network, data, classification, options, placement, lambda window: True, columns.__getitem__)
        outputs = predict(network, classification, columns["test"], Evaluation(256, data.spec, None), placement)
        reached.append(accuracy(columns["test"].columns["target"].numpy(), outputs["predictions"]))
    assert np.mean(reached) >= 0.89
