"""Lists of metrics that differ in their numbers alone: recognised in a line, and put into columns at once."""

from __future__ import annotations

import json
import math
import re
from array import array
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from operator import itemgetter
from typing import Any

from bench_suite.contracts import MetricRow
from bench_suite.store import json_reader as checks
from bench_suite.store.collector import EXACT_INTEGER, Collector
from bench_suite.store.columns import NO_TEXT
from bench_suite.store.records import metric_from_json

MAX_PATTERNS = 32
"Number of patterns that are tried; a run has one for each kind of cell."
MAX_ATTEMPTS = 4 * MAX_PATTERNS
"Number of lists of which a pattern is made, or is tried to be made; it takes as long as the reading of ten lines."
_NUMBER, _SAMPLES = "\x01number", "\x01samples"
_ENCODER = json.JSONEncoder(allow_nan=False, separators=(",", ":"))
_GROUPS = {_NUMBER: r"(-?[0-9][-+.0-9eE]*)", _SAMPLES: r"\[([-0-9][-+.,0-9eE]*)\]"}
_MARKS = re.compile("|".join(re.escape(json.dumps(mark)) for mark in _GROUPS))
_MAX_COUNT = 2**63
_ABSENT = (math.nan, 0.0, -1)
"What the columns have in place of a value, of a bound and of a number of examples that a metric does not have."
_NO_SAMPLES = -1
_value_at = json.JSONDecoder().raw_decode


class _Unusual(ValueError):
    """A list of metrics for which there can be no pattern."""


class MetricPatterns:
    """The patterns of lists of metrics that were read before."""

    def __init__(self, collector: Collector) -> None:
        self._collector = collector
        self._patterns: list[_Pattern] = []
        self._attempts = 0
        self.matched: Matched | None = None
        "What the last call of `match` found, to be added to the columns."

    def match(self, text: str, start: int) -> int:
        """Recognise a list of metrics, and set `matched`.

        Args:
            text: a line.
            start: where in it the list begins.

        Returns:
            Where the list ends.

        Raises:
            ValueError: it is no usual list of metrics.
        """
        for position, pattern in enumerate(self._patterns):
            if (match := pattern.match(text, start)) is not None:
                if position:  # that of the next line is probably the same
                    self._patterns.insert(0, self._patterns.pop(position))
                self.matched = Matched(pattern, match, self._collector)
                return match.end()
        if len(self._patterns) == MAX_PATTERNS or self._attempts == MAX_ATTEMPTS:
            raise _Unusual("there are too many kinds of lists")
        self._attempts += 1
        value, end = _value_at(text, start)
        self._patterns.insert(0, _Pattern(value, text[start:end], self._collector))
        match = self._patterns[0].match(text, start)
        if match is None:
            raise _Unusual
        self.matched = Matched(self._patterns[0], match, self._collector)
        return end


class _Pattern:
    """The text of a list of metrics but for its numbers, and where in the columns the numbers belong."""

    def __init__(self, entries: Any, text: str, collector: Collector) -> None:
        """Check the metrics, and make the pattern.

        Args:
            entries: the list of metrics.
            text: its JSON text.
            collector: the columns.

        Raises:
            ValueError: the metrics are unusual.
        """
        checks.anything({"metrics": entries})
        if type(entries) is not list or _ENCODER.encode(entries) != text:
            raise _Unusual
        rows = [metric_from_json(entry) for entry in entries]
        marked = [_Marked(entry, row) for entry, row in zip(entries, rows)]
        slots = [slot for one in marked for slot in one.slots]
        template = _ENCODER.encode([one.entry for one in marked])
        marks = [json.loads(mark) for mark in _MARKS.findall(template)]
        if marks != [_SAMPLES if slot.kind is list else _NUMBER for slot in slots]:  # a text contains a mark
            raise _Unusual
        groups = (*(_GROUPS[mark] for mark in marks), "")
        literals = map(re.escape, _MARKS.split(template))
        self.match = re.compile("".join(part for pair in zip(literals, groups) for part in pair)).match
        self.numbers = _picker([number for number, mark in enumerate(marks) if mark == _NUMBER])
        self.samples = _picker([number for number, mark in enumerate(marks) if mark == _SAMPLES])

        scalars = [slot for slot in slots if slot.kind is not list]
        self.kinds = tuple(slot.kind for slot in scalars)
        self.integers = [number for number, slot in enumerate(scalars) if slot.column == "value" and slot.kind is int]
        self.counts = [number for number, slot in enumerate(scalars) if slot.column == "n"]
        self.columns = {
            column: _picker([_number_of(one, column, scalars, len(scalars) + absent) for one in marked])
            for column, absent in (("value", 0), ("low", 1), ("high", 1), ("n", 2))
        }
        lists = [slot for slot in slots if slot.kind is list]
        self.lists = [_number_of(one, "samples", lists, _NO_SAMPLES) for one in marked]

        self.head = array("i", map(collector.head_code, rows))
        reasons = (NO_TEXT if row.reason is None else collector.reason.code(row.reason) for row in rows)
        self.reason = array("i", reasons)
        self.exact = array("i", [NO_TEXT] * len(rows))


