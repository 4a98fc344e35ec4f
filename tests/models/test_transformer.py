"""The transformer: one layer by hand, and its parameters counted."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch

from bench_suite.models import transformer
from bench_suite.models.transformer import Options, Transformer
from bench_suite.training.vocabulary import Vocabulary

WORDS = Vocabulary(tuple("abcdefgh"), 16)
SMALL = Options(max_length=16, dimension=6, heads=2, feedforward=5)


@pytest.fixture(autouse=True)
def seeded() -> None:
    torch.manual_seed(0)


def test_parameters_are_counted_by_hand() -> None:
    module = Transformer(WORDS, 2, replace(SMALL, layers=3))
    vectors, positions, head = 10 * 6, 16 * 6, 2 * (6 + 1)
    attention, feedforward, norm = 4 * 6 * (6 + 1), 5 * (6 + 1) + 6 * (5 + 1), 2 * 6
    layers = 3 * (attention + feedforward + 2 * norm)
    assert sum(p.numel() for p in module.parameters()) == vectors + positions + layers + norm + head


def normalised(vectors: np.ndarray) -> np.ndarray:
    """Scale each row to mean 0 and standard deviation 1: LayerNorm before it has learnt a scale."""
    return (vectors - vectors.mean(axis=1, keepdims=True)) / np.sqrt(vectors.var(axis=1, keepdims=True) + 1e-5)


def by_hand(module: Transformer, text: list[int]) -> np.ndarray:
    """Return the vectors (L, dimension) of a text after one layer with one head (Vaswani et al. 2017, norms first)."""
    layer = module.layers[0]
    weights = {name: weight.detach().double().numpy() for name, weight in layer.named_parameters()}
    x = (module.embedding.weight[text] + module.positions[: len(text)]).detach().double().numpy()
    inputs = normalised(x) @ weights["self_attn.in_proj_weight"].T + weights["self_attn.in_proj_bias"]
    queries, keys, values = np.split(inputs, 3, axis=1)
    affinity = np.exp(queries @ keys.T / math.sqrt(x.shape[1]))
    seen = affinity / affinity.sum(axis=1, keepdims=True) @ values
    x = x + seen @ weights["self_attn.out_proj.weight"].T + weights["self_attn.out_proj.bias"]
    inner = normalised(x) @ weights["linear1.weight"].T + weights["linear1.bias"]
    inner = inner * 0.5 * (1.0 + np.vectorize(math.erf)(inner / math.sqrt(2.0)))
    return normalised(x + inner @ weights["linear2.weight"].T + weights["linear2.bias"])


@pytest.mark.parametrize("pooling", ["max", "mean"])
def test_one_layer_is_what_numpy_makes_of_it(pooling: Any) -> None:
    module = Transformer(WORDS, 3, replace(SMALL, heads=1, layers=1, pooling=pooling)).eval()
    with torch.no_grad():  # biases start at zero, so the test would not notice a missing one
        for bias in (
            weight for name, weight in module.layers.named_parameters() if "bias" in name and "norm" not in name
        ):
            bias.normal_()
    text = [3, 7, 2, 5]
    vectors = by_hand(module, text)
    pooled = vectors.max(axis=0) if pooling == "max" else vectors.mean(axis=0)
    expected = pooled @ module.head.weight.detach().numpy().T + module.head.bias.detach().numpy()
    tokens, lengths = torch.tensor([[*text, 0]]), torch.tensor([4])
    assert module(tokens, lengths)[0].tolist() == pytest.approx(expected.tolist(), abs=1e-5)
    with torch.inference_mode():  # PyTorch uses another path here: one fused kernel for each layer
        assert module(tokens, lengths)[0].tolist() == pytest.approx(expected.tolist(), abs=1e-5)


def test_the_order_of_the_words_counts() -> None:
    module = Transformer(WORDS, 2, SMALL).eval()
    lengths = torch.tensor([3])
    assert not torch.allclose(
        module(torch.tensor([[2, 3, 4]]), lengths), module(torch.tensor([[4, 3, 2]]), lengths), atol=1e-4
    )


def test_heads_that_cannot_share_the_dimension_are_refused() -> None:
    with pytest.raises(ValueError, match="dimension = 6 cannot be shared among heads = 4"):
        transformer.check(replace(SMALL, heads=4))
    transformer.check(SMALL)
