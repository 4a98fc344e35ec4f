"""The LSTM: its cell by hand, its parameters counted, and padding that changes nothing."""

from __future__ import annotations

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
from bench_suite.models import lstm
from bench_suite.models.lstm import LSTM, Options
from bench_suite.problems import classification
from bench_suite.tasks import imdb
from bench_suite.training.options import TrainOptions
from bench_suite.training.predicting import predict
from bench_suite.training.vocabulary import Vocabulary

WORDS = Vocabulary(tuple("abcdefgh"), 16)
SMALL = Options(dimension=6, hidden=5)
PLACE = Placement("cpu", 1, "32-true")


@pytest.fixture(autouse=True)
def seeded() -> None:
    torch.manual_seed(0)


@pytest.mark.parametrize(("directions", "bidirectional"), [(1, False), (2, True)])
def test_parameters_are_counted_by_hand(directions: int, bidirectional: bool) -> None:
    module = LSTM(WORDS, 2, replace(SMALL, bidirectional=bidirectional))
    vectors, head = 10 * 6, 2 * (directions * 5 + 1)
    cell = 4 * 5 * (6 + 5 + 1 + 1)  # PyTorch, as cuDNN, adds two biases
    assert sum(p.numel() for p in module.parameters()) == vectors + directions * cell + head


def sigmoid(value: np.ndarray) -> np.ndarray:
    return 1.0 / (1.0 + np.exp(-value))


def states_by_hand(memory: torch.nn.LSTM, vectors: np.ndarray) -> np.ndarray:
    """The states (L, hidden) after each word (Hochreiter and Schmidhuber 1997, with the forget gate of Gers 2000)."""
    into, within, bias, more = (weight.detach().numpy() for weight in memory.parameters())
    hidden = cell = np.zeros(memory.hidden_size)
    states = []
    for vector in vectors:
        keep, forget, new, show = np.split(into @ vector + within @ hidden + bias + more, 4)
        cell = sigmoid(forget) * cell + sigmoid(keep) * np.tanh(new)
        hidden = sigmoid(show) * np.tanh(cell)
        states.append(hidden)
    return np.stack(states)


@pytest.mark.parametrize("pooling", ["max", "mean", "last"])
def test_a_text_is_read_as_numpy_reads_it(pooling: Any) -> None:
    module = LSTM(WORDS, 3, replace(SMALL, pooling=pooling)).eval()
    text = [3, 7, 2, 5]
    states = states_by_hand(module.forwards[0], module.embedding.weight.detach().numpy()[text])
    pooled = {"max": states.max(axis=0), "mean": states.mean(axis=0), "last": states[-1]}[pooling]
    expected = pooled @ module.head.weight.detach().numpy().T + module.head.bias.detach().numpy()
    logits = module(torch.tensor([text]), torch.tensor([4]))
    assert logits[0].tolist() == pytest.approx(expected.tolist(), abs=1e-5)


def test_two_directions_are_those_of_pytorch_over_packed_texts() -> None:
    module = LSTM(WORDS, 2, replace(SMALL, bidirectional=True, layers=2)).eval()
    theirs = torch.nn.LSTM(6, 5, num_layers=2, bidirectional=True, batch_first=True)
    ours = dict(theirs.named_parameters())
    with torch.no_grad():
        for layer in range(2):
            for memories, suffix in ((module.forwards, ""), (module.backwards, "_reverse")):
                for name, weight in memories[layer].named_parameters():
                    ours[name.replace("_l0", f"_l{layer}{suffix}")].copy_(weight)
    tokens, lengths = torch.randint(2, 10, (4, 7)), torch.tensor([7, 3, 5, 1])
    packed = torch.nn.utils.rnn.pack_padded_sequence(
        module.embedding(tokens), lengths, batch_first=True, enforce_sorted=False
    )
    states, shown = theirs(packed)
    last = torch.cat([shown[0][2], shown[0][3]], dim=1)
    unpacked, _ = torch.nn.utils.rnn.pad_packed_sequence(states, batch_first=True, padding_value=-torch.inf)
    assert torch.allclose(module(tokens, lengths), module.head(unpacked.amax(dim=1)), atol=1e-5)
    module.pooling = "last"
    assert torch.allclose(module(tokens, lengths), module.head(last), atol=1e-5)


