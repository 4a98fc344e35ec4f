"""The estimators against direct use of scikit-learn, on the real loans and diabetes."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import log_loss as sklearn_log_loss
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from bench_suite.contracts import Data, TrainingFailed, TrainOptions
from bench_suite.data.preparation import prepare
from bench_suite.data.sources import Sources
from bench_suite.data.splits import Changed, Subset
from bench_suite.metrics.accuracy import accuracy
from bench_suite.metrics.log_loss import log_loss
from bench_suite.metrics.r2 import r2
from bench_suite.models import gradient_boosting, logistic_regression
from bench_suite.tasks import diabetes, loans


@pytest.fixture(autouse=True)
def one_thread() -> Iterator[None]:
    """Limit OpenMP too: on a busy machine a second thread makes 1,400 rows take a hundred times as long."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture(scope="module")
def applications() -> Data:
    return prepare(loans.load(loans.Options(), Sources(offline=True)), 0.1, smoke=False)


@pytest.fixture(scope="module")
def patients() -> Data:
    return prepare(diabetes.load(diabetes.Options(), Sources(offline=True)), 0.1, smoke=False)


def whole_split(data: Data, split: str) -> tuple[np.ndarray, np.ndarray]:
    raw = data.splits[split].take(np.arange(len(data.splits[split])))
    return raw["table"], raw["target"]


def fit_model(module: Any, data: Data, **options: object) -> logistic_regression.Regression:
    torch.manual_seed(0)
    estimator = module.build(data, module.Options(**options))
    estimator.fit(data, TrainOptions(), lambda window: True)
    return estimator


def test_logistic_regression_is_scikit_learns(applications: Data) -> None:
    pipeline = make_pipeline(SimpleImputer(strategy="median"), StandardScaler(), LogisticRegression(max_iter=1000))
    inputs, targets = whole_split(applications, "train")
    expected = pipeline.fit(inputs, targets).predict_proba(whole_split(applications, "test")[0])
    outputs = fit_model(logistic_regression, applications).predict(applications.splits["test"])
    assert outputs["scores"] == pytest.approx(expected, abs=1e-6)


def test_missing_values_never_reach_a_score(applications: Data) -> None:
    assert np.isnan(whole_split(applications, "train")[0]).any()
    for module in (logistic_regression, gradient_boosting):
        assert np.isfinite(fit_model(module, applications).predict(applications.splits["test"])["scores"]).all()


def test_boosting_is_no_worse_than_logistic_regression_within_its_interval(applications: Data) -> None:
    targets = whole_split(applications, "test")[1]
    linear = fit_model(logistic_regression, applications).predict(applications.splits["test"])
    trees = fit_model(gradient_boosting, applications).predict(applications.splits["test"])
    reference = accuracy(targets, linear["predictions"])
    half_width = 1.96 * np.sqrt(reference * (1 - reference) / len(targets))
    assert accuracy(targets, trees["predictions"]) >= reference - half_width
    assert log_loss(targets, trees["scores"]) < log_loss(
        targets, np.tile(np.bincount(targets) / len(targets), (len(targets), 1))
    )


def test_boosting_explains_diabetes_as_well_as_is_known_for_it(patients: Data) -> None:
    """Ordinary least squares reaches an R² of about 0.45 on these data."""
    outputs = fit_model(gradient_boosting, patients).predict(patients.splits["test"])
    assert r2(whole_split(patients, "test")[1], outputs["predictions"]) > 0.3


def test_the_validation_split_chooses_the_rounds(applications: Data) -> None:
    estimator = fit_model(gradient_boosting, applications, trees=300, shrinkage=0.2)
    without = replace(applications, splits={n: s for n, s in applications.splits.items() if n != "validation"})
    all_rounds = fit_model(gradient_boosting, without, trees=300, shrinkage=0.2)
    assert all_rounds.trees.n_iter_ == 300
    inputs, targets = whole_split(applications, "validation")
    losses = [log_loss(targets, scores) for scores in all_rounds.trees.staged_predict_proba(inputs)]
    assert estimator.trees.n_iter_ == int(np.argmin(losses)) + 1 < 300
    outputs = estimator.predict(applications.splits["validation"])
    assert log_loss(targets, outputs["scores"]) == pytest.approx(min(losses), rel=1e-5), "the same trees, fitted anew"


