"""What an executor costs for a cell, and what several processes gain: ratios and milliseconds, printed."""

from __future__ import annotations

import os
import statistics
import subprocess
import sys

import pytest

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


def test_the_memory_of_the_driver_is_flat(tmp_path, run_of):
    peaks = {}
    for cells in (100, 10_000):
        run_of(1)
        suite = tmp_path / "suite.toml"
        suite.write_text(suite.read_text().replace("seed = [0]", f"seed = {list(range(cells))}"))
        done = subprocess.run([sys.executable, "-c", MEMORY], capture_output=True, text=True, check=True, cwd=tmp_path)
        peaks[cells] = int(done.stdout)
    print(f"\npeak memory of the driver: {peaks[100]} MiB for 100 cells, {peaks[10_000]} MiB for 10,000")
    assert peaks[10_000] < 3 * peaks[100]
