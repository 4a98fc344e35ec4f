"""Cached values are complete despite other writers and kills, and the cache never stops a run."""

from __future__ import annotations

import errno
import json
import os
import random
import signal
import subprocess
import sys
import time
import warnings
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pytest

from bench_suite.data import cache as cache_module
from bench_suite.data.cache import ABANDONED_SECONDS, Cache, default_root

KEY = "ab" * 16


def arrays() -> dict[str, np.ndarray]:
    return {"pixels": np.arange(12, dtype=np.uint8).reshape(3, 4), "label of: ../x": np.array([1, 2, 3])}


def never() -> Mapping[str, np.ndarray]:
    raise AssertionError("made again although it was kept")


def unfinished(root: Path) -> list[Path]:
    return list((root / "unfinished").iterdir())


def child(code: str, root: Path) -> subprocess.Popen:
    return subprocess.Popen([sys.executable, "-c", code, str(root)], stdout=subprocess.PIPE, text=True)


def test_arrays_are_made_once_and_found_in_a_later_run(tmp_path: Path) -> None:
    Cache(tmp_path).arrays(KEY, arrays)
    stored = Cache(tmp_path).arrays(KEY, never)
    assert list(stored) == list(arrays())
    for name, expected in arrays().items():
        assert stored[name].dtype == expected.dtype
        assert (stored[name] == expected).all()
        assert isinstance(stored[name], np.memmap)
    assert unfinished(tmp_path) == []


def test_writing_into_what_was_found_changes_no_file(tmp_path: Path) -> None:
    Cache(tmp_path).arrays(KEY, arrays)
    Cache(tmp_path).arrays(KEY, never)["pixels"][:] = 99
    assert (Cache(tmp_path).arrays(KEY, never)["pixels"] == arrays()["pixels"]).all()


def test_empty_arrays_are_kept_too(tmp_path: Path) -> None:
    Cache(tmp_path).arrays(KEY, lambda: {"none": np.empty((0, 3), dtype=np.float32)})
    assert Cache(tmp_path).arrays(KEY, never)["none"].shape == (0, 3)


def test_nothing_is_written_before_the_first_entry(tmp_path: Path) -> None:
    assert Cache(tmp_path / "cache").find(KEY) is None
    assert not (tmp_path / "cache").exists()


@pytest.mark.parametrize("damage", ["shorten", "empty", "remove", "names", "garbage"])
def test_a_damaged_entry_is_made_anew(tmp_path: Path, damage: str) -> None:
    Cache(tmp_path).arrays(KEY, arrays)
    file = next(tmp_path.glob("v*/*/*/0.npy"))
    content = file.read_bytes()
    if damage == "shorten":
        file.write_bytes(content[:-3])
    elif damage == "empty":
        file.write_bytes(b"")
    elif damage == "garbage":
        file.write_bytes(b"\x00" * len(content))
    elif damage == "remove":
        file.unlink()
    else:
        (file.parent / "names.json").write_text('["pix')
    assert (Cache(tmp_path).arrays(KEY, arrays)["pixels"] == arrays()["pixels"]).all()
    assert (Cache(tmp_path).arrays(KEY, never)["pixels"] == arrays()["pixels"]).all()


def test_the_loser_of_a_race_leaves_the_winners_entry(tmp_path: Path) -> None:
    slow, quick = Cache(tmp_path), Cache(tmp_path)

    def overtaken() -> Mapping[str, np.ndarray]:
        quick.arrays(KEY, lambda: {"winner": np.ones(2)})
        return {"loser": np.zeros(2)}

    assert list(slow.arrays(KEY, overtaken)) == ["loser"]
    assert list(Cache(tmp_path).arrays(KEY, never)) == ["winner"]
    assert unfinished(tmp_path) == []


def test_two_processes_at_once_do_no_harm(tmp_path: Path) -> None:
    code = """
import sys, numpy as np
from pathlib import Path
from bench_suite.data.cache import Cache
for number in range(60):
    arrays = {"a": np.full(5000, number), "b": np.arange(number + 1)}
    made = Cache(Path(sys.argv[1])).arrays(f"{number:032x}", lambda: arrays)
    assert (made["a"] == number).all() and len(made["a"]) == 5000 and len(made["b"]) == number + 1, number
print("whole")
"""
    running = [child(code, tmp_path) for _ in range(2)]
    assert [process.communicate()[0].strip() for process in running] == ["whole", "whole"]
    assert all(Cache(tmp_path).find(f"{number:032x}") is not None for number in range(60))
    assert unfinished(tmp_path) == []