@pytest.mark.parametrize("bidirectional", [False, True])
@pytest.mark.parametrize("pooling", ["max", "mean", "last"])
def test_padding_changes_nothing_whatever_stands_in_it(pooling: Any, bidirectional: bool) -> None:
    module = LSTM(WORDS, 2, replace(SMALL, pooling=pooling, bidirectional=bidirectional, layers=2)).eval()
    texts = [[4], [5, 6], [2, 3, 4, 5, 6, 7, 8, 9, 2, 3]]
    lengths = torch.tensor([len(text) for text in texts])
    alone = torch.cat([module(torch.tensor([text]), torch.tensor([len(text)])) for text in texts])
    for padding, width in ((0, 10), (0, 16), (7, 16)):
        tokens = torch.tensor([text + [padding] * (width - len(text)) for text in texts])
        assert torch.allclose(module(tokens, lengths), alone, atol=1e-5)


def test_a_regression_gives_one_value_a_text() -> None:
    assert LSTM(WORDS, 1, SMALL)(torch.tensor([[2, 3], [4, 0]]), torch.tensor([2, 1])).shape == (2,)


def test_bfloat16_says_about_the_same() -> None:
    module = LSTM(WORDS, 2, SMALL).eval()
    tokens, lengths = torch.randint(2, 10, (8, 12)), torch.randint(1, 13, (8,))
    with torch.autocast("cpu", dtype=torch.bfloat16):
        coarse = module(tokens, lengths)
    assert torch.allclose(coarse.float(), module(tokens, lengths), atol=0.05)


def test_it_compiles_and_says_the_same() -> None:
    module = LSTM(WORDS, 2, SMALL).eval()
    compiled = torch.compile(module, backend="eager", dynamic=True)
    for width in (12, 9):
        tokens, lengths = torch.randint(2, 10, (8, width)), torch.randint(1, width + 1, (8,))
        assert torch.allclose(compiled(tokens, lengths), module(tokens, lengths), atol=1e-5)


def test_texts_without_a_word_are_answered_too() -> None:
    split = MemorySplit(np.arange(2), {"text": ["", "good good"], "target": np.array([0, 1])})
    data = Data("classification", {"classes": ("no", "yes")}, {"train": split}, Source("generated", "texts", "0"))
    network = lstm.build(data, SMALL)
    batch = network.collate(encoded(network, split).take(torch.arange(2)))
    assert torch.isfinite(network.module(**batch.inputs)).all()
    assert network.padded == "tokens"


def test_it_learns_32_reviews_by_heart() -> None:
    few = prepare(imdb.load(imdb.Options(data="sample"), Sources(offline=True)), 0.1, smoke=True)
    train = few.splits["train"]
    half = MemorySplit(train.ids[:32], train.take(np.arange(32)))
    data = Data(few.problem, few.spec, {"train": half}, few.source)
    network = lstm.build(data, Options(dimension=16, hidden=16, embedding_dropout=0.0, dropout=0.0))
    columns = encoded(network, half)
    options = TrainOptions(epochs=30, batch_size=8, learning_rate=5e-3, validation=0.0)
    native.train(network, data, classification, options, PLACE, lambda window: True, lambda split: columns)
    said = predict(network, classification, columns, Evaluation(32, data.spec, None), PLACE)
    assert accuracy(columns.columns["target"].numpy(), said["predictions"]) == 1.0


@pytest.mark.slow
def test_it_reaches_84_percent_on_the_imdb_sample() -> None:
    data = prepare(imdb.load(imdb.Options(data="sample"), Sources(offline=True)), 0.1, smoke=False)
    network = lstm.build(data, Options())
    columns = {name: encoded(network, data.splits[name]) for name in ("train", "validation", "test")}
    options = TrainOptions(epochs=3, batch_size=128, learning_rate=3e-3, schedule="linear")
    native.train(network, data, classification, options, PLACE, lambda window: True, columns.__getitem__)
    said = predict(network, classification, columns["test"], Evaluation(256, data.spec, None), PLACE)
    assert accuracy(columns["test"].columns["target"].numpy(), said["predictions"]) >= 0.84
