"""Words: what tokens are called, and that no attribution is lost on the way to them."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pytest
import torch
from torch import nn

from bench_suite.attribution.words import weighted_words
from bench_suite.contracts import Network
from bench_suite.data.encoded import stack
from bench_suite.models.bag_of_words import HashedNgrams
from bench_suite.training.vocabulary import Vocabulary


def network(encode: object) -> Network:
    return Network(nn.Identity(), encode, stack)


def test_words_of_a_vocabulary_are_those_of_the_text_unknown_ones_too() -> None:
    vocabulary = Vocabulary(("good", "film"), max_length=3, keep="ends")
    text = "A good<br />film, truly GOOD!"
    tokens = vocabulary({"text": [text]})["tokens"].values.tolist()
    found = weighted_words(network(vocabulary), text, tokens, [0.1, 0.5, -0.2], bag=False)
    assert found == [("a", 0.1), ("good", 0.5), ("!", -0.2)]


@pytest.mark.parametrize("ngrams", [1, 2, 3])
def test_words_of_a_bag_share_what_their_runs_were_given_and_nothing_is_lost(ngrams: int) -> None:
    text = "Good film, good actor. Never a good Film!"
    encode = HashedNgrams(1 << 20, ngrams)
    tokens = encode({"text": [text]})["tokens"].values
    parts = np.random.default_rng(0).standard_normal(len(tokens))
    found = weighted_words(network(encode), text, tokens.tolist(), parts.tolist(), bag=True)
    assert [word for word, _ in found] == ["good", "film", "good", "actor", "never", "a", "good", "film"]
    assert sum(weight for _, weight in found) == pytest.approx(parts.sum())


def test_a_word_that_stands_twice_shares_its_bucket_with_itself() -> None:
    encode = HashedNgrams(1 << 20, 1)
    tokens = encode({"text": ["good good bad"]})["tokens"].values.tolist()
    one = encode({"text": ["good"]})["tokens"].values.tolist()[0]
    parts = [1.0 if token == one else -1.0 for token in tokens]
    found = weighted_words(network(encode), "good good bad", tokens, parts, bag=True)
    assert found == [("good", 0.5), ("good", 0.5), ("bad", -1.0)]


@pytest.mark.parametrize(
    ("pieces", "words"),
    [
        (["[CLS]", "un", "##watch", "##able", "film", "[SEP]"], ["[CLS]", "unwatchable", "film", "[SEP]"]),
        (["Not", "Ġso", "Ġgr", "eat", "."], ["Not", "so", "great", "."]),
    ],
)
def test_pieces_of_words_are_put_together(pieces: list[str], words: list[str]) -> None:
    tokenizer = SimpleNamespace(id_to_token=lambda number: pieces[number])
    parts = torch.arange(1.0, len(pieces) + 1).tolist()
    found = weighted_words(network(SimpleNamespace(tokenizer=tokenizer)), "…", range(len(pieces)), parts, bag=False)
    assert [word for word, _ in found] == words
    assert sum(weight for _, weight in found) == pytest.approx(sum(parts))


def test_tokens_that_nobody_can_name_keep_their_numbers() -> None:
    assert weighted_words(network(lambda raw: raw), "a b", [7, 9], [1.0, 2.0], bag=False) == [("7", 1.0), ("9", 2.0)]
