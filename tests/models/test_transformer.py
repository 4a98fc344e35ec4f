"""The transformer: one layer by hand, its parameters counted, and padding that changes nothing."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch

from bench_suite.contracts import Data, Evaluation, Placement, Source
from bench_suite.data.encoded import encoded
from bench_suite.data.sources import Sources
from bench_suite.data.splits import MemorySplit, prepare
from bench_suite.engines import native
from bench_suite.metrics.accuracy import accuracy
from bench_suite.models import transformer
from bench_suite.models.transformer import Options, Transformer
from bench_suite.problems import classification
from bench_suite.tasks import imdb
from bench_suite.training.options import TrainOptions
from bench_suite.training.predicting import predict
from bench_suite.training.vocabulary import Vocabulary

WORDS = Vocabulary(tuple("abcdefgh"), 16)
SMALL = Options(max_length=16, dimension=6, heads=2, feedforward=5)
PLACE = Placement("cpu", 1, "32-true")


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
    """Each row of mean 0 and deviation 1: what LayerNorm does before it has learnt a scale."""
    return (vectors - vectors.mean(axis=1, keepdims=True)) / np.sqrt(vectors.var(axis=1, keepdims=True) + 1e-5)


def by_hand(module: Transformer, text: list[int]) -> np.ndarray:
    """The vectors (L, dimension) of a text after one layer with one head (Vaswani et al. 2017, norms first)."""
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
    with torch.no_grad():  # biases start at zero, and would be left out unseen
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
    with torch.inference_mode():  # where PyTorch takes another path, through one fused kernel a layer
        assert module(tokens, lengths)[0].tolist() == pytest.approx(expected.tolist(), abs=1e-5)


def test_the_order_of_the_words_counts() -> None:
    module = Transformer(WORDS, 2, SMALL).eval()
    lengths = torch.tensor([3])
    assert not torch.allclose(
        module(torch.tensor([[2, 3, 4]]), lengths), module(torch.tensor([[4, 3, 2]]), lengths), atol=1e-4
    )


@pytest.mark.parametrize("pooling", ["max", "mean"])
@pytest.mark.parametrize("grad", [False, True])
def test_padding_changes_nothing_whatever_stands_in_it(pooling: Any, grad: bool) -> None:
    module = Transformer(WORDS, 2, replace(SMALL, pooling=pooling, layers=2)).eval()
    texts = [[4], [5, 6], [2, 3, 4, 5, 6, 7, 8, 9, 2, 3]]
    lengths = torch.tensor([len(text) for text in texts])
    with torch.set_grad_enabled(grad):
        alone = torch.cat([module(torch.tensor([text]), torch.tensor([len(text)])) for text in texts])
        for padding, width in ((0, 10), (0, 16), (7, 16)):
            tokens = torch.tensor([text + [padding] * (width - len(text)) for text in texts])
            assert torch.allclose(module(tokens, lengths), alone, atol=1e-5)


def test_a_regression_gives_one_value_a_text() -> None:
    assert Transformer(WORDS, 1, SMALL)(torch.tensor([[2, 3], [4, 0]]), torch.tensor([2, 1])).shape == (2,)


def test_bfloat16_says_about_the_same() -> None:
    module = Transformer(WORDS, 2, SMALL).eval()
    tokens, lengths = torch.randint(2, 10, (8, 12)), torch.randint(1, 13, (8,))
    with torch.autocast("cpu", dtype=torch.bfloat16):
        coarse = module(tokens, lengths)
    assert torch.allclose(coarse.float(), module(tokens, lengths), atol=0.05)


def test_it_compiles_as_one_graph() -> None:
    module = Transformer(WORDS, 2, SMALL).eval()
    compiled = torch.compile(module, backend="eager", fullgraph=True, dynamic=True)
    for width in (12, 9):
        tokens, lengths = torch.randint(2, 10, (8, width)), torch.randint(1, width + 1, (8,))
        assert torch.allclose(compiled(tokens, lengths), module(tokens, lengths), atol=1e-5)


def test_heads_that_cannot_share_the_dimension_are_refused() -> None:
    with pytest.raises(ValueError, match="dimension = 6 cannot be shared among heads = 4"):
        transformer.check(replace(SMALL, heads=4))
    transformer.check(SMALL)


def test_texts_without_a_word_are_answered_too() -> None:
    split = MemorySplit(np.arange(2), {"text": ["", "good good"], "target": np.array([0, 1])})
    data = Data("classification", {"classes": ("no", "yes")}, {"train": split}, Source("generated", "texts", "0"))
    network = transformer.build(data, SMALL)
    batch = network.collate(encoded(network, split).take(torch.arange(2)))
    assert torch.isfinite(network.module(**batch.inputs)).all()
    assert network.padded == "tokens"


def test_it_learns_32_reviews_by_heart() -> None:
    few = prepare(imdb.load(imdb.Options(data="sample"), Sources(offline=True)), 0.1, smoke=True)
    train = few.splits["train"]
    half = MemorySplit(train.ids[:32], train.take(np.arange(32)))
    data = Data(few.problem, few.spec, {"train": half}, few.source)
    network = transformer.build(data, Options(dimension=16, embedding_dropout=0.0, dropout=0.0))
    columns = encoded(network, half)
    options = TrainOptions(epochs=30, batch_size=8, learning_rate=5e-3, validation=0.0)
    native.train(network, data, classification, options, PLACE, lambda window: True, lambda split: columns)
    said = predict(network, classification, columns, Evaluation(32, data.spec, None), PLACE)
    assert accuracy(columns.columns["target"].numpy(), said["predictions"]) == 1.0


@pytest.mark.slow
def test_it_reaches_85_percent_on_the_imdb_sample() -> None:
    data = prepare(imdb.load(imdb.Options(data="sample"), Sources(offline=True)), 0.1, smoke=False)
    network = transformer.build(data, Options())
    columns = {name: encoded(network, data.splits[name]) for name in ("train", "validation", "test")}
    options = TrainOptions(epochs=3, batch_size=64, learning_rate=1e-3, schedule="linear")
    native.train(network, data, classification, options, PLACE, lambda window: True, columns.__getitem__)
    said = predict(network, classification, columns["test"], Evaluation(256, data.spec, None), PLACE)
    assert accuracy(columns["test"].columns["target"].numpy(), said["predictions"]) >= 0.85
