"""The progress of a run agrees with its folder, whose files say what ended, what runs, and who drives it."""

from __future__ import annotations

import dataclasses
import json
import os
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest

from bench_suite.contracts import ProbeRow
from bench_suite.reports.watch.progress import MAX_LATEST, WatchedRun
from bench_suite.store import record_files
from bench_suite.store.atomic import StoreError
from bench_suite.store.unfinished import UnfinishedCells

DRIVER = """
import sys, time
from pathlib import Path
from bench_suite.store.runs import Run
from bench_suite.store.unfinished import UnfinishedCells
run = Run(Path(sys.argv[1]))
with run.lock():
    cells = UnfinishedCells(run.path)
    cells.begin("b", None)
    cells.step("data")
    print("runs", flush=True)
    time.sleep(3600)
"""


def files_of(folder: Path) -> dict[str, tuple[int, int]]:
    """Return size and time of change of every file and folder of a run."""
    return {str(path): (path.stat().st_size, path.stat().st_mtime_ns) for path in folder.rglob("*")}


def iso(seconds: float) -> str:
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(seconds))


def drive(run, *, seconds_ago: float, process: int = 0, host: str = "") -> None:
    """Note a driver, as a process that drives the run does."""
    driver = {"process": process or os.getpid(), "since": iso(time.time() - seconds_ago)}
    (run.path / "driver.json").write_text(json.dumps(driver | {"host": host or socket.gethostname()}))


