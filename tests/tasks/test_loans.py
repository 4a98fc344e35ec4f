"""Loans: the inputs contain neither the outcome nor the attributes by which the law forbids to decide."""

from __future__ import annotations

import numpy as np
import pandas
import pytest

from bench_suite.contracts import Data, DataInvalid
from bench_suite.data.fingerprint import contents
from bench_suite.data.sources import Sources
from bench_suite.data.splits import column
from bench_suite.tasks import loans


@pytest.fixture(scope="module")
def data() -> Data:
    return loans.load(loans.Options(), Sources(offline=True))


def everything(data: Data, name: str) -> np.ndarray:
    return np.concatenate([column(split, name) for split in data.splits.values()])


def test_all_1989_applications_are_dealt_four_to_one_by_outcome(data: Data) -> None:
    assert {name: len(split) for name, split in data.splits.items()} == {"train": 1591, "test": 398}
    target = everything(data, "target")
    assert target.sum() == 1745
    assert abs(column(data.splits["test"], "target").mean() - target.mean()) < 0.002
    assert not np.isin(contents(data.splits["test"].ids), contents(data.splits["train"].ids)).any()


def test_full_and_sample_mean_the_same(data: Data) -> None:
    sample = loans.load(loans.Options(data="sample"), Sources())
    assert sample.source == data.source
    assert data.source.name == "loans"


def test_neither_outcome_nor_protected_attributes_are_inputs(data: Data) -> None:
    outcome = {"approve", "reject", "action", "typur", "inson", "review", "gdlin"}
    protected = {"black", "hispan", "white", "male", "married", "old", "min30"}
    assert not (outcome | protected) & set(data.spec["columns"])
    assert len(set(data.spec["columns"])) == len(data.spec["columns"]) == everything(data, "table").shape[1]


def test_no_single_input_gives_the_outcome_away(data: Data) -> None:
    values, target = everything(data, "table"), everything(data, "target")
    for name, inputs in zip(data.spec["columns"], values.T):
        known = ~np.isnan(inputs)
        assert abs(np.corrcoef(inputs[known], target[known])[0, 1]) < 0.4, name


def test_missing_values_are_nan_and_impossible_ones_are_missing(data: Data) -> None:
    values = dict(zip(data.spec["columns"], everything(data, "table").T))
    assert np.isnan(values["dep"]).sum() == 3
    assert np.isnan(values["term"]).sum() == 4
    assert np.nanmax(values["lines"]) < 100
    assert set(np.unique(values["emp"][~np.isnan(values["emp"])])) == {0.0, 1.0}
    assert not np.isnan(values["loanamt"]).any()


def test_groups_are_told_apart_where_they_are_known(data: Data) -> None:
    raw = pandas.read_csv(Sources().package(*loans.PACKAGE)[0])
    for name in loans.GROUPS:
        rows = np.concatenate([split.groups[name] for split in data.splits.values()])
        expected = raw[name].map({0: "no", 1: "yes"}).fillna("unknown")
        assert sorted(rows.tolist()) == sorted(expected)
        outcome = everything(data, "target")
        for value in ("yes", "no", "unknown"):
            assert outcome[rows == value].sum() == raw["approve"][expected == value].sum()


def test_a_suite_may_ask_for_some_groups_or_none() -> None:
    some = loans.load(loans.Options(groups=("male",)), Sources())
    assert list(some.splits["test"].groups) == ["male"]
    assert dict(loans.load(loans.Options(groups=()), Sources()).splits["test"].groups) == {}
    with pytest.raises(DataInvalid, match="no group `hispanic` in this task; it has: black, hispan, male"):
        loans.load(loans.Options(groups=("hispanic",)), Sources())


def test_groups_do_not_move_examples(data: Data) -> None:
    none = loans.load(loans.Options(groups=()), Sources())
    assert (none.splits["test"].ids == data.splits["test"].ids).all()
