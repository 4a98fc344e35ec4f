"""Synthetic images and tokens: exact shapes for every model, a fixed seed, and no file."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch

from bench_suite.contracts import Data, DataInvalid, Network
from bench_suite.data.checks.checked_task import CheckedTask
from bench_suite.data.checks.runner import check_task
from bench_suite.data.encoded import encoded
from bench_suite.data.preparation import prepare
from bench_suite.data.sources import Sources
from bench_suite.models import auto, bert, cnn, gpt2, lstm, text_cnn, transformer
from bench_suite.tasks import synthetic_images, synthetic_tokens

SMALL = {"layers": 1, "dimension": 8, "heads": 2, "feedforward": 8}
DISTILLED = {"model_type": "distilbert", "dim": 8, "n_layers": 1, "n_heads": 2, "hidden_dim": 8}
MINILM = "sentence-transformers/all-MiniLM-L6-v2"


def images(**options: Any) -> Data:
    return synthetic_images.load(synthetic_images.Options(**options), Sources(offline=True))


def tokens(**options: Any) -> Data:
    return synthetic_tokens.load(synthetic_tokens.Options(**options), Sources(offline=True))


def test_images_have_the_stated_size_channels_and_classes() -> None:
    data = images(size=9, channels=1, classes=5, examples=50)
    taken = data.splits["test"].take(np.arange(25))
    assert taken["image"].shape == (25, 9, 9, 1)
    assert taken["image"].dtype == np.uint8
    assert taken["image"].min() < 10 < 245 < taken["image"].max()
    assert set(taken["target"].tolist()) == set(range(5)) == set(range(len(data.spec["classes"])))


def test_the_defaults_are_those_of_imagenet_and_cost_nothing_before_they_are_taken() -> None:
    data = images(examples=100_000)
    assert len(data.splits["train"]) == 100_000
    assert data.splits["train"].take(np.array([99_999]))["image"].shape == (1, 224, 224, 3)
    assert len(data.spec["classes"]) == 1000


def test_the_same_options_give_the_same_examples_and_others_do_not() -> None:
    first, again, other = images(size=8), images(size=8), images(size=9)
    assert first.source.fingerprint == again.source.fingerprint != other.source.fingerprint
    assert tokens().source.fingerprint != tokens(tokens=64).source.fingerprint
    assert np.array_equal(first.splits["train"].ids, again.splits["train"].ids)


@pytest.mark.parametrize("data", [images(size=8), tokens(tokens=16)], ids=["images", "tokens"])
def test_the_defaults_have_no_finding(data: Data) -> None:
    assert check_task(CheckedTask("synthetic", data, {})).findings == ()
    assert not prepare(data, 0.1).source.prominent


def test_an_attribute_is_refused() -> None:
    for load in (images, tokens):
        with pytest.raises(DataInvalid, match="no group `age`"):
            load(groups=("age",))


MODELS = {
    "bert": (bert, bert.Options(max_length=24, **SMALL)),
    "gpt2": (gpt2, gpt2.Options(max_length=24, **SMALL)),
    "auto": (auto, auto.Options(config=DISTILLED, max_length=24)),
    "minilm": (bert, bert.Options(pretrained=MINILM, max_length=24)),
    "lstm": (lstm, lstm.Options(max_length=24, dimension=8, hidden=8)),
    "text_cnn": (text_cnn, text_cnn.Options(max_length=24, dimension=8, filters=8)),
    "transformer": (transformer, transformer.Options(max_length=24, dimension=8, feedforward=8)),
}


@pytest.mark.parametrize("name", MODELS)
def test_every_model_reads_exactly_the_stated_number_of_tokens(name: str) -> None:
    data = prepare(tokens(tokens=24, vocabulary=500, examples=20), 0.0)
    module, options = MODELS[name]
    network: Network = module.build(data, options)
    examples = encoded(network, data.splits["train"])
    batch = network.collate(examples.take(torch.arange(3)))
    assert batch.inputs["tokens"].shape == (3, 24)
    assert batch.inputs["lengths"].tolist() == [24] * 3
    embedding: Any = network.module
    rows = embedding.get_input_embeddings().weight.shape[0]
    assert rows == {"minilm": 30_522}.get(name, 500 if name in ("bert", "gpt2", "auto") else 502)
    assert int(batch.inputs["tokens"].min()) > 0
    assert int(batch.inputs["tokens"].max()) < rows
    assert network.module(**batch.inputs).shape == (3, 2)


def test_the_token_numbers_are_those_of_the_text() -> None:
    data = prepare(tokens(tokens=8, vocabulary=500, examples=20), 0.0)
    network = bert.build(data, bert.Options(max_length=6, keep="first", **SMALL))
    raw = data.splits["train"].take(np.arange(2))
    assert [list(row) for row in network.encode(raw)["tokens"]] == [
        [int(number) for number in text.split()[:6]] for text in raw["text"]
    ]


def test_a_network_for_images_takes_them_as_they_are() -> None:
    data = prepare(images(size=28, channels=1, classes=10, examples=40), 0.0)
    network = cnn.build(data, cnn.Options())
    batch = network.collate(encoded(network, data.splits["train"]).take(torch.arange(4)))
    assert network.module(**batch.inputs).shape == (4, 10)
