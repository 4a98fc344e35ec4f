"""Splits that a suite states."""

from __future__ import annotations

import os
import subprocess
import sys
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from bench_suite.contracts import DataInvalid
from bench_suite.data.fingerprint import content_ids
from bench_suite.data.split_rules import SplitRule, draw, group_numbers, read_rule


@pytest.mark.parametrize(
    ("stated", "message"),
    [
        ({"tset": 0.2}, 'split has no key tset; did you mean "test"'),
        ({"test": 20}, "split.test = 20 is not a share between 0 and 1"),
        ({"test": 0.6, "validation": 0.5}, "take 1.1 of the examples"),
        ({"stratify": True}, "states nothing to test on"),
        ({"after": "2024-01-01"}, 'needs the column of times: by = "date"'),
        ({"after": "soon", "by": "d"}, 'split.after = "soon" is not a date'),
        ({"after": "2024-01-01", "by": "d", "test": 0.2}, "leave test out"),
        ({"column": "part", "test": 0.2}, "leave the other keys out"),
        ({"test": 0.2, "stratify": "yes"}, "is not true or false"),
        ({"folds": 1}, "split.folds = 1 is not a whole number from 2"),
        ({"folds": True}, "split.folds = true is not a whole number"),
        ({"folds": 5, "repeats": 0}, "split.repeats = 0 is not a whole number from 1"),
        ({"test": 0.2, "repeats": 2}, "state folds = 5 too"),
        ({"folds": 5, "test": 0.2}, "leave test out"),
        ({"folds": 5, "validation": 0.2}, "leave split.validation out"),
        ({"folds": 5, "after": "2024-01-01", "by": "d"}, "leave after out"),
    ],
)
def test_a_wrong_rule_is_refused_with_what_is_right(stated: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        read_rule(stated)


def drawn(rule: dict[str, Any], table: dict[str, Any], classes: Any = None) -> dict[str, np.ndarray]:
    stated = read_rule(rule)
    assert stated is not None
    n = len(next(iter(table.values())))
    ids = content_ids(np.arange(n))
    return draw(stated, pa.table(table), ids, classes, "mine", separate=False)[0]


def test_shares_are_stratified_and_do_not_depend_on_the_order_of_rows() -> None:
    classes = np.array([0] * 90 + [1] * 10)
    rows = drawn({"test": 0.2, "validation": 0.1}, {"x": list(range(100))}, classes)
    assert {role: (len(part), int(classes[part].sum())) for role, part in rows.items()} == {
        "test": (20, 2), "validation": (10, 1), "train": (70, 7),
    }  # fmt: skip
    order = np.random.default_rng(0).permutation(100)
    shuffled, _ = draw(
        SplitRule(0.2, 0.1), pa.table({"x": order}), content_ids(order), classes[order], "mine", separate=False
    )  # fmt: skip
    assert {role: sorted(order[part]) for role, part in shuffled.items()} == {
        role: part.tolist() for role, part in rows.items()
    }


@pytest.mark.parametrize("stratify", [False, True])
def test_a_group_stands_in_one_split(stratify: bool) -> None:
    random = np.random.default_rng(1)
    who = random.integers(0, 60, 600)
    classes = (who % 5 == 0).astype(np.int64)
    rows = drawn({"test": 0.2, "validation": 0.1, "by": "who", "stratify": stratify}, {"who": who}, classes)
    groups = {role: {*who[part].tolist()} for role, part in rows.items()}
    assert sum(map(len, groups.values())) == len({*who.tolist()})
    assert len(rows["test"]) == pytest.approx(120, abs=15)
    if stratify:
        assert classes[rows["test"]].mean() == pytest.approx(classes.mean(), abs=0.05)


def grouped(*sizes: int) -> dict[str, list[str]]:
    """Return a column of groups `g0`, `g1`, … of these sizes."""
    return {"who": [f"g{number}" for number, size in enumerate(sizes) for _ in range(size)]}


@pytest.mark.parametrize(
    ("sizes", "rule", "expected"),
    [
        ((50, 10, 10, 10, 10, 10), {"test": 0.2}, {"test": 20}),
        ((50, 10, 10, 10, 10, 10), {"test": 0.2, "validation": 0.1}, {"test": 20, "validation": 10}),
        ((90, 4, 3, 3), {"test": 0.1}, {"test": 10}),
        ((35, *[13] * 5), {"test": 0.2}, {"test": 26}),
        ((40, 35, 25), {"test": 0.2}, {"test": 25}),
        ((6, *[1] * 94), {"test": 0.02}, {"test": 2}),
    ],
)
@pytest.mark.parametrize("stratify", [False, True])
def test_a_huge_group_is_trained_on_and_the_test_set_gets_what_fits(
    sizes: tuple[int, ...], rule: dict[str, Any], expected: dict[str, int], stratify: bool
) -> None:
    classes = np.zeros(sum(sizes), dtype=np.int64)
    rows = drawn({**rule, "by": "who", "stratify": stratify}, grouped(*sizes), classes)
    assert {role: len(rows[role]) for role in expected} == expected
    assert sum(map(len, rows.values())) == sum(sizes)
    assert 0 in rows["train"]


def test_a_split_by_group_that_cannot_come_near_is_refused_with_the_largest_group_and_the_shares() -> None:
    with pytest.raises(DataInvalid) as caught:
        drawn({"test": 0.2, "by": "who"}, grouped(50, 50))
    assert str(caught.value).replace("g1", "g0") == (
        "mine: no split by `who` comes near test = 0.2: the nearest has 50% of the rows in test, because groups stay "
        "whole, and `g0` alone has 50 of 100 rows (50%): state another share, or split by a finer column"
    )
    with pytest.raises(DataInvalid, match=r"near test = 0\.2: the nearest has 5% .* `g0` alone has 95 of 100 rows"):
        drawn({"test": 0.2, "by": "who"}, grouped(95, 5))


def test_a_share_that_whole_groups_miss_is_said() -> None:
    def words(*sizes: int) -> str:
        rule = read_rule({"test": 0.2, "by": "who"})
        assert rule is not None
        n = sum(sizes)
        return draw(rule, pa.table(grouped(*sizes)), content_ids(np.arange(n)), None, "mine", separate=False)[1]

    assert words(40, 35, 25).endswith("; as groups stay whole, test has 25.0% and not 20.0% of the rows")
    assert words(50, 10, 10, 10, 10, 10).endswith("no value of `who` stands in two splits")


def test_a_split_by_time_needs_dates_and_every_row_one() -> None:
    with pytest.raises(DataInvalid, match="split by time needs dates, and `d` holds string"):
        drawn({"after": "2024-01-01", "by": "d"}, {"d": ["a", "b"]})
    days = pa.array([None, 0, 10**15], pa.timestamp("us"))
    with pytest.raises(DataInvalid, match=r"`d` is missing in 1 rows, the first is row 0"):
        drawn({"after": "2024-01-01", "by": "d"}, {"d": days})


def test_a_column_of_splits_holds_their_names_only() -> None:
    rows = drawn({"column": "part"}, {"part": ["Train", "test", "dev ", "train"]})
    assert {role: part.tolist() for role, part in rows.items()} == {"test": [1], "validation": [2], "train": [0, 3]}
    with pytest.raises(DataInvalid, match="'holdout' in row 1 is no split"):
        drawn({"column": "part"}, {"part": ["train", "holdout"]})


def test_a_split_without_examples_is_refused() -> None:
    days = pa.array([0, 1], pa.timestamp("us"))
    dates = "`d` has dates from 1970-01-01 to 1970-01-01"
    with pytest.raises(DataInvalid, match=f"split leaves no example for `test`: train 2, test 0; {dates}"):
        drawn({"after": "2024-01-01", "by": "d"}, {"d": days})


def test_numbers_of_groups_are_the_same_in_each_process() -> None:
    code = "from bench_suite.data.split_rules import group_numbers; print(group_numbers(['a', 1, None]).tolist())"
    printed = [
        subprocess.run(
            [sys.executable, "-c", code], env={**os.environ, "PYTHONHASHSEED": seed}, capture_output=True
        ).stdout
        for seed in ("1", "2")
    ]
    assert printed[0] == printed[1] == f"{group_numbers(['a', 1, None]).tolist()}\n".encode()
