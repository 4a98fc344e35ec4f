"""Files and records are written completely or not at all, whatever a kill, a full disk or a Ctrl-C does."""

import errno
import json
import os
import resource
import signal
import subprocess
import sys
import threading
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pyarrow import parquet

from bench_suite.contracts import MetricRow, Record
from bench_suite.store import atomic
from bench_suite.store.atomic import (
    RecordsLost,
    StoreError,
    StoreFull,
    hold_interrupts,
    replace_file,
    safe_name,
    seal,
    write_file,
    writing_error,
)
from bench_suite.store.runs import Run


def record(id: str, **changes: Any) -> Record:
    return replace(Record("r", "nlp", id, "", {}, {}, "ok"), **changes)


# ── records ───────────────────────────────────────────────────────────────────────────────────────


def test_the_file_of_a_writer_is_no_program_and_takes_the_next_free_number(
    run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("00007.jsonl", "00001.jsonl", "note.jsonl", "00009.txt"):
        (run.path / "records" / name).write_text("")
    with run.writer() as writer:
        assert writer.path.name == "00008.jsonl"
        assert writer.path.stat().st_mode & 0o133 == 0
        monkeypatch.setattr(Path, "glob", lambda self, pattern: iter(()))  # others created theirs after the count
        (run.path / "records" / "00002.jsonl").write_text("")
        with run.writer() as second:
            assert second.path.name == "00003.jsonl"


def test_a_torn_last_line_does_not_swallow_the_next_writers_record(run: Run) -> None:
    with run.writer() as writer:
        writer.write(record("a"))
        writer.write(record("b"))
    path = writer.path
    path.write_bytes(path.read_bytes()[:-40])
    with run.writer() as writer:
        writer.write(record("c"))
    assert writer.path != path
    assert [record.id for record in run.records()] == ["a", "c"]
    assert run.torn == 1


def test_a_writer_that_wrote_nothing_leaves_no_file(run: Run) -> None:
    with run.writer():
        pass
    assert list((run.path / "records").iterdir()) == []


_WRITE_SOME = """
import sys
from pathlib import Path
from bench_suite.store.runs import Run
from bench_suite.contracts import Record
with Run(Path(sys.argv[1])).writer() as writer:
    for number in range(20):
        writer.write(Record("r", "nlp", f"{sys.argv[2]}-{number}", "", {}, {}, "ok", notes=("x" * 2000,)))
"""


def test_writers_in_many_processes_lose_nothing(run: Run) -> None:
    commands = [[sys.executable, "-c", _WRITE_SOME, str(run.path), str(number)] for number in range(8)]
    processes = [subprocess.Popen(command) for command in commands]
    assert [process.wait() for process in processes] == [0] * 8
    assert {record.id for record in run.records()} == {f"{job}-{number}" for job in range(8) for number in range(20)}
    assert run.torn == 0
    assert len(list((run.path / "records").iterdir())) == 8


def test_a_forked_child_may_not_write_to_its_parents_file(run: Run) -> None:
    with run.writer() as writer:
        child = os.fork()
        if child == 0:
            try:
                writer.write(record("child"))
            except StoreError:
                os._exit(7)
            os._exit(0)
        assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 7
        writer.write(record("parent"))
    assert [record.id for record in run.records()] == ["parent"]


@pytest.mark.parametrize("after", [0, 1], ids=["before its first record", "after its first record"])
def test_a_forked_child_that_closes_the_writer_leaves_the_file_to_its_parent(run: Run, after: int) -> None:
    with run.writer() as writer:
        for number in range(after):
            writer.write(record(f"early {number}"))
        child = os.fork()
        if child == 0:
            writer.close()
            os._exit(0)
        assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
        writer.write(record("parent"))
    assert [record.id for record in run.records()] == [*(f"early {number}" for number in range(after)), "parent"]


def _remove(writer: Any) -> None:
    writer.path.unlink()


def _move(writer: Any) -> None:
    writer.path.parent.rename(writer.path.parent.with_name("moved"))


def _replace(writer: Any) -> None:
    writer.path.unlink()
    writer.path.write_text("")


@pytest.mark.parametrize("change", [_remove, _move, _replace])
def test_a_record_whose_file_is_gone_is_an_error(run: Run, change: Any) -> None:
    with run.writer() as writer:
        writer.write(record("a"))
        change(writer)
        with pytest.raises(RecordsLost, match="its 2 records cannot be read any more") as caught:
            writer.write(record("b"))
    assert caught.value.exit_status == 3


def test_what_a_writer_writes_to_a_sealed_file_does_not_count(run: Run) -> None:
    with run.writer() as writer:
        writer.write(record("a"))
        with writer.path.open("ab") as file:
            file.write(b'{"torn')  # it was writing
        seal(writer.path)
        with pytest.raises(RecordsLost):
            writer.write(record("b"))
        with run.writer() as again:
            again.write(record("b", status="failed"))
    assert [(record.id, record.status) for record in run.records()] == [("a", "ok"), ("b", "failed")]
    assert run.torn == 0
    seal(run.path / "records" / "nobody's.jsonl")


def test_a_writer_that_wrote_nothing_leaves_the_file_of_another_alone(run: Run) -> None:
    with run.writer() as writer:
        _replace(writer)
    assert writer.path.exists()


_WRITE_FOR_EVER = """
import sys
from pathlib import Path
from bench_suite.store.runs import Run
from bench_suite.contracts import Record
run = Run(Path(sys.argv[1]))
with run.writer() as writer:
    for number in range(10**9):
        writer.write(Record(run.name, "nlp", f"{number}", "", {}, {}, "ok", notes=("x" * 2000,) * 20))
        print(number, flush=True)
"""


def test_a_kill_loses_no_record_that_was_reported(run: Run) -> None:
    for moment in range(6):
        before = {record.id for record in run.records()}
        process = subprocess.Popen([sys.executable, "-c", _WRITE_FOR_EVER, str(run.path)], stdout=subprocess.PIPE)
        assert process.stdout is not None
        first = process.stdout.readline().decode().strip()
        time.sleep(0.037 * moment)
        process.kill()
        reported = {first, *(line.decode() for line in process.stdout.read().split())}
        process.wait()
        after = {record.id for record in run.records()}
        assert reported | before <= after
        assert run.torn <= moment + 1


def test_what_does_not_fit_a_record_lies_beside_it(run: Run) -> None:
    many = MetricRow("throughput/train", 1.0, "s", "lower", samples=tuple(map(float, range(500))))
    with run.writer() as writer:
        writer.write(record("a", metrics=(many,)))
        writer.write(record("a", metrics=(replace(many, name="other/train"),)))
        writer.write(
            record(
                "b",
                metrics=(replace(many, samples=(1.0,)),),
                options={str(number): "x" * 100 for number in range(5000)},
            )
        )
    table = parquet.read_table((run.path / "cells" / "a") / "samples.parquet").to_pylist()
    assert {row["name"]: len(row["samples"]) for row in table} == {"throughput/train": 500, "other/train": 500}
    assert len(json.loads(((run.path / "cells" / "b") / "record.json").read_bytes())["options"]) == 5000
    assert [len(record.metrics) for record in run.records()] == [2, 1]


# ── a full disk ───────────────────────────────────────────────────────────────────────────────────


def test_an_error_without_a_number_of_the_system_keeps_its_words(tmp_path: Path) -> None:
    assert "(odd)" in str(writing_error(OSError("odd"), tmp_path))
    assert not isinstance(writing_error(OSError("odd"), tmp_path), StoreFull)
    denied = writing_error(OSError(errno.EACCES, "x"), tmp_path)
    assert str(denied) == (
        f"results cannot be written to {tmp_path} (Permission denied)\n  choose another folder with: --results DIR"
    )


def test_a_write_that_fails_half_way_is_taken_back(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    write = os.write
    calls = []

    def full_after_100_bytes(file: int, content: memoryview) -> int:
        calls.append(len(content))
        if len(calls) == 1:
            return write(file, content[:100])
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    with run.writer() as writer:
        writer.write(record("a"))
        size = writer.path.stat().st_size
        with monkeypatch.context() as patch:
            patch.setattr(atomic.os, "write", full_after_100_bytes)
            with pytest.raises(StoreFull, match="No space left"):
                writer.write(record("b"))
        assert writer.path.stat().st_size == size
        writer.write(record("c"))
    assert [record.id for record in run.records()] == ["a", "c"]
    assert run.torn == 0


def test_the_largest_allowed_file_is_a_full_disk(run: Run) -> None:
    """The system's limit on a file's size causes real partial writes."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    written = []
    try:
        with run.writer() as writer:
            resource.setrlimit(resource.RLIMIT_FSIZE, (10_000, hard))
            for number in range(100):
                try:
                    writer.write(record(str(number)))
                except StoreFull:
                    break
                written.append(str(number))
            with pytest.raises(StoreFull):
                run.write_text("cells/a/note.txt", "x" * 20_000)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert 3 < len(written) < 100
    assert [record.id for record in run.records()] == written
    assert run.torn == 0
    assert list((run.path / "cells" / "a").iterdir()) == []


# ── files ─────────────────────────────────────────────────────────────────────────────────────────


@given(st.text(st.characters(codec=None, exclude_categories=()), max_size=300))
def test_any_label_makes_a_plain_file_name(label: str) -> None:
    name = safe_name(label)
    assert 0 < len(name) <= 80
    assert all(character.isascii() and (character.isalnum() or character in "_=+-") for character in name)


@given(st.text(max_size=120), st.text(max_size=120))
def test_two_labels_have_two_names(one: str, other: str) -> None:
    assert (safe_name(one) == safe_name(other)) == (one == other)


@pytest.mark.parametrize(
    ("label", "name"),
    [
        ("mnist_seed-0=+", "mnist_seed-0=+"),
        ("a/b", "a-b-c14cddc0"),
        ("a.b", "a-b-2e7336dc"),
        ("x" * 100, "x" * 71 + "-09ecb6eb"),
        ("", "e3b0c442"),
    ],
)
def test_a_label_with_other_characters_gets_a_hash(label: str, name: str) -> None:
    assert safe_name(label) == name


def test_a_name_is_cut_to_the_length_that_is_asked_for() -> None:
    assert safe_name("abcdefghijkl", max_length=12) == "abcdefghijkl"
    assert safe_name("abcdefghijklm", max_length=12) == "abc-ff10304f"


def test_a_file_is_written_with_the_folders_above_it(tmp_path: Path) -> None:
    path = tmp_path / "deep" / "er" / "note.txt"
    assert write_file(path, b"one") == path
    assert write_file(path, b"two").read_bytes() == b"two"
    assert [file.name for file in path.parent.iterdir()] == ["note.txt"]


def test_a_file_that_cannot_be_replaced_stays_as_it_was(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "note.txt"
    path.write_bytes(b"before")

    def refuse(*_: object) -> None:
        raise OSError(errno.EIO, os.strerror(errno.EIO))

    monkeypatch.setattr(Path, "replace", refuse)
    with pytest.raises(OSError, match="Input/output error"):
        replace_file(path, b"after")
    with pytest.raises(StoreError, match=r"note\.txt \(Input/output error\)\n  choose another folder"):
        write_file(path, b"after")
    assert path.read_bytes() == b"before"
    assert [file.name for file in tmp_path.iterdir()] == ["note.txt"], "no temporary file stays"


# ── Ctrl-C ────────────────────────────────────────────────────────────────────────────────────────


def test_a_ctrl_c_waits_for_the_end_of_the_block() -> None:
    done = []
    before = signal.signal(signal.SIGINT, signal.default_int_handler)  # ignored, if tests run in the background

    def work() -> None:
        with hold_interrupts():
            with hold_interrupts():
                signal.raise_signal(signal.SIGINT)
                done.append("inner")
            done.append("outer")

    try:
        with pytest.raises(KeyboardInterrupt):
            work()
        assert done == ["inner", "outer"]
        assert signal.getsignal(signal.SIGINT) is signal.default_int_handler
    finally:
        signal.signal(signal.SIGINT, before)


def test_a_ctrl_c_goes_to_the_handler_that_was_there() -> None:
    seen: list[int] = []
    before = signal.signal(signal.SIGINT, lambda number, frame: seen.append(number))
    try:
        with hold_interrupts():
            signal.raise_signal(signal.SIGINT)
            assert seen == []
        assert seen == [signal.SIGINT]
    finally:
        signal.signal(signal.SIGINT, before)


def test_other_threads_write_without_touching_signals() -> None:
    errors: list[BaseException] = []

    def work() -> None:
        try:
            with hold_interrupts():
                pass
        except BaseException as error:  # noqa: BLE001 - whatever the thread raised is looked at below
            errors.append(error)

    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    assert errors == []


def test_a_storm_of_ctrl_c_tears_no_record(run: Run) -> None:
    """Real signals at random moments: every record whose `write` returned is stored, and no line is torn."""
    stop = threading.Event()

    def storm() -> None:
        while not stop.wait(0.0007):
            os.kill(os.getpid(), signal.SIGINT)

    interrupted = 0
    with run.writer() as writer:
        thread = threading.Thread(target=storm)
        before = signal.signal(signal.SIGINT, lambda number, frame: count())

        def count() -> None:
            nonlocal interrupted
            interrupted += 1

        thread.start()
        try:
            for number in range(200):
                writer.write(record(str(number)))
        finally:
            stop.set()
            thread.join()
            signal.signal(signal.SIGINT, before)
    assert interrupted > 10
    assert len(run.records()) == 200
    assert run.torn == 0


def test_a_long_path_is_shown_without_its_middle() -> None:
    short = Path("/" + "a" * 9)
    assert atomic.shortened(short, 10) == str(short)
    assert atomic.shortened(Path("/bcdefghijk"), 10) == "/bcde … ghijk"
    assert atomic.shortened(Path("/bcdefghijk"), 7) == "/bc … ijk"
