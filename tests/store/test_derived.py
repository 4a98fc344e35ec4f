"""Derived results: what was written is read under the same digest, and whatever else lies there is ignored."""

from __future__ import annotations

import errno
import json
import os
import subprocess
import sys
import time
import zlib
from pathlib import Path

import pytest

from bench_suite.contracts import ArtifactRow
from bench_suite.store import derived
from bench_suite.store.derived import FOLDER, Derived, state_of
from bench_suite.store.runs import Run

VALUE = [[0, 1, "größer", None, 0.1, [float("-inf"), 2.5]]]


@pytest.fixture
def file(run: Run) -> Path:
    """Return the file of a result that was written."""
    Derived(run.path).write("name", "digest", VALUE)
    return run.path / FOLDER / "name.json"


def test_what_was_written_is_read_by_another_command(run: Run, file: Path) -> None:
    assert Derived(run.path).read("name", "digest") == VALUE
    assert (run.path / "index" / ".gitignore").read_text() == "*\n"


def test_another_digest_or_name_has_no_result(run: Run, file: Path) -> None:
    for known in (Derived(run.path), Run(run.path).derived):
        assert known.read("name", "other") is None
        assert known.read("other", "digest") is None


def test_a_result_of_the_same_name_is_replaced(run: Run, file: Path) -> None:
    Derived(run.path).write("name", "newer", [1])
    assert Derived(run.path).read("name", "newer") == [1]
    assert Derived(run.path).read("name", "digest") is None
    assert [path.name for path in file.parent.iterdir()] == [file.name]


@pytest.mark.parametrize(
    "content",
    [
        b"", b"\n", b"digest", b"digest 00000000\n[1]", b"\xff\xfe\n[1]", b"x" * 1000,
        *(
            b"digest %08x\n%s" % (zlib.crc32(body), body)
            for body in (b"", b"[1", b"\xff", b"[" * 200_000, b"1" * 10_000)
        ),
    ],
)  # fmt: skip
def test_a_damaged_file_is_no_result(run: Run, file: Path, content: bytes) -> None:
    file.write_bytes(content)
    assert Derived(run.path).read("name", "digest") is None


def test_any_changed_byte_is_noticed(run: Run, file: Path) -> None:
    content = file.read_bytes()
    for position in range(len(content)):
        changed = bytearray(content)
        changed[position] ^= 1
        file.write_bytes(changed)
        assert Derived(run.path).read("name", "digest") is None, position


def test_what_is_no_file_is_no_result(run: Run, file: Path) -> None:
    file.unlink()
    os.mkfifo(file)
    assert Derived(run.path).read("name", "digest") is None
    file.unlink()
    file.mkdir()
    assert Derived(run.path).read("name", "digest") is None
    Derived(run.path).write("name", "digest", VALUE)
    assert Derived(run.path).read("name", "digest") is None


def test_a_huge_file_is_not_read(run: Run, file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(derived, "MAX_BYTES", file.stat().st_size - 1)
    assert Derived(run.path).read("name", "digest") is None


def test_without_a_place_to_write_the_result_is_in_memory_only(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(path: Path, content: bytes) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(derived, "replace_file", full)
    known = Derived(run.path)
    known.write("name", "digest", VALUE)
    assert known.read("name", "digest") == VALUE
    assert Derived(run.path).read("name", "digest") is None


def test_a_run_that_is_only_read_gets_no_file(run: Run) -> None:
    known = Run(run.path, read_only=True).derived
    known.write("name", "digest", VALUE)
    assert known.read("name", "digest") == VALUE
    assert not (run.path / "index").exists()


def test_what_a_killed_process_left_is_removed_once_it_is_old(run: Run, file: Path) -> None:
    old, new = file.with_name(".old.tmp"), file.with_name(".new.tmp")
    for path in (old, new):
        path.touch()
    os.utime(old, (time.time() - 7200,) * 2)
    Derived(run.path).write("other", "digest", VALUE)
    assert not old.exists()
    assert new.exists()


WRITER = """
import sys
from pathlib import Path
from bench_suite.store.derived import Derived
for number in range(200):
    Derived(Path(sys.argv[1])).write("name", sys.argv[2], [sys.argv[2]] * 5000)
"""


def test_processes_that_write_at_once_leave_a_complete_result(run: Run) -> None:
    writers = [subprocess.Popen([sys.executable, "-c", WRITER, str(run.path), word]) for word in ("a", "b")]
    while any(writer.poll() is None for writer in writers):
        for word in ("a", "b"):
            assert Derived(run.path).read("name", word) in (None, [word] * 5000)
    assert [writer.returncode for writer in writers] == [0, 0]
    content = (run.path / FOLDER / "name.json").read_bytes()
    assert len(json.loads(content.partition(b"\n")[2])) == 5000


def test_the_state_of_a_file_changes_even_if_its_time_is_set_back(tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_bytes(b"abc")
    status, state = path.stat(), state_of(path)
    replacement = tmp_path / "other"
    replacement.write_bytes(b"abd")
    os.utime(replacement, ns=(status.st_atime_ns, status.st_mtime_ns))
    replacement.replace(path)
    assert path.stat().st_mtime_ns == status.st_mtime_ns
    assert state_of(path) != state
    assert state_of(tmp_path / "none") is None


def test_an_artifact_outside_the_run_has_no_state(run: Run, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    assert run.state_of(ArtifactRow("predictions/test", "predictions", "../../file")) is None
    assert run.state_of(ArtifactRow("predictions/test", "predictions", "run.json")) is not None
