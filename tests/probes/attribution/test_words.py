"""Words: the names of tokens; merging tokens into words loses no attribution."""

from __future__ import annotations

from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from torch import nn

from bench_suite.contracts import Network
from bench_suite.data.encoded import stack
from bench_suite.models.bag_of_words import HashedNgrams
from bench_suite.pretrained.tokenizing import TextTokenizer
from bench_suite.probes.attribution.words import CUT, Weighted, weighted_words
from bench_suite.training.vocabulary import Keep, Vocabulary


def network(encode: object) -> Network:
    return Network(nn.Identity(), encode, stack)


def test_words_of_a_vocabulary_are_those_of_the_text_unknown_ones_too() -> None:
    vocabulary = Vocabulary(("good", "film"), max_length=3, keep="ends")
    text = "A good<br />film, truly GOOD!"
    tokens = vocabulary({"text": [text]})["tokens"].values.tolist()
    weighted = weighted_words(network(vocabulary), text, tokens, [0.1, 0.5, -0.2], bag=False)
    assert weighted == [("a", 0.1), ("good", 0.5), (CUT, 0.0), ("!", -0.2)]


@pytest.mark.parametrize("ngrams", [1, 2, 3])
def test_words_of_a_bag_share_what_their_runs_were_given_and_nothing_is_lost(ngrams: int) -> None:
    text = "Good film, good actor. Never a good Film!"
    encode = HashedNgrams(1 << 20, ngrams)
    tokens = encode({"text": [text]})["tokens"].values
    parts = np.random.default_rng(0).standard_normal(len(tokens))
    weighted = weighted_words(network(encode), text, tokens.tolist(), parts.tolist(), bag=True)
    assert [word for word, _ in weighted] == ["good", "film", "good", "actor", "never", "a", "good", "film"]
    assert sum(weight for _, weight in weighted) == pytest.approx(parts.sum())


def test_a_word_that_stands_twice_shares_its_bucket_with_itself() -> None:
    encode = HashedNgrams(1 << 20, 1)
    tokens = encode({"text": ["good good bad"]})["tokens"].values.tolist()
    one = encode({"text": ["good"]})["tokens"].values.tolist()[0]
    parts = [1.0 if token == one else -1.0 for token in tokens]
    weighted = weighted_words(network(encode), "good good bad", tokens, parts, bag=True)
    assert weighted == [("good", 0.5), ("good", 0.5), ("bad", -1.0)]


TEXT = "A café’s un\xadbelievable movie 😀 isn't, GREAT!!\n\nunbelievable  movie"


def fitted(kind: str, keep: Keep = "first", max_length: int = 200) -> TextTokenizer:
    """Return a tokenizer that knows pieces of few words, so that it splits most of `TEXT`."""
    from tokenizers import Tokenizer, decoders, models, normalizers, pre_tokenizers, trainers

    known = ["a movie great film", "un able believe movies", *"abcdefghijklmnopqrstuvwxyzGREATA'!,-"]
    special = ["<s>", "</s>", "<unk>"]
    if kind == "wordpiece":
        numbers = [
            "<s>",
            "</s>",
            "<unk>",
            "a",
            "caf",
            "##e",
            "un",
            "##believable",
            "mov",
            "##ie",
            "isn",
            "'",
            "t",
            "great",
        ]
        backend = Tokenizer(models.WordPiece({name: at for at, name in enumerate(numbers)}, unk_token="<unk>"))
        backend.normalizer, backend.pre_tokenizer = normalizers.BertNormalizer(), pre_tokenizers.BertPreTokenizer()
    elif kind == "byte-level":
        backend = Tokenizer(models.BPE())
        backend.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
        alphabet = pre_tokenizers.ByteLevel.alphabet()
        trainer = trainers.BpeTrainer(
            vocab_size=280, special_tokens=special, initial_alphabet=alphabet, show_progress=False
        )
        backend.train_from_iterator(known, trainer)
    elif kind == "sentencepiece":
        backend = Tokenizer(models.Unigram())
        backend.pre_tokenizer, backend.decoder = pre_tokenizers.Metaspace(), decoders.Metaspace()
        trainer = trainers.UnigramTrainer(vocab_size=60, special_tokens=special, unk_token="<unk>", show_progress=False)
        backend.train_from_iterator(known, trainer)
    else:  # like Llama's: it inserts a marker for each space and does not split words beforehand
        backend = Tokenizer(models.BPE(unk_token="<unk>", byte_fallback=True))
        backend.normalizer = normalizers.Sequence([normalizers.Prepend("▁"), normalizers.Replace(" ", "▁")])
        trainer = trainers.BpeTrainer(vocab_size=60, special_tokens=special, show_progress=False)
        backend.train_from_iterator([text.replace(" ", "▁") for text in known], trainer)
    return TextTokenizer(backend, (0,), (1,), 0, 0, max_length, keep, "")


def explained(encode: TextTokenizer, text: str) -> tuple[Weighted, float]:
    """Return the words of a text, with a random attribution for each token, and the sum of these attributions."""
    tokens = encode({"text": [text]})["tokens"].values.tolist()
    parts = np.random.default_rng(0).standard_normal(len(tokens))
    return weighted_words(network(encode), text, tokens, parts.tolist(), bag=False), float(parts.sum())


