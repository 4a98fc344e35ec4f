"""Every built-in model on real data of each modality and problem that it declares."""

from __future__ import annotations

import pickle
from collections.abc import Iterator
from functools import cache
from importlib import import_module
from types import ModuleType
from typing import Any

import numpy as np
import pytest
import torch

from bench_suite.contracts import Batch, Data, Estimator, Evaluation, Network, Placement, TrainOptions
from bench_suite.data.encoded import encoded
from bench_suite.data.preparation import prepare
from bench_suite.data.sources import Sources
from bench_suite.engines import native
from bench_suite.training.precision import computing
from bench_suite.training.prediction import predict

TASKS = ("mnist", "imdb", "loans", "diabetes")
MODELS = (
    "mlp", "cnn", "resnet", "vit", "bag_of_words", "text_cnn", "lstm", "transformer", "bert", "gpt2",
    "logistic_regression", "gradient_boosting",
)  # fmt: skip
SMALL = {
    "vit": {"hidden": 48, "layers": 2},
    "bert": {"max_length": 32, "layers": 1, "dimension": 16, "feedforward": 32, "vocabulary": 400},
    "gpt2": {"max_length": 32, "layers": 1, "dimension": 16, "feedforward": 32, "vocabulary": 400},
}
"Options of models whose usual size takes long."
PLACEMENT = Placement("cpu", 1, "32-true")


def module(kind: str, name: str) -> ModuleType:
    return import_module(f"bench_suite.{kind}.{name}")


@cache
def data_of(task: str, smoke: bool = True) -> Data:
    """Return 64 real examples of each split of the sample; the problem adds its facts as in the harness."""
    tasks = module("tasks", task)
    data = prepare(tasks.load(tasks.Options(data="sample"), Sources(offline=True)), 0.1, smoke)
    complete = getattr(module("problems", data.problem), "fit_spec", None)
    if complete is None:
        return data
    return Data(data.problem, complete(data.spec, data), data.splits, data.source)


def fits(task: str, model: str) -> bool:
    facts, models = module("tasks", task), module("models", model)
    return facts.MODALITY in models.MODALITIES and facts.PROBLEM in models.PROBLEMS


PAIRS = [(task, model) for task in TASKS for model in MODELS if fits(task, model)]


@pytest.fixture(autouse=True)
def one_thread() -> Iterator[None]:
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


def train_model(
    task: str, model: str, seed: int = 0, placement: Placement = PLACEMENT, **options: Any
) -> tuple[Any, Data]:
    data = data_of(task)
    models, problem = module("models", model), module("problems", data.problem)
    torch.manual_seed(seed)
    built = models.build(data, models.Options(**SMALL.get(model, {}), **options))
    if isinstance(built, Network):
        columns = {name: encoded(built, data.splits[name]) for name in ("train", "validation")}
        train_options = TrainOptions(epochs=1)
        native.train(built, data, problem, train_options, placement, lambda window: True, columns.__getitem__)
    else:
        built.fit(data, TrainOptions(), lambda window: True)
    return built, data


def predict_split(built: Any, data: Data, split: str = "test") -> Any:
    if isinstance(built, Network):
        problem = module("problems", data.problem)
        columns = encoded(built, data.splits[split])
        return predict(built, problem, columns, Evaluation(32, data.spec, None), PLACEMENT)
    return built.predict(data.splits[split])


def test_every_task_has_a_model_and_every_model_a_task() -> None:
    assert {task for task, _ in PAIRS} == set(TASKS)
    assert {model for _, model in PAIRS} == set(MODELS)


@cache
def trained_once(task: str, model: str) -> Any:
    """Return what `train_model` returns for the seed 7; tests share it and do not change it."""
    return train_model(task, model, seed=7)


@pytest.mark.parametrize(("task", "model"), PAIRS)
def test_it_trains_and_says_one_thing_of_each_example(task: str, model: str) -> None:
    built, data = trained_once(task, model)
    assert isinstance(built, Network | Estimator)
    answers = predict_split(built, data)
    n = len(data.splits["test"])
    assert answers["predictions"].shape == (n,)
    assert np.isfinite(answers["predictions"]).all()
    if data.problem == "classification":
        assert answers["predictions"].dtype == np.int64
        assert answers["scores"].shape == (n, len(data.spec["classes"]))
        assert answers["scores"].dtype == np.float32
        assert answers["scores"].sum(axis=1) == pytest.approx(1.0, abs=1e-5)


