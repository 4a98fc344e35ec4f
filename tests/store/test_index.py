"""The index of a run: derived from the records, used only if it is certainly what they are, and never needed."""

from __future__ import annotations

import multiprocessing
import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from bench_suite.contracts import MetricRow, Record
from bench_suite.store import index, record_files
from bench_suite.store.index import FILE, begins, read_index, write_index
from bench_suite.store.record_files import RecordFiles
from bench_suite.store.runs import Run


@pytest.fixture(autouse=True)
def index_of_every_run(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(record_files, "INDEXED_BYTES", 1)


def record(id: str, **changes: Any) -> Record:
    rows = (MetricRow("q/a", 0.5, "fraction", "higher", samples=(0.25, 0.75)), MetricRow("q/b", 3, "", "none"))
    return Record(**{**vars(Record("r", "s", id, "w", {"seed": 0}, {}, "ok", metrics=rows)), **changes})


@pytest.fixture
def indexed(run: Run) -> Run:
    """Return a run of three cells, two files, a torn line, and with an index."""
    for ids in ("ab", "ca"):
        with run.writer() as writer:
            for id in ids:
                writer.write(record(id))
    with (run.path / "records" / "00002.jsonl").open("ab") as file:
        file.write(b'{"schema": 2, "id')
    assert len(run.records()) == 3
    assert (run.path / FILE).is_file()
    return run


def files(run: Run) -> list[Path]:
    return sorted((run.path / "records").iterdir())


def is_current(run: Run) -> bool:
    """Return whether the run has an index of all that its files contain."""
    present = read_index(run.path)
    sizes = {path.name: path.stat().st_size for path in files(run)}
    return (
        present is not None
        and begins(present, files(run))
        and {stamp.name: stamp.size for stamp in present.files} == sizes
    )


def content(run: Run) -> tuple[Any, ...]:
    """Return all that a reader gets from the records of a run."""
    reader = Run(run.path)
    return repr(reader.records()), reader.torn, reader.damages


def content_without_index(run: Run) -> tuple[Any, ...]:
    (run.path / FILE).unlink(missing_ok=True)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(record_files, "INDEXED_BYTES", 10**9)
        return content(run)


def test_records_of_the_index_are_those_of_the_files(indexed: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(record_files, "parse_lines", None)  # nothing is parsed
    with_index = content(indexed)
    monkeypatch.undo()
    assert with_index == content_without_index(indexed)
    assert with_index[1:] == (1, (f"{indexed.name}: records/00002.jsonl, line 3: it is no JSON (Unterminated string"
                                  " starting at)",))  # fmt: skip


def append(run: Run) -> None:
    with run.writer() as writer:
        writer.write(record("d"))


def change_a_digit(run: Run) -> None:
    """Change a value, and neither the size nor the time of the file."""
    path = files(run)[0]
    status = path.stat()
    path.write_bytes(path.read_bytes().replace(b"0.25", b"0.35"))
    os.utime(path, ns=(status.st_atime_ns, status.st_mtime_ns))


def of_another_version(run: Run) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(index, "FORM", "0.0.1 schema 2 form 1")
        write_index(run.path, RecordFiles(run.path)._indexed(files(run), 0))


@pytest.mark.parametrize(
    "change",
    [
        append,
        change_a_digit,
        of_another_version,
        lambda run: files(run)[1].unlink(),
        lambda run: files(run)[1].rename(run.path / "records" / "00003.jsonl"),
        lambda run: files(run)[0].write_bytes(files(run)[0].read_bytes()[:-1]),
        lambda run: (run.path / FILE).write_bytes(b""),
        lambda run: (run.path / FILE).write_bytes((run.path / FILE).read_bytes()[:-9]),
        lambda run: (run.path / FILE).unlink(),
    ],
)
def test_an_index_that_does_not_fit_is_made_again(indexed: Run, change: Callable[[Run], None]) -> None:
    change(indexed)
    assert not is_current(indexed)
    after = content(indexed)
    assert is_current(indexed)
    assert after == content(indexed) == content_without_index(indexed)


def test_random_bytes_in_the_index_change_nothing(indexed: Run) -> None:
    expected, whole, chance = content(indexed), (indexed.path / FILE).read_bytes(), random.Random(0)
    for _ in range(40):
        damaged = bytearray(whole)
        for _ in range(chance.choice([1, 3, 30])):
            damaged[chance.randrange(len(damaged))] ^= chance.randrange(1, 256)
        (indexed.path / FILE).write_bytes(damaged[: chance.choice([len(damaged), chance.randrange(len(damaged))])])
        assert content(indexed) == expected


PROGRAM = """
import os, resource, signal, sys
from pathlib import Path
from bench_suite.store import index, record_files
from bench_suite.store.runs import Run

record_files.INDEXED_BYTES = 1
way, write = sys.argv[2], index._write
def killed(batch, file):
    write(batch, file)
    file.flush()
    os.kill(os.getpid(), signal.SIGKILL)
if way == "killed":
    index._write = killed
else:
    resource.setrlimit(resource.RLIMIT_FSIZE, (1000, 1000))
print(*(record.id for record in Run(Path(sys.argv[1])).records()))
"""


def outcome(run: Run, way: str) -> tuple[int, str]:
    """Read a run in a process that is killed when it has written an index, or that may write only 1,000 bytes."""
    ended = subprocess.run([sys.executable, "-c", PROGRAM, str(run.path), way], capture_output=True, text=True)
    return ended.returncode, ended.stdout + ended.stderr


@pytest.mark.skipif(os.name != "posix", reason="files are limited, and processes killed, on POSIX only")
@pytest.mark.parametrize("is_stale", [False, True])
def test_a_full_disk_and_a_kill_leave_the_records_and_no_half_of_an_index(indexed: Run, is_stale: bool) -> None:
    if is_stale:
        append(indexed)
        append(indexed)
    else:
        (indexed.path / FILE).unlink()
    before = (indexed.path / FILE).read_bytes() if is_stale else b""
    ids = " ".join("abcd" if is_stale else "abc")
    assert outcome(indexed, "full") == (0, f"{ids}\n")
    assert (
        sorted(path.name for path in (indexed.path / "index").iterdir())
        == [".gitignore", "records.arrows"][: 1 + is_stale]
    )
    assert outcome(indexed, "killed") == (-signal.SIGKILL, "")
    assert ((indexed.path / FILE).read_bytes() if is_stale else b"") == before
    assert (indexed.path / FILE).exists() == is_stale
    assert len([*(indexed.path / "index").glob(".*.tmp")]) == 1, "a later writer removes it"
    assert content(indexed) == content_without_index(indexed)


def test_a_folder_that_cannot_be_made_is_no_error(run: Run) -> None:
    append(run)
    (run.path / "index").write_text("")
    assert [cell.id for cell in run.records()] == ["d"]
    assert (run.path / "index").read_text() == ""


def test_text_that_is_no_unicode_has_no_index_and_is_read(run: Run) -> None:
    with run.writer() as writer:
        writer.write(record("\ud800"))
    assert [cell.id for cell in run.records()] == ["\ud800"]
    assert not (run.path / FILE).exists()


def test_records_that_cannot_be_read_have_no_index(indexed: Run) -> None:
    (indexed.path / FILE).unlink()
    (indexed.path / "records" / "00003.jsonl").mkdir()
    assert len(content(indexed)[2]) == 2
    assert not (indexed.path / FILE).exists()


def test_a_file_of_a_killed_process_is_removed_and_git_ignores_the_folder(indexed: Run) -> None:
    old, new = (indexed.path / "index" / f".records.arrows.{name}.tmp" for name in ("1-a", "2-b"))
    old.touch()
    new.touch()
    os.utime(old, (time.time() - 7200, time.time() - 7200))
    (indexed.path / FILE).unlink()
    content(indexed)
    assert sorted(path.name for path in (indexed.path / "index").iterdir()) == [
        ".gitignore",
        new.name,
        "records.arrows",
    ]
    assert (indexed.path / "index" / ".gitignore").read_text() == "*\n"


def _rewrite(run: Run, times: int) -> None:
    for _ in range(times):
        (run.path / FILE).unlink(missing_ok=True)
        Run(run.path).records()


def test_several_processes_write_at_once(indexed: Run) -> None:
    expected = content(indexed)
    writers = [multiprocessing.get_context("fork").Process(target=_rewrite, args=(indexed, 10)) for _ in range(3)]
    for writer in writers:
        writer.start()
    while any(writer.is_alive() for writer in writers):
        assert content(indexed) == expected
    for writer in writers:
        writer.join()
        assert writer.exitcode == 0
    assert content(indexed) == expected


def test_neither_writing_nor_reading_an_index_imports_pandas(indexed: Run) -> None:
    code = (
        "import sys; from pathlib import Path; from bench_suite.store import record_files, runs\n"
        "record_files.INDEXED_BYTES = 1\n"
        "run = runs.Run(Path(sys.argv[1])); ids = [record.id for record in run.records()]\n"
        "assert ids == ['a', 'b', 'c'], ids\n"
        "assert 'pyarrow' in sys.modules; assert 'pandas' not in sys.modules"
    )
    (indexed.path / FILE).unlink()
    for _ in range(2):
        subprocess.run([sys.executable, "-c", code, str(indexed.path)], check=True)
    assert (indexed.path / FILE).is_file()
