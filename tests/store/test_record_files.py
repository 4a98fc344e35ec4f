"""The files of records: read once, and again if one has changed."""

from __future__ import annotations

from typing import Any

import pytest

from bench_suite.contracts import Record
from bench_suite.store import record_files
from bench_suite.store.index import FILE
from bench_suite.store.runs import Run


def write(run: Run, *ids: str) -> None:
    with run.writer() as writer:
        for id in ids:
            writer.write(Record("r", "s", id, "w", {"seed": 0}, {}, "ok"))


@pytest.fixture
def parsed(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Return the names of the files that were parsed so far."""
    names: list[str] = []
    parse = record_files.parse_lines

    def counted(lines: Any, file: str) -> Any:
        names.append(file)
        return parse(lines, file)

    monkeypatch.setattr(record_files, "parse_lines", counted)
    return names


@pytest.mark.parametrize("indexed_bytes", [1, 10**9])
def test_records_are_parsed_once_until_a_file_changes(
    run: Run, parsed: list[str], monkeypatch: pytest.MonkeyPatch, indexed_bytes: int
) -> None:
    monkeypatch.setattr(record_files, "INDEXED_BYTES", indexed_bytes)
    write(run, "a", "b")
    run.update({"planned": {"b": "task, model"}})
    assert [record.id for record in run.records()] == ["a", "b"]
    run.records().clear()  # the list belongs to the caller
    assert [record.id for record in run.planned_records()] == ["b"]
    assert len(run.records()) == 2
    assert parsed == ["records/00001.jsonl"]
    write(run, "c")
    assert [record.id for record in run.records()] == ["a", "b", "c"]
    assert parsed == ["records/00001.jsonl"] * 2 + ["records/00002.jsonl"]


def test_only_a_large_run_has_an_index(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    write(run, "a")
    size = (run.path / "records" / "00001.jsonl").stat().st_size
    for indexed_bytes, has_index in ((size + 1, False), (size, True)):
        monkeypatch.setattr(record_files, "INDEXED_BYTES", indexed_bytes)
        assert len(Run(run.path).records()) == 1
        assert (run.path / FILE).exists() == has_index


def test_a_run_that_is_only_read_gets_no_index_and_its_index_is_used(
    run: Run, parsed: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    write(run, "a")
    monkeypatch.setattr(record_files, "INDEXED_BYTES", 1)
    assert len(Run(run.path, read_only=True).records()) == 1
    assert not (run.path / FILE).exists()
    assert len(Run(run.path).records()) == 1
    parsed.clear()
    assert len(Run(run.path, read_only=True).records()) == 1
    assert parsed == []


def test_damage_is_named_at_each_reading(run: Run) -> None:
    write(run, "a")
    path = run.path / "records" / "00001.jsonl"
    path.write_bytes(path.read_bytes() + b"{}\n")
    for _ in range(2):
        assert len(run.records()) == 1
        assert run.torn == 1
        assert run.damages == (f"{run.name}: records/00001.jsonl, line 2, field run: it is missing",)
    path.write_bytes(path.read_bytes()[:-3])
    assert len(run.records()) == 1
    assert run.torn == 0


def test_a_run_without_files_has_no_records(run: Run) -> None:
    assert run.records() == []
    (run.path / "records").rmdir()
    assert run.records() == []
