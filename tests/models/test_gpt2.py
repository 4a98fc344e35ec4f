"""GPT-2: the last token represents the text, and padding does not change the output."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch

from bench_suite.contracts import BenchError, Data
from bench_suite.data.encoded import encoded
from bench_suite.data.preparation import prepare
from bench_suite.data.sources import Sources
from bench_suite.models.gpt2 import Options, build, check, fetch
from bench_suite.pretrained.tokenizing import fit_tokenizer
from bench_suite.pretrained.weights import transformers
from bench_suite.tasks import imdb
from bench_suite.training import flops

SMALL = Options(max_length=24, layers=1, dimension=16, heads=2, feedforward=32, vocabulary=400)


@pytest.fixture(scope="module")
def reviews() -> Data:
    return prepare(imdb.load(imdb.Options(data="sample"), Sources(offline=True)), 0.1, smoke=True)


@pytest.fixture(scope="module")
def saved(reviews: Data, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A GPT-2 in the hub's form: its tokenizer states no padding."""
    library = transformers()
    fitted = fit_tokenizer(reviews, "bpe", 400, 24, "first")
    folder = tmp_path_factory.mktemp("saved") / "tiny-gpt2"
    library.PreTrainedTokenizerFast(tokenizer_object=fitted.tokenizer, eos_token="<|endoftext|>").save_pretrained(
        folder
    )
    torch.manual_seed(0)
    config = library.GPT2Config(
        vocab_size=len(fitted), n_embd=16, n_layer=1, n_head=2, n_positions=24, bos_token_id=0, eos_token_id=0
    )
    library.GPT2LMHeadModel(config).save_pretrained(folder)
    return folder


def test_its_size_from_scratch_is_the_one_counted_by_hand(reviews: Data) -> None:
    network = build(reviews, SMALL)
    module: Any = network.module
    words = module.get_input_embeddings().weight.shape[0]
    layer = (16 * 48 + 48) + (16 * 16 + 16) + (16 * 32 + 32) + (32 * 16 + 16) + 4 * 16
    assert flops.parameters(module) == (words + 24) * 16 + layer + 2 * 16 + (16 * 2 + 2)


def test_it_says_the_same_of_a_text_whatever_it_is_padded_to(reviews: Data) -> None:
    torch.manual_seed(0)
    network = build(reviews, SMALL)
    module = network.module.eval()
    texts = ["", "a film", "a much longer review of a much longer film than that one"]
    tokens = network.encode({"text": texts})["tokens"].torch()
    assert tokens.lengths.min() == 1
    together = module(**network.collate({"tokens": tokens, "target": None}).inputs)
    for row in range(3):
        alone = module(**network.collate({"tokens": tokens[torch.tensor([row])], "target": None}).inputs)
        assert torch.allclose(together[row], alone[0], atol=1e-5)


def test_a_later_word_changes_the_answer_and_gradients_reach_the_embeddings(reviews: Data) -> None:
    torch.manual_seed(0)
    network = build(reviews, SMALL)
    batch = network.collate(encoded(network, reviews.splits["test"]).take(torch.arange(4)))
    module: Any = network.module
    module(**batch.inputs).sum().backward()
    assert module.get_input_embeddings().weight.grad.abs().sum() > 0


def test_saved_weights_whose_tokenizer_has_no_padding_are_read_and_fine_tuned(saved: Path, reviews: Data) -> None:
    network = build(reviews, Options(pretrained=str(saved), max_length=24))
    module: Any = network.module
    assert network.notes["origin"] == "folder:tiny-gpt2"
    assert fetch(Options(pretrained=str(saved)), Sources(offline=True)) == "folder:tiny-gpt2"
    batch = network.collate(encoded(network, reviews.splits["test"]).take(torch.arange(4)))
    assert module(**batch.inputs).shape == (4, 2)


def test_it_can_be_frozen_and_adapted(saved: Path, reviews: Data) -> None:
    frozen = build(reviews, Options(pretrained=str(saved), max_length=24, freeze=True))
    assert frozen.encode({"text": ["a film", ""]})["features"].shape == (2, 16)
    adapted = build(reviews, Options(pretrained=str(saved), max_length=24, lora=2))
    # n_inner has GPT-2's default of four times the width
    assert flops.trainable_parameters(adapted.module) == 2 * (64 + 32 + 80 + 80) + 16 * 2 + 2


def test_bert_does_not_take_it_and_it_takes_no_text_beyond_its_positions(saved: Path, reviews: Data) -> None:
    from bench_suite.models import bert

    with pytest.raises(BenchError, match='use = "auto"'):
        bert.build(reviews, bert.Options(pretrained=str(saved)))
    with pytest.raises(BenchError, match="beyond the 24 tokens"):
        build(reviews, Options(pretrained=str(saved), max_length=25))


@pytest.mark.parametrize("freeze", [False, True])
def test_where_no_length_is_stated_texts_are_read_as_far_as_the_model_has_places(
    saved: Path, reviews: Data, freeze: bool
) -> None:
    network = build(reviews, Options(pretrained=str(saved), freeze=freeze))
    assert network.notes["max_length"] == 24
    stated = build(reviews, Options(pretrained=str(saved), freeze=freeze, max_length=24))
    assert "max_length" not in stated.notes, "it stands among the options"
    assert stated.encoding == network.encoding
    network.encode({"text": ["a film " * 100]})
    assert build(reviews, replace(SMALL, max_length=None)).notes["max_length"] == 256


def test_options_that_do_not_go_together_are_refused() -> None:
    check(Options())
    with pytest.raises(ValueError, match="cannot be shared"):
        check(Options(dimension=10, heads=3))
    with pytest.raises(ValueError, match="vocabulary is for a model trained from scratch"):
        check(Options(pretrained="gpt2", vocabulary=500))
