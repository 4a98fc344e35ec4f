"""Runs of many cells without training and with almost no measurement."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

import pytest

from bench_suite.execution.callbacks import RunCallback
from bench_suite.execution.session import Request, execute
from bench_suite.store.runs import Store
from bench_suite.suite.parser import read_suite
from bench_suite.suite.plan import make_plan

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
threads = 1
[probes.count]
use = "./probe.py"
"""


@pytest.fixture
def run_of(tmp_path: Path) -> Callable[..., float]:
    """Return a function that runs that many cells, and returns the seconds, including start and end.

    Records are flushed one by one. `tmp_path` then contains the suite, `suite.toml`, and the files that it names.
    """
    for name, text in (("task", TASK), ("model", MODEL), ("probe", PROBE)):
        (tmp_path / f"{name}.py").write_text(text)

    def run(cells: int, *overrides: str) -> float:
        (tmp_path / "suite.toml").write_text(SUITE.format(seeds=list(range(cells))))
        plan = make_plan(read_suite(str(tmp_path / "suite.toml"), overrides))
        began = time.perf_counter()
        outcome = execute(plan, Store(tmp_path / "results"), Request(trust=True), RunCallback())
        seconds = time.perf_counter() - began
        assert len(outcome.records) == cells
        assert not outcome.failed
        return seconds

    return run
