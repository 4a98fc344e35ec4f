"""The LSTM: its cell by hand, its two directions equal to PyTorch's, and its parameters by count."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch

from bench_suite.models.lstm import LSTM, Options
from bench_suite.training.vocabulary import Vocabulary

WORDS = Vocabulary(tuple("abcdefgh"), 16)
SMALL = Options(dimension=6, hidden=5)


@pytest.fixture(autouse=True)
def seeded() -> None:
    torch.manual_seed(0)


@pytest.mark.parametrize(("directions", "bidirectional"), [(1, False), (2, True)])
def test_parameters_are_counted_by_hand(directions: int, bidirectional: bool) -> None:
    module = LSTM(WORDS, 2, replace(SMALL, bidirectional=bidirectional))
    vectors, head = 10 * 6, 2 * (directions * 5 + 1)
    cell = 4 * 5 * (6 + 5 + 1 + 1)  # PyTorch, like cuDNN, adds two biases
    assert sum(p.numel() for p in module.parameters()) == vectors + directions * cell + head


def sigmoid(value: np.ndarray) -> np.ndarray:
    return 1.0 / (1.0 + np.exp(-value))


def states_by_hand(memory: torch.nn.LSTM, vectors: np.ndarray) -> np.ndarray:
    """Return the states (L, hidden) after each word (Hochreiter and Schmidhuber 1997; forget gate of Gers 2000)."""
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
