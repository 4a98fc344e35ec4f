"""JSON of other tools: damage is named, and points in time are understood."""

from pathlib import Path

import pytest

from bench_suite.contracts import BenchError
from bench_suite.imported.json_files import finite, moment, parse, read_document, read_lines


def test_damage_is_named_with_file_and_line(tmp_path: Path) -> None:
    path = tmp_path / "x.jsonl"
    path.write_text('{"a": 1}\n\n[1]\n')
    lines = read_lines(path)
    assert next(lines) == (1, {"a": 1})
    with pytest.raises(BenchError, match=r"x\.jsonl: line 3 must be an object, and is list"):
        next(lines)
    for content, message in (
        (b"{", "not JSON"),
        (b'{"a": "\xff"}', "not UTF-8"),
        (b"[" * 100_000, "nested too deeply"),
    ):
        with pytest.raises(BenchError, match=message):
            parse(content, "x")
    with pytest.raises(BenchError, match="cannot be read"):
        read_document(tmp_path / "absent")


def test_numbers_and_moments() -> None:
    assert (finite(1), finite(True), finite("1"), finite(float("nan")), finite(10**400)) == (1.0, 1.0, None, None, None)
    assert moment(0) == "1970-01-01T00:00:00Z"
    assert moment("2026-01-01T01:00:00+01:00") == "2026-01-01T00:00:00Z"
    assert (moment("yesterday"), moment(None), moment(1e30)) == ("", "", "")
