"""The text CNN: its filters by hand, and its parameters counted."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch

from bench_suite.models import text_cnn
from bench_suite.models.text_cnn import Options, TextCNN
from bench_suite.training.vocabulary import Vocabulary

WORDS = Vocabulary(tuple("abcdefgh"), 16)
SMALL = Options(dimension=6, filters=5)


@pytest.fixture(autouse=True)
def seeded() -> None:
    torch.manual_seed(0)


def test_parameters_are_counted_by_hand() -> None:
    module = TextCNN(WORDS, 2, Options(dimension=6, filters=5, widths=(2, 3)))
    vectors, two, three, head = 10 * 6, 5 * (2 * 6 + 1), 5 * (3 * 6 + 1), 2 * (2 * 5 + 1)
    assert sum(p.numel() for p in module.parameters()) == vectors + two + three + head


def test_a_filter_is_what_numpy_makes_of_it() -> None:
    module = TextCNN(WORDS, 3, Options(dimension=4, filters=2, widths=(2,))).eval()
    text = [3, 7, 2]
    vectors = module.embedding.weight.detach().numpy()[text]
    kernel = module.convolutions[0].weight.detach().numpy()[:, :, 0, :]  # (filters, dimension, width)
    bias = module.convolutions[0].bias.detach().numpy()
    between = np.concatenate([np.zeros((1, 4)), vectors, np.zeros((1, 4))])
    windows = np.stack([between[at : at + 2].T for at in range(4)])  # one starts before the text, one ends after it
    highest = (np.einsum("wdp,fdp->wf", windows, kernel) + bias).max(axis=0)
    expected = np.maximum(highest, 0.0) @ module.head.weight.detach().numpy().T + module.head.bias.detach().numpy()
    logits = module(torch.tensor([text]), torch.tensor([3]))
    assert logits[0].tolist() == pytest.approx(expected.tolist(), abs=1e-6)


def test_without_a_filter_or_with_one_of_no_word_it_is_refused() -> None:
    for widths in ((), (0, 3)):
        with pytest.raises(ValueError, match="widths"):
            text_cnn.check(replace(SMALL, widths=widths))
    text_cnn.check(SMALL)
