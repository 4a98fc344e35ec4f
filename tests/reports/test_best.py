"""The best values of a column: known answers for intervals, ties, timings, references and single observations."""

import math
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from scipy import stats

from bench_suite.contracts import Interval, MetricRow, Record
from bench_suite.reports.best import READING, _not_worse_over_seeds, best_by_ends, best_values, not_worse
from bench_suite.reports.leaderboard import leaderboard
from bench_suite.reports.table import Table, tables
from bench_suite.reports.values import Value
from bench_suite.store.runs import Run

Make = Callable[..., Run]
Make_record = Callable[..., Record]


def best_models(table: Table, name: str) -> list[str]:
    """Return the models with a best value of a metric."""
    [column] = [column for column in table.columns if column.name == name and not column.reference]
    return [table.rows[number].model for number in sorted(best_values(table).get(column, ()))]


@pytest.fixture
def table_of(make_run: Make, record: Make_record) -> Callable[..., Table]:
    """Return the table of models, each with rows of a metric for its seeds; the ranks are by accuracy."""

    def make(models: dict[str, Sequence[dict[str, Any]]], better: str = "higher") -> Table:
        records = []
        for position, (model, seeds) in enumerate(models.items()):
            accuracy = MetricRow("quality/accuracy", 0.9 - 0.1 * position, "fraction", "higher",
                                 interval=Interval(0.89 - 0.1 * position, 0.91 - 0.1 * position), n=500)  # fmt: skip
            for seed, values in enumerate(seeds):
                metric = MetricRow(**{"name": "other/metric", "value": None, "unit": "s", "better": better} | values)
                records.append(record(model=model, seed=seed, metrics=(accuracy, metric)))
        run = make_run(*records, report={"columns": ["quality/accuracy", "other/metric"], "sort": "quality/accuracy"})
        [table] = tables([run])
        return table

    return make


def interval(low: float, high: float) -> dict[str, Any]:
    return {"value": (low + high) / 2, "interval": Interval(low, high)}


@pytest.mark.parametrize(
    ("ends", "better", "best"),
    [
        ([(1.0, 2.0), (3.0, 4.0)], "higher", [1]),
        ([(1.0, 2.0), (3.0, 4.0)], "lower", [0]),
        ([(1.0, 3.5), (3.0, 4.0), (0.0, 0.5)], "higher", [0, 1]),
        ([(0.0, 9.0), (3.0, 4.0), (5.0, 6.0)], "higher", [0, 2]),
        ([(1.0, 1.0), (1.0, 1.0), (0.0, 0.0)], "higher", [0, 1]),
        ([], "higher", []),
    ],
)
def test_an_interval_is_best_if_no_other_one_lies_wholly_beyond_it(
    ends: list[tuple[float, float]], better: str, best: list[int]
) -> None:
    assert not_worse(ends, better) == best


def test_estimates_without_an_interval_or_without_a_difference_are_not_best() -> None:
    assert best_by_ends([(1.0, 2.0), None], "higher") == frozenset()
    assert best_by_ends([(1.0, 2.0), (1.5, 3.0)], "higher") == frozenset()
    assert best_by_ends([(1.0, 2.0), (3.0, 4.0)], "none") == frozenset()
    assert best_by_ends([(1.0, 2.0), (3.0, 4.0)], "lower") == {0}


def test_ties_for_the_best_are_best_together(table_of: Callable[..., Table]) -> None:
    table = table_of({"a": [interval(1, 2)], "b": [interval(4, 6)], "c": [interval(5, 7)]})
    assert best_models(table, "other/metric") == ["b", "c"]
    assert best_models(table, "quality/accuracy") == ["a"]


@pytest.mark.parametrize(
    "models",
    [
        {"a": [interval(1, 2)]},  # one row
        {"a": [interval(1, 2)], "b": [interval(1, 2)]},  # equal values
        {"a": [interval(1, 3)], "b": [interval(2, 4)]},  # they cannot be told apart
        {"a": [interval(1, 2)], "b": [{"reason": "not here"}]},  # one value
        {"a": [interval(1, 2)], "b": [{"value": 9.0, "kind": "single"}]},  # one observation
    ],
)
def test_a_column_in_which_nothing_can_be_told_has_no_best_value(
    table_of: Callable[..., Table], models: dict[str, Any]
) -> None:
    assert best_models(table_of(models), "other/metric") == []


def test_a_missing_value_is_never_best(table_of: Callable[..., Table]) -> None:
    table = table_of({"a": [{"reason": "x"}], "b": [interval(1, 2)], "c": [interval(3, 4)]}, better="lower")
    assert best_models(table, "other/metric") == ["b"]


