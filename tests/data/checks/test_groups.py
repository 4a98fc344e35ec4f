"""D010: groups whose rates have wide intervals, from the interval itself."""

from __future__ import annotations

import numpy as np
import pytest

from bench_suite.data.checks.groups import MAX_HALF_WIDTH, MIN_EXAMPLES, half_width, small_groups


def test_the_least_number_of_examples_is_that_of_the_interval() -> None:
    assert half_width(MIN_EXAMPLES) <= MAX_HALF_WIDTH < half_width(MIN_EXAMPLES - 1)
    assert half_width(100) == pytest.approx(0.0962, abs=1e-4), "Wilson (1927): 50 of 100 lie in 0.4038 to 0.5962"


def test_small_groups_of_test_are_named_with_their_rows(make_task, random) -> None:
    sex = np.array(["f"] * 40 + ["m"] * 260)
    table, target = random.normal(size=(600, 2)), np.arange(600) // 2 % 2
    groups = {"sex": sex, "site": np.array(["a", "b"] * 150)}
    task = make_task(
        "table", {"train": (table[:300], target[:300], groups), "test": (table[300:], target[300:], groups)},
        options={"groups": None},
    )  # fmt: skip
    (finding,) = small_groups(task)
    assert (finding.severity, finding.evidence[0].count) == ("warning", 40)
    assert finding.subjects == ("sex", "site by class")
    assert "`sex = f` (40): rates known to ± 0.15 at worst" in finding.summary
    assert "`site = a, class no` (75)" in finding.summary
    assert finding.summary.endswith("93 examples make it ± 0.1")
    assert finding.mend.endswith('groups = ["site"]')


def test_members_without_a_value_are_counted_with_the_small_groups(make_task, random) -> None:
    sex = np.array(["f"] * 40 + ["m"] * 253 + ["unknown"] * 7)
    table, target = random.normal(size=(600, 2)), np.arange(600) // 2 % 2
    parts = {"train": (table[:300], target[:300], {"sex": sex}), "test": (table[300:], target[300:], {"sex": sex})}
    (finding,) = small_groups(make_task("table", parts, options={"groups": None}))
    assert "`sex = f` (40), `sex = unknown` (7)" in finding.summary
    assert finding.evidence[0].count == 47


def test_small_groups_of_several_attributes_are_one_finding_with_one_advice(make_task, random) -> None:
    few = np.array(["few"] * 40 + ["many"] * 460)
    groups = {"sex": few, "site": few[::-1], "age": np.array(["a", "b"] * 250)}
    table, target = random.normal(size=(1000, 2)), np.arange(1000) // 2 % 2
    parts = {"train": (table[:500], target[:500], groups), "test": (table[500:], target[500:], groups)}
    (finding,) = small_groups(make_task("table", parts, options={"groups": None}))
    assert finding.subjects == ("sex", "site")
    assert finding.evidence[0].count == 80, "the members of both"
    assert finding.mend.endswith('groups = ["age"]')


def test_small_classes_alone_are_a_note(make_task, random) -> None:
    groups = {"site": np.array(["a", "b"] * 150)}
    table, target = random.normal(size=(600, 2)), np.arange(600) % 3 // 2
    parts = {"train": (table[:300], target[:300], groups), "test": (table[300:], target[300:], groups)}
    (finding,) = small_groups(make_task("table", parts))
    assert (finding.severity, finding.subject) == ("note", "site by class")
    assert "groups =" not in finding.mend


def test_large_groups_and_unknown_members_are_no_finding(make_task, random) -> None:
    sex = np.array(["f"] * 300 + ["m"] * 300 + ["unknown"] * 5)
    table, target = random.normal(size=(1210, 2)), np.arange(1210) % 2
    parts = {"train": (table[:605], target[:605], {"sex": sex}), "test": (table[605:], target[605:], {"sex": sex})}
    assert list(small_groups(make_task("table", parts))) == []


def test_a_small_test_split_is_a_warning(make_task, random) -> None:
    table = random.normal(size=(60, 2))
    task = make_task("table", {"train": (table[:30], np.arange(30) % 2), "test": (table[30:], np.arange(30) % 2)})
    (finding,) = small_groups(task)
    assert (finding.subject, finding.subjects) == ("test", ())
    assert finding.values["half_width"] == pytest.approx(0.17, abs=0.005)
    assert "an accuracy" in finding.summary
    numbers = {"train": (table[:30], table[:30, 0]), "test": (table[30:], table[30:, 0])}
    (finding,) = small_groups(make_task("table", numbers, classes=None))
    assert "a mean error is ± 0.36 of the errors' spread" in finding.summary, "1.96 / √30"
