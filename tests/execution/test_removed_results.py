"""A run whose results are removed while it goes on never ends as if all were well."""

import json
import shutil

import pytest

from bench_suite.execution.callbacks import RunCallback
from bench_suite.execution.session import Request, execute
from bench_suite.store.atomic import RecordsLost
from bench_suite.store.runs import Store
from bench_suite.suite.parser import read_suite
from bench_suite.suite.plan import make_plan

SUITE = """
[[tasks]]
use = "loans"

[[models]]
use = "logistic_regression"

[matrix]
seed = [0, 1, 2]

[probes.quality]
resamples = 100
"""
REMOVER = '''
"""A probe that removes the results in one of the cells."""

import shutil

from bench_suite.contracts import Metric

METRICS = {"count": {"unit": "", "better": "none"}}


def probe(trained, options):
    if trained.cell.seed == WHEN:
        shutil.rmtree("results")
    yield Metric("count", 1, kind="exact")
'''


@pytest.mark.parametrize("when", [0, 2], ids=["in the first cell", "in the last cell"])
def test_results_that_are_removed_in_a_cell_end_the_run_with_an_error(inside, when):
    (inside.folder / "remover.py").write_text(REMOVER.replace("WHEN", str(when)))
    (inside.folder / "suite.toml").write_text(SUITE + "[probes.remover]\nuse = './remover.py'\n")
    ended = inside.run("run", "suite.toml", "--trust")
    assert ended.returncode == 3, ended.stderr
    assert "removed, moved or replaced during the run" in ended.stderr
    assert "Traceback" not in ended.stderr


class After(RunCallback):
    """Does something to the results after the last of three cells."""

    def __init__(self, change):
        self.change, self.cells = change, 0

    def record(self, cell, record):
        self.cells += 1
        if self.cells == 3:
            self.change()


@pytest.fixture
def plan(tmp_path):
    (tmp_path / "suite.toml").write_text(SUITE)
    return make_plan(read_suite(str(tmp_path / "suite.toml"), ()), ())


def test_results_that_are_removed_after_the_last_cell_are_an_error(plan, tmp_path):
    results = tmp_path / "results"
    with pytest.raises(RecordsLost, match="3 of 3 cells have no record") as caught:
        execute(plan, Store(results), Request(), After(lambda: shutil.rmtree(results)))
    assert caught.value.exit_status == 3


def test_one_record_that_is_damaged_after_the_last_cell_is_an_error(plan, tmp_path):
    def damage():
        (path,) = tmp_path.glob("results/*/records/*.jsonl")
        path.write_bytes(path.read_bytes()[:-50])

    with pytest.raises(RecordsLost, match="1 of 3 cells have no record"):
        execute(plan, Store(tmp_path / "results"), Request(), After(damage))


def test_a_removed_run_json_is_written_again(plan, tmp_path):
    def remove():
        (path,) = tmp_path.glob("results/*/run.json")
        path.unlink()

    outcome = execute(plan, Store(tmp_path / "results"), Request(), After(remove))
    assert json.loads((outcome.run.path / "run.json").read_bytes()) == outcome.run.info
