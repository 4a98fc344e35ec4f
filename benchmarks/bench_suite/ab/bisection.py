"""The first slower commit between two revisions: a binary search, with a comparison as the test."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Literal

Answer = Literal["slower", "not slower", "cannot tell", "failed"]


@dataclass(frozen=True)
class Step:
    """A commit that was compared with base."""

    commit: str
    answer: Answer
    ratio: float | None = None


@dataclass
class Bisection:
    """The result of a search."""

    commits: Sequence[str]
    "From the oldest after base to head."
    steps: list[Step] = field(default_factory=list)
    last_good: int = -1
    "Position of the newest commit that is not slower; -1 for base."
    first_bad: int = 0
    "Position of the oldest commit that is slower."

    @property
    def suspects(self) -> Sequence[str]:
        """The commits of which one made it slower; one if the search has ended."""
        return self.commits[self.last_good + 1 : self.first_bad + 1]


def comparisons(commits: int) -> int:
    """Return how many comparisons a search among so many commits makes at most, without those that decide nothing."""
    return max(1, math.ceil(math.log2(max(1, commits))))


def bisect(commits: Sequence[str], test: Callable[[str], Step], stop: Callable[[], bool] = lambda: False) -> Bisection:
    """Return where a slowdown came in, by comparisons of commits with base.

    A commit that fails or cannot be decided is left out, and the nearest other one is tried.

    Args:
        commits: the commits after base, oldest first; the last one is known to be slower.
        test: compares a commit with base.
        stop: whether to end the search now.
    """
    result = Bisection(commits, first_bad=len(commits) - 1)
    left_out: set[int] = set()
    while not stop():
        middle = (result.last_good + result.first_bad) // 2
        candidates = [
            position for position in range(result.last_good + 1, result.first_bad) if position not in left_out
        ]
        if not candidates:
            break
        position = min(candidates, key=lambda candidate: abs(candidate - middle))
        step = test(commits[position])
        result.steps.append(step)
        if step.answer == "slower":
            result.first_bad = position
        elif step.answer == "not slower":
            result.last_good = position
        else:
            left_out.add(position)
    return result
