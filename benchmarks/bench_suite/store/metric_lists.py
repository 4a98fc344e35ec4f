"""Lists of metrics in lines of records, put into columns at once without making each metric.

The text of a metric consists of numbers, a reason, and words that the same metric of other cells has too: its name,
coordinates, unit and flags. The words are checked once, and only the numbers in each line.
"""

from __future__ import annotations

import json
import math
import re
from array import array
from typing import Any

from bench_suite.store import json_reader as checks
from bench_suite.store.collector import EXACT_INTEGER, Collector
from bench_suite.store.columns import NO_TEXT
from bench_suite.store.records import metric_from_json

MAX_KNOWN = 50_000
"Number of words of metrics that are known; a run has some for each metric, and for each mark at one."
_TEXT = r'"(?:[^"\\\x00-\x1f]++|\\["\\/bfnrt]|\\u[0-9a-fA-F]{4})*+"'
_NUMBER = r"-?[0-9][-+.0-9eE]*+"
_OBJECT = rf'\{{(?:[^{{}}"\\]++|{_TEXT})*+\}}'
_LIST = rf'\[(?:[^][{{}}"\\]++|{_TEXT})*+\]'
_SIMPLE = rf"(?:[-+.0-9a-zA-Z]++|{_TEXT}|{_LIST}|{_OBJECT})"
# As `records.metric_to_json` writes it. Whatever it writes in another way has no match, and is parsed.
_metrics_in = re.compile(
    rf'((\{{"name":{_TEXT},"at":{_OBJECT}),"value":({_NUMBER}|null),("unit":{_TEXT},"better":{_TEXT})'
    rf'(?:,"interval":\{{"low":({_NUMBER}),"high":({_NUMBER}),("level":{_NUMBER},"over":{_TEXT})\}})?+'
    rf'(?:,"reason":({_TEXT}))?+(?:,"samples":\[([-+.,0-9eE]++)\])?+(?:,"n":([0-9]++))?+'
    rf'((?:,"[a-z_]++":{_SIMPLE})*+)\}})(?:,|\Z)'
).findall
_END = '],"artifacts":'
_ENCODER = json.JSONEncoder(allow_nan=False, separators=(",", ":"))
_MAX_COUNT = 2**63
_Words = tuple[str, str, str, str, type]


class UnusualError(ValueError):
    """Something in a line is not as it usually is."""


class MetricLists:
    """Reads lists of metrics for the columns of a collector."""

    def __init__(self, collector: Collector) -> None:
        self._collector = collector
        self._heads: dict[_Words, int] = {}
        self._numbers: dict[str, list[Any]] = {}
        self._codes: dict[str, list[int]] = {}
        self._samples: list[float] = []
        self._sizes: list[int] = []

    def read(self, text: str, start: int) -> int:
        """Read a list of metrics, which `append` will add to the columns.

        Args:
            text: a line.
            start: where in it the list begins.

        Returns:
            Where the list ends.

        Raises:
            ValueError: it is no usual list of metrics.
            OverflowError: a number is too large.
        """
        end = text.find(_END, start)
        metrics = _metrics_in(text, start + 1, end) if end > start else []
        wholes, names, values, units, lows, highs, levels, reasons, samples, counts, others = (
            zip(*metrics) if metrics else [()] * 11
        )
        # One comma between two metrics, and nothing else in the list.
        if text[start] != "[" or sum(map(len, wholes)) + max(len(wholes) - 1, 0) != end - start - 1:
            raise UnusualError
        self._read_numbers(values, lows, highs, counts)
        self._read_samples(samples)
        words = list(zip(names, units, levels, others, map(type, self._numbers["value"])))
        heads: list[Any] = [*map(self._heads.get, words)]
        if None in heads:
            for number, code in enumerate(heads):
                if code is None:
                    heads[number] = self._new_head(words[number], wholes[number], number)
        self._codes = {"head": heads, "reason": [self._reason(one) if one else NO_TEXT for one in reasons]}
        return end + 1

    def append(self) -> None:
        """Add the metrics that were read last to the columns, as those of one cell."""
        columns = self._collector.numbers
        for name, numbers in self._numbers.items():
            getattr(columns, name).extend([math.nan if number is None else number for number in numbers])
        for name, codes in self._codes.items():
            getattr(columns, name).codes.extend(codes)
        columns.exact.codes.extend([NO_TEXT] * len(self._sizes))
        end, ends = len(columns.samples), array("q")
        for size in self._sizes:
            end += size
            ends.append(end)
        columns.samples.fromlist(self._samples)
        columns.sample_ends.extend(ends)
        columns.ends.append(len(columns.value))

    def _read_numbers(
        self, values: tuple[str, ...], lows: tuple[str, ...], highs: tuple[str, ...], counts: tuple[str, ...]
    ) -> None:
        texts = [
            *values, *[low or "0.0" for low in lows], *[high or "0.0" for high in highs], *[n or "-1" for n in counts]
        ]  # fmt: skip
        numbers = json.loads(f"[{','.join(texts)}]")
        size = len(values)
        value, bounds, n = numbers[:size], numbers[size : 3 * size], numbers[3 * size :]
        # A sum is finite only if every number is.
        if not (
            {*map(type, bounds)} <= {float}
            and math.isfinite(sum(bounds))
            and max(n, default=0) < _MAX_COUNT
            and math.isfinite(sum(filter(None, value)))
            and all(abs(one) < EXACT_INTEGER for one in value if type(one) is int)
        ):
            raise UnusualError
        self._numbers = {"value": value, "low": bounds[:size], "high": bounds[size:], "n": n}

    def _reason(self, text: str) -> int:
        return self._collector.reason.code(json.loads(text) if "\\" in text else text[1:-1])

    def _read_samples(self, samples: tuple[str, ...]) -> None:
        self._sizes = [one.count(",") + 1 if one else 0 for one in samples]
        self._samples = json.loads(f"[{','.join(filter(None, samples))}]")
        if not ({*map(type, self._samples)} <= {float} and math.isfinite(sum(self._samples))):
            raise UnusualError

    def _new_head(self, words: _Words, whole: str, number: int) -> int:
        """Check the words of a metric, and return the number of their text in the column `head`.

        Raises:
            ValueError: the metric with these words is refused, or its numbers do not mean what `append` stores.
        """
        entry = json.loads(whole)
        checks.anything({"metrics": [entry]})
        if _ENCODER.encode(entry) != whole or len(self._heads) == MAX_KNOWN:  # such as one with a repeated key
            raise UnusualError
        row = metric_from_json(entry)
        first = sum(self._sizes[:number])
        value, low, high, n = (self._numbers[name][number] for name in ("value", "low", "high", "n"))
        bounds = (row.interval.low, row.interval.high) if row.interval else (0.0, 0.0)
        stored = value, (low, high), self._samples[first : first + self._sizes[number]], n
        meant = row.value, bounds, [*row.samples], -1 if row.n is None else row.n
        if repr(stored) != repr(meant) or bool(row.interval) != bool(words[2]) or row.reason != entry.get("reason"):
            raise UnusualError
        code = self._heads[words] = self._collector.head_code(row)
        return code
