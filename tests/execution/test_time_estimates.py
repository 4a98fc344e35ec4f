"""Claims about time estimates: the median of earlier records of the same cost, and never a guess."""

from __future__ import annotations

import time
from dataclasses import replace

import pytest

from bench_suite import environment
from bench_suite.contracts import ProbeRow, Record
from bench_suite.execution.time_estimates import MAX_RECORDS, TimeEstimate, estimate_times
from bench_suite.store.runs import Store
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
    whole = Record("", "s", of.id, "", of.labels, of.options, "ok", probes=probes, seconds=parts)
    return replace(whole, **changes)


def keep(store: Store, *records: Record, described=None, smoke=False) -> None:
    """Write a run with these records, on this machine unless another is described."""
    run = store.create("s", {"smoke": smoke})
    name = run.add_environment(described or environment.describe())
    with run.writer() as writer:
        for entry in records:
            writer.write(replace(entry, environment=name))


def test_what_was_never_run_is_unknown(plan, store):
    assert set(estimate_times(plan(), store).values()) == {TimeEstimate()}


def test_the_median_of_a_cells_own_newest_records_is_its_time(plan, store):
    planned = plan()
    cell, other = planned.cells
    for seconds in (1000.0, 5.0, 1.0, 2.0, 3.0, 900.0):
        keep(store, record(cell, planned, seconds))
        time.sleep(0.002)  # the millisecond of their start distinguishes runs
    assert estimate_times(planned, store)[cell.id] == TimeEstimate(3.0, MAX_RECORDS, "cell")
    assert estimate_times(planned, store)[other.id] == TimeEstimate()


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
    planned = plan()
    keep(store, record(planned.cells[0], planned, 4.0, **changes))
    assert estimate_times(planned, store)[planned.cells[0].id] == TimeEstimate()


def test_neither_another_machine_nor_a_smoke_run_is_asked(plan, store):
    planned = plan()
    keep(store, record(planned.cells[0], planned, 4.0), described={"hardware": {"cpu": "another", "usable_cores": 1}})
    keep(store, record(planned.cells[0], planned, 4.0), smoke=True)
    assert estimate_times(planned, store)[planned.cells[0].id] == TimeEstimate()


def test_only_the_lines_that_are_asked_for_are_parsed(plan, store, monkeypatch):
    from bench_suite.store import runs as module

    planned = plan()
    unmatched_words = [
        record(planned.cells[0], planned, 1.0, id=f"{n:016x}", cell={"task": "a", "model": "b"}) for n in range(300)
    ]
    keep(store, *unmatched_words, record(planned.cells[0], planned, 4.0))
    parsed = []
    read = module.read_lines
    monkeypatch.setattr(module, "read_lines", lambda line: parsed.append(line) or read(line))
    assert estimate_times(planned, store)[planned.cells[0].id].seconds == 4.0
    assert len(parsed) == 1
