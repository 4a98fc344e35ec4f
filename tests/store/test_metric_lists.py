"""Lists of metrics in lines: their numbers go to the columns, and their words are checked once."""

from __future__ import annotations

import json
from typing import Any

import pytest

from bench_suite.contracts import Interval, MetricRow
from bench_suite.store import metric_lists
from bench_suite.store.collector import Collector
from bench_suite.store.metric_lists import MetricLists
from bench_suite.store.records import metric_to_json


def text(*rows: MetricRow | dict[str, Any]) -> str:
    """Return a list of metrics, as it is in a line."""
    entries = [metric_to_json(row) if isinstance(row, MetricRow) else row for row in rows]
    return json.dumps(entries, separators=(",", ":"))


def metric(name: str, value: float | None, *samples: float, **changes: Any) -> MetricRow:
    interval = None if value is None else Interval(value - 0.25, value + 0.25)
    return MetricRow(name, value, "fraction", "higher", interval=interval, samples=samples, **changes)


@pytest.fixture
def collector() -> Collector:
    return Collector()


@pytest.fixture
def lists(collector: Collector) -> MetricLists:
    return MetricLists(collector)


def add(lists: MetricLists, part: str) -> None:
    line = f'.."metrics":{part},"artifacts":[]'
    start = line.index("[")
    assert lists.read(line, start) == start + len(part)
    lists.append()


def test_numbers_and_reasons_go_to_their_columns(lists: MetricLists, collector: Collector) -> None:
    add(lists, text(metric("q/a", 0.5), metric("t/b", None, reason="none")))
    add(lists, text())
    add(lists, text(metric("q/a", 1.5, n=7), metric("t/b", 2.0, 1.0, 3.0), metric("t/b", 4.0, 4.0)))
    numbers = collector.numbers
    assert repr(list(numbers.value)) == "[0.5, nan, 1.5, 2.0, 4.0]"
    assert list(numbers.low) == [0.25, 0.0, 1.25, 1.75, 3.75]
    assert list(numbers.high) == [0.75, 0.0, 1.75, 2.25, 4.25]
    assert list(numbers.n) == [-1, -1, 7, -1, -1]
    assert list(numbers.samples) == [1.0, 3.0, 4.0]
    assert list(numbers.sample_ends) == [0, 0, 0, 2, 3]
    assert list(numbers.ends) == [2, 2, 5]
    assert [collector.reason.texts[code] for code in collector.reason.codes] == ["", "none", "", "", ""]
    assert len(collector.head.texts) == 4, "the absent one, two names, and one of them without an interval"


def test_words_are_checked_once(lists: MetricLists, monkeypatch: pytest.MonkeyPatch) -> None:
    marks = {"unsteady": "fell by 3 %"}
    rows = [metric("q/a", 0.5, marks=marks), metric("q/a", 0.5, at={"x": 1}), metric("q/a", None, reason="ε {x}")]
    add(lists, text(*rows))
    monkeypatch.setattr(metric_lists, "metric_from_json", None)
    add(lists, text(rows[2], metric("q/a", 7.0, marks=marks), metric("q/a", 8.0, at={"x": 1})))
    add(lists, text(metric("q/a", None, reason="another")))
    with pytest.raises(TypeError):
        add(lists, text(metric("q/b", 0.5)))


@pytest.mark.parametrize("reason", ["ε", 'a "word"', "\\", "\n", "\ud800", "x,y]},{", '],"artifacts":'])
def test_any_reason_is_read(lists: MetricLists, collector: Collector, reason: str) -> None:
    add(lists, text(metric("q/a", None, reason=reason)))
    assert collector.reason.texts[collector.reason.codes[0]] == reason


USUAL = metric_to_json(metric("q/a", 0.5))


@pytest.mark.parametrize(
    "part",
    [
        "{}", "[1]", "[{}]", '[{"name":"q/a"}]', "[", "", text(USUAL)[:-1], text(USUAL).replace("}]", "},]"),
        text(USUAL, USUAL).replace("},{", "}{"), text(USUAL, USUAL).replace("},{", "},,{"), "[x" + text(USUAL)[1:],
        text(USUAL).replace(":", ": "), text(USUAL | {"name": 7}), text(USUAL | {"better": "best"}),
        text(USUAL | {"of_predictions": 1}), text(USUAL | {"marks": {"a": 1}}), text(USUAL | {"samples": [1]}),
        text(USUAL | {"samples": [True, 1.0]}), text(USUAL | {"value": True}),
        text(USUAL).replace('"unit":"fraction"', '"unit":"fraction","unit":"s"'),
    ],
)  # fmt: skip
def test_what_is_unusual_is_left_to_others(lists: MetricLists, collector: Collector, part: str) -> None:
    line = f'"metrics":{part},"artifacts":[]'
    with pytest.raises(ValueError):  # noqa: PT011 - why it is unusual does not matter: it is parsed as a whole
        lists.read(line, 10)
    assert len(collector.numbers.value) == 0


def test_words_that_never_repeat_do_not_fill_the_memory(lists: MetricLists, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(metric_lists, "MAX_KNOWN", 3)
    for number in range(3):
        add(lists, text(metric(f"q/{number}", 0.5)))
    with pytest.raises(ValueError, match=r"^$"):
        add(lists, text(metric("q/3", 0.5)))
    add(lists, text(metric("q/2", 0.5)))
