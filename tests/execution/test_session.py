"""Claims about a session: requests that contradict themselves, what a resume repeats, and the handling of Ctrl-C."""

from __future__ import annotations

import signal
import threading
from dataclasses import replace
from pathlib import Path

import pytest

from bench_suite.contracts import BenchError, ProbeRow, Record
from bench_suite.execution.callbacks import RunCallback
from bench_suite.execution.endings import two_stage_interrupt
from bench_suite.execution.session import (
    Outcome,
    Request,
    done_probes,
    execute,
)
from bench_suite.execution.sources import source_of_program
from bench_suite.store.runs import Store
from bench_suite.store.unfinished import UnfinishedCells
from bench_suite.suite.document import parse_document
from bench_suite.suite.parser import suite_of
from bench_suite.suite.plan import Plan, make_plan

WRONG_FOLDER = """
import os

import numpy as np

MODALITIES = ("table",)
PROBLEMS = ("classification",)
os.chdir("/")


class Short:
    def fit(self, data, options, report):
        pass

    def predict(self, split):
        return {"predictions": np.zeros(3, dtype=int)}


def build(data, options):
    return Short()
"""
OWN = """
[[tasks]]
use = "loans"
[[models]]
use = "./own.py"
[probes.quality]
"""


def plan_of(text: str, folder: Path) -> Plan:
    return make_plan(suite_of(parse_document(text, "s.toml"), "s", folder))


# ── before the first cell ───────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"smoke": True, "resume": "newest"}, "a smoke run is never resumed: leave out --resume or --smoke"),
        ({"stale": "keep"}, "--stale decides what --resume does with changed cells: give --resume too"),
    ],
)
def test_a_request_that_contradicts_itself_is_refused(wrong, message):
    with pytest.raises(BenchError) as raised:
        Request(**wrong)
    assert str(raised.value) == message


# ── facts ───────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("status", "quality", "generalization", "done"),
    [
        ("ok", "ok", "not applicable", {"quality", "generalization"}),
        ("ok", "failed", "ok", {"generalization"}),
        ("ok", "skipped", "changed key", set()),
        ("interrupted", "ok", "not applicable", {"quality"}),
    ],
)
def test_a_probe_is_done_if_it_ended_well_under_the_same_key(context, status, quality, generalization, done):
    keys = context.plan.probe_keys
    rows = {
        "quality": ProbeRow(quality, keys["quality"]),
        "generalization": ProbeRow("ok", "other")
        if generalization == "changed key"
        else ProbeRow(generalization, keys["generalization"]),
    }
    cell = context.plan.cells[0]
    record = Record("r", "three", cell.id, "", {}, {}, status, probes=rows)
    assert done_probes(cell, record, context.plan) == done


def test_the_source_of_the_program_is_one_hash():
    assert source_of_program() == source_of_program()
    assert len(source_of_program()) == 16
    assert int(source_of_program(), 16) >= 0


def test_failed_records_are_those_of_cells_and_of_probes_that_failed(context):
    ok = Record("r", "s", "a", "", {}, {}, "ok", probes={"q": ProbeRow("ok", "k")})
    probe = replace(ok, id="b", probes={"q": ProbeRow("failed", "k")})
    cell = replace(ok, id="c", status="unavailable")
    outcome = Outcome(context.run, (ok, probe, cell), 3, False, 0, False)
    assert [record.id for record in outcome.failed] == ["b", "c"]


# ── the run ─────────────────────────────────────────────────────────────────────────────────────


def test_a_plan_becomes_a_run_with_a_record_for_each_cell(context, tmp_path):
    store = Store(tmp_path / "executed")
    outcome = execute(context.plan, store, Request(command=("bench", "run", "a b")), RunCallback())
    assert [record.id for record in outcome.records] == [cell.id for cell in context.plan.cells]
    assert (outcome.cells, outcome.resumed, outcome.done_before, outcome.failed) == (3, False, 0, ())
    assert outcome.run.info["command"] == "bench run 'a b'"
    assert outcome.run.info["suite"] == "three"
    again = execute(context.plan, store, Request(resume="newest"), RunCallback())
    assert (again.resumed, again.done_before, again.run.name) == (True, 3, outcome.run.name)


def test_gates_decide_the_exit_status(inside):
    inside.write(seeds=2)
    suite = (inside.folder / "suite.toml").read_text()
    for gate, status in (("min = 0.5", 0), ("min = 0.99", 1), ("max = 0.5", 1), ("tolerance = 0.01", 0)):
        (inside.folder / "suite.toml").write_text(suite + f'\n[gate]\n"quality/accuracy" = {{ {gate} }}\n')
        ended = inside.run("run", "suite.toml", "--trust")
        assert ended.returncode == status, ended.stdout
        assert "gate" in ended.stdout


def test_a_component_that_changes_the_working_folder_does_not_move_the_results(program):
    (program.folder / "own.py").write_text(WRONG_FOLDER)
    (program.folder / "suite.toml").write_text(OWN)
    assert program.run("run", "suite.toml", "--trust", "--results", "kept").returncode == 3
    assert list(program.folder.glob("kept/*/report.md"))


# ── Ctrl-C ──────────────────────────────────────────────────────────────────────────────────────


def test_the_first_interrupt_raises_and_the_earlier_handler_comes_back(tmp_path):
    before = signal.getsignal(signal.SIGINT)
    with pytest.raises(KeyboardInterrupt), two_stage_interrupt(UnfinishedCells(tmp_path)):
        signal.raise_signal(signal.SIGINT)
    assert signal.getsignal(signal.SIGINT) is before


def test_the_second_interrupt_ends_the_process_with_130(tmp_path, monkeypatch, capsys):
    codes = []
    monkeypatch.setattr("os._exit", codes.append)
    with two_stage_interrupt(UnfinishedCells(tmp_path)):
        with pytest.raises(KeyboardInterrupt):
            signal.raise_signal(signal.SIGINT)
        assert codes == []
        signal.raise_signal(signal.SIGINT)
    assert codes == [130]
    assert "everything recorded so far is safe" in capsys.readouterr().err


def test_another_thread_leaves_the_handler_alone(tmp_path):
    handlers = []

    def work() -> None:
        with two_stage_interrupt(UnfinishedCells(tmp_path)):
            handlers.append(signal.getsignal(signal.SIGINT))

    before = signal.getsignal(signal.SIGINT)
    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    assert handlers == [before]


READS = """
from bench_suite.contracts import Metric

METRICS = {"same": {"unit": "examples", "better": "none"}}


def summarise(records, options, predictions):
    first, second = (predictions(record, "test")["predictions"] for record in records)
    assert predictions(records[0], "shift:none") is None
    yield Metric("same", int((first == second).sum()), kind="exact")
"""


def test_a_summary_reads_the_stored_predictions_if_it_asks_for_them(suite, tmp_path):
    (tmp_path / "reads.py").write_text(READS)
    outcome = suite('[probes.reads]\nuse = "./reads.py"\n[probes.stability]\nexamples = 20', trust=True)
    assert outcome.summary_errors == ()
    run = Store(tmp_path / "results").open("latest")
    metrics = {row.name: row for row in run.summaries()[0]}
    same, churn = metrics["reads/same"], metrics["stability/churn"]
    assert churn.value == pytest.approx(1 - same.value / churn.n)
    assert dict(churn.at) == {"task": "loans", "model": "mlp"}
