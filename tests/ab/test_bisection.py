"""The search for the first slower commit."""

from __future__ import annotations

import pytest

from bench_suite.ab.bisection import Step, bisect, comparisons


def history(first_bad: int, undecided: tuple[int, ...] = ()):
    asked = []

    def test(commit: str) -> Step:
        asked.append(int(commit))
        if int(commit) in undecided:
            return Step(commit, "cannot tell")
        return Step(commit, "slower" if int(commit) >= first_bad else "not slower")

    return test, asked


@pytest.mark.parametrize("count", [1, 2, 3, 7, 16])
def test_every_first_bad_commit_is_found_in_few_comparisons(count):
    commits = [str(number) for number in range(count)]
    for first_bad in range(count):
        test, asked = history(first_bad)
        result = bisect(commits, test)
        assert list(result.suspects) == [str(first_bad)]
        assert len(asked) <= comparisons(count) + 1


def test_a_commit_that_cannot_be_decided_is_left_out():
    commits = [str(number) for number in range(8)]
    test, _ = history(6, undecided=(3, 4))
    assert list(bisect(commits, test).suspects) == ["6"]


def test_commits_between_the_ends_that_cannot_be_decided_are_all_suspects():
    commits = [str(number) for number in range(8)]
    test, _ = history(5, undecided=(4, 5))
    assert list(bisect(commits, test).suspects) == ["4", "5", "6"]


def test_a_search_can_be_stopped():
    test, asked = history(3)
    assert list(bisect(["0", "1"], test, stop=lambda: True).suspects) == ["0", "1"]
    assert asked == []