def test_a_column_without_a_direction_has_no_best_value(table_of: Callable[..., Table]) -> None:
    assert best_models(table_of({"a": [interval(1, 2)], "b": [interval(3, 4)]}, better="none"), "other/metric") == []


def test_exact_values_need_no_interval(table_of: Callable[..., Table]) -> None:
    sizes = {"a": [{"value": 10.0, "kind": "exact"}], "b": [{"value": 11.0, "kind": "exact"}]}
    assert best_models(table_of(sizes, better="lower"), "other/metric") == ["a"]


def seeds(*medians: float) -> list[dict[str, Any]]:
    """Return timings of seeds whose samples are close to their median."""
    return [{"value": m, "samples": (m * 0.999, m, m * 1.001), "unit": "samples/s"} for m in medians]


def test_timings_are_compared_over_seeds_and_not_by_the_spread_of_their_samples(
    table_of: Callable[..., Table],
) -> None:
    """The middle halves of the samples do not overlap in any of these tables.

    Two seeds whose logarithms differ by 0.1 have the standard error 0.05 and one degree of freedom; against a row
    without variance, Student's t is 12.706, so the other row must be exp(0.635) = 1.89 times as fast.
    """
    varying, mean = seeds(100.0, 100.0 * math.exp(0.1)), 100.0 * math.exp(0.05)
    for factor, best in ((1.80, []), (1.95, ["b"])):
        equal = seeds(factor * mean, factor * mean)
        assert best_models(table_of({"a": varying, "b": equal}), "other/metric") == best
    assert best_models(table_of({"a": seeds(100.0), "b": seeds(300.0)}), "other/metric") == []


def test_a_wide_spread_of_a_fast_row_does_not_make_a_slow_row_one_of_the_best(table_of: Callable[..., Table]) -> None:
    """The intervals of the two rows overlap, since two seeds have Student's t 12.7; Welch's test has p = 0.01."""
    table = table_of({"a": seeds(33_000.0, 44_000.0), "b": seeds(3_200.0, 3_500.0), "c": seeds(1_000.0, 1_060.0)})
    assert best_models(table, "other/metric") == ["a"]


def test_differences_over_seeds_are_those_of_welchs_test() -> None:
    random = np.random.default_rng(0)
    for _ in range(50):
        first, second = random.normal(0.0, 1.0, 4) - 5.0, random.normal(1.5, 2.0, 6) - 5.0
        clear = stats.ttest_ind(first, second, equal_var=False).pvalue < 0.05
        winner = int(second.mean() > first.mean())
        assert _not_worse_over_seeds([first.tolist(), second.tolist()], "higher") == ([winner] if clear else [0, 1])
        assert _not_worse_over_seeds([first.tolist(), second.tolist()], "lower") == ([1 - winner] if clear else [0, 1])


def test_a_difference_from_the_reference_decides_where_intervals_overlap(table_of: Callable[..., Table]) -> None:
    table = table_of({"a": [interval(1, 5)], "b": [interval(2, 6)], "c": [interval(1, 4)]})
    own = next(column for column in table.columns if column.name == "other/metric")
    differences = replace(own, reference="b")
    values = {
        "a": Value(-1.0, verdict="worse"), "b": Value(None, is_reference=True),
        "c": Value(-1.0, verdict="no difference found"),
    }  # fmt: skip
    rows = tuple(replace(row, values={**row.values, differences: values[row.model]}) for row in table.rows)
    with_reference = replace(table, columns=(*table.columns, differences), rows=rows)
    assert best_models(table, "other/metric") == []
    assert best_models(with_reference, "other/metric") == ["b", "c"]
    assert differences not in best_values(with_reference)


def test_smoke_runs_have_no_best_value(make_run: Make, record: Make_record) -> None:
    [table] = tables([make_run(record(smoke=True, model="a"), record(smoke=True, model="b", accuracy=0.5), smoke=True)])
    assert best_values(table) == {}


def test_the_best_of_a_leaderboard_are_bold_and_the_text_says_what_that_means(
    make_run: Make, record: Make_record
) -> None:
    text = leaderboard([make_run(record(model="a"), record(model="b"), record(model="c", accuracy=0.5))])
    assert text.count("**0.900 ± 0.012**") == 2
    assert "**0.500" not in text
    assert READING in text
    assert READING not in leaderboard([make_run(record(model="a"), record(model="b"))])
