"""Lines like earlier ones: whatever they contain, the columns are those of lines that are parsed as a whole."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bench_suite.contracts import ArtifactRow, Interval, MetricRow, ProbeRow, Record
from bench_suite.store.collector import Collector
from bench_suite.store.known_lines import KnownLines
from bench_suite.store.records import line, parse_lines


def content(number: int, **changes: Any) -> bytes:
    """Return the line of a record; those of different numbers have different ids, numbers, seeds and seconds."""
    value = 0.5 + number / 1000
    metrics = (
        MetricRow("q/a", value, "fraction", "higher", interval=Interval(value - 0.1, value + 0.1), n=1000 + number),
        MetricRow("q/b", None, "fraction", "lower", reason="one class", at={"size": 1, "group": "x,y"}, ideal=1.0),
        MetricRow("t/c", value, "samples/s", "higher", samples=(value, 1.5)[number % 2 :] * (1 + number), n=9),
        MetricRow("t/d", 3 + number, "s", "lower", kind="exact", range=(0, None), marks={"throttled": "cap"}),
    )
    artifacts = (ArtifactRow("q/x", "matrix", f"cells/{number:04x}/x.json", "caption"),)
    fields = {
        "cell": {"task": "t", "seed": number}, "options": {"model": {"hidden": [1, 2.0], "name": "é"}}, "status": "ok",
        "probes": {"q": ProbeRow("ok", "k"), "t": ProbeRow("failed", "k", "why")}, "data": {"train": 5, "name": "d"},
        "sources": {"task": "h"}, "metrics": metrics, "artifacts": artifacts, "environment": "e", "started": "2026",
        "seconds": {"train": value}, "notes": ("n",),
    }  # fmt: skip
    return line(Record("r", "s", f"{number:04x}", "w", **(fields | changes)), "")[0]


LINES = [content(number) for number in range(4)]


def outcome(lines: Sequence[bytes], *, quick: bool) -> tuple[str, list[str], int]:
    """Return the records in some lines, the errors, and how many lines were not parsed as a whole."""
    known, damages, count = KnownLines(Collector()), [], 0
    for number, one in enumerate(lines, start=1):
        if quick and known.add(one):
            count += 1
            continue
        for item in parse_lines([one], "f", number):
            if isinstance(item, Record):
                known.collector.add(item)
            else:
                damages.append(str(item))
    return repr(known.collector.columns().records()), damages, count


def assert_same(lines: Sequence[bytes], count: int | None = None) -> None:
    quick, whole = outcome(lines, quick=True), outcome(lines, quick=False)
    assert quick[:2] == whole[:2]
    assert count is None or quick[2] == count


def test_lines_of_one_run_are_not_parsed_as_a_whole() -> None:
    assert_same(LINES, 4)


def test_lines_of_several_kinds_of_cells_are_not_either() -> None:
    kinds = [{}, {"metrics": (), "status": "failed", "reason": "no"}, {"data": {}, "notes": (), "artifacts": ()}]
    assert_same([content(number, **kinds[number % 3]) for number in range(9)], 9)


REPLACED: dict[str, tuple[bytes, bytes]] = {
    "cut off": (b'"notes":["n"],"smoke":false', b'"notes":["n"'),
    "no number": (b'"value":0.503', b'"value":NaN'),
    "no finite number": (b'"value":0.503', b'"value":1e999'),
    "an integer": (b'"value":0.503', b'"value":1'),
    "a huge integer": (b'"value":6', b'"value":9007199254740993'),
    "a very huge integer": (b'"value":6', b'"value":1' + b"0" * 400),
    "an integer of too many digits": (b'"value":6', b'"value":1' + b"0" * 5000),
    "text": (b'"value":0.503', b'"value":"0.503"'),
    "true": (b'"value":6', b'"value":true'),
    "no JSON number": (b'"value":0.503', b'"value":00.503'),
    "two numbers": (b'"value":0.503', b'"value":0.5-3'),
    "a missing value": (b'"value":0.503,', b""),
    "minus nought": (b'"value":6', b'"value":-0'),
    "an integer as a bound": (b'"low":0.403', b'"low":0'),
    "a bound that is not finite": (b'"low":0.403', b'"low":-1e999'),
    "a level": (b'"level":0.95', b'"level":1.95'),
    "a negative count": (b'"n":1003', b'"n":-1'),
    "a fraction as a count": (b'"n":1003', b'"n":1.5'),
    "a large count": (b'"n":1003', b'"n":9223372036854775808'),
    "no sample": (b'"samples":[1.5,1.5,1.5,1.5]', b'"samples":[]'),
    "an integer as a sample": (b'"samples":[1.5,1.5,1.5,1.5]', b'"samples":[0.5,1]'),
    "NaN as a sample": (b'"samples":[1.5,1.5,1.5,1.5]', b'"samples":[0.5,NaN]'),
    "a large sample": (b'"samples":[1.5,1.5,1.5,1.5]', b'"samples":[0.5,1e999]'),
    "no list of samples": (b'"samples":[1.5,1.5,1.5,1.5]', b'"samples":0.5'),
    "a gap between samples": (b'"samples":[1.5,1.5,1.5,1.5]', b'"samples":[0.5,,1.5]'),
    "a comma after samples": (b'"samples":[1.5,1.5,1.5,1.5]', b'"samples":[0.5,]'),
    "a comma before samples": (b'"samples":[1.5,1.5,1.5,1.5]', b'"samples":[,0.5]'),
    "nested samples": (b'"samples":[1.5,1.5,1.5,1.5]', b'"samples":[[0.5]]'),
    "a repeated key": (b'"id":"0003"', b'"id":"0003","id":"0007"'),
    "a repeated key in a metric": (b'"value":0.503', b'"value":0.503,"value":0.7'),
    "repeated metrics": (b'"notes":["n"]', b'"metrics":[],"notes":["n"]'),
    "metrics elsewhere": (b'"sources":{"task":"h"}', b'"sources":{"task":"h","metrics":[]}'),
    "an unknown key": (b'"notes":["n"]', b'"later":1,"notes":["n"]'),
    "another schema": (b'"schema":2', b'"schema":1'),
    "a later schema": (b'"schema":2', b'"schema":23'),
    "no schema": (b'"schema":2,', b""),
    "no run": (b'"run":"r",', b""),
    "a run of another type": (b'"run":"r"', b'"run":7'),
    "a status of no kind": (b'"status":"ok","reason"', b'"status":"fine","reason"'),
    "a probe's status of no kind": (b'"q":{"status":"ok"', b'"q":{"status":"fine"'),
    "an escaped id": (b'"id":"0003"', b'"id":"\\u0041\\ud800"'),
    "an id that is a number": (b'"id":"0003"', b'"id":3'),
    "the id of another line": (b'"id":"0003"', b'"id":"0001"'),
    "no UTF-8": (b'"id":"0003"', b'"id":"\xff"'),
    "UTF-8": (b'"id":"0003"', '"id":"é"'.encode()),
    "a control character": (b'"id":"0003"', b'"id":"\x01"'),
    "a seed that is a list": (b'"seed":3', b'"seed":[3]'),
    "a seed that is no number": (b'"seed":3', b'"seed":NaN'),
    "a seed that goes on": (b'"seed":3', b'"seed":33'),
    "seconds that are text": (b'"train":0.503', b'"train":"x"'),
    "seconds that are not finite": (b'"train":0.503', b'"train":NaN'),
    "a literal that goes on": (b'"smoke":false', b'"smoke":falsey'),
    "a flag that is a number": (b'"smoke":false', b'"smoke":0'),
    "deep options": (b'"hidden":[1,2.0]', b'"hidden":' + b"[" * 60 + b"]" * 60),
    "very deep options": (b'"hidden":[1,2.0]', b'"hidden":' + b"[" * 100_000),
    "options at the limit": (b'"hidden":[1,2.0]', b'"hidden":' + b"[" * 47 + b"]" * 47),
    "options beyond it": (b'"hidden":[1,2.0]', b'"hidden":' + b"[" * 48 + b"]" * 48),
    "deep metrics": (b'"group":"x,y"', b'"group":' + b"[" * 60 + b"]" * 60),
    "blanks": (b'"seed":3', b'"seed": 3'),
    "text after the end": (b"}\n", b"}x\n"),
    "a line without an end": (b"}\n", b"}"),
    "a line of another system": (b"}\n", b"}\r\n"),
    "a mark": (b'"one class"', b'"\\u0001number"'),
    "an escaped reason": (b'"one class"', b'"\\u00e9 \\ud800 \\" {"'),
    "a wrong escape": (b'"one class"', b'"\\x"'),
    "null as a reason": (b'"one class"', b"null"),
    "a number as a reason": (b'"one class"', b"7"),
    "an interval in another order": (b'"level":0.95,"over":"examples"', b'"over":"examples","level":0.95'),
    "no interval": (b'"interval":{"low"', b'"interval":null,"later":{"low"'),
    "a bracket in a name": (b'"q/a"', b'"q/a}],{"'),
    "a text like a list of metrics": (b'"notes":["n"]', b'"notes":[",\\"metrics\\":[]"]'),
    "an artifact without a file": (b'"file":"cells/0003/x.json"', b'"fill":1'),
    "an artifact that is none": (b'"artifacts":[{', b'"artifacts":[7,{'),
    "a probe that is none": (b'"q":{"status":"ok","key":"k"}', b'"q":null'),
    "an unrestored state": (b'"smoke":false', b'"smoke":false,"unrestored":{"a":"b"}'),
    "nothing": (LINES[3], b"{}\n"),
    "an empty object with a schema": (LINES[3], b'{"schema":2}'),
    "the beginning of an object": (LINES[3], b'{"schema":2,'),
    "a key alone": (LINES[3], b'{"schema":'),
}  # fmt: skip


@pytest.mark.parametrize("change", REPLACED.values(), ids=REPLACED.keys())
def test_unusual_lines_are_read_or_refused_as_ever(change: tuple[bytes, bytes]) -> None:
    changed = LINES[3].replace(*change, 1)
    assert changed != LINES[3]
    assert_same([*LINES[:3], changed])
    assert_same([changed, *LINES[:3], changed])
    assert_same([changed, changed.replace(b'"id":"0003"', b'"id":"0009"')])


TOKENS = st.sampled_from(
    [b'"', b",", b"{", b"}", b"[", b"]", b":", b"\\", b"0", b"-", b".", b"e", b" ", b"NaN", b"null", b"true", b'""',
     b"1.0", b'"metrics":[]', b'"id":"z",', b"\x00", b"\xc3\xa9", b"9" * 30]
)  # fmt: skip


@given(
    st.lists(st.tuples(st.integers(0, len(LINES[3])), st.integers(0, 3), TOKENS), min_size=1, max_size=3), st.booleans()
)
def test_any_change_of_a_line_is_read_or_refused_as_ever(edits: list[tuple[int, int, bytes]], is_first: bool) -> None:
    changed = LINES[3]
    for position, removed, added in edits:
        changed = changed[:position] + added + changed[position + removed :]
    assert_same([changed, *LINES[:2]] if is_first else [*LINES[:2], changed])


PARTS = re.compile(rb'-?\d[-\d.e+]*|"(?:[^"\\]|\\.)*"|true|false|null')
VALUES = st.sampled_from(
    [None, True, False, 0, 1, -1, 2**53, 2**63, 10**400, 0.0, -0.0, 1e-300, 1e300, float("nan"), float("inf"), "", "ok",
     "higher", [], {}, [1.0], [1], ["x"], {"a": 1}, [[]]]
)  # fmt: skip


@given(st.lists(st.tuples(st.integers(0, 10**6), VALUES), min_size=1, max_size=3), st.booleans())
def test_any_value_in_place_of_another_is_read_or_refused_as_ever(edits: list[tuple[int, Any]], is_first: bool) -> None:
    changed = LINES[3]
    for number, value in edits:
        spans = [match.span() for match in PARTS.finditer(changed)]
        first, end = spans[number % len(spans)]
        changed = changed[:first] + json.dumps(value).encode() + changed[end:]
    assert_same([changed, *LINES[:2]] if is_first else [*LINES[:2], changed])


def test_a_line_that_is_left_to_others_changes_nothing() -> None:
    known = KnownLines(Collector())
    for one in LINES[:2]:
        assert known.add(one)
    before = repr(known.collector.numbers.value), len(known.collector.positions), len(known.collector.numbers.ends)
    for change in REPLACED.values():
        known.add(LINES[3].replace(*change, 1)[:-9])
    after = repr(known.collector.numbers.value), len(known.collector.positions), len(known.collector.numbers.ends)
    assert after == before
    assert {len(column.codes) for column in known.collector.cells.values()} == {2}
