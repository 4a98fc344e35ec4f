"""Claims about processes that end in a cell: what is noted, and what the next resume does."""

import json
import signal
import subprocess
import sys
import time

import pytest

from bench_suite.store.atomic import StoreError
from bench_suite.store.runs import Store
from bench_suite.store.unfinished import UnfinishedCells
from bench_suite.suite.parser import read_suite
from bench_suite.suite.plan import make_plan

SUITE = """
[[tasks]]
use = "loans"
[[models]]
use = "logistic_regression"
[[models]]
use = "./ends.py"
[probes.quality]
resamples = 100
[probes.count]
use = "./count.py"
"""
MODEL = """
import ctypes, os, signal, time
from pathlib import Path

import numpy as np

MODALITIES = ("table",)
PROBLEMS = ("classification",)


class Ends:
    def fit(self, data, options, report):
        {ending}

    def predict(self, split):
        return {{"predictions": np.zeros(len(split), dtype=int)}}


def build(data, options):
    return Ends()
"""
PROBE = """
from bench_suite.contracts import Metric

METRICS = {"a": {"unit": "", "better": "none"}}


def probe(trained, options):
    yield Metric("a", 0.5, "once")
"""
RUN = ("run", "suite.toml", "--trust", "--json")
ENDINGS = {
    "segmentation fault": ("ctypes.string_at(0)", -signal.SIGSEGV, "Segmentation fault"),
    "abort": ("os.abort()", -signal.SIGABRT, "Aborted"),
    "exit with 0": ("os._exit(0)", 3, "os._exit(0)"),
    "killed": ("os.kill(os.getpid(), signal.SIGKILL)", -signal.SIGKILL, "killed, out of memory"),
}


def write(folder, ending="pass"):
    (folder / "ends.py").write_text(MODEL.format(ending=ending))
    (folder / "count.py").write_text(PROBE)
    (folder / "suite.toml").write_text(SUITE)


@pytest.mark.slow
@pytest.mark.parametrize("ending", ENDINGS)
def test_a_cell_in_which_the_process_ends_twice_is_reported_as_failed_and_the_run_goes_on(program, ending):
    source, status, cause = ENDINGS[ending]
    write(program.folder, source)
    for attempt in range(2):
        ended = program.run(*RUN, *(["--resume"] if attempt else []))
        assert ended.returncode == status, ended.stderr
        assert "os._exit" not in source or "ends; everything recorded so far is safe" in ended.stderr
    ended = program.run(*RUN, "--resume")
    assert ended.returncode == 3, ended.stderr
    records = {record["cell"]["model"]: record for record in json.loads(ended.stdout)["records"]}
    assert records["logistic_regression"]["status"] == "ok"
    assert records["ends"]["status"] == "failed"
    assert records["ends"]["reason"].startswith("the process ended while the model was trained (")
    assert cause in records["ends"]["reason"]
    run = Store(program.results).open("latest")
    stacks = [path.read_text() for path in run.path.glob("cells/*/traceback-cell.txt")]
    assert len(stacks) == (ending in ("segmentation fault", "abort"))
    assert all('File "ends.py"' in text and str(program.folder) not in text for text in stacks)
    assert not (run.path / "unfinished").exists()
    write(program.folder)
    assert program.run(*RUN, "--resume", "--stale", "redo").returncode == 0


@pytest.mark.slow
def test_a_signal_from_outside_is_not_counted(program):
    write(program.folder, 'Path("began").touch(); time.sleep(3600)')
    process = program.start(*RUN)
    while not (program.folder / "began").exists() and process.poll() is None:
        time.sleep(0.02)
    process.send_signal(signal.SIGTERM)
    process.communicate()
    assert process.returncode == -signal.SIGTERM
    assert UnfinishedCells(Store(program.results).open("latest").path).read() == {}


def crashed(inside, model, step, *, probe=False, ends=1):
    """Leave in the only run what processes leave that end in a cell, and remove that cell's record."""
    run = Store(inside.results).open("latest")
    (cell,) = [
        cell for cell in make_plan(read_suite(str(inside.folder / "suite.toml"))).cells if cell.model.label == model
    ]
    for path in run.path.glob("records/*.jsonl"):
        lines = path.read_bytes().splitlines(keepends=True)
        path.write_bytes(b"".join(line for line in lines if json.loads(line)["id"] != cell.id))
    for _ in range(ends):
        cells = UnfinishedCells(run.path)
        cells.begin(cell.id, cells.read().get(cell.id))
        cells.step(step, probe=probe)
    return run


