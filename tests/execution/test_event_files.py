"""Events in a file: each is read once and whole, while another process writes them."""

from __future__ import annotations

from pathlib import Path

from bench_suite.contracts import Record
from bench_suite.execution.event_files import EventFile, EventReader
from bench_suite.execution.events import Called, Ready, Recorded, UnitEnded


def test_each_event_is_read_once_and_in_order(tmp_path: Path) -> None:
    path = tmp_path / "events"
    reader = EventReader(path)
    assert [*reader.read()] == [], "there is no file yet"
    write = EventFile(path)
    write(Ready(7, "00001.jsonl"))
    assert [*reader.read()] == [Ready(7, "00001.jsonl")]
    write(Called("cell", "a"))
    write(UnitEnded("u"))
    assert [*reader.read()] == [Called("cell", "a"), UnitEnded("u")]
    assert [*reader.read()] == []
    assert [*EventReader(path).read()] == [Ready(7, "00001.jsonl"), Called("cell", "a"), UnitEnded("u")]
    assert path.stat().st_mode & 0o077 == 0, "pickles are for their owner only"


def test_an_event_that_is_being_written_is_read_when_it_is_complete(tmp_path: Path) -> None:
    whole, torn = tmp_path / "whole", tmp_path / "torn"
    EventFile(whole)(UnitEnded("u"))
    content = whole.read_bytes()
    reader = EventReader(torn)
    for size in (0, 3, 8, len(content) - 1):
        torn.write_bytes(content[:size])
        assert [*reader.read()] == []
    torn.write_bytes(content)
    assert [*reader.read()] == [UnitEnded("u")]


def test_records_and_windows_in_quick_succession_are_left_out(tmp_path: Path) -> None:
    write = EventFile(tmp_path / "events")
    write(Recorded(Record("run", "suite", "id", "", {}, {}, "ok")))
    for _ in range(5):
        write(Called("window", "a"))
    assert [*EventReader(tmp_path / "events").read()] == [Called("window", "a")]