@pytest.mark.parametrize(
    ("kind", "words"),
    [
        ("wordpiece", "A café ’ s un\xadbelievable movie 😀 isn ' t , GREAT ! ! unbelievable movie"),
        ("byte-level", "A café ’ s un \xad believable movie 😀 isn 't , GREAT !! ␣ ␣ unbelievable ␣ movie"),
        ("sentencepiece", "A café’s un\xadbelievable movie 😀 isn't, GREAT!! unbelievable ␣ movie"),
        ("no words beforehand", "A café’s un\xadbelievable movie 😀 isn't, GREAT!! ␣ unbelievable movie"),
    ],
)
def test_pieces_of_words_are_put_together_as_the_text_has_them(kind: str, words: str) -> None:
    weighted, whole = explained(fitted(kind), TEXT)
    names = [word for word, _ in weighted]
    assert (names[0], names[-1]) == ("<s>", "</s>")
    assert names[1:-1] == words.split()
    assert sum(weight for _, weight in weighted) == pytest.approx(whole)


@pytest.mark.parametrize(
    ("keep", "words"),
    [
        ("first", ["<s>", "aa", "bb", "cc", "dd", CUT, "</s>"]),
        ("last", ["<s>", CUT, "ee", "aa", "bb", "cc", "</s>"]),
        ("ends", ["<s>", "aa", "bb", CUT, "bb", "cc", "</s>"]),
    ],
)
def test_where_a_text_was_cut_there_is_a_mark_and_no_word_is_glued_across_it(keep: Keep, words: list[str]) -> None:
    encode = replace(fitted("wordpiece"), keep=keep, max_length=6)
    numbers = {name: at for at, name in enumerate(["<s>", "</s>", "<unk>", "aa", "bb", "cc", "dd", "ee"])}
    encode = replace(encode, tokenizer=type(encode.tokenizer)(type(encode.tokenizer.model)(numbers, unk_token="<unk>")))
    encode.tokenizer.pre_tokenizer = fitted("wordpiece").tokenizer.pre_tokenizer
    weighted, whole = explained(encode, "aa bb cc dd ee aa bb cc")
    assert [word for word, _ in weighted] == words
    assert sum(weight for _, weight in weighted) == pytest.approx(whole)
    assert dict(weighted)[CUT] == 0.0
    plain, _ = explained(encode, "aa bb cc dd")
    assert [word for word, _ in plain] == ["<s>", "aa", "bb", "cc", "dd", "</s>"]


def test_halves_of_one_word_stay_apart_where_the_middle_of_it_was_cut_out() -> None:
    weighted, _ = explained(fitted("sentencepiece", "ends", 6), "zxqzxqzxq")
    assert [word for word, _ in weighted] == ["<s>", "z", CUT, "xq", "</s>"]


@pytest.mark.parametrize(
    ("keep", "words"),
    [("first", ["a", "b", CUT]), ("last", [CUT, "c", "d"]), ("ends", ["a", CUT, "d"])],
)
def test_words_of_a_vocabulary_have_the_mark_too(keep: Keep, words: list[str]) -> None:
    vocabulary = Vocabulary(("a", "b"), max_length=2, keep=keep)
    tokens = vocabulary({"text": ["a b c d"]})["tokens"].values.tolist()
    weighted = weighted_words(network(vocabulary), "a b c d", tokens, [1.0, 2.0], bag=False)
    assert [word for word, _ in weighted] == words
    assert weighted_words(network(vocabulary), "a b", tokens, [1.0, 2.0], bag=False) == [("a", 1.0), ("b", 2.0)]


@pytest.mark.parametrize(
    ("pieces", "words"),
    [
        (["[CLS]", "un", "##watch", "##able", "film", "[SEP]"], ["[CLS]", "unwatchable", "film", "[SEP]"]),
        (["Not", "Ġso", "Ġgr", "eat", ".", "Ġcaf", "Ã", "©"], ["Not", "so", "great", ".", "café"]),
        (["▁a", "▁mov", "ie", "!"], ["a", "movie", "!"]),
    ],
)
def test_pieces_of_another_text_are_put_together_by_their_marks(pieces: list[str], words: list[str]) -> None:
    """For example, a network's `encode` changes texts before its tokenizer reads them."""
    other = SimpleNamespace(
        encode=lambda text, add_special_tokens: SimpleNamespace(ids=[99]), id_to_token=pieces.__getitem__
    )
    parts = torch.arange(1.0, len(pieces) + 1).tolist()
    weighted = weighted_words(network(SimpleNamespace(tokenizer=other)), "…", range(len(pieces)), parts, bag=False)
    assert [word for word, _ in weighted] == words
    assert sum(weight for _, weight in weighted) == pytest.approx(sum(parts))


def test_a_tokenizer_that_adds_its_own_special_tokens_is_read_as_well() -> None:
    tokenizer = fitted("byte-level").tokenizer
    from tokenizers import processors

    tokenizer.post_processor = processors.TemplateProcessing(
        single="<s> $A </s>", special_tokens=[("<s>", 0), ("</s>", 1)]
    )
    tokens = tokenizer.encode("Not a café").ids
    parts = [1.0] * len(tokens)
    weighted = weighted_words(network(SimpleNamespace(tokenizer=tokenizer)), "Not a café", tokens, parts, bag=False)
    assert [word for word, _ in weighted] == ["<s>", "Not", "a", "café", "</s>"]


def test_tokens_that_nobody_can_name_keep_their_numbers() -> None:
    assert weighted_words(network(lambda raw: raw), "a b", [7, 9], [1.0, 2.0], bag=False) == [("7", 1.0), ("9", 2.0)]