@pytest.mark.parametrize(("task", "model"), PAIRS)
def test_the_same_seed_gives_the_same_predictions_bit_for_bit(task: str, model: str) -> None:
    answers = [predict_split(*trained) for trained in (trained_once(task, model), train_model(task, model, seed=7))]
    for column in answers[0]:
        assert np.array_equal(answers[0][column], answers[1][column])


@pytest.mark.parametrize(("task", "model"), PAIRS)
def test_it_has_deterministic_kernels_and_repeats_itself_on_two_threads(task: str, model: str) -> None:
    placement = Placement("cpu", 2, "32-true", deterministic=True)
    answers = [predict_split(*train_model(task, model, seed=7, placement=placement)) for _ in range(2)]
    for column in answers[0]:
        assert np.array_equal(answers[0][column], answers[1][column])


@pytest.mark.parametrize(("task", "model"), [pair for pair in PAIRS if pair[1] != "logistic_regression"])
def test_another_seed_gives_other_predictions(task: str, model: str) -> None:
    small = {"examples_a_leaf": 4} if model == "gradient_boosting" else {}  # 64 examples are few for leaves of 20
    column = "scores" if data_of(task).problem == "classification" else "predictions"
    first = train_model(task, model, 7, **small) if small else trained_once(task, model)
    first, second = (predict_split(*trained)[column] for trained in (first, train_model(task, model, 1, **small)))
    assert not np.array_equal(first, second)


@pytest.mark.parametrize(("task", "model"), PAIRS)
def test_networks_encode_row_by_row_and_in_another_process_too(task: str, model: str) -> None:
    data, models = data_of(task), module("models", model)
    built = models.build(data, models.Options(**SMALL.get(model, {})))
    if not isinstance(built, Network):
        pytest.skip("an estimator encodes nothing")
    encode, collate = pickle.loads(pickle.dumps((built.encode, built.collate)))
    together = encode(data.splits["test"].take(np.arange(8)))
    for row in range(8):
        alone = encode(data.splits["test"].take(np.array([row])))
        for name, column in together.items():
            single = alone[name]
            if isinstance(column, np.ndarray):
                assert np.array_equal(column[row], single[0])
            else:
                assert np.array_equal(column[np.array([row])].values, single.values)
    batch = collate(encoded(built, data.splits["test"]).take(torch.arange(3)))
    assert isinstance(batch, Batch)
    assert len(built.module(**batch.inputs)) == 3


@pytest.mark.parametrize(
    ("task", "model"), [pair for pair in PAIRS if "gradients" in getattr(module("models", pair[1]), "PROVIDES", ())]
)
def test_a_model_that_provides_gradients_has_them_for_its_inputs(task: str, model: str) -> None:
    data, models = data_of(task), module("models", model)
    built = models.build(data, models.Options(**SMALL.get(model, {})))
    batch = built.collate(encoded(built, data.splits["test"]).take(torch.arange(4)))
    if "embeddings" in models.PROVIDES:
        weight = built.module.get_input_embeddings().weight
        built.module(**batch.inputs).sum().backward()
        assert weight.grad.abs().sum() > 0
        return
    inputs = {name: value.float().requires_grad_() for name, value in batch.inputs.items()}
    built.module(**inputs).sum().backward()
    assert all(value.grad is not None for value in inputs.values())
    assert sum(float(value.grad.abs().sum()) for value in inputs.values()) > 0


@pytest.mark.parametrize("model", ["logistic_regression", "gradient_boosting"])
def test_estimators_keep_to_the_threads_of_the_plan(model: str, monkeypatch: pytest.MonkeyPatch) -> None:
    from threadpoolctl import threadpool_info

    seen: list[int] = []
    built, data = train_model("loans", model)
    estimator = built.pipeline if model == "logistic_regression" else built.trees
    fit = type(estimator).fit

    def watched(self: Any, *args: Any, **kwargs: Any) -> Any:
        seen.extend(pool["num_threads"] for pool in threadpool_info())
        return fit(self, *args, **kwargs)

    monkeypatch.setattr(type(estimator), "fit", watched)
    with computing(PLACEMENT):  # the harness does this around every fit and every prediction
        built.fit(data, TrainOptions(), lambda window: True)
    assert set(seen) == {1}
