"""Classifier: pooling uses a text's own tokens only, and heads give the outputs of each problem."""

from __future__ import annotations

from typing import Any

import pytest
import torch

from bench_suite.contracts import BenchError
from bench_suite.pretrained.classifier import Classifier, FeatureClassifier, Head, PooledEncoder
from bench_suite.pretrained.encoders import configured_encoder

SIZES = {"vocab_size": 50, "hidden_size": 8, "num_hidden_layers": 2, "num_attention_heads": 2, "intermediate_size": 16}
GPT2 = {"vocab_size": 50, "n_embd": 8, "n_layer": 2, "n_head": 2}


def encoder_of(kind: str) -> torch.nn.Module:
    torch.manual_seed(0)
    return configured_encoder(kind, SIZES if kind == "bert" else GPT2, 0.1, 0.0).eval()


@pytest.mark.parametrize("kind", ["bert", "gpt2"])
@pytest.mark.parametrize("pooling", ["mean", "cls", "last"])
def test_padding_and_what_stands_in_it_make_no_difference(kind: str, pooling: Any) -> None:
    pooled = PooledEncoder(encoder_of(kind), pooling)
    text = torch.randint(1, 50, (1, 5))
    alone = pooled(text, torch.tensor([5]))
    padded = torch.cat([text, torch.randint(1, 50, (1, 7))], dim=1)
    beside = pooled(torch.cat([padded, torch.randint(1, 50, (1, 12))]), torch.tensor([5, 12]))
    assert torch.allclose(beside[:1], alone, atol=1e-5)


def test_pooling_is_the_mean_the_first_or_the_last_of_the_encoders_own_vectors() -> None:
    encoder = encoder_of("bert")
    tokens, lengths = torch.randint(1, 50, (2, 6)), torch.tensor([6, 4])
    mask = (torch.arange(6) < lengths[:, None]).long()
    vectors = encoder(input_ids=tokens, attention_mask=mask).last_hidden_state
    assert torch.allclose(PooledEncoder(encoder, "mean")(tokens, lengths)[1], vectors[1, :4].mean(dim=0), atol=1e-6)
    assert torch.equal(PooledEncoder(encoder, "cls")(tokens, lengths), vectors[:, 0])
    assert torch.equal(PooledEncoder(encoder, "last")(tokens, lengths), torch.stack([vectors[0, 5], vectors[1, 3]]))


def test_heads_give_logits_or_one_value() -> None:
    features = torch.randn(3, 8)
    assert Head(8, 4, None, 0.0)(features).shape == (3, 4)
    assert Head(8, 4, 16, 0.0)(features).shape == (3, 4)
    assert Head(8, 1, None, 0.0)(features).shape == (3,)
    module = Classifier(PooledEncoder(encoder_of("bert"), "mean"), Head(8, 1, None, 0.0))
    assert module(torch.ones(2, 3, dtype=torch.int64), torch.tensor([3, 1])).shape == (2,)


def test_a_probe_standardises_features_and_takes_a_batch_of_one() -> None:
    torch.manual_seed(0)
    probe = FeatureClassifier(Head(8, 2, None, 0.0), 8)
    features = 5.0 + 0.1 * torch.randn(512, 8)
    probe.head.output.weight.data = torch.eye(8)[:2]
    probe.head.output.bias.data.zero_()
    scaled = probe(features)
    assert torch.allclose(scaled.mean(dim=0), torch.zeros(2), atol=1e-4)
    assert torch.allclose(scaled.std(dim=0), torch.ones(2), atol=1e-2)
    assert probe(features[:1]).shape == (1, 2)
    for _ in range(100):
        probe(features)
    assert torch.allclose(probe.eval()(features), scaled, atol=0.05)
    with pytest.raises(BenchError, match="freeze = false"):
        probe.get_input_embeddings()
