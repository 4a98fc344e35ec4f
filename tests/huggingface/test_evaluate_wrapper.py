"""Plain metrics as modules of `evaluate`: the values of the function and of scikit-learn."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from sklearn import datasets, linear_model, metrics, model_selection

import bench_suite
from bench_suite.components import discovery

pytest.importorskip("evaluate", reason="evaluate is not installed; the extra `test` brings it")

from bench_suite.huggingface.evaluate_wrapper import module_of

METRICS = discovery.builtin("metrics")
ORACLES: Mapping[str, Callable[..., float]] = {
    "accuracy": metrics.accuracy_score,
    "balanced_accuracy": metrics.balanced_accuracy_score,
    "macro_f1": lambda targets, predictions: metrics.f1_score(targets, predictions, average="macro"),
    "matthews_correlation": metrics.matthews_corrcoef,
    "average_precision": lambda targets, scores: metrics.average_precision_score(targets, scores[:, 1]),
    "binary_f1": metrics.f1_score,
    "log_loss": metrics.log_loss,
    "brier_score": lambda targets, scores: ((scores - np.eye(scores.shape[1])[targets]) ** 2).sum(axis=1).mean(),
    "expected_calibration_error": lambda targets, scores: sum(
        abs((scores.max(axis=1) - (scores.argmax(axis=1) == targets))[inside].sum()) / len(targets)
        for inside in (np.ceil(scores.max(axis=1) * 15) == np.arange(1, 16)[:, None])
    ),
    "top_5_accuracy": lambda targets, scores: metrics.top_k_accuracy_score(targets, scores, k=5),
    "roc_auc": lambda targets, scores: metrics.roc_auc_score(targets, scores[:, 1]),
    "macro_roc_auc": lambda targets, scores: metrics.roc_auc_score(
        targets, scores / scores.sum(axis=1, keepdims=True, dtype=np.float64), multi_class="ovr"
    ),
    "mae": metrics.mean_absolute_error,
    "rmse": metrics.root_mean_squared_error,
    "r2": metrics.r2_score,
}
DATA = {
    **dict.fromkeys(("roc_auc", "average_precision", "binary_f1"), "two classes"),
    "mae": "numbers",
    "rmse": "numbers",
    "r2": "numbers",
}


@pytest.fixture(scope="module")
def real() -> Mapping[str, Mapping[str, np.ndarray]]:
    """Return the outputs of three fitted models on real examples: `targets`, `predictions` and perhaps `scores`."""
    results = {}
    for name, load in (("two classes", datasets.load_breast_cancer), ("ten classes", datasets.load_digits)):
        data, target = load(return_X_y=True)
        data = data / data.max(axis=0).clip(1e-9)
        train, test, seen, targets = model_selection.train_test_split(data, target, random_state=0, test_size=0.5)
        model = linear_model.LogisticRegression(C=0.01, max_iter=300).fit(train, seen)
        scores = model.predict_proba(test).astype(np.float32)
        results[name] = {"targets": targets, "predictions": model.predict(test), "scores": scores}
    data, target = datasets.load_diabetes(return_X_y=True)
    model = linear_model.LinearRegression().fit(data[:300], target[:300])
    results["numbers"] = {"targets": target[300:], "predictions": model.predict(data[300:])}
    return results


def function_of(name: str) -> Callable[..., float]:
    function: Callable[..., float] = getattr(discovery.load(discovery.find("metrics", name, Path())), name)
    return function


def given(name: str, real: Mapping[str, Mapping[str, np.ndarray]]) -> dict[str, np.ndarray]:
    """Return the real columns that a metric needs."""
    columns = real[DATA.get(name, "ten classes")]
    parameters = inspect.signature(function_of(name)).parameters.values()
    return {parameter.name: columns[parameter.name] for parameter in parameters if parameter.default is parameter.empty}


def theirs(columns: Mapping[str, Any]) -> dict[str, Any]:
    """Return the columns under the names that `evaluate` uses."""
    called = {"targets": "references", "scores": "prediction_scores"}
    return {called.get(name, name): values for name, values in columns.items()}


@pytest.mark.parametrize("name", METRICS)
def test_function_wrapper_and_scikit_learn_give_the_same_number_on_real_predictions(name, real, tmp_path):
    columns = given(name, real)
    value = function_of(name)(**columns)
    assert value == pytest.approx(ORACLES[name](*columns.values()), rel=1e-6)
    module = bench_suite.evaluate_module(name, cache_dir=str(tmp_path))
    assert module.name == name
    assert module.compute(**theirs(columns)) == {name: value}, "not only nearly: nothing is rounded on the way"


@pytest.mark.parametrize("name", METRICS)
def test_lists_in_batches_and_one_by_one_give_the_same_number_too(name, real, tmp_path):
    columns = {column: values[:60] for column, values in given(name, real).items()}
    value = function_of(name)(**{c: v.astype(np.float64) if c == "scores" else v for c, v in columns.items()})
    module = bench_suite.evaluate_module(name, cache_dir=str(tmp_path))
    for rows in (slice(0, 17), slice(17, 60)):
        module.add_batch(**theirs({column: values[rows].tolist() for column, values in columns.items()}))
    assert module.compute() == {name: pytest.approx(value, rel=1e-6)}
    single = {"references": "reference", "predictions": "prediction"}
    for row in range(60):
        example = theirs({column: values[row].tolist() for column, values in columns.items()})
        module.add(**{single.get(column, column): value for column, value in example.items()})
    assert module.compute() == {name: pytest.approx(value, rel=1e-6)}


def test_whole_numbers_first_do_not_cut_off_what_comes_behind_the_point_later(tmp_path):
    module = bench_suite.evaluate_module("mae", cache_dir=str(tmp_path))
    module.add(prediction=1, reference=1)
    module.add(prediction=0.5, reference=0)
    assert module.compute() == {"mae": 0.25}


def test_the_positive_class_is_an_option_of_the_module(tmp_path):
    module = bench_suite.evaluate_module("binary_f1", cache_dir=str(tmp_path))
    both = {"predictions": [0, 1, 1, 1], "references": [0, 0, 1, 1]}
    assert module.compute(**both, positive=0) == {"binary_f1": pytest.approx(2 / 3)}


def test_labels_may_be_words(tmp_path):
    module = bench_suite.evaluate_module("accuracy", cache_dir=str(tmp_path))
    assert module.compute(predictions=["cat", "dog"], references=["cat", "cow"]) == {"accuracy": 0.5}


def test_where_a_metric_is_undefined_its_reason_is_raised(tmp_path):
    module = bench_suite.evaluate_module("r2", cache_dir=str(tmp_path))
    with pytest.raises(ValueError, match="all targets are equal"):
        module.compute(predictions=[1.0, 2.0], references=[1.0, 1.0])


def test_a_module_of_a_metric_has_its_name_its_unit_and_its_columns(tmp_path):
    module = module_of(discovery.find("metrics", "top_5_accuracy", Path()), cache_dir=str(tmp_path))
    assert module.name == "top_5_accuracy"
    assert {name for features in module.features for name in features} == {"references", "prediction_scores"}
    assert "references, prediction_scores, one row an example" in module.inputs_description
    assert "in fraction; better: higher" in module.inputs_description
