"""How many base runs a gate needs: solved, and found to decide."""

from __future__ import annotations

import re

import pytest

from bench_suite.comparison.base_runs.runs_needed import runs_that_decide
from bench_suite.stats.base_runs import base_runs, runs_only_difference, with_more_runs
from bench_suite.stats.power import min_detectable_effect


def test_the_number_is_the_smallest_that_finds_a_difference_of_the_tolerance() -> None:
    runs = base_runs([0.90, 0.91, 0.92], 0.0)
    text = runs_that_decide(runs, 0.06, 0.01)
    count = int(re.fullmatch(r"about (\d+) base runs would decide, not 3", text)[1])
    effects = [
        min_detectable_effect(runs_only_difference(0.0, with_more_runs(runs, some)), 0.01)
        for some in (count - 1, count)
    ]
    assert effects[0] > 0.06 >= effects[1]


@pytest.mark.parametrize("values", [[0.9, 0.9, 0.9], [0.90, 0.9001, 0.9002]])
def test_nothing_is_said_if_the_runs_are_enough(values: list[float]) -> None:
    assert runs_that_decide(base_runs(values, 0.0), 0.02, 0.01) == ""


def test_runs_that_differ_more_than_the_tolerance_never_decide() -> None:
    assert runs_that_decide(base_runs([0.8, 0.9], 0.0), 0.02, 0.01) == (
        "the base runs differ too much for this tolerance: not even 30 would decide"
    )
