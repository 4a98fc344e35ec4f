"""Records that other processes add to a run are read once, and only when their line is complete."""

from __future__ import annotations

from pathlib import Path

from bench_suite.contracts import Record
from bench_suite.store.record_tail import RecordTail
from bench_suite.store.records import line


def text(id: str) -> bytes:
    return line(Record("run", "suite", id, "", {}, {}, "ok"), "")[0]


def test_new_lines_are_read_once_and_whole(tmp_path: Path) -> None:
    (tmp_path / "records").mkdir()
    path = tmp_path / "records" / "00002.jsonl"
    path.write_bytes(text("known"))
    tail = RecordTail(tmp_path, {path.name: len(text("known"))})
    assert [*tail.read("00009.jsonl")] == [], "there is no such file yet"
    assert [*tail.read(path.name)] == []
    with path.open("ab") as file:
        file.write(text("a") + text("b") + text("c")[:20])
    assert [record.id for record in tail.read(path.name)] == ["a", "b"]
    assert [*tail.read(path.name)] == []
    with path.open("ab") as file:
        file.write(text("c")[20:])
    assert [record.id for record in tail.read(path.name)] == ["c"]
