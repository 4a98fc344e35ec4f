"""The fixed cost of a cell: a run of hundreds of cells without training and with almost no measurement."""

import os
import statistics
import time
from pathlib import Path

import pytest

from bench_suite.execution.callbacks import RunCallback
from bench_suite.execution.session import Request, execute
from bench_suite.store.runs import Store
from bench_suite.suite.parser import read_suite
from bench_suite.suite.plan import make_plan

pytestmark = pytest.mark.perf

TASK = '''
"""Nothing: ten examples of one number."""

import numpy as np

from bench_suite.contracts import Data, Source
from bench_suite.data.fingerprint import content_ids
from bench_suite.data.splits import MemorySplit

MODALITY = "table"
PROBLEM = "classification"


def load(options, sources):
    table = np.arange(10.0)[:, None]
    split = MemorySplit(content_ids(table), {"table": table, "target": np.arange(10) % 2})
    spec = {"classes": ("even", "odd"), "columns": ("number",)}
    splits = {"train": split.at(np.arange(6)), "test": split.at(np.arange(6, 10))}
    return Data(PROBLEM, spec, splits, Source("generated", "nothing", "0"))
'''
MODEL = '''
"""Always the first class."""

import numpy as np

MODALITIES = ("table",)
PROBLEMS = ("classification",)


class First:
    def fit(self, data, options, report):
        pass

    def predict(self, split):
        return {"predictions": np.zeros(len(split), dtype=np.int64)}


def build(data, options):
    return First()
'''
PROBE = '''
"""How many test examples there are."""

from bench_suite.contracts import Metric

METRICS = {"count": {"unit": "examples", "better": "none"}}


def probe(trained, options):
    yield Metric("count", len(trained.data.splits["test"]), kind="exact")
'''
SUITE = """
[[tasks]]
use = "./task.py"
[[models]]
use = "./model.py"
[matrix]
seed = {seeds}
[probes.count]
use = "./probe.py"
"""


def run_of(folder: Path, cells: int) -> float:
    """Return the seconds of a run of that many cells, including start and end, with records flushed one by one."""
    (folder / "suite.toml").write_text(SUITE.format(seeds=list(range(cells))))
    plan = make_plan(read_suite(str(folder / "suite.toml")))
    began = time.perf_counter()
    outcome = execute(plan, Store(folder / "results"), Request(trust=True), RunCallback())
    seconds = time.perf_counter() - began
    assert len(outcome.records) == cells
    assert not outcome.failed
    return seconds


def test_a_cells_fixed_cost_does_not_grow_with_the_run(tmp_path):
    for name, text in (("task", TASK), ("model", MODEL), ("probe", PROBE)):
        (tmp_path / f"{name}.py").write_text(text)
    run_of(tmp_path, 5)
    few, many = zip(*((run_of(tmp_path, 100) / 100, run_of(tmp_path, 400) / 400) for _ in range(5)))
    line = (Path(next((tmp_path / "results").glob("*/records/*.jsonl")))).read_bytes().splitlines()[0]
    synced = []
    with (tmp_path / "probe.log").open("ab") as file:
        for _ in range(100):
            began = time.perf_counter()
            file.write(line)
            file.flush()
            os.fsync(file.fileno())
            synced.append(time.perf_counter() - began)
    hundred, hundreds, flushed = (statistics.median(times) * 1000 for times in (few, many, synced))
    print(f"\nfixed cost of a cell: {hundred:.2f} ms in runs of 100, {hundreds:.2f} ms in runs of 400;")
    print(f"of it, a record of {len(line)} bytes written and flushed to this disk: {flushed:.2f} ms")
    assert statistics.median(many) < 1.5 * statistics.median(few)
