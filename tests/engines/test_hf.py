"""The engine `hf`: what Accelerate and a launcher's variables may not change."""

from __future__ import annotations

import os
from typing import Any

import pytest
import torch

from bench_suite.contracts import Data, Network, Placement, TrainOptions
from bench_suite.models import mlp


def test_it_trains_alone_in_a_process_of_a_launcher(pictures: Data, run: Any, monkeypatch: Any) -> None:
    variables = {"WORLD_SIZE": "4", "RANK": "1", "LOCAL_RANK": "1", "MASTER_ADDR": "localhost", "MASTER_PORT": "1"}
    for name, text in variables.items():
        monkeypatch.setenv(name, text)
    assert run("hf", pictures, TrainOptions(epochs=1)).history.steps == 10
    assert {name: os.environ[name] for name in variables} == variables
    assert not torch.distributed.is_initialized()


def test_a_function_that_a_module_has_as_its_forward_stays(pictures: Data, run: Any) -> None:
    def build(data: Data) -> Network:
        network = mlp.build(data, mlp.Options())
        module: Any = network.module
        module.forward = forward = type(module).forward.__get__(module)
        network.notes = {"forward": forward}
        return network

    ended = run("hf", pictures, TrainOptions(epochs=1), model=build, placement=Placement("cpu", 1, "bf16-mixed"))
    assert vars(ended.network.module)["forward"] is ended.network.notes["forward"]
    assert "_original_forward" not in vars(ended.network.module)


def test_a_model_of_transformers_itself_is_trained(reviews: Data, run: Any) -> None:
    """A `PreTrainedModel` as the module: its own loss and its count of operations are not asked for."""
    from transformers import BertConfig, BertForSequenceClassification

    from bench_suite.contracts import Batch
    from bench_suite.training.vocabulary import collate, vocabulary_of

    class Logits(BertForSequenceClassification):
        def forward(self, input_ids: torch.Tensor, attention_mask: torch.Tensor, **_: Any) -> Any:
            return super().forward(input_ids=input_ids, attention_mask=attention_mask).logits

    def build(data: Data) -> Network:
        vocabulary = vocabulary_of(data, 100, 24, "first")
        config = BertConfig(
            vocab_size=200, hidden_size=16, num_hidden_layers=1, num_attention_heads=2, intermediate_size=32
        )

        def join(columns: Any) -> Batch:
            batch = collate(columns)
            tokens, lengths = batch.inputs["tokens"], batch.inputs["lengths"]
            mask = (torch.arange(tokens.shape[1]) < lengths.unsqueeze(-1)).long()
            return Batch({"input_ids": tokens, "attention_mask": mask}, batch.targets)

        return Network(Logits(config), encode=vocabulary, collate=join, padded="tokens")

    native, ended = (run(engine, reviews, TrainOptions(epochs=2), model=build) for engine in ("native", "hf"))
    for row, expected in zip(ended.history.epochs, native.history.epochs, strict=True):
        assert row == pytest.approx(dict(expected), abs=1e-6)
