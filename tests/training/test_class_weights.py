"""Class weights: scikit-learn's values, a mean of 1 over an epoch, and the names of classes."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pytest
from sklearn.utils.class_weight import compute_class_weight

from bench_suite.contracts import BenchError, Data, Source
from bench_suite.data.splits import MemorySplit
from bench_suite.training.class_weights import check_class_options, class_weights


def data_of(targets: np.ndarray, classes: tuple[str, ...] | None = ("no", "yes", "maybe")) -> Data:
    columns = {"table": np.zeros((len(targets), 1)), "target": targets}
    split = MemorySplit(np.arange(len(targets)), columns)
    spec = {} if classes is None else {"classes": classes}
    problem = "regression" if classes is None else "classification"
    return Data(problem, spec, {"train": split}, Source("generated", "churn", "0"))


TARGETS = np.repeat([0, 1, 2], [90, 3, 7])


def test_balanced_weights_are_scikit_learns() -> None:
    expected = compute_class_weight("balanced", classes=np.arange(3), y=TARGETS)
    weights = class_weights("balanced", data_of(TARGETS))
    assert weights is not None
    np.testing.assert_allclose(weights, expected, rtol=1e-12)
    np.testing.assert_allclose(weights, [100 / (3 * 90), 100 / (3 * 3), 100 / (3 * 7)], rtol=1e-12)


def test_a_class_without_training_examples_does_not_change_the_weights_of_the_others() -> None:
    weights = class_weights("balanced", data_of(np.repeat([0, 2], [90, 10])))
    assert weights is not None
    np.testing.assert_allclose(weights, [100 / 180, 1.0, 100 / 20], rtol=1e-12)


@pytest.mark.parametrize("scale", [1.0, 10.0])
def test_only_the_ratios_of_a_table_count_and_the_mean_over_the_examples_is_1(scale: float) -> None:
    table = {"yes": 5.0 * scale, "maybe": 2.0 * scale, "no": 1.0 * scale}
    weights = class_weights(table, data_of(TARGETS))
    assert weights is not None
    mean = (90 * 1 + 3 * 5 + 7 * 2) / 100
    np.testing.assert_allclose(weights, np.array([1.0, 5.0, 2.0]) / mean, rtol=1e-12)
    assert weights[TARGETS].mean() == pytest.approx(1.0)


def test_with_a_balanced_sampler_the_mean_over_the_classes_is_1() -> None:
    weights = class_weights({"yes": 5.0, "maybe": 2.0, "no": 1.0}, data_of(TARGETS), "balanced")
    assert weights is not None
    np.testing.assert_allclose(weights, np.array([1.0, 5.0, 2.0]) / (8 / 3), rtol=1e-12)


def test_without_the_option_there_are_no_weights() -> None:
    assert class_weights("none", data_of(TARGETS)) is None
    assert class_weights("none", data_of(TARGETS.astype(float), None)) is None


@pytest.mark.parametrize(
    ("table", "message"),
    [
        ({"no": 1.0, "Yes": 5.0, "maybe": 1.0}, '"Yes" is no class of churn; did you mean "yes"'),
        ({"no": 1.0, "maybe": 1.0}, 'the weight of "yes" is missing'),
        ({"no": 1.0, "yes": 0.0, "maybe": 1.0}, 'the weight of "yes" is 0; it must be above 0'),
        ({"no": 1.0, "yes": -5.0, "maybe": 1.0}, 'the weight of "yes" is -5; it must be above 0'),
    ],
)
def test_a_table_with_wrong_names_or_weights_is_refused(table: Mapping[str, float], message: str) -> None:
    with pytest.raises(BenchError) as raised:
        class_weights(table, data_of(TARGETS))
    assert message in str(raised.value)


@pytest.mark.parametrize(("weights", "sampler", "option"), [
    ("balanced", "shuffled", "class_weights"), ("none", "balanced", "sampler"),
])  # fmt: skip
def test_numbers_have_neither_weights_nor_a_balanced_sampler(weights: str, sampler: str, option: str) -> None:
    data = data_of(np.zeros(4), None)
    check_class_options("none", "shuffled", data, "diabetes")
    with pytest.raises(BenchError, match=f"{option} is for classes, and diabetes is regression: leave {option} out"):
        check_class_options(weights, sampler, data, "diabetes")