def test_a_run_whose_process_was_killed_does_not_run(make_run, record) -> None:
    run = make_run(record(), cells=2)
    process = subprocess.Popen([sys.executable, "-c", DRIVER, str(run.path)], stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    assert process.stdout.readline() == "runs\n"
    watched = WatchedRun(run.path)
    first = watched.progress()
    process.kill()
    process.communicate()
    last = watched.progress()
    assert first.driver is not None
    assert last.driver is not None
    assert (first.driver.alive, first.is_running, last.driver.alive, last.is_running) == (True, True, False, False)
    assert [(cell.step, cell.alive) for cell in (*first.running, *last.running)] == [("data", True), ("data", False)]


def test_watching_writes_nothing_into_the_run(make_run, record, monkeypatch) -> None:
    monkeypatch.setattr(record_files, "INDEXED_BYTES", 1)
    run = make_run(*(record(seed=seed) for seed in range(3)))
    before = files_of(run.path)
    watched = WatchedRun(run.path)
    assert watched.progress().done == 3
    assert len(watched.run().records()) == 3
    assert files_of(run.path) == before


def test_the_version_changes_with_the_records_the_facts_and_the_summaries_only(make_run, record) -> None:
    run = make_run(record())
    watched = WatchedRun(run.path)
    versions = [watched.version()]
    UnfinishedCells(run.path).begin("another", None)
    drive(run, seconds_ago=1)
    assert watched.version() == versions[0]
    for change in (
        lambda: run.writer().write(record(seed=1)),
        lambda: run.update({"title": "Another"}),
        lambda: run.write_summaries([], []),
    ):
        change()
        versions.append(watched.version())
    assert len({*versions}) == 4
    assert watched.progress().title == "Another"


def test_a_cell_that_was_run_again_counts_once_and_with_its_newest_record(make_run, record) -> None:
    run = make_run(record(id="a", status="failed", reason="no memory"), record(id="b", seed=1), cells=2)
    watched = WatchedRun(run.path)
    assert (watched.progress().done, watched.progress().failed) == (2, 1)
    with run.writer() as writer:
        writer.write(record(id="a"))
    progress = watched.progress()
    assert (progress.done, progress.failed, progress.latest[0].cell) == (2, 0, "a")


def test_an_interrupted_cell_is_not_done_and_a_failed_probe_is_a_failure(make_run, record) -> None:
    failed = {"quality": ProbeRow("ok", "k"), "throughput": ProbeRow("failed", "k", "no clock")}
    run = make_run(record(status="interrupted", reason="Ctrl-C"), record(seed=1, probes=failed), cells=5)
    progress = WatchedRun(run.path).progress()
    assert (progress.planned, progress.done, progress.failed) == (5, 1, 2)
    assert "probe throughput failed: no clock" in [cell.result for cell in progress.failures]


def test_only_planned_cells_count(make_run, record) -> None:
    run = make_run(record(id="a"), record(id="old", seed=1), planned={"a": "imdb, a", "b": "imdb, b"})
    progress = WatchedRun(run.path).progress()
    assert (progress.planned, progress.done, [cell.name for cell in progress.latest]) == (2, 1, ["imdb, a"])


def test_the_time_left_is_that_of_the_cells_which_this_process_has_ended(make_run, record) -> None:
    now = time.time()
    # Before the resume one cell took an hour; since then two cells have ended, the last one 100 s after the beginning.
    old = record(seed=0, started=iso(now - 9000), seconds={"total": 3600.0})
    new = [record(seed=seed, started=iso(now - 110 + 50 * seed), seconds={"total": 50.0}) for seed in (0, 1)]
    cells = [old, *(dataclasses.replace(one, id=f"new {one.id}") for one in new)]
    run = make_run(*cells, cells=9)
    assert WatchedRun(run.path).progress().seconds_left is None  # nobody drives it
    drive(run, seconds_ago=110)
    progress = WatchedRun(run.path).progress()
    assert progress.cells_per_minute == pytest.approx(60 / 50, rel=0.05)
    assert progress.seconds_left == pytest.approx(6 * 50 - 10, abs=6)


def test_a_cell_that_takes_longer_than_those_before_it_makes_the_time_left_longer(make_run, record) -> None:
    now = time.time()
    run = make_run(record(started=iso(now - 300), seconds={"total": 10.0}), cells=3)
    drive(run, seconds_ago=300)
    left = WatchedRun(run.path).progress().seconds_left
    assert left == pytest.approx(2 * 150 - 150, abs=6)  # as if the second of three cells ended now


def test_a_driver_on_another_machine_may_run(make_run, record) -> None:
    run = make_run(record())
    drive(run, seconds_ago=5, process=1, host="another-machine")
    progress = WatchedRun(run.path).progress()
    assert progress.driver is not None
    assert (progress.driver.alive, progress.is_running) == (None, True)


def test_a_training_shows_its_steps_its_rate_and_its_loss(make_run, record) -> None:
    run = make_run(record(), planned={"b": "imdb, b"})
    cells = UnfinishedCells(run.path)
    cells.begin("b", None)
    cells.step("training")
    cells.training_begins(400)
    cells.training(120, 1500.0, 0.25)
    (cell,) = WatchedRun(run.path).progress().running
    assert (cell.name, cell.step) == ("imdb, b", "training")
    assert (cell.steps, cell.planned_steps, cell.samples_per_second, cell.loss) == (120, 400, 1500.0, 0.25)
    assert cell.seconds is not None
    assert cell.step_seconds is not None
    assert 0 <= cell.step_seconds <= cell.seconds < 60


def test_the_result_of_a_cell_is_the_metric_that_the_suite_sorts_by(make_run, record) -> None:
    run = make_run(record(), report={"sort": "throughput/train"})
    assert WatchedRun(run.path).progress().latest[0].result == "throughput/train 8,935 samples/s"
    assert WatchedRun(make_run(record()).path).progress().latest[0].result == "quality/accuracy 0.900 ± 0.012"


def test_the_newest_cells_are_listed_first_and_few_of_them(make_run, record) -> None:
    records = [record(seed=seed, started=iso(1e9 + 60 * seed)) for seed in range(MAX_LATEST + 3)]
    latest = WatchedRun(make_run(*reversed(records)).path).progress().latest
    assert [cell.cell for cell in latest] == [one.id for one in reversed(records)][:MAX_LATEST]


def test_damaged_files_of_processes_are_left_out(make_run, record) -> None:
    run = make_run(record())
    (run.path / "driver.json").write_text("{")
    (run.path / "unfinished").mkdir()
    (run.path / "unfinished" / "a.json").write_text("[]")
    progress = WatchedRun(run.path).progress()
    assert (progress.driver, progress.running, progress.done) == (None, (), 1)


def test_a_run_that_was_removed_is_an_error(make_run, record) -> None:
    run = make_run(record())
    watched = WatchedRun(run.path)
    (run.path / "run.json").unlink()
    with pytest.raises(StoreError, match="is not a run"):
        watched.progress()
