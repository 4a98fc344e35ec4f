"""JSON of other tools: damage is named, and points in time are understood."""

import gzip
from pathlib import Path

import pytest

from bench_suite.contracts import BenchError
from bench_suite.imported import json_files
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


def test_compressed_files_are_read_and_damaged_ones_named(tmp_path: Path) -> None:
    (tmp_path / "a.json.gz").write_bytes(gzip.compress(b'{"a": 1}'))
    (tmp_path / "a.jsonl.gz").write_bytes(gzip.compress(b'{"a": 1}\r\n{"a": 2}'))
    assert read_document(tmp_path / "a.json.gz") == {"a": 1}
    assert list(read_lines(tmp_path / "a.jsonl.gz")) == [(1, {"a": 1}), (2, {"a": 2})]
    (tmp_path / "b.json.gz").write_bytes(gzip.compress(b'{"a": 1}')[:-6])
    with pytest.raises(BenchError, match="is it complete"):
        read_document(tmp_path / "b.json.gz")
    assert parse('{"a": "é"}'.encode("utf-16"), "x") == {"a": "é"}


def test_a_document_and_a_line_have_a_largest_size(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "a.json").write_text('{"a": 1}')
    monkeypatch.setattr(json_files, "MAX_DOCUMENT", 5)
    monkeypatch.setattr(json_files, "MAX_LINE", 5)
    with pytest.raises(BenchError, match="has 8 bytes, and 5 of text are allowed"):
        read_document(tmp_path / "a.json")
    with pytest.raises(BenchError, match="line 1 has more than 5 bytes"):
        list(read_lines(tmp_path / "a.json"))
