"""Lists of metrics that differ in their numbers alone: one pattern recognises them."""

from __future__ import annotations

import json

import pytest

from bench_suite.contracts import Interval, MetricRow
from bench_suite.store.collector import Collector
from bench_suite.store.metric_patterns import MAX_ATTEMPTS, MAX_PATTERNS, MetricPatterns
from bench_suite.store.records import metric_to_json


def text(name: str, *values: float, samples: tuple[float, ...] = ()) -> str:
    rows = [
        MetricRow(name, value, "fraction", "higher", interval=Interval(0.1, 0.9), samples=samples, n=7)
        for value in values
    ]
    return json.dumps([metric_to_json(row) for row in rows], separators=(",", ":"))


@pytest.fixture
def collector() -> Collector:
    return Collector()


@pytest.fixture
def patterns(collector: Collector) -> MetricPatterns:
    return MetricPatterns(collector)


def add(patterns: MetricPatterns, part: str) -> None:
    assert patterns.match(f"..{part},", 2) == len(part) + 2
    assert patterns.matched is not None
    patterns.matched.append()


def test_numbers_go_to_their_columns(patterns: MetricPatterns, collector: Collector) -> None:
    add(patterns, text("q/a", 0.25, 0.5))
    add(patterns, text("q/a", 0.75, 1.0))
    add(patterns, text("q/b", 2.0, samples=(1.0, 2.0)))
    add(patterns, "[]")
    add(patterns, text("q/b", 3.0, samples=(4.0,)))
    numbers = collector.numbers
    assert list(numbers.value) == [0.25, 0.5, 0.75, 1.0, 2.0, 3.0]
    assert set(numbers.low) == {0.1}
    assert set(numbers.high) == {0.9}
    assert set(numbers.n) == {7}
    assert list(numbers.samples) == [1.0, 2.0, 4.0]
    assert list(numbers.sample_ends) == [0, 0, 0, 0, 2, 3]
    assert list(numbers.ends) == [2, 4, 5, 5, 6]
    assert len(collector.head.texts) == 3


@pytest.mark.parametrize("part", ["{}", "[1]", "[{}]", '[{"name": "q/a"}]', "[", "", text("q/a", 1.0)[:-1]])
def test_what_is_no_usual_list_has_no_pattern(patterns: MetricPatterns, part: str) -> None:
    with pytest.raises((ValueError, StopIteration)):
        patterns.match(part, 0)


def test_a_run_of_very_many_kinds_of_cells_ends_the_search_for_patterns(patterns: MetricPatterns) -> None:
    for number in range(MAX_PATTERNS):
        add(patterns, text(f"q/{number}", 0.5))
    with pytest.raises(ValueError, match="too many"):
        patterns.match(text("q/other", 0.5), 0)
    add(patterns, text("q/3", 0.25))


def test_unusual_lists_end_the_search_too(patterns: MetricPatterns, monkeypatch: pytest.MonkeyPatch) -> None:
    for _ in range(MAX_ATTEMPTS):
        with pytest.raises(ValueError, match="must be an object"):
            patterns.match("[7]", 0)
    monkeypatch.setattr("bench_suite.store.metric_patterns._Pattern", None)
    with pytest.raises(ValueError, match="too many"):
        patterns.match("[7]", 0)
