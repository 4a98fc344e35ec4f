"""Durations: their value in seconds, and strings that are not durations."""

from __future__ import annotations

import pytest

from bench_suite.suite.durations import format_duration, seconds_of


@pytest.mark.parametrize(("text", "seconds"), [("10m", 600.0), ("90s", 90.0), ("1.5h", 5400.0), (" 2 m ", 120.0)])
def test_a_duration_is_a_number_and_its_unit(text: str, seconds: float) -> None:
    assert seconds_of(text) == seconds


@pytest.mark.parametrize("text", ["10", "m", "0s", "-1m", "10 minutes", "", "nan s"])
def test_what_is_none_says_what_one_is(text: str) -> None:
    with pytest.raises(ValueError, match='such as "10m"'):
        seconds_of(text)


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(0.04, "0.0 s"), (2.96, "3.0 s"), (9.99, "10.0 s"), (59.4, "59 s"), (59.6, "1 min"), (200, "3 min 20 s"),
     (3599.9, "1 h"), (7500, "2 h 5 min"), (4e6, "1,111 h 7 min")],
)  # fmt: skip
def test_a_duration_is_written_for_people(seconds: float, text: str) -> None:
    assert format_duration(seconds) == text
