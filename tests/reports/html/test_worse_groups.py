"""Sentences on the groups that a model treats worse: known answers, chance, choice among pairs."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace

import pytest

from bench_suite.contracts import Interval, MetricRow, Record
from bench_suite.reports.columns import all_columns
from bench_suite.reports.html.worse_groups import Gap, largest_gap, worse_groups
from bench_suite.reports.rows import rows_of

Make_record = Callable[..., Record]
Rates = Mapping[tuple[str, str], tuple[float, float]]


def metrics(rates: Rates, better: str = "higher", name: str = "fairness/accuracy") -> tuple[MetricRow, ...]:
    """Return the rate of each group of each attribute, with half the width of its interval."""
    return tuple(
        MetricRow(
            name, value, "fraction", better, at={"attribute": attribute, "group": group}, n=100,
            interval=Interval(value - half, value + half),
        )
        for (attribute, group), (value, half) in rates.items()
    )  # fmt: skip


@pytest.fixture
def gap_of(record: Make_record) -> Callable[..., Gap | None]:
    """Return the largest gap of a model with some metrics."""

    def make(own: tuple[MetricRow, ...]) -> Gap | None:
        records = [record(metrics=own)]
        columns = all_columns(records)
        [row] = rows_of(records, columns)
        return largest_gap(row, columns)

    return make


def test_the_interval_of_one_pair_is_that_of_newcombe(gap_of: Callable[..., Gap]) -> None:
    """0.3 and √(0.03² + 0.04²) = 0.05."""
    gap = gap_of(metrics({("sex", "f"): (0.6, 0.03), ("sex", "m"): (0.9, 0.04)}))
    assert (gap.worse, gap.better, gap.pairs) == ("f", "m", 1)
    assert (gap.difference, gap.low, gap.high) == pytest.approx((0.3, 0.25, 0.35))
    assert gap.is_clear


def test_a_choice_among_pairs_widens_the_interval(gap_of: Callable[..., Gap]) -> None:
    """Three pairs at 95 % together: 2.394 instead of 1.960 standard deviations."""
    gap = gap_of(metrics({("site", "a"): (0.6, 0.03), ("site", "b"): (0.9, 0.04), ("site", "c"): (0.8, 0.04)}))
    assert (gap.worse, gap.better, gap.pairs) == ("a", "b", 3)
    assert gap.difference - gap.low == pytest.approx(0.05 * 2.39398 / 1.95996, rel=1e-4)


def test_a_higher_error_is_worse(gap_of: Callable[..., Gap]) -> None:
    gap = gap_of(metrics({("sex", "f"): (0.6, 0.01), ("sex", "m"): (0.9, 0.01)}, "lower"))
    assert (gap.worse, gap.better) == ("m", "f")
    assert gap.difference == pytest.approx(0.3)


def test_groups_are_compared_within_one_attribute_and_without_unknown_members(gap_of: Callable[..., Gap]) -> None:
    rates = {
        ("sex", "f"): (0.7, 0.1),
        ("sex", "m"): (0.8, 0.1),
        ("age", "old"): (0.1, 0.1),
        ("sex", "unknown"): (0, 0.1),
    }
    gap = gap_of(metrics(rates))
    assert (gap.attribute, gap.worse, gap.better) == ("sex", "f", "m")
    assert not gap.is_clear


def test_without_attributes_classes_are_compared_and_without_both_there_is_no_gap(gap_of: Callable[..., Gap]) -> None:
    recalls = [
        MetricRow("p/recall", value, "fraction", "higher", at={"class": str(number)}, interval=Interval(value, value))
        for number, value in enumerate((0.9, 0.8))
    ]
    gap = gap_of(tuple(recalls))
    assert (gap.attribute, gap.worse, gap.better) == ("class", "1", "0")
    assert gap_of(tuple(recalls[:1])) is None
    assert gap_of((replace(recalls[0], interval=None), recalls[1])) is None


def test_the_sentence_names_groups_sizes_and_chance_for_each_of_the_best_rows(record: Make_record) -> None:
    clear = {("sex", "f"): (0.6, 0.03), ("sex", "m"): (0.9, 0.04)}
    even = {("sex", "f"): (0.8, 0.1), ("sex", "m"): (0.9, 0.1)}
    records = [record(model=model, metrics=metrics(own)) for model, own in (("a", clear), ("b", even), ("c", clear))]
    columns = all_columns(records)
    rows = [replace(row, rank=rank) for row, rank in zip(rows_of(records, columns), (1, 1, 3))]
    assert worse_groups(rows, columns) == [
        "a: accuracy is 0.30 lower for sex = f (0.60, n = 100) than for sex = m (0.90, n = 100); 95 % interval 0.25 to "
        "0.35. This is more than chance explains.",
        "b: accuracy is 0.10 lower for sex = f (0.80, n = 100) than for sex = m (0.90, n = 100); 95 % interval −0.04 "
        "to 0.24. This cannot be told from chance.",
    ]
    assert worse_groups([], columns) == []
