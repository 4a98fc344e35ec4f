"""The Pareto front, against its definition."""

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bench_suite.stats.pareto import pareto_front


@pytest.mark.parametrize(
    ("first", "second", "expected"),
    [
        ([], [], []),
        ([1.0], [2.0], [0]),
        ([1.0, 2.0], [1.0, 2.0], [1]),  # the second beats the first in both
        ([1.0, 2.0], [2.0, 1.0], [0, 1]),  # neither beats the other
        ([1.0, 1.0], [2.0, 1.0], [0]),  # equal in one, better in the other
        ([1.0, 1.0], [2.0, 2.0], [0, 1]),  # equal points do not beat each other
        ([3.0, 2.0, 1.0, 2.0], [1.0, 2.0, 3.0, 1.0], [0, 1, 2]),
    ],
)
def test_known_fronts(first: list[float], second: list[float], expected: list[int]) -> None:
    assert pareto_front(first, second) == expected


POINTS = st.lists(st.tuples(st.integers(-3, 3).map(float), st.integers(-3, 3).map(float)), max_size=12)


@given(POINTS)
def test_a_point_is_on_the_front_exactly_if_no_other_point_beats_it(points: list[tuple[float, float]]) -> None:
    front = pareto_front([x for x, _ in points], [y for _, y in points])
    beaten = {
        at
        for (at, own), (_, other) in itertools.permutations(enumerate(points), 2)
        if other[0] >= own[0] and other[1] >= own[1] and other != own
    }
    assert front == [at for at in range(len(points)) if at not in beaten]
