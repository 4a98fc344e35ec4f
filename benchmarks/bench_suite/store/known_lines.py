"""Lines of records that are put into columns without being parsed as a whole, because they are like earlier lines.

The lines of a run differ in few ways: in ids, seconds, and the numbers of their metrics. The text of a part that was
read and checked once need not be read again, and of metrics only the numbers (`metric_lists`). A line in which anything
is unusual is left to `records.parse_lines`. Both ways give the same columns and refuse the same lines; this one takes a
third of the time.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from typing import Any

from bench_suite.contracts import Record
from bench_suite.store import forms
from bench_suite.store import json_reader as checks
from bench_suite.store.collector import FIELDS, Collector, facts_text, text_of
from bench_suite.store.columns import FACTS, NO_TEXT, PLAIN_COLUMNS
from bench_suite.store.metric_lists import MetricLists, UnusualError
from bench_suite.store.records import SCHEMA, artifact_from_json, from_json, probes_from_json

_key = re.compile(r'"([a-z_]{1,20})":').match
_plain_text = re.compile(r'"([^"\\\x00-\x1f]*)"').fullmatch
_value_at = json.JSONDecoder().raw_decode
_SCHEMA = str(SCHEMA)
_REQUIRED = frozenset(("schema", "run", "suite", "id", "weights_key", "cell", "options", "status", "metrics"))
_FACTS = tuple(name for name in FACTS if name != "schema")
_USUAL_KEYS = frozenset((*_FACTS, *FIELDS, *PLAIN_COLUMNS, "schema", "metrics"))
_CONVERSIONS: Mapping[str, Callable[[Any], Any]] = {
    "probes": probes_from_json, "artifacts": lambda rows: [*map(artifact_from_json, rows)],
}  # fmt: skip
_MINIMAL = {"run": "", "suite": "", "id": "", "weights_key": "", "cell": {}, "options": {}, "status": "ok"}
_MAX_KNOWN = 4096
"Number of texts of a part that are known; those of parts that differ in every line are not worth their memory."


class KnownLines:
    """Adds lines of records to columns."""

    def __init__(self, collector: Collector) -> None:
        self.collector = collector
        self._last: dict[str, str] = {}
        self._values: dict[str, Any] = {}
        "What the texts in `_last` mean."
        self._codes: dict[str, dict[str | None, int]] = {name: {} for name in FIELDS}
        self._facts: dict[tuple[str | None, ...], int] = {}
        self._metrics = MetricLists(collector)
        self._absent = Record(**_MINIMAL, schema=SCHEMA)  # type: ignore[arg-type]  # each value is of its field's type

    def add(self, content: bytes) -> bool:
        """Add the record in a line, unless something in it is unusual.

        Args:
            content: the line.

        Returns:
            Whether it was added; if not, nothing has changed.
        """
        if not (content.startswith(b'{"schema":') and content.isascii()):  # so it is UTF-8, without a mark
            return False
        try:
            self._add(content.decode("ascii"))
        except (ValueError, OverflowError, RecursionError, IndexError, StopIteration):
            return False
        return True

    def _add(self, text: str) -> None:
        parts = self._parts(text)
        if parts.keys() - _USUAL_KEYS or _REQUIRED - parts.keys() or parts["schema"] != _SCHEMA:
            raise UnusualError
        plain = {name: _plain(parts.get(name, '""')) for name in PLAIN_COLUMNS}
        collector = self.collector
        if plain["id"] in collector.positions:
            raise UnusualError  # the two have to be merged
        codes = {name: self._code(name, parts.get(name)) for name in FIELDS}
        facts = self._facts_code(parts)
        # From here on nothing can fail.
        collector.positions[plain["id"]] = len(collector.numbers.ends)
        for name, value in plain.items():
            collector.cells[name].add(value)
        for name, code in codes.items():
            collector.cells[name].codes.append(code)
        collector.cells["facts"].codes.append(facts)
        self._metrics.append()

    def _parts(self, text: str) -> dict[str, str]:
        """Return the JSON text of each value of the object in a line, by its key; that of the metrics is empty."""
        parts: dict[str, str] = {}
        last, position = self._last, 1
        while True:
            match = _key(text, position)
            if match is None or (name := match[1]) in parts:
                raise UnusualError
            start = match.end()
            if name == "metrics":
                parts[name], end = "", self._metrics.read(text, start)
            elif (known := last.get(name)) is not None and text.startswith(known, start):
                # A number may go on: then no comma follows.
                parts[name], end = known, start + len(known)
            else:
                self._values[name], end = _value_at(text, start)
                parts[name] = last[name] = text[start:end]
            if text[end] == "}":
                break
            if text[end] != ",":
                raise UnusualError
            position = end + 1
        if text[end + 1 :] not in ("\n", ""):
            raise UnusualError
        return parts

    def _code(self, name: str, part: str | None) -> int:
        """Return the number of the text in a column that a part of a line has."""
        codes = self._codes[name]
        if (code := codes.get(part)) is None:
            if part is None:
                text = text_of(name, getattr(self._absent, name))
            else:
                value = self._values[name]
                checks.anything({name: value})
                forms.RECORD_FIELDS[name](value)
                # Any JSON text of a value will do, so the value need not be encoded again.
                text = text_of(name, _CONVERSIONS[name](value)) if name in _CONVERSIONS else part
            code = NO_TEXT if text is None else self.collector.cells[name].code(text)
            if len(codes) < _MAX_KNOWN:
                codes[part] = code
        return code

    def _facts_code(self, parts: Mapping[str, str]) -> int:
        known = tuple(map(parts.get, _FACTS))
        if (code := self._facts.get(known)) is None:
            facts = {name: json.loads(part) for name, part in zip(_FACTS, known) if part is not None}
            record = from_json({**_MINIMAL, **facts, "schema": SCHEMA})
            code = self.collector.cells["facts"].code(facts_text(record))
            if len(self._facts) < _MAX_KNOWN:
                self._facts[known] = code
        return code


def _plain(part: str) -> str:
    """Return the string in a JSON text without escapes."""
    if (match := _plain_text(part)) is None:
        raise UnusualError
    return match[1]