@dataclass(frozen=True, eq=False)
class _Slot:
    """A number, or the list of samples, of a metric."""

    column: str
    kind: type


class _Marked:
    """A metric whose numbers are replaced by marks: what stays is the same in other cells."""

    def __init__(self, entry: Mapping[str, Any], row: MetricRow) -> None:
        """Replace the numbers.

        Args:
            entry: the JSON values of the metric.
            row: the metric.

        Raises:
            ValueError: a number is unusual, so that it is not stored as it is.
        """
        self.slots: list[_Slot] = []
        self.entry: dict[str, Any] = {}
        for name, value in entry.items():
            if name == "interval" and row.interval is not None:
                self.entry[name] = {
                    key: self._mark(key, bound) if key in ("low", "high") else bound for key, bound in value.items()
                }
            elif name == "samples" and value:
                if row.samples != tuple(value) or {*map(type, value)} != {float}:
                    raise _Unusual
                self.slots.append(_Slot(name, list))
                self.entry[name] = _SAMPLES
            elif name in ("value", "n") and type(value) in (int, float):
                if getattr(row, name) is not value:
                    raise _Unusual
                self.entry[name] = self._mark(name, value)
            else:
                self.entry[name] = value

    def _mark(self, column: str, value: Any) -> str:
        self.slots.append(_Slot(column, type(value)))
        if type(value) is not float and column in ("low", "high"):
            raise _Unusual
        return _NUMBER


class Matched:
    """The numbers of a list of metrics that was recognised."""

    def __init__(self, pattern: _Pattern, match: re.Match[str], collector: Collector) -> None:
        """Check the numbers.

        Raises:
            ValueError: one is unusual, so that it is not stored as it is.
            OverflowError: one is too large.
        """
        self._pattern = pattern
        self._collector = collector
        groups = match.groups()
        self._scalars = json.loads(f"[{','.join(pattern.numbers(groups))}]")
        lists = pattern.samples(groups)
        self._sizes = [group.count(",") + 1 for group in lists]
        self._samples = json.loads(f"[{','.join(lists)}]")
        if not (
            tuple(map(type, self._scalars)) == pattern.kinds
            and all(map(math.isfinite, self._scalars))
            and all(abs(self._scalars[number]) < EXACT_INTEGER for number in pattern.integers)
            and all(0 <= self._scalars[number] < _MAX_COUNT for number in pattern.counts)
            and {*map(type, self._samples)} <= {float}
            and all(map(math.isfinite, self._samples))
        ):
            raise _Unusual

    def append(self) -> None:
        """Add the metrics of a cell to the columns."""
        pattern, collector, numbers = self._pattern, self._collector, self._collector.numbers
        collector.head.codes.extend(pattern.head)
        collector.reason.codes.extend(pattern.reason)
        collector.exact.codes.extend(pattern.exact)
        end = len(numbers.samples)
        ends = []
        for number in pattern.lists:
            if number != _NO_SAMPLES:
                end += self._sizes[number]
            ends.append(end)
        numbers.sample_ends.extend(ends)
        numbers.samples.extend(self._samples)
        scalars = (*self._scalars, *_ABSENT)
        for column, pick in pattern.columns.items():
            getattr(numbers, column).extend(pick(scalars))
        numbers.ends.append(len(numbers.value))


def _number_of(marked: _Marked, column: str, slots: Sequence[_Slot], absent: int) -> int:
    """Return the number of the slot that a metric has for a column; `absent` if it has none."""
    return next((slots.index(slot) for slot in marked.slots if slot.column == column), absent)


def _picker(positions: Sequence[int]) -> Callable[[Sequence[Any]], Sequence[Any]]:
    """Return a function that returns the items at some positions."""
    if len(positions) > 1:
        return itemgetter(*positions)
    return lambda items: [items[position] for position in positions]
