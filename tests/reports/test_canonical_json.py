"""Equal values have the same text."""

from __future__ import annotations

from datetime import date

from bench_suite.reports.canonical_json import as_json


def test_the_order_of_keys_does_not_count_and_what_json_lacks_is_its_text() -> None:
    assert as_json({"b": 1, "a": [None, 0.5]}) == as_json({"a": [None, 0.5], "b": 1}) == '{"a": [null, 0.5], "b": 1}'
    assert as_json({"day": date(2026, 1, 2)}) == '{"day": "2026-01-02"}'
