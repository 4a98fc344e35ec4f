"""Exports of large runs: their time grows with the cells, and CSV and JSON are written in little memory."""

from __future__ import annotations

import json
import runpy
import subprocess
import sys
from pathlib import Path

import pytest

from bench_suite.store.runs import Run, Store

pytestmark = pytest.mark.perf

PROGRAM = """
import json, sys, time
from bench_suite.cli.export import exporter_named
from bench_suite.components import discovery
from bench_suite.store.runs import Run
run = Run(sys.argv[1])
run.records()
began = time.process_time()
exporter = exporter_named(sys.argv[2])
options = {"options": discovery.make_options(exporter, {})} if exporter.options else {}
content = discovery.load(exporter).export(run, **options)
size = sum(map(len, [content] if isinstance(content, bytes) else content))
status = dict(line.split(":", 1) for line in open("/proc/self/status"))  # `getrusage` counts the parent's memory too
peak = int(status["VmHWM"].split()[0]) / 1024
print(json.dumps([time.process_time() - began, peak, size]))
"""
MAX_MEBIBYTES = {"csv": 250, "json": 250, "parquet": 500}


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> list[Run]:
    """Return runs of 2,000 and of 10,000 cells, with their indexes."""
    make_run = runpy.run_path(str(Path(__file__).with_name("test_store.py")))["make_run"]
    written = [make_run(Store(tmp_path_factory.mktemp("large")), cells) for cells in (2000, 10_000)]
    for run in written:
        run.records()
    return written


@pytest.mark.parametrize("name", MAX_MEBIBYTES)
def test_the_time_grows_with_the_cells_and_memory_is_bounded(runs: list[Run], name: str) -> None:
    rows = []
    for run in runs:
        command = [sys.executable, "-c", PROGRAM, str(run.path), name]
        rows.append(json.loads(subprocess.run(command, capture_output=True, text=True, check=True).stdout))
        seconds, peak, size = rows[-1]
        print(f"{name}: {size / 2**20:.1f} MiB in {seconds:.2f} s of processor time, peak {peak:.0f} MiB")
    assert rows[1][0] < 7 * rows[0][0] + 0.5
    assert rows[1][1] < MAX_MEBIBYTES[name]
