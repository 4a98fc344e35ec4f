"""Planted groups: gaps between groups are exact counts in one attribute and absent in the other."""

from __future__ import annotations

import re
from fractions import Fraction
from types import MappingProxyType
from typing import Any

import numpy as np
import pytest

from bench_suite.contracts import Data, DataInvalid, TrainOptions
from bench_suite.data.preparation import prepare
from bench_suite.data.sources import Sources
from bench_suite.models import logistic_regression, planted_rule
from bench_suite.tasks import planted_groups

NONE = MappingProxyType({})
THREE = MappingProxyType({"members": 3, "size": 400, "selection_gap": 0.2, "error_gap": 0.1, "base_gap": 0.1})
TURNED = MappingProxyType({"selection_gap": -0.1, "error_gap": 0.0, "base_gap": 0.0, "error_rate": 0.2})


def load_task(**options: Any) -> tuple[planted_groups.Options, Data]:
    stated = planted_groups.Options(**options)
    return stated, planted_groups.load(stated, Sources(offline=True))


def rates(data: Data, split: str, attribute: str) -> dict[str, tuple[Fraction, Fraction, Fraction]]:
    """Return by group: the rate of rule = 1, the error rate of the rule, and the rate of class 1."""
    examples = data.splits[split]
    raw = examples.take(np.arange(len(examples)))
    predicted = raw["table"][:, 0] > 0
    results = {}
    for group in np.unique(examples.groups[attribute]).tolist():
        of = examples.groups[attribute] == group
        counts = (predicted[of].sum(), (predicted != raw["target"])[of].sum(), raw["target"][of].sum())
        results[group] = tuple(Fraction(int(count), int(of.sum())) for count in counts)
    return results


@pytest.mark.parametrize("split", ["train", "test"])
@pytest.mark.parametrize("stated", [NONE, THREE, TURNED], ids=["usual", "three groups", "the other way"])
def test_the_gaps_between_first_and_last_group_are_those_that_were_asked_for(stated: Any, split: str) -> None:
    options, data = load_task(**stated)
    observed = rates(data, split, "planted")
    assert len(observed) == options.members
    first, last = observed["A"], observed["ABC"[options.members - 1]]
    assert float(first[0] - last[0]) == pytest.approx(options.selection_gap, abs=1e-12)
    assert float(last[1] - first[1]) == pytest.approx(options.error_gap, abs=1e-12)
    assert float(first[2] - last[2]) == pytest.approx(options.base_gap, abs=1e-12)
    assert [float(rate) for rate in first] == [options.selection_rate, options.error_rate, options.base_rate]


def test_groups_in_between_lie_on_the_line() -> None:
    _, data = load_task(**THREE)
    first, second, third = rates(data, "test", "planted").values()
    assert [2 * rate for rate in second] == [a + b for a, b in zip(first, third)]


@pytest.mark.parametrize("stated", [NONE, THREE], ids=["usual", "three groups"])
def test_the_balanced_attribute_has_no_gap_at_all_within_groups_and_over_them(stated: Any) -> None:
    _, data = load_task(**stated)
    left, right = rates(data, "test", "balanced").values()
    assert left == right
    test = data.splits["test"]
    raw = test.take(np.arange(len(test)))
    for group in "AB":
        cells = [
            (raw["target"] * 2 + (raw["table"][:, 0] > 0))[
                (test.groups["planted"] == group) & (test.groups["balanced"] == half)
            ]
            for half in planted_groups.HALVES
        ]
        assert np.array_equal(np.bincount(cells[0]), np.bincount(cells[1]))


def test_confusions_are_the_counts_of_the_data() -> None:
    options, data = load_task()
    test = data.splits["test"]
    raw = test.take(np.arange(len(test)))
    for member, counts in zip("AB", planted_groups.confusions(options)):
        of = test.groups["planted"] == member
        class_counts = np.bincount(raw["target"][of] * 2 + (raw["table"][of, 0] > 0), minlength=4)
        assert np.array_equal(class_counts.reshape(2, 2), counts)


def test_the_rule_reads_the_planted_answer_and_a_trained_model_finds_it() -> None:
    data = prepare(load_task()[1], 0.1)
    test = data.splits["test"]
    rule = planted_rule.build(data, planted_rule.Options()).predict(test)["predictions"]
    learnt = logistic_regression.build(data, logistic_regression.Options())
    learnt.fit(data, TrainOptions(), lambda window: True)
    assert np.array_equal(learnt.predict(test)["predictions"], rule)
    first, last = (rule[test.groups["planted"] == group].mean() for group in "AB")
    assert first - last == pytest.approx(0.2, abs=1e-12)


def test_no_example_stands_in_two_splits_and_each_load_gives_the_same() -> None:
    data, again = load_task()[1], load_task()[1]
    assert data.source == again.source
    assert data.source.origin == "generated"
    assert {len(split) for split in data.splits.values()} == {800}
    prepared = prepare(data, 0.1)
    assert {name: len(split) for name, split in prepared.splits.items()} == {
        "train": 720,
        "validation": 80,
        "test": 800,
    }


def test_attributes_are_chosen_and_never_inputs() -> None:
    data = load_task(groups=("balanced",))[1]
    assert set(data.splits["test"].groups) == {"balanced"}
    with pytest.raises(DataInvalid, match="no group `age` in this task; it has: planted, balanced"):
        load_task(groups=("age",))
    assert data.splits["test"].take(np.arange(2))["table"].dtype == np.float64


@pytest.mark.parametrize(
    ("stated", "says"),
    [
        ({"size": 401}, "size = 401 cannot be halved"),
        ({"selection_rate": 0.501}, "in group A, the share of selection = 0.501 of 200 examples is not a whole number"),
        ({"members": 3, "error_gap": 0.015}, "in group B, the share of errors = 0.1575 of 200"),
        ({"error_rate": 0.155}, "change a rate by 0.005"),
        ({"selection_rate": 0.9, "error_rate": 0.1}, "200 examples of group A cannot have 180 predictions of class 1"),
    ],
)
def test_shares_that_no_examples_can_have_are_refused_before_a_cell_is_spent(stated: Any, says: str) -> None:
    with pytest.raises(ValueError, match=re.escape(says)):
        planted_groups.check(planted_groups.Options(**stated))
