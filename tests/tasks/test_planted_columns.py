"""Planted columns: the best rule is the one that the docstring states, including the decoys."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression

from bench_suite.contracts import Data, DataInvalid
from bench_suite.data.sources import Sources
from bench_suite.data.splits import column
from bench_suite.tasks import planted_columns as task


def load(**options: object) -> Data:
    return task.load(task.Options(size=40_000, noise=2, **options), Sources(offline=True))


def best_rule(data: Data) -> dict[str, float]:
    table, target = (np.asarray(column(data.splits["train"], name)) for name in ("table", "target"))
    model = LogisticRegression(C=1e6).fit(table, target)
    return dict(zip(data.spec["columns"], model.coef_[0]))


def test_the_best_rule_weighs_each_signal_two_and_noise_nothing() -> None:
    weights = best_rule(load())
    for name, weight in weights.items():
        assert weight == pytest.approx(2.0 if name.startswith("signal") else 0.0, abs=0.15), name


def test_the_best_rule_weighs_a_suppressor_that_knows_nothing_of_the_class() -> None:
    data = load(suppressor=True)
    weights = best_rule(data)
    assert weights["suppressor"] == pytest.approx(-2.0, abs=0.2)
    assert weights["signal 1"] == pytest.approx(4.0, abs=0.25)
    assert weights["signal 2"] == pytest.approx(2.0, abs=0.15)
    table, target = (np.asarray(column(data.splits["train"], name)) for name in ("table", "target"))
    assert abs(np.corrcoef(table[:, -1], target)[0, 1]) < 0.02


def test_the_best_rule_of_train_weighs_a_decoy_by_how_often_it_is_right() -> None:
    data = load(decoy=0.8)
    assert best_rule(data)["decoy"] == pytest.approx(math.log(1.8 / 0.2), abs=0.15)
    agreement = {}
    for name, split in data.splits.items():
        table, target = (np.asarray(column(split, key)) for key in ("table", "target"))
        agreement[name] = ((table[:, -1] > 0) == target).mean()
    assert agreement["train"] == pytest.approx(0.9, abs=0.01)
    assert agreement["test"] == pytest.approx(0.5, abs=0.02)


@pytest.mark.parametrize("share", [0.0, 0.5, 0.75, 0.9, 1.0])
def test_the_decoy_is_the_class_as_often_as_the_option_says(
    share: float, decoy_share: Callable[[str, float], float]
) -> None:
    expected_share = decoy_share("planted_columns", share)
    table, target = (np.asarray(column(load(decoy=share).splits["train"], name)) for name in ("table", "target"))
    assert ((table[:, -1] > 0) == target).mean() == pytest.approx(expected_share, abs=0.01)


def test_masks_say_which_columns_are_which() -> None:
    data = load(decoy=0.5, suppressor=True)
    taken = data.splits["test"].take(np.arange(1))
    names = np.array(data.spec["columns"])
    assert names[taken["relevant"][0]].tolist() == [f"signal {number}" for number in range(1, 5)]
    assert names[taken["decoy"][0]].tolist() == ["decoy", "suppressor"]


def test_it_has_no_sensitive_attributes() -> None:
    with pytest.raises(DataInvalid, match="no group `age`"):
        task.load(task.Options(groups=("age",)), Sources(offline=True))
