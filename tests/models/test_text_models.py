"""Requirements of text models trained from scratch: padding, precision, compiling, empty texts, and learning."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from types import ModuleType
from typing import Any

import numpy as np
import pytest
import torch

from bench_suite.contracts import Data, Evaluation, Placement, Source, TrainOptions
from bench_suite.data.encoded import encoded
from bench_suite.data.preparation import prepare
from bench_suite.data.sources import Sources
from bench_suite.data.splits import MemorySplit
from bench_suite.engines import native
from bench_suite.metrics.accuracy import accuracy
from bench_suite.models import lstm, text_cnn, transformer
from bench_suite.problems import classification
from bench_suite.tasks import imdb
from bench_suite.training.precision import has_bfloat16_lstm
from bench_suite.training.prediction import predict
from bench_suite.training.vocabulary import Vocabulary

WORDS = Vocabulary(tuple("abcdefgh"), 16)
PLACEMENT = Placement("cpu", 1, "32-true")


@dataclass(frozen=True)
class Case:
    """A model, and its differences from the other models in these tests."""

    model: ModuleType
    network: Any
    "Its module's class: of a vocabulary, a number of outputs and options."
    small: Any
    "Options of a tiny one."
    fitting: Any
    "Options without dropout, of one that is large enough for 32 reviews."
    one_graph: bool
    "Whether it compiles as a whole: PyTorch's recurrent layers break the graph."
    train: Mapping[str, Any]
    "Training options under which it reaches `least`."
    least: float
    "Accuracy on the test split of the IMDB sample."


CASES = {
    "text_cnn": Case(
        text_cnn, text_cnn.TextCNN, text_cnn.Options(dimension=6, filters=5),
        text_cnn.Options(dimension=16, filters=8, dropout=0.0), True, {"batch_size": 64, "learning_rate": 1e-3}, 0.86,
    ),
    "lstm": Case(
        lstm, lstm.LSTM, lstm.Options(dimension=6, hidden=5),
        lstm.Options(dimension=16, hidden=16, embedding_dropout=0.0, dropout=0.0), False,
        {"batch_size": 128, "learning_rate": 3e-3}, 0.84,
    ),
    "transformer": Case(
        transformer, transformer.Transformer, transformer.Options(max_length=16, dimension=6, heads=2, feedforward=5),
        transformer.Options(dimension=16, embedding_dropout=0.0, dropout=0.0), True,
        {"batch_size": 64, "learning_rate": 1e-3}, 0.85,
    ),
}  # fmt: skip

PADDED = {
    "text_cnn": [{}],
    "lstm": [{"pooling": p, "bidirectional": b, "layers": 2} for p in ("max", "mean", "last") for b in (False, True)],
    "transformer": [{"pooling": pooling, "layers": 2} for pooling in ("max", "mean")],
}
"Options under which padding might make a difference."


@pytest.fixture(autouse=True)
def seeded() -> None:
    torch.manual_seed(0)


@pytest.fixture(params=CASES)
def case(request: pytest.FixtureRequest) -> Case:
    return CASES[request.param]


def texts_of(width: int) -> tuple[torch.Tensor, torch.Tensor]:
    """Return eight texts (8, width) of random words, and the length of each."""
    return torch.randint(2, 10, (8, width)), torch.randint(1, width + 1, (8,))


@pytest.mark.parametrize("grad", [False, True])
@pytest.mark.parametrize(("name", "options"), [(name, options) for name, all in PADDED.items() for options in all])
def test_padding_changes_nothing_whatever_stands_in_it(name: str, options: Mapping[str, Any], grad: bool) -> None:
    case = CASES[name]
    module = case.network(WORDS, 2, replace(case.small, **options)).eval()
    with torch.no_grad():
        for convolution in getattr(module, "convolutions", ()):
            convolution.bias += 10.0  # the output for a window of padding only
    texts = [[4], [5, 6], [2, 3, 4, 5, 6, 7, 8, 9, 2, 3]]
    lengths = torch.tensor([len(text) for text in texts])
    with torch.set_grad_enabled(grad):
        alone = torch.cat([module(torch.tensor([text]), torch.tensor([len(text)])) for text in texts])
        for padding, width in ((0, 10), (0, 16), (7, 16)):
            tokens = torch.tensor([text + [padding] * (width - len(text)) for text in texts])
            assert torch.allclose(module(tokens, lengths), alone, atol=1e-5)


def test_a_regression_gives_one_value_a_text(case: Case) -> None:
    assert case.network(WORDS, 1, case.small)(torch.tensor([[2, 3], [4, 0]]), torch.tensor([2, 1])).shape == (2,)


def test_bfloat16_says_about_the_same(case: Case) -> None:
    module = case.network(WORDS, 2, case.small).eval()
    if any(isinstance(part, torch.nn.LSTM) for part in module.modules()) and not has_bfloat16_lstm():
        pytest.skip("this processor has no bfloat16 kernel for an LSTM")
    tokens, lengths = texts_of(12)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        coarse = module(tokens, lengths)
    assert torch.allclose(coarse.float(), module(tokens, lengths), atol=0.05)


def test_it_compiles_and_says_the_same(case: Case) -> None:
    module = case.network(WORDS, 2, case.small).eval()
    compiled = torch.compile(module, backend="eager", fullgraph=case.one_graph, dynamic=True)
    for width in (12, 9):
        tokens, lengths = texts_of(width)
        assert torch.allclose(compiled(tokens, lengths), module(tokens, lengths), atol=1e-5)


def test_texts_without_a_word_are_answered_too(case: Case) -> None:
    split = MemorySplit(np.arange(2), {"text": ["", "good good"], "target": np.array([0, 1])})
    data = Data("classification", {"classes": ("no", "yes")}, {"train": split}, Source("generated", "texts", "0"))
    network = case.model.build(data, case.small)
    batch = network.collate(encoded(network, split).take(torch.arange(2)))
    assert torch.isfinite(network.module(**batch.inputs)).all()
    assert network.padded == "tokens"


def reached(case: Case, data: Data, options: Any, train: TrainOptions, split: str) -> float:
    """Return the accuracy on a split after training."""
    network = case.model.build(data, options)
    columns = {name: encoded(network, examples) for name, examples in data.splits.items()}
    native.train(network, data, classification, train, PLACEMENT, lambda window: True, columns.__getitem__)
    outputs = predict(network, classification, columns[split], Evaluation(256, data.spec, None), PLACEMENT)
    return accuracy(columns[split].columns["target"].numpy(), outputs["predictions"])


def test_it_learns_32_reviews_by_heart(case: Case) -> None:
    few = prepare(imdb.load(imdb.Options(data="sample"), Sources(offline=True)), 0.1, smoke=True)
    train = few.splits["train"]
    data = replace(few, splits={"train": MemorySplit(train.ids[:32], train.take(np.arange(32)))})
    options = TrainOptions(epochs=30, batch_size=8, learning_rate=5e-3, validation=0.0)
    assert reached(case, data, case.fitting, options, "train") == 1.0


@pytest.mark.slow
def test_it_reaches_its_figure_on_the_imdb_sample(case: Case) -> None:
    data = prepare(imdb.load(imdb.Options(data="sample"), Sources(offline=True)), 0.1)
    options = TrainOptions(epochs=3, schedule="linear", **case.train)
    assert reached(case, data, case.model.Options(), options, "test") >= case.least
