"""Encoders: matching weights are loaded completely; others are rejected with a message that says why."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file, save_file

from bench_suite.contracts import BenchError
from bench_suite.pretrained.encoders import (
    check_fit,
    configured_encoder,
    max_positions,
    pretrained_encoder,
)
from bench_suite.pretrained.tokenizing import pretrained_tokenizer
from bench_suite.pretrained.weights import find
from bench_suite.training import flops

SIZES = {
    "vocab_size": 100,
    "hidden_size": 8,
    "num_hidden_layers": 2,
    "num_attention_heads": 2,
    "intermediate_size": 16,
    "max_position_embeddings": 32,
}


def test_parameters_of_a_small_bert_are_those_counted_by_hand() -> None:
    embeddings = (100 + 32 + 2) * 8 + 2 * 8  # words, positions, two segments; a norm
    attention = 4 * (8 * 8 + 8) + 2 * 8  # query, key, value, output; a norm
    feedforward = (8 * 16 + 16) + (16 * 8 + 8) + 2 * 8
    encoder = configured_encoder("bert", SIZES, 0.1, 0.0)
    assert flops.parameters(encoder) == embeddings + 2 * (attention + feedforward)  # there is no pooler


def test_minilm_is_loaded_whole() -> None:
    encoder, unused = pretrained_encoder(find("sentence-transformers/all-MiniLM-L6-v2"), 0.1, 0.0, ("bert",))
    embeddings = (30_522 + 512 + 2) * 384 + 2 * 384
    layer = 4 * (384 * 384 + 384) + 2 * 384 + 2 * 384 * 1536 + 1536 + 384 + 2 * 384
    assert flops.parameters(encoder) == embeddings + 6 * layer
    assert unused == 0
    assert all(weight.dtype == torch.float32 for weight in encoder.parameters())


def test_dropout_reaches_the_layers_whatever_the_architecture_calls_it() -> None:
    small: dict[str, dict[str, Any]] = {
        "bert": SIZES,
        "gpt2": {"n_embd": 8, "n_layer": 1, "n_head": 2},
        "distilbert": {"dim": 8, "n_layers": 1, "n_heads": 2, "hidden_dim": 16},
    }
    for kind, sizes in small.items():
        encoder = configured_encoder(kind, {"vocab_size": 100, **sizes}, 0.25, 0.125)
        chances = {part.p for part in encoder.modules() if isinstance(part, torch.nn.Dropout)}
        assert chances <= {0.25, 0.125}
        assert 0.25 in chances


@pytest.fixture
def spoilt(saved: Path, tmp_path: Path) -> Path:
    return shutil.copytree(saved, tmp_path / "spoilt")


def error_of(folder: Path, *model_types: str) -> str:
    with pytest.raises(BenchError) as raised:
        pretrained_encoder(find(str(folder)), 0.1, 0.0, model_types)
    assert str(folder) not in str(raised.value)
    return str(raised.value)


def change_config(folder: Path, **fields: Any) -> None:
    stated = json.loads((folder / "config.json").read_text())
    (folder / "config.json").write_text(json.dumps({**stated, **fields}))


def test_weights_that_lack_tensors_are_refused_with_their_number(spoilt: Path) -> None:
    file = spoilt / "model.safetensors"
    left = {name: value for name, value in load_file(file).items() if "layer.1." not in name}
    save_file(left, file, metadata={"format": "pt"})
    message = error_of(spoilt)
    assert "16 of 37 tensors are not in the file" in message
    assert "encoder.layer.1." in message


def test_weights_of_another_size_are_refused_with_both_sizes(spoilt: Path) -> None:
    change_config(spoilt, hidden_size=32)
    message = error_of(spoilt)
    assert "the weights of folder:spoilt do not fit its config.json (bert): 35 of 37 tensors differ in size" in message
    assert "embeddings.LayerNorm.bias (16, by config.json 32)" in message
    assert "embeddings.position_embeddings.weight (64 × 16, by config.json 64 × 32)" in message
    assert "ignore_mismatched_sizes" not in message


@pytest.mark.parametrize("number", [float("nan"), float("-inf")])
def test_weights_that_are_not_finite_are_refused_by_name(spoilt: Path, number: float) -> None:
    file = spoilt / "model.safetensors"
    tensors = load_file(file)
    tensors["encoder.layer.1.output.dense.weight"][3, 5] = number
    save_file(tensors, file, metadata={"format": "pt"})
    assert "NaN or infinite numbers, in 1 of 37 tensors, such as encoder.layer.1.output.dense.weight" in error_of(
        spoilt
    )


def test_a_field_of_a_config_that_transformers_refuses_is_named(spoilt: Path) -> None:
    change_config(spoilt, hidden_size="big")
    message = error_of(spoilt)
    assert "hidden_size" in message
    assert "a newer Transformers" not in message


def test_weights_of_another_architecture_are_refused(spoilt: Path) -> None:
    change_config(spoilt, model_type="distilbert")
    assert "do not" in error_of(spoilt)


def test_a_truncated_file_of_weights_is_refused(spoilt: Path) -> None:
    data = (spoilt / "model.safetensors").read_bytes()
    (spoilt / "model.safetensors").write_bytes(data[: len(data) // 2])
    assert "fetch the files again" in error_of(spoilt)


def test_an_architecture_that_is_not_meant_points_to_auto(saved: Path) -> None:
    assert 'use = "auto"' in error_of(saved, "gpt2")


def test_a_config_that_is_none_is_refused(spoilt: Path) -> None:
    (spoilt / "config.json").write_text("{}")
    assert "names no model_type" in error_of(spoilt)
    (spoilt / "config.json").write_text("{broken")
    assert "is no configuration of Transformers" in error_of(spoilt)
    (spoilt / "config.json").write_text('{"model_type": "no_such_model"}')
    assert "no_such_model" in error_of(spoilt)


def test_code_that_a_repository_brings_is_not_run(spoilt: Path) -> None:
    (spoilt / "modeling_own.py").write_text("raise SystemExit('it ran')")
    change_config(spoilt, model_type="own", auto_map={"AutoConfig": "modeling_own.C", "AutoModel": "modeling_own.M"})
    assert "code in a model's repository is not run" in error_of(spoilt)


def test_a_folder_without_tokenizer_or_with_a_broken_one_is_refused(spoilt: Path) -> None:
    (spoilt / "tokenizer.json").write_text("{broken")
    with pytest.raises(BenchError, match="does not load"):
        pretrained_tokenizer(find(str(spoilt)), 32, "first")
    (spoilt / "tokenizer.json").unlink()
    with pytest.raises(BenchError, match="has no tokenizer"):
        pretrained_tokenizer(find(str(spoilt)), 32, "first")


def test_what_an_encoder_cannot_be_given_is_said_before_it_is_trained() -> None:
    encoder = configured_encoder("bert", SIZES, 0.1, 0.0)
    check_fit(encoder, 100, 32, "bert")
    with pytest.raises(BenchError, match="101 tokens and its embedding 100 rows"):
        check_fit(encoder, 101, 32, "bert")
    with pytest.raises(BenchError, match="max_length = 33 is beyond the 32 tokens"):
        check_fit(encoder, 100, 33, "bert")


def test_positions_that_begin_after_the_paddings_number_count_for_less() -> None:
    roberta = configured_encoder("roberta", {**SIZES, "max_position_embeddings": 34}, 0.1, 0.0)
    assert max_positions(roberta) == 32
    tokens = torch.full((1, 32), 5)
    assert roberta(input_ids=tokens).last_hidden_state.shape == (1, 32, 8)


def test_unknown_architectures_fields_and_sizes_are_refused() -> None:
    with pytest.raises(BenchError, match='no architecture "birt"'):
        configured_encoder("birt", {}, 0.1, 0.0)
    with pytest.raises(BenchError, match='has no field "width"'):
        configured_encoder("bert", {"width": 8}, 0.1, 0.0)
    with pytest.raises(BenchError, match="cannot be made of"):
        configured_encoder("bert", {**SIZES, "num_attention_heads": 3}, 0.1, 0.0)
    with pytest.raises(BenchError, match="an encoder and a decoder"):
        configured_encoder("t5", {}, 0.1, 0.0)


@pytest.mark.parametrize(
    ("kind", "fields", "message"),
    [
        ("bert", {"hidden_size": "big"}, "hidden_size.*int.*str"),
        ("bert", {"hidden_act": "no_such"}, "knows no 'no_such'"),
        ("gpt_neox", {"hidden_size": 10, "num_attention_heads": 3}, "hidden size is not divisible"),
    ],
)
def test_what_is_wrong_with_a_field_is_said_and_not_merely_announced(
    kind: str, fields: dict[str, Any], message: str
) -> None:
    with pytest.raises(BenchError, match=message):
        configured_encoder(kind, {**SIZES, **fields}, 0.1, 0.0)
