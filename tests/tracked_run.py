"""A run on disk with a cell that was trained, and one that failed: what trackers and exporters are tested with."""

from __future__ import annotations

from pathlib import Path

from bench_suite.contracts import Artifact, History, Interval, MetricRow, Record, Window
from bench_suite.store.histories import write_history
from bench_suite.store.runs import Run, Store

CELL = {"task": "digits", "model": "mlp", "engine": "native", "precision": "32-true", "device": "auto", "seed": 0}


def history() -> History:
    """Return the history of 4 steps in 2 epochs, which took 2 s."""
    windows = tuple(Window(step, 32, 0.5, 0.1, 1.0 / step, 0.1 / step) for step in (2, 4))
    rows = tuple({"epoch": float(n), "loss": 2.0 / n, "learning_rate": 0.1 / n} for n in (1, 2))
    return History(rows, windows, steps=4, samples=64, seconds=2.0)


def write(results: Path) -> Run:
    """Return a run whose first cell has curves, an interval, a coordinate and a chart; the second one has failed."""
    run = Store(results).create(
        "trial", {"title": "A trial", "text": "# the suite", "cells": 2, "version": "1", "git": {"commit": "abc"}}
    )
    chart = Artifact("confusion", "matrix", {"rows": ["a"], "columns": ["a"], "values": [[1]], "x": "", "y": ""}, "c")
    words = Artifact("words", "table", {"columns": ["word"], "rows": [["good"]]}, "Words.")
    rows = tuple(run.write_artifact("1" * 16, "quality", artifact) for artifact in (chart, words))
    metrics = (
        MetricRow("quality/accuracy", 0.9, "fraction", "higher", interval=Interval(0.8, 0.95, 0.95, "examples")),
        MetricRow("throughput/inference", 50.0, "samples/s", "higher", at={"batch_size": 64}),
        MetricRow("quality/f1", None, "score", "higher", reason="undefined"),
    )
    options = {"task": {"data": "full"}, "train": {"learning_rate": 0.1, "patience": None, "betas": [0.9, 0.99]}}
    common = {"suite": "trial", "weights_key": "w", "options": options, "started": "2026-11-30T12:00:00Z"}
    first = Record(run.name, id="1" * 16, cell=CELL, status="ok", metrics=metrics, artifacts=rows, **common)
    second = Record(run.name, id="2" * 16, cell={**CELL, "seed": 1}, status="failed", reason="no <b>luck</b>", **common)
    with run.writer() as writer:
        writer.write(first)
        writer.write(second)
    write_history(run.path, "1" * 16, history())
    return run
