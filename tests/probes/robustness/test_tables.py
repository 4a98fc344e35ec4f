"""Corrupted tables: noise in units of the column, shares of missing values and of other units."""

from __future__ import annotations

import numpy as np
import pytest

from bench_suite.contracts import Data, Source
from bench_suite.data.splits import MemorySplit
from bench_suite.probes.robustness.tables import CORRUPTIONS, UNIT, Columns, corrupt_table

N = 4000


def task() -> Data:
    random = np.random.default_rng(0)
    table = random.standard_normal((N, 4)) * [1.0, 100.0, 0.01, 1.0] + [0.0, 5.0, 1.0, 0.0]
    table[:, 3] = np.arange(N) % 2  # a category
    table[::10, 1] = np.nan
    split = MemorySplit(np.arange(N), {"table": table, "target": np.arange(N) % 2})
    return Data("classification", {"classes": ("a", "b")}, {"train": split, "test": split}, Source("x", "x", "x"))


@pytest.fixture(scope="module")
def data() -> Data:
    return task()


@pytest.fixture(scope="module")
def table(data) -> np.ndarray:
    return data.splits["test"].columns["table"]


def test_a_column_of_two_values_is_no_column_of_numbers(data):
    assert Columns.of(data).numeric.tolist() == [True, True, True, False]


def test_noise_has_the_stated_share_of_each_columns_deviation(data, table):
    for severity, share in enumerate(CORRUPTIONS["noise"].amounts, 1):
        added = corrupt_table(table, "noise", severity, Columns.of(data)) - table
        assert np.nanstd(added[:, :3], axis=0) == pytest.approx(share * np.array([1, 100 * 0.95, 0.01]), rel=0.06)
        assert (added[:, 3] == 0).all()
        assert np.isnan(added[::10, 1]).all()


def test_values_go_missing_in_every_column_with_the_stated_probability(data, table):
    for severity, share in enumerate(CORRUPTIONS["missing_values"].amounts, 1):
        missing = np.isnan(corrupt_table(table, "missing_values", severity, Columns.of(data)))
        assert missing[:, [0, 2, 3]].mean(axis=0) == pytest.approx(share, abs=4.9 * (share * (1 - share) / N) ** 0.5)
        assert missing[::10, 1].all()


def test_values_of_numbers_are_in_another_unit_with_the_stated_probability(data, table):
    for severity, share in enumerate(CORRUPTIONS["units"].amounts, 1):
        changed = corrupt_table(table, "units", severity, Columns.of(data))
        other = changed[:, 0] != table[:, 0]
        assert other.mean() == pytest.approx(share, abs=4.9 * (share * (1 - share) / N) ** 0.5)
        assert changed[other, 0] == pytest.approx(UNIT * table[other, 0])
        assert (changed[:, 3] == table[:, 3]).all()


@pytest.mark.parametrize("name", CORRUPTIONS)
def test_a_row_is_corrupted_alike_whatever_stands_beside_it(name, data, table):
    columns = Columns.of(data)
    together = corrupt_table(table[:20], name, 4, columns)
    alone = np.concatenate([corrupt_table(table[row : row + 1], name, 4, columns) for row in range(20)])
    assert np.array_equal(together, alone, equal_nan=True)


def test_a_higher_severity_loses_the_values_of_a_lower_one_and_more(data, table):
    lost = [np.isnan(corrupt_table(table, "missing_values", s, Columns.of(data))) for s in (1, 5)]
    assert (lost[0] <= lost[1]).all()
