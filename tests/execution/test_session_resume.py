"""Claims about `--resume`: which cells it repeats, from which state, and when it asks first."""

import json

import pytest

import bench_suite
from bench_suite.contracts import BenchError
from bench_suite.store import record_files
from bench_suite.store.atomic import RecordsLost
from bench_suite.store.index import begins, read_index
from bench_suite.store.runs import Store


def lines(run) -> list[dict]:
    return [
        json.loads(line) for path in sorted(run.path.glob("records/*.jsonl")) for line in path.read_bytes().splitlines()
    ]


def test_a_finished_run_is_not_done_again(suite):
    first = suite()
    again = suite(resume="newest")
    assert again.run.name == first.run.name
    assert again.done_before == 2
    assert len(lines(first.run)) == 2


@pytest.mark.parametrize("tasks", [None, [{"key": "a"}]])
def test_workers_of_a_killed_driver_that_noticed_nothing_add_nothing_to_a_resumed_run(suite, tasks):
    first = suite()
    with first.run.writer() as worker:  # on another machine
        worker.write(first.records[0])
        (first.run.path / "driver.json").write_text("{}")
        if tasks:
            (first.run.path / "slurm.json").write_text(json.dumps({"tasks": tasks}))
            with pytest.raises(BenchError, match="may still run"):
                suite(resume="newest")
            worker.write(first.records[0])  # a task of Slurm goes on without its driver
            return
        suite(resume="newest")
        with pytest.raises(RecordsLost):
            worker.write(first.records[0])
    assert [record.id for record in first.run.records()] == [record.id for record in first.records]


def test_a_probe_added_later_costs_only_itself(suite):
    first = suite()
    again = suite(probes="[probes.generalization]", resume="newest")
    added = lines(first.run)[2:]
    assert [list(line["probes"]) for line in added] == [["generalization"]] * 2
    assert all("train" not in line["seconds"] for line in added), "the weights were kept, so nothing is trained"
    assert all(line["weights_reused"] for line in added)
    assert {m.name for r in again.records for m in r.metrics} >= {"quality/accuracy", "generalization/accuracy_gap"}


def test_a_probe_that_measures_during_training_trains_again(suite):
    first = suite()
    suite(probes="[probes.throughput]\nseconds = 0.05", resume="newest")
    added = lines(first.run)[2:]
    assert [list(line["probes"]) for line in added] == [["throughput"]] * 2
    assert all("train" in line["seconds"] for line in added)


def test_a_probe_with_other_options_is_done_again(suite):
    first = suite()
    suite(probes="metrics = ['rmse']", resume="newest")
    assert len(lines(first.run)) == 4


def test_without_kept_weights_it_trains_again_and_finds_the_same(suite):
    first = suite()
    for weights in first.run.path.glob("weights/*"):
        weights.unlink()
    values = {(r.id, m.name): m.value for r in first.records for m in r.metrics}
    again = suite(probes="metrics = ['rmse']", resume="newest")
    assert {(r.id, m.name): m.value for r in again.records for m in r.metrics if m.name != "quality/rmse"} == values
    assert all("train" in line["seconds"] for line in lines(first.run)[2:])


def test_the_run_knows_which_cells_its_suite_asks_for_now(suite):
    first = suite().run
    assert list(first.planned.values()) == ["loans, mlp, seed 0", "loans, mlp, seed 1"]
    part = suite(model="dropout = 0.5", resume="newest", only=["seed=1"]).run
    old, new = set(first.planned), set(part.planned)
    assert (len(old & new), list(part.planned.values())) == (1, ["loans, mlp, seed 0", "loans, mlp, seed 1"])
    assert len(part.records()) == 3
    assert {record.id for record in part.planned_records()} == new, "the repeated seed replaces the old one"
    assert set(suite(resume="newest").run.planned) == old


def test_a_new_cell_joins_the_run(suite, tmp_path):
    first = suite()
    (tmp_path / "suite.toml").write_text((tmp_path / "suite.toml").read_text().replace("[0, 1]", "[0, 1, 2]"))
    again = bench_suite.run("suite.toml", resume="newest")
    assert len(again.records) == 3
    assert len(lines(first.run)) == 3


def test_other_options_are_another_cell(suite):
    first = suite()
    again = suite(model="dropout = 0.5", resume="newest")
    assert len(lines(first.run)) == 4
    assert {r.id for r in again.records}.isdisjoint({r.id for r in first.records})


