"""The compact letter display, against its definition."""

import itertools

import numpy as np
import pytest

from bench_suite.stats.letters import letter_display


@pytest.mark.parametrize(
    ("count", "different", "expected"),
    [
        (0, [], []),
        (2, [], ["a", "a"]),
        (2, [(0, 1)], ["a", "b"]),
        (3, [(0, 2)], ["a", "ab", "b"]),  # ties are not transitive
        (3, [(0, 1), (0, 2), (1, 2)], ["a", "b", "c"]),
        (4, [(0, 2), (0, 3), (1, 3)], ["a", "ab", "bc", "c"]),
    ],
)
def test_known_displays(count: int, different: list[tuple[int, int]], expected: list[str]) -> None:
    assert letter_display(count, different) == expected


def test_two_rows_share_a_letter_exactly_if_they_are_not_known_to_differ() -> None:
    draws = np.random.default_rng(0)
    for _ in range(200):
        count = int(draws.integers(2, 9))
        different = {pair for pair in itertools.combinations(range(count), 2) if draws.random() < 0.4}
        letters = letter_display(count, different)
        for pair in itertools.combinations(range(count), 2):
            shared = set(letters[pair[0]]) & set(letters[pair[1]])
            assert bool(shared) == (pair not in different)


def test_more_than_52_groups_have_distinct_names() -> None:
    pairs = list(itertools.combinations(range(60), 2))
    letters = letter_display(60, pairs)
    assert len(set(letters)) == 60
    assert letters[:2] == ["a", "b"]