def test_a_class_that_training_never_saw_scores_zero(applications: Data) -> None:
    three = replace(applications, spec={**applications.spec, "classes": ["never", "denied", "approved"]})
    for module in (logistic_regression, gradient_boosting):
        scores = fit_model(module, three).predict(three.splits["test"])["scores"]
        assert scores.shape == (len(three.splits["test"]), 3)
        assert (scores[:, 2] == 0.0).all()


def test_one_class_alone_cannot_be_learnt(applications: Data) -> None:
    approved = np.flatnonzero(whole_split(applications, "train")[1] == 1)
    splits = {**applications.splits, "train": Subset(applications.splits["train"], approved)}
    for module in (logistic_regression, gradient_boosting):
        with pytest.raises(TrainingFailed, match="one class only"):
            fit_model(module, replace(applications, splits=splits))


def test_boosting_does_without_a_column_that_no_training_example_has(applications: Data) -> None:
    columns = applications.splits["train"].take(np.arange(len(applications.splits["train"])))["table"].shape[1]

    def emptied(raw: Mapping[str, Any]) -> Mapping[str, Any]:
        table = raw["table"].copy()
        table[:, 0] = np.nan
        return {**raw, "table": table}

    def nothing(raw: Mapping[str, Any]) -> Mapping[str, Any]:
        return {**raw, "table": np.full((len(raw["table"]), columns), np.nan)}

    for change in (emptied, nothing):
        splits = {name: Changed(split, change) for name, split in applications.splits.items()}
        model = fit_model(gradient_boosting, replace(applications, splits=splits))
        assert np.isfinite(model.predict(splits["test"])["scores"]).all()
        assert np.isfinite(model.predict(applications.splits["test"])["scores"]).all(), "the column comes back"


# ── class weights ───────────────────────────────────────────────────────────────────────────────


def fit_weighted(module: Any, data: Data, weights: Any, **options: object) -> Any:
    torch.manual_seed(0)
    estimator = module.build(data, module.Options(**options))
    estimator.fit(data, TrainOptions(class_weights=weights), lambda window: True)
    return estimator


@pytest.mark.parametrize("weights", ["balanced", {"denied": 5.0, "approved": 1.0}])
def test_weighted_logistic_regression_is_scikit_learns(applications: Data, weights: Any) -> None:
    inputs, targets = whole_split(applications, "train")
    # Only ratios count: a table is scaled to a mean of 1, so that the penalty keeps its strength.
    mean = 1.0 + 4.0 * (targets == 0).mean()
    of_class = "balanced" if weights == "balanced" else {0: 5.0 / mean, 1: 1.0 / mean}
    pipeline = make_pipeline(
        SimpleImputer(strategy="median"), StandardScaler(), LogisticRegression(max_iter=1000, class_weight=of_class)
    ).fit(inputs, targets)
    unseen, truth = whole_split(applications, "test")
    scores = fit_weighted(logistic_regression, applications, weights).predict(applications.splits["test"])["scores"]
    np.testing.assert_allclose(scores, pipeline.predict_proba(unseen), atol=1e-5)
    plain = fit_model(logistic_regression, applications).predict(applications.splits["test"])["predictions"]
    denied = truth == 0
    assert (scores.argmax(1) == 0)[denied].mean() > (plain == 0)[denied].mean() + 0.1


def test_weighted_boosting_is_scikit_learns_and_chooses_its_rounds_by_the_weighted_loss(applications: Data) -> None:
    estimator = fit_weighted(gradient_boosting, applications, "balanced", columns_a_split=1.0)
    inputs, targets = whole_split(applications, "train")
    counts = np.bincount(targets)
    weights = len(targets) / (2 * counts)
    settings = {"learning_rate": 0.1, "max_leaf_nodes": 8, "l2_regularization": 1.0, "early_stopping": False}
    many = HistGradientBoostingClassifier(max_iter=100, **settings).fit(inputs, targets, sample_weight=weights[targets])
    unseen, truth = whole_split(applications, "validation")
    losses = [
        sklearn_log_loss(truth, outputs, sample_weight=weights[truth]) for outputs in many.staged_predict_proba(unseen)
    ]
    assert estimator.trees.n_iter_ == int(np.argmin(losses)) + 1
    few = HistGradientBoostingClassifier(max_iter=estimator.trees.n_iter_, **settings)
    few.fit(inputs, targets, sample_weight=weights[targets])
    scores = estimator.predict(applications.splits["test"])["scores"]
    np.testing.assert_allclose(scores, few.predict_proba(whole_split(applications, "test")[0]), atol=1e-6)