MODEL = '''
"""Always one class."""

import numpy as np

MODALITIES = ("table",)
PROBLEMS = ("classification",)


class Always:
    def fit(self, data, options, report):
        pass

    def predict(self, split):
        return {"predictions": np.full(len(split), ANSWER)}


ANSWER = 0


def build(data, options):
    return Always()
'''


def test_changed_source_stops_a_resume_until_it_is_told_what_to_do(suite, tmp_path):
    (tmp_path / "always.py").write_text(MODEL)
    more = "[[models]]\nuse = './always.py'"
    first = suite(model=more, trust=True)
    before = {r.id: r.metrics for r in first.records if r.cell["model"] == "always"}
    (tmp_path / "always.py").write_text(MODEL.replace("ANSWER = 0", "ANSWER = 1"))
    with pytest.raises(BenchError, match=r"have changed since(.|\n)*always, seed 0(.|\n)*--stale"):
        suite(model=more, trust=True, resume="newest")
    assert len(lines(first.run)) == 4
    resumed = suite(model=more, trust=True, resume="newest", stale="keep")
    assert {r.id: r.metrics for r in resumed.records if r.cell["model"] == "always"} == before
    redone = suite(model=more, trust=True, resume="newest", stale="redo")
    after = {r.id: r.metrics for r in redone.records if r.cell["model"] == "always"}
    assert after.keys() == before.keys()
    assert after != before
    assert len(lines(first.run)) == 6


def test_a_smoke_run_is_never_resumed(suite):
    smoke = suite(smoke=True)
    assert smoke.run.info["smoke"]
    fresh = suite(resume="newest")
    assert fresh.run.name != smoke.run.name
    with pytest.raises(BenchError, match="smoke"):
        suite(resume=smoke.run.name)


def test_a_run_of_another_suite_is_not_resumed(suite, tmp_path):
    first = suite()
    (tmp_path / "other.toml").write_text((tmp_path / "suite.toml").read_text())
    with pytest.raises(BenchError, match="is a run of suite, not of other"):
        bench_suite.run("other.toml", resume=first.run.name)


def test_gates_columns_and_title_are_those_of_the_suite_as_it_is_now(suite, tmp_path):
    suite()
    changed = '[gate]\n"quality/accuracy" = { min = 0.5 }\n[report]\ncolumns = ["quality/log_loss"]'
    again = suite(probes=changed, resume="newest")
    assert again.run.info["gate"] == {"quality/accuracy": {"min": 0.5}}
    assert Store(tmp_path / "results").open("latest").info["report"]["columns"] == ["quality/log_loss"]


def test_a_run_under_other_overrides_is_not_the_one_that_is_resumed(suite):
    plain = suite()
    longer = suite(overrides=["train.epochs=3"])
    assert suite(resume="newest").run.name == plain.run.name
    again = suite(overrides=["train.epochs=3"], resume="newest")
    assert again.run.name == longer.run.name
    assert len(again.run.records()) == 2
    assert len(again.run.info["resumed"]) == 1
    assert suite(overrides=["train.epochs=4"], resume="newest").run.name not in (plain.run.name, longer.run.name)


@pytest.mark.parametrize("wrong", [{"smoke": True, "resume": "newest"}, {"stale": "keep"}])
def test_contradictory_requests_are_refused(suite, wrong):
    with pytest.raises(BenchError, match="resume"):
        suite(**wrong)


def test_a_loaded_run_has_its_records(suite):
    outcome = suite()
    assert [r.id for r in bench_suite.load().records()] == [r.id for r in outcome.records]
    assert Store(outcome.run.path.parent).runs()[0].records == 2


def test_other_gates_and_columns_by_set_go_on_with_the_same_run(suite):
    plain = suite()
    gated = suite(overrides=['gate."quality/accuracy".min=0.99', "title=other"], resume="newest")
    assert gated.run.name == plain.run.name
    assert gated.run.info["gate"] == {"quality/accuracy": {"min": 0.99}}
    assert suite(resume="newest").run.name == plain.run.name
    assert len(lines(plain.run)) == 2


def test_the_index_is_written_when_a_run_ends_and_a_resume_adds_to_it(suite, monkeypatch):
    monkeypatch.setattr(record_files, "INDEXED_BYTES", 1)
    first = suite()
    again = suite(probes="[probes.generalization]", resume="newest")
    index = read_index(first.run.path)
    assert index is not None
    assert begins(index, sorted(first.run.path.glob("records/*.jsonl")))
    assert index.columns.records() == list(again.records)
    assert [set(record.probes) for record in again.records] == [{"quality", "generalization"}] * 2
