"""Claims about a run on a device that is throttled: its record marks the timings, and terminal and report say so."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest

from bench_suite.training import device_health, devices

SUITE = """
[[tasks]]
use = "planted_columns"
[[models]]
use = "mlp"
[train]
epochs = 1
[matrix]
threads = 1
seed = [0, 1]
device = "cpu"
[probes.throughput]
batch_sizes = [8]
seconds = 0.02
"""


@pytest.fixture
def nvml(monkeypatch):
    """NVML's answers, for the processor: `bits` holds the clock down at each reading, and the last one stays."""
    library = SimpleNamespace(
        bits=[0], NVMLError=RuntimeError, NVML_CLOCK_SM=1, nvmlInit=lambda: None, nvmlShutdown=lambda: None,
        nvmlDeviceGetHandleByUUID=lambda uuid: uuid, nvmlDeviceGetClockInfo=lambda device, which: 1980,
        nvmlDeviceGetPowerUsage=lambda device: 300_000,
        nvmlDeviceGetCurrentClocksEventReasons=lambda device: library.bits.pop(0)
        if len(library.bits) > 1
        else library.bits[0],
    )  # fmt: skip
    monkeypatch.setitem(sys.modules, "pynvml", library)
    monkeypatch.setattr(devices, "uuid", lambda kind: "GPU-1")
    read = device_health.read
    monkeypatch.setattr(device_health, "read", lambda kind: read("cuda"))
    return library


def test_a_throttled_block_is_marked_in_the_record_and_said_on_terminal_and_report(bench, nvml):
    Path("suite.toml").write_text(SUITE)
    nvml.bits = [0, 0x04, 0]  # at the end of the training of the first cell
    ended = bench("run", "suite.toml")
    assert ended.status == 0, ended.err
    line = "1 cell ran on a throttled device (power cap): its rates are too low, and times too long"
    assert f"note: {line}" in ended.out
    (folder,) = Path("results").glob("*-suite-*")
    assert line in (folder / "report.md").read_text()
    records = [json.loads(text) for file in (folder / "records").iterdir() for text in file.read_text().splitlines()]
    # A busy machine adds marks of its own: of timings that were not steady yet.
    rows = [(record["cell"]["seed"], row) for record in records for row in record["metrics"]]
    throttled = [(seed, row) for seed, row in rows if "throttled" in row.get("marks", {})]
    marked = {(seed, row["name"]) for seed, row in throttled}
    # A training that is too short for windows has no value of `stalled`, and what has no value has no mark.
    assert {(0, "throughput/train")} <= marked <= {(0, "throughput/train"), (0, "throughput/stalled")}
    assert {row["marks"]["throttled"] for _, row in throttled} == {"power cap"}
    assert "throttled: power cap" in bench("show", "cell", records[0]["id"]).out


def test_a_device_that_nothing_holds_down_leaves_no_mark(bench, nvml):
    Path("suite.toml").write_text(SUITE)
    ended = bench("run", "suite.toml")
    assert ended.status == 0
    assert "throttled" not in ended.out
