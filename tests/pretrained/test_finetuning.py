"""Adapting: low-rank additions have the size of the paper, and frozen parameters do not change."""

from __future__ import annotations

import pickle
import sys

import numpy as np
import pytest
import torch
from torch import nn

from bench_suite.contracts import BenchError, Data
from bench_suite.data.splits import column
from bench_suite.pretrained.classifier import PooledEncoder
from bench_suite.pretrained.encoders import configured_encoder, pretrained_encoder
from bench_suite.pretrained.finetuning import Features, add_lora, freeze
from bench_suite.pretrained.tokenizing import pretrained_tokenizer
from bench_suite.pretrained.weights import find
from bench_suite.training import flops

SIZES = {"vocab_size": 50, "hidden_size": 8, "num_hidden_layers": 2, "num_attention_heads": 2, "intermediate_size": 16}
MINILM = "sentence-transformers/all-MiniLM-L6-v2"


def test_lora_trains_rank_times_inputs_and_outputs_of_each_matrix() -> None:
    encoder = configured_encoder("bert", SIZES, 0.1, 0.0)
    matrices = [(part.in_features, part.out_features) for part in encoder.modules() if isinstance(part, nn.Linear)]
    whole = flops.parameters(encoder)
    assert sorted(matrices) == sorted(2 * [*4 * [(8, 8)], (8, 16), (16, 8)])
    add_lora(encoder, rank=3)
    added = sum(3 * (inputs + outputs) for inputs, outputs in matrices)
    assert flops.trainable_parameters(encoder) == added == 672
    assert flops.parameters(encoder) == whole + added


def test_lora_adapts_the_layers_of_gpt2_too() -> None:
    encoder = configured_encoder("gpt2", {"vocab_size": 50, "n_embd": 8, "n_layer": 1, "n_head": 2}, 0.1, 0.0)
    add_lora(encoder, rank=2)
    # attention's query, key and value together, its output, and the two of the feedforward part
    assert flops.trainable_parameters(encoder) == 2 * ((8 + 24) + (8 + 8) + (8 + 32) + (32 + 8))


def test_lora_begins_as_the_model_was_and_changes_only_what_it_added() -> None:
    torch.manual_seed(0)
    encoder = configured_encoder("bert", SIZES, 0.0, 0.0).eval()
    tokens = torch.randint(1, 50, (2, 6))
    before = encoder(input_ids=tokens).last_hidden_state
    add_lora(encoder, rank=2)
    assert torch.equal(encoder(input_ids=tokens).last_hidden_state, before)
    state = {name: value.clone() for name, value in encoder.state_dict().items()}
    trained = [weight for weight in encoder.parameters() if weight.requires_grad]
    update = torch.optim.SGD(trained, lr=1.0)
    encoder(input_ids=tokens).last_hidden_state.square()[:, 0, 0].sum().backward()
    update.step()
    changed = {name for name, value in encoder.state_dict().items() if not torch.equal(value, state[name])}
    assert changed
    assert all("lora_" in name for name in changed)


def test_without_peft_the_message_names_the_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "peft", None)
    with pytest.raises(BenchError, match=r"bench-suite\[lora\]"):
        add_lora(configured_encoder("bert", SIZES, 0.1, 0.0), rank=2)


@pytest.fixture(scope="module")
def features() -> Features:
    files = find(MINILM)
    pooled = PooledEncoder(pretrained_encoder(files, 0.1, 0.0)[0], "mean")
    freeze(pooled)
    return Features(pretrained_tokenizer(files, 64, "ends"), pooled, "32-true")


def test_features_are_what_the_encoder_gives_each_text_by_itself(features: Features, reviews: Data) -> None:
    texts = [*column(reviews.splits["test"], "text")[:10], "", "short"]
    together = features({"text": texts})["features"]
    assert together.dtype == np.float32
    assert together.shape == (12, 384)
    for row, text in enumerate(texts):
        tokens = features.tokenized({"text": [text]})["tokens"].torch()
        with torch.no_grad():
            alone = features.pooled(tokens.values.long()[None], tokens.lengths)
        assert together[row] == pytest.approx(alone[0].numpy(), abs=1e-4)


def test_the_same_call_gives_the_same_bits_here_and_in_another_process(features: Features, reviews: Data) -> None:
    raw = {"text": column(reviews.splits["test"], "text")[:6]}
    copy = pickle.loads(pickle.dumps(features))
    assert np.array_equal(features(raw)["features"], copy(raw)["features"])
    assert copy.encoding == features.encoding


def test_bfloat16_moves_features_by_about_one_percent(features: Features, reviews: Data) -> None:
    raw = {"text": column(reviews.splits["test"], "text")[:8]}
    exact, quick = (
        Features(features.tokenized, features.pooled, p)(raw)["features"] for p in ("32-true", "bf16-mixed")
    )
    assert 0.0 < np.abs(quick - exact).max() < 0.02
    assert np.linalg.norm(quick - exact) / np.linalg.norm(exact) < 0.03
    assert Features(features.tokenized, features.pooled, "bf16-mixed").encoding != features.encoding


def test_nothing_of_a_frozen_encoder_is_trained(features: Features) -> None:
    assert flops.trainable_parameters(features.pooled) == 0
    assert not features.pooled.training


def test_no_texts_have_no_features(features: Features) -> None:
    assert features({"text": []})["features"].shape == (0, 384)