def test_a_kill_while_an_entry_is_written_leaves_nothing_that_is_read(tmp_path: Path) -> None:
    code = """
import sys, time, numpy as np
from pathlib import Path
from bench_suite.data import cache
def waits(descriptor):
    print("writing", flush=True)
    time.sleep(3600)
cache._flush = waits
cache.Cache(Path(sys.argv[1])).arrays("ab" * 16, lambda: {"a": np.arange(1000), "b": np.arange(10)})
"""
    process = child(code, tmp_path)
    assert process.stdout is not None
    assert process.stdout.readline().strip() == "writing"
    process.send_signal(signal.SIGKILL)
    process.communicate()
    assert len(unfinished(tmp_path)) == 1
    assert Cache(tmp_path).find(KEY) is None
    Cache(tmp_path).arrays(KEY, arrays)
    assert list(Cache(tmp_path).arrays(KEY, never)) == list(arrays())


def test_kills_at_random_moments_leave_whole_entries_only(tmp_path: Path) -> None:
    code = """
import itertools, sys, numpy as np
from pathlib import Path
from bench_suite.data.cache import Cache
cache = Cache(Path(sys.argv[1]))
print("started", flush=True)
for number in itertools.count():
    cache.keep(f"{number:032x}", {"a": np.full(20_000, number), "b": np.full(7, number)})
"""
    moments = random.Random(3)
    stored = 0
    for _ in range(5):
        process = child(code, tmp_path)
        assert process.stdout is not None
        process.stdout.readline()
        time.sleep(moments.uniform(0.0, 0.1))
        process.send_signal(signal.SIGKILL)
        process.communicate()
        for folder in tmp_path.glob("v*/*/*"):
            number = int(folder.name, 16)
            arrays = Cache(tmp_path).find(folder.name)
            assert arrays is not None
            assert (np.asarray(arrays["a"]) == number).all()
            assert len(arrays["a"]) == 20_000
            assert arrays["b"].tolist() == [number] * 7
            stored += 1
    assert stored


def test_what_killed_runs_left_is_swept_once_it_is_old(tmp_path: Path) -> None:
    for name, age in (("old", ABANDONED_SECONDS + 60), ("new", 60)):
        left = tmp_path / "unfinished" / name
        left.mkdir(parents=True)
        (left / "0.npy").write_bytes(b"half")
        os.utime(left, (time.time() - age, time.time() - age))
    Cache(tmp_path).arrays(KEY, arrays)
    assert [folder.name for folder in unfinished(tmp_path)] == ["new"]


def test_a_cache_that_cannot_be_written_costs_one_warning_and_no_run(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    cache = Cache(tmp_path / "file")
    with pytest.warns(UserWarning, match="the run goes on without it"):
        assert list(cache.arrays(KEY, arrays)) == list(arrays())
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert list(cache.arrays(KEY, arrays)) == list(arrays())


def test_a_full_disk_leaves_nothing_half_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(descriptor: int) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(cache_module, "_flush", full)
    with pytest.warns(UserWarning, match="No space left"):
        assert list(Cache(tmp_path).arrays(KEY, arrays)) == list(arrays())
    assert unfinished(tmp_path) == []
    assert Cache(tmp_path).find(KEY) is None


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() == 0, reason="root may write anywhere")
def test_a_read_only_folder_costs_one_warning(tmp_path: Path) -> None:
    tmp_path.chmod(0o500)
    with pytest.warns(UserWarning, match="the run goes on without it"):
        assert list(Cache(tmp_path).arrays(KEY, arrays)) == list(arrays())


def test_the_folder_is_the_first_that_the_person_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BENCH_CACHE", "/one")
    monkeypatch.setenv("XDG_CACHE_HOME", "/two")
    assert default_root() == Path("/one")
    monkeypatch.delenv("BENCH_CACHE")
    assert default_root() == Path("/two/bench-suite")
    monkeypatch.delenv("XDG_CACHE_HOME")
    assert default_root() == Path.home() / ".cache" / "bench-suite"


def test_names_are_kept_apart_from_file_names(tmp_path: Path) -> None:
    Cache(tmp_path).keep(KEY, arrays())
    (names,) = tmp_path.glob("v*/*/*/names.json")
    assert json.loads(names.read_text()) == list(arrays())
    assert sorted(file.name for file in names.parent.iterdir()) == ["0.npy", "1.npy", "names.json"]
