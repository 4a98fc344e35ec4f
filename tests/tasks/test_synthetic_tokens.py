"""Synthetic tokens: texts of an exact number of tokens for every model, a fixed seed, and no file."""

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
from bench_suite.models import auto, bert, gpt2, lstm, text_cnn, transformer
from bench_suite.tasks import synthetic_tokens

SMALL = {"layers": 1, "dimension": 8, "heads": 2, "feedforward": 8}
DISTILLED = {"model_type": "distilbert", "dim": 8, "n_layers": 1, "n_heads": 2, "hidden_dim": 8}
MINILM = "sentence-transformers/all-MiniLM-L6-v2"


def tokens(**options: Any) -> Data:
    return synthetic_tokens.load(synthetic_tokens.Options(**options), Sources(offline=True))


def test_the_same_options_give_the_same_examples_and_others_do_not() -> None:
    first, again, other = tokens(), tokens(), tokens(tokens=64)
    assert first.source.fingerprint == again.source.fingerprint != other.source.fingerprint
    assert first.splits["test"].take(np.array([3])) == again.splits["test"].take(np.array([3]))


def test_the_defaults_have_no_finding() -> None:
    data = tokens(tokens=16)
    assert check_task(CheckedTask("synthetic", data, {})).findings == ()
    assert not prepare(data, 0.1).source.prominent


def test_an_attribute_is_refused() -> None:
    with pytest.raises(DataInvalid, match="no group `age`"):
        tokens(groups=("age",))


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
