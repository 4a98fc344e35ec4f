"""The files of records: read once, and again if one has changed."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable
from dataclasses import replace
from typing import Any

import pytest

from bench_suite.contracts import Record
from bench_suite.store import record_files
from bench_suite.store.index import FILE
from bench_suite.store.known_lines import KnownLines
from bench_suite.store.records import line
from bench_suite.store.runs import Run


def write(run: Run, *ids: str) -> None:
    with run.writer() as writer:
        for id in ids:
            writer.write(Record("r", "s", id, "w", {"seed": 0}, {}, "ok"))


@pytest.fixture
def parsed(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Return the ids of the cells whose lines were read so far."""
    ids: list[str] = []
    parse, add = record_files.parse_lines, KnownLines.add

    def counted(content: bytes) -> bytes:
        ids.append(json.loads(content)["id"])
        return content

    def counting_parse(lines: Iterable[bytes], *rest: Any) -> Any:
        # Lines that were refused by `KnownLines` have been counted.
        return parse(lines if isinstance(lines, list) else map(counted, lines), *rest)

    monkeypatch.setattr(record_files, "parse_lines", counting_parse)
    monkeypatch.setattr(KnownLines, "add", lambda known, content: add(known, counted(content)))
    return ids


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
    assert parsed == ["a", "b"]
    write(run, "c")
    assert [record.id for record in run.records()] == ["a", "b", "c"]
    assert parsed == ["a", "b", *"abc"]


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


def append(run: Run, file: str, *ids: str, **changes: Any) -> None:
    with (run.path / "records" / f"{file}.jsonl").open("ab") as stream:
        for id in ids:
            stream.write(line(replace(Record("r", "s", id, "w", {"seed": 0}, {}, "ok"), **changes), "")[0])


@pytest.fixture
def grown(run: Run, monkeypatch: pytest.MonkeyPatch) -> Run:
    """Return a run of 40 cells in two files, with an index."""
    monkeypatch.setattr(record_files, "INDEXED_BYTES", 1)
    append(run, "00001", *(f"a{number}" for number in range(20)))
    append(run, "00002", *(f"b{number}" for number in range(20)))
    Run(run.path).records()
    return run


def in_full(run: Run, **options: Any) -> tuple[Any, ...]:
    """Return all that a reader gets from the records of a run, and whether it is the same without an index."""
    reader = Run(run.path, **options)
    return repr(reader.records()), reader.torn, reader.damages


def without_index(run: Run) -> tuple[Any, ...]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(record_files, "INDEXED_BYTES", 10**9)
        return in_full(run)


def add_to_the_last(run: Run) -> None:
    append(run, "00002", "c", "d")


def add_to_both(run: Run) -> None:
    append(run, "00002", "c")
    append(run, "00001", "d")


def add_a_file(run: Run) -> None:
    append(run, "00003", "c", "d")


def add_other_results_of_known_cells(run: Run) -> None:
    append(run, "00002", "b3", "a7", status="failed", notes=("again",))


def add_damage(run: Run) -> None:
    with (run.path / "records" / "00002.jsonl").open("ab") as stream:
        stream.write(b'{}\n{"schema": 2, "id')
    append(run, "00003", "c")


GROWTHS = (add_to_the_last, add_to_both, add_a_file, add_other_results_of_known_cells, add_damage)


@pytest.mark.parametrize("grow", GROWTHS)
@pytest.mark.parametrize("is_open", [False, True])
def test_only_lines_that_were_added_are_read(
    grown: Run, request: pytest.FixtureRequest, grow: Callable[[Run], None], is_open: bool
) -> None:
    before = (grown.path / FILE).read_bytes()
    if is_open:
        grown.records()
    grow(grown)
    expected = without_index(grown)
    if grow is not add_damage:  # its lines have no ids
        parsed = request.getfixturevalue("parsed")
    assert in_full(grown) == expected
    if is_open:
        assert (repr(grown.records()), grown.torn, grown.damages) == expected
    if grow is not add_damage:
        assert len(parsed) == (4 if is_open else 2)
    assert (grown.path / FILE).read_bytes() == before, "the index is written again when a tenth was added"


def test_after_a_tenth_was_added_there_is_a_new_index(grown: Run, parsed: list[str]) -> None:
    before = (grown.path / FILE).read_bytes()
    append(grown, "00002", *(f"c{number}" for number in range(5)))
    expected = without_index(grown)
    assert in_full(grown) == expected
    assert (grown.path / FILE).read_bytes() != before
    parsed.clear()
    assert in_full(grown) == expected
    assert parsed == []


def test_a_watched_run_without_an_index_is_read_once(grown: Run, parsed: list[str]) -> None:
    (grown.path / FILE).unlink()
    watcher = Run(grown.path, read_only=True)
    watcher.records()
    assert len(parsed) == 40
    for number in range(3):
        append(grown, "00001", f"c{number}")
        assert len(watcher.records()) == 41 + number
    assert parsed[40:] == ["c0", "c0", "c1", "c0", "c1", "c2"]
    assert not (grown.path / FILE).exists()


def change_the_past(run: Run) -> None:
    path = run.path / "records" / "00001.jsonl"
    path.write_bytes(path.read_bytes().replace(b'"a3"', b'"x3"'))
    append(run, "00001", "c")


def complete_a_torn_line(run: Run) -> None:
    path = run.path / "records" / "00001.jsonl"
    whole = path.read_bytes()
    path.write_bytes(whole[:-9])
    Run(run.path).records()
    path.write_bytes(whole)


def add_a_result_to_an_earlier_file(run: Run) -> None:
    append(run, "00001", "b3", status="failed", notes=("earlier",))


def remove_a_file(run: Run) -> None:
    (run.path / "records" / "00001.jsonl").unlink()


@pytest.mark.parametrize(
    "change", [change_the_past, complete_a_torn_line, add_a_result_to_an_earlier_file, remove_a_file]
)
def test_all_lines_are_read_if_more_than_an_addition_has_changed(grown: Run, change: Callable[[Run], None]) -> None:
    grown.records()
    change(grown)
    expected = without_index(grown)
    assert (repr(grown.records()), grown.torn, grown.damages) == expected
    assert in_full(grown) == expected


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
