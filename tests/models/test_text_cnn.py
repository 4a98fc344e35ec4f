"""The text CNN: its filters by hand, its parameters counted, and padding that changes nothing."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch

from bench_suite.contracts import Data, Evaluation, Placement, Source
from bench_suite.data.encoded import encoded
from bench_suite.data.sources import Sources
from bench_suite.data.splits import MemorySplit, prepare
from bench_suite.engines import native
from bench_suite.metrics.accuracy import accuracy
from bench_suite.models import text_cnn
from bench_suite.models.text_cnn import Options, TextCNN
from bench_suite.problems import classification
from bench_suite.tasks import imdb
from bench_suite.training.options import TrainOptions
from bench_suite.training.predicting import predict
from bench_suite.training.vocabulary import Vocabulary

WORDS = Vocabulary(tuple("abcdefgh"), 16)
SMALL = Options(dimension=6, filters=5)
PLACE = Placement("cpu", 1, "32-true")


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
    windows = np.stack([between[at : at + 2].T for at in range(4)])  # one begins before the text, one ends after it
    highest = (np.einsum("wdp,fdp->wf", windows, kernel) + bias).max(axis=0)
    expected = np.maximum(highest, 0.0) @ module.head.weight.detach().numpy().T + module.head.bias.detach().numpy()
    logits = module(torch.tensor([text]), torch.tensor([3]))
    assert logits[0].tolist() == pytest.approx(expected.tolist(), abs=1e-6)


def test_padding_changes_nothing_whatever_stands_in_it() -> None:
    module = TextCNN(WORDS, 2, SMALL).eval()
    with torch.no_grad():
        for convolution in module.convolutions:
            convolution.bias += 10.0  # what a window of nothing but padding would say
    texts = [[4], [5, 6], [2, 3, 4, 5, 6, 7, 8, 9, 2, 3]]
    lengths = torch.tensor([len(text) for text in texts])
    alone = torch.cat([module(torch.tensor([text]), torch.tensor([len(text)])) for text in texts])
    for padding, width in ((0, 10), (0, 16), (7, 16)):
        tokens = torch.tensor([text + [padding] * (width - len(text)) for text in texts])
        assert torch.allclose(module(tokens, lengths), alone, atol=1e-5)


def test_a_regression_gives_one_value_a_text() -> None:
    assert TextCNN(WORDS, 1, SMALL)(torch.tensor([[2, 3], [4, 0]]), torch.tensor([2, 1])).shape == (2,)


def test_bfloat16_says_about_the_same() -> None:
    module = TextCNN(WORDS, 2, SMALL).eval()
    tokens, lengths = torch.randint(2, 10, (8, 12)), torch.randint(1, 13, (8,))
    with torch.autocast("cpu", dtype=torch.bfloat16):
        coarse = module(tokens, lengths)
    assert torch.allclose(coarse.float(), module(tokens, lengths), atol=0.05)


def test_it_compiles_as_one_graph() -> None:
    module = TextCNN(WORDS, 2, SMALL).eval()
    compiled = torch.compile(module, backend="eager", fullgraph=True, dynamic=True)
    for width in (12, 9):
        tokens, lengths = torch.randint(2, 10, (8, width)), torch.randint(1, width + 1, (8,))
        assert torch.allclose(compiled(tokens, lengths), module(tokens, lengths), atol=1e-5)


def test_without_a_filter_or_with_one_of_no_word_it_is_refused() -> None:
    for widths in ((), (0, 3)):
        with pytest.raises(ValueError, match="widths"):
            text_cnn.check(replace(SMALL, widths=widths))
    text_cnn.check(SMALL)


def test_texts_without_a_word_are_answered_too() -> None:
    split = MemorySplit(np.arange(2), {"text": ["", "good good"], "target": np.array([0, 1])})
    data = Data("classification", {"classes": ("no", "yes")}, {"train": split}, Source("generated", "texts", "0"))
    network = text_cnn.build(data, SMALL)
    batch = network.collate(encoded(network, split).take(torch.arange(2)))
    assert torch.isfinite(network.module(**batch.inputs)).all()
    assert network.padded == "tokens"


def test_it_learns_32_reviews_by_heart() -> None:
    few = prepare(imdb.load(imdb.Options(data="sample"), Sources(offline=True)), 0.1, smoke=True)
    train = few.splits["train"]
    half = MemorySplit(train.ids[:32], train.take(np.arange(32)))
    data = Data(few.problem, few.spec, {"train": half}, few.source)
    network = text_cnn.build(data, Options(dimension=16, filters=8, dropout=0.0))
    columns = encoded(network, half)
    options = TrainOptions(epochs=30, batch_size=8, learning_rate=5e-3, validation=0.0)
    native.train(network, data, classification, options, PLACE, lambda window: True, lambda split: columns)
    said = predict(network, classification, columns, Evaluation(32, data.spec, None), PLACE)
    assert accuracy(columns.columns["target"].numpy(), said["predictions"]) == 1.0


@pytest.mark.slow
def test_it_reaches_86_percent_on_the_imdb_sample() -> None:
    data = prepare(imdb.load(imdb.Options(data="sample"), Sources(offline=True)), 0.1, smoke=False)
    network = text_cnn.build(data, Options())
    columns = {name: encoded(network, data.splits[name]) for name in ("train", "validation", "test")}
    options = TrainOptions(epochs=3, batch_size=64, learning_rate=1e-3, schedule="linear")
    native.train(network, data, classification, options, PLACE, lambda window: True, columns.__getitem__)
    said = predict(network, classification, columns["test"], Evaluation(256, data.spec, None), PLACE)
    assert accuracy(columns["test"].columns["target"].numpy(), said["predictions"]) >= 0.86
