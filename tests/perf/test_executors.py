"""What an executor costs for a cell, and what several processes gain: ratios and milliseconds, printed."""

from __future__ import annotations

import os
import statistics
import subprocess
import sys
import time
from pathlib import Path

import pytest

from bench_suite import environment
from bench_suite.data.sources import Sources
from bench_suite.execution.callbacks import RunCallback
from bench_suite.execution.context import RunContext
from bench_suite.execution.run_facts import plan_facts
from bench_suite.execution.sources import source_of_program
from bench_suite.execution.work import Work
from bench_suite.store.runs import Store
from bench_suite.suite.parser import read_suite
from bench_suite.suite.plan import make_plan

pytestmark = pytest.mark.perf

WORKS = '''
"""Multiplies matrices in one thread."""

import numpy as np

MODALITIES = ("table",)
PROBLEMS = ("classification",)


class Works:
    def fit(self, data, options, report):
        matrix = np.random.default_rng(0).normal(size=(200, 200))
        for _ in range(400):
            matrix = np.tanh(matrix @ matrix)

    def predict(self, split):
        return {"predictions": np.zeros(len(split), dtype=np.int64)}


def build(data, options):
    return Works()
'''


def test_the_overhead_of_a_cell(run_of):
    run_of(5)
    inline, processes = [], []
    for _ in range(3):
        inline.append(run_of(1000))
        processes.append(run_of(1000, "run.jobs=2"))
    costs = [statistics.median(times) for times in (inline, processes)]
    print(f"\na cell without work, of 1,000: {costs[0]:.2f} ms inline, {costs[1]:.2f} ms in 2 processes")
    assert costs[1] < 10 * costs[0]


def test_two_workers_gain(tmp_path, run_of):
    if len(os.sched_getaffinity(0)) < 2:
        pytest.skip("needs two cores")
    (tmp_path / "model.py").write_text(WORKS)
    one, two = [], []
    for _ in range(3):
        one.append(run_of(40, "run.jobs=1"))
        two.append(run_of(40, "run.jobs=2"))
    gains = sorted(a / b for a, b in zip(one, two))
    print(f"\ntwo workers finish 40 cells of one thread {statistics.median(gains):.2f} times as fast as one ({gains})")
    assert statistics.median(gains) > 1.2


MEMORY = """
import sys
from pathlib import Path

import bench_suite

bench_suite.run("suite.toml", overrides=["run.jobs=2"], trust=True)
peak = next(line for line in Path("/proc/self/status").read_text().splitlines() if line.startswith("VmHWM"))
print(int(peak.split()[1]) // 1024)
"""


PARTS = """
from pathlib import Path

from bench_suite.store.runs import Store
from bench_suite.suite.parser import read_suite
from bench_suite.suite.plan import make_plan

def memory():
    size = next(line for line in Path("/proc/self/status").read_text().splitlines() if line.startswith("VmRSS"))
    return int(size.split()[1]) // 1024

sizes = [memory()]
plan = make_plan(read_suite("suite.toml"))
sizes.append(memory())
import pyarrow
sizes.append(memory())
records = Store(Path("results")).open("latest").records()
sizes.append(memory())
print(len(records), *(after - before for before, after in zip(sizes, sizes[1:])))
"""


def test_the_memory_of_the_driver_is_flat(tmp_path, run_of):
    peaks = {}
    for cells in (100, 10_000):
        run_of(1)
        suite = tmp_path / "suite.toml"
        suite.write_text(suite.read_text().replace("seed = [0]", f"seed = {list(range(cells))}"))
        done = subprocess.run([sys.executable, "-c", MEMORY], capture_output=True, text=True, check=True, cwd=tmp_path)
        peaks[cells] = int(done.stdout)
    print(f"\npeak memory of the driver: {peaks[100]} MiB for 100 cells, {peaks[10_000]} MiB for 10,000")
    done = subprocess.run([sys.executable, "-c", PARTS], capture_output=True, text=True, check=True, cwd=tmp_path)
    count, plan, pyarrow, records = done.stdout.split()
    print(f"of it for {count} cells: the plan {plan} MiB, pyarrow for the index {pyarrow}, records {records}")
    assert peaks[10_000] < 3 * peaks[100]


def bare_tasks(folder, cells):
    """Run the cells of `suite.toml` as Ray tasks of one call each, without an executor, and return the seconds."""
    import ray

    plan = make_plan(read_suite(str(folder / "suite.toml")))
    run = Store(folder / "results").create(plan.suite.name, plan_facts(plan))
    context = RunContext(
        plan=plan, run=run, sources=Sources(), callback=RunCallback(),
        environment=run.add_environment(environment.describe()), code=source_of_program(),
    )  # fmt: skip
    job = str(Work(context, run.writer).job(2))

    @ray.remote(num_cpus=1, max_retries=0)
    def run_cell(unit):
        from bench_suite.execution import worker

        if not hasattr(worker, "of_task"):
            worker.of_task = {}
        if job not in worker.of_task:
            worker.of_task[job] = worker.Worker(Path(job), lambda event: None).__enter__()
        return [record.status for record in worker.of_task[job].run(unit)]

    began = time.perf_counter()
    statuses = ray.get([run_cell.remote(unit.id) for unit in plan.units])
    seconds = time.perf_counter() - began
    assert statuses == [["ok"]] * cells
    return seconds


def test_the_overhead_of_a_cell_on_ray_against_bare_tasks(tmp_path, run_of, monkeypatch):
    ray = pytest.importorskip("ray")
    monkeypatch.setenv("RAY_USAGE_STATS_ENABLED", "0")
    ray.init("local", include_dashboard=False, log_to_driver=False, logging_level="ERROR")
    few, many = 20, 1020
    try:
        costs = {"executor": [], "bare tasks": []}
        for _ in range(3):
            starts = run_of(few, "run.executor=ray")
            costs["executor"].append(run_of(many, "run.executor=ray") - starts)
            bare = bare_tasks(tmp_path, many)
            run_of(few)  # writes the suite of few cells
            costs["bare tasks"].append(bare - bare_tasks(tmp_path, few))
    finally:
        ray.shutdown()
    executor, bare = (statistics.median(times) for times in costs.values())
    print(
        f"\na cell without work, of 1,000 on Ray: {executor:.2f} ms, {executor / bare:.2f} times a bare task ({costs})"
    )
    assert executor < 3 * bare