def records(ended):
    return {record["cell"]["model"]: record for record in json.loads(ended.stdout)["records"]}


def test_after_one_end_the_cell_is_tried_again_with_a_note(inside):
    write(inside.folder)
    assert inside.run(*RUN).returncode == 0
    run = crashed(inside, "ends", "training")
    ended = inside.run(*RUN, "--resume")
    assert ended.returncode == 0, ended.stderr
    assert "an earlier process of this run ended while the model was trained" in records(ended)["ends"]["notes"]
    assert not (run.path / "unfinished").exists()


def test_after_two_ends_in_the_training_the_cell_fails_and_the_next_resume_tries_it(inside):
    write(inside.folder)
    assert inside.run(*RUN).returncode == 0
    crashed(inside, "ends", "training", ends=2)
    ended = inside.run(*RUN, "--resume")
    assert ended.returncode == 3, ended.stderr
    assert records(ended)["ends"]["reason"] == (
        "the process ended while the model was trained (killed, out of memory, or ended by a library), 2 times; "
        "when the cause is removed, --resume tries it again"
    )
    assert "train" not in records(ended)["ends"]["seconds"]
    assert inside.run(*RUN, "--resume").returncode == 0


def test_after_two_ends_in_a_probe_that_probe_fails_alone(inside):
    write(inside.folder)
    assert inside.run(*RUN).returncode == 0
    crashed(inside, "ends", "count", probe=True, ends=2)
    ended = inside.run(*RUN, "--resume")
    assert ended.returncode == 3, ended.stderr
    record = records(ended)["ends"]
    assert (record["status"], record["probes"]["quality"]["status"]) == ("ok", "ok")
    assert record["probes"]["count"]["status"] == "failed"
    assert "ended while the probe count measured this cell" in record["probes"]["count"]["reason"]


@pytest.mark.parametrize("position", ["fit", "swallowed"])
def test_an_error_of_the_runs_own_files_ends_the_run_and_one_of_a_component_does_not(inside, monkeypatch, position):
    raising = "from bench_suite.store.atomic import StoreError; raise StoreError('mine')"
    write(inside.folder, raising if position == "fit" else "pass")
    ended = inside.run(*RUN)
    if position == "fit":
        assert ended.returncode == 3
        assert records(ended)["ends"]["reason"] == "mine"
        assert records(ended)["logistic_regression"]["status"] == "ok"
        return
    (inside.folder / "count.py").write_text(
        PROBE.replace(
            "yield", "try:\n        trained.predictions('train')\n    except Exception:\n        pass\n    yield"
        )
    )

    def full(self, id, split, predictions):
        raise StoreError("no room")

    monkeypatch.setattr("bench_suite.store.runs.Run.write_predictions", full)
    ended = inside.run("run", "suite.toml", "--trust", "--set", "probes.quality.only={model='logistic_regression'}")
    assert ended.returncode == 2
    assert "no room" in ended.stderr


def test_a_probe_and_a_summary_that_raise_the_stores_error_end_nothing(inside):
    write(inside.folder)
    raising = "    from bench_suite.store.atomic import StoreError\n    raise StoreError('mine')\n"
    (inside.folder / "count.py").write_text(
        PROBE.replace("    yield", raising + "    yield") + "\n\ndef summarise(records, options):\n" + raising
    )
    ended = inside.run(*RUN)
    assert ended.returncode == 3, ended.stderr
    assert records(ended)["ends"]["probes"]["count"]["reason"] == "mine"
    assert records(ended)["ends"]["probes"]["quality"]["status"] == "ok"


def test_a_forked_child_may_end_itself(tmp_path):
    """The child of a component ends with the status that it wants, and removes nothing of its parent."""
    script = (
        "import os, sys; from pathlib import Path\n"
        "from bench_suite.execution.endings import noted_endings\n"
        "from bench_suite.store.unfinished import UnfinishedCells\n"
        "cells = UnfinishedCells(Path(sys.argv[1]))\n"
        "with noted_endings(cells):\n"
        "    cells.begin('a', None)\n"
        "    child = os.fork()\n"
        "    if child == 0:\n"
        "        cells.end(); os._exit(0)\n"
        "    status = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])\n"
        "    sys.exit(10 + status if 'a' in UnfinishedCells(Path(sys.argv[1])).read() else 1)\n"
    )
    ended = subprocess.run([sys.executable, "-c", script, str(tmp_path)], capture_output=True, text=True)
    assert ended.returncode == 10, ended.stderr
