"""Tests of the rows that each row of a large table is better than."""

from __future__ import annotations

import math
import pickle
import random
import tracemalloc

from bench_suite.reports.beaten import beaten


def by_definition(labels: list[str], ends: list[tuple[float, float]]) -> list[frozenset[str]]:
    return [frozenset(other for other, (_, high) in zip(labels, ends) if high < low) for low, _ in ends]


def test_a_row_beats_the_rows_whose_intervals_end_below_its_own() -> None:
    assert beaten(["a", "b", "c"], [(5.0, 6.0), (3.0, 5.0), (1.0, 2.0)]) == [{"c"}, {"c"}, set()]


def test_it_is_the_definition_for_random_intervals_with_ties_and_repeated_labels() -> None:
    draws = random.Random(0)
    for _ in range(200):
        count = draws.randrange(12)
        labels = [draws.choice("abcdefgh") for _ in range(count)]
        lows = [draws.choice([0.0, 1.0, 2.0, 3.0, math.nan, -math.inf]) for _ in range(count)]
        ends = [(low, low + draws.choice([0.0, 1.0, math.inf, math.nan])) for low in lows]
        expected = by_definition(labels, ends)
        rows = beaten(labels, ends)
        assert rows == expected
        assert [frozenset(row) for row in rows] == expected
        assert [len(row) for row in rows] == [len(row) for row in expected]
        assert all((label in row) == (label in own) for row, own in zip(rows, expected) for label in "abcdefghx")


def test_it_is_a_set_like_any_other() -> None:
    first, second, _ = beaten(["a", "b", "c"], [(5.0, 6.0), (3.0, 4.0), (1.0, 2.0)])
    assert first & {"b", "x"} == {"b"}
    assert first - second == {"b"}
    assert first == frozenset("bc")
    assert frozenset("bc") == first
    assert hash(first) == hash(frozenset("bc"))
    assert pickle.loads(pickle.dumps(first)) == first
    assert 3 not in first


def test_its_memory_grows_with_the_number_of_rows_and_not_with_its_square() -> None:
    def size(count: int) -> int:
        labels = [f"model_{number}" for number in range(count)]
        ends = [(float(number), number + 0.5) for number in range(count)]
        tracemalloc.start()
        rows = beaten(labels, ends)
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        assert len(rows[-1]) == count - 1
        return peak

    assert size(4_000) < 16 * size(500)
