"""The processor time of a comparison of two runs of 120 cells whose predictions differ.

The runs are generated: 24 models under 5 seeds on 1,000 test examples of two classes, all metrics of classification
with their intervals. `tox -e perf` runs it; alone: `pytest -m perf tests/perf/test_compare.py -s`. The file is a
script, too, which writes the runs for a profile: `python tests/perf/test_compare.py RESULTS`.
"""

from __future__ import annotations

import statistics
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from time import process_time
from typing import Any

import numpy as np
import pytest

from bench_suite.comparison import rescoring
from bench_suite.comparison.compare import compare
from bench_suite.components.metric_calls import function_of
from bench_suite.contracts import Metric, MetricRow, Predictions, ProbeRow, Record
from bench_suite.probes import quality
from bench_suite.problems import classification
from bench_suite.store.runs import Run, Store

pytestmark = pytest.mark.perf
EXAMPLES = 1000
SEEDS = 5
MODELS = 24
METRICS = ("accuracy", "balanced_accuracy", "macro_f1", "log_loss", "roc_auc")


def predictions(model: int, seed: int, better: float) -> Predictions:
    """Return predictions of about 85 % accuracy that differ between models, seeds and runs."""
    random = np.random.default_rng(0)
    targets = (random.random(EXAMPLES) < 0.3).astype(np.int64)
    signal = 2.0 * targets - 1.0 + random.normal(0, 0.7, EXAMPLES)
    noise = np.random.default_rng([model, seed, round(1000 * better)]).normal(0, 0.5 - better, EXAMPLES)
    positive = 1 / (1 + np.exp(-2 * (signal + noise)))
    scores = np.stack([1 - positive, positive], axis=1).astype(np.float32)
    columns = {"targets": targets, "predictions": scores.argmax(axis=1), "scores": scores}
    return Predictions("test", np.arange(EXAMPLES) * 3, columns)


def metric_row(metric: Metric) -> MetricRow:
    facts = classification.METRICS[metric.name]
    return MetricRow(
        f"quality/{metric.name}", metric.value, facts["unit"], facts["better"], metric.reason,  # type: ignore[arg-type]  # facts are untyped
        interval=metric.interval, n=metric.n, ideal=facts.get("ideal"), of_predictions=True,
    )  # fmt: skip


def write_run(store: Store, models: int, better: float) -> Run:
    """Write a run of so many models under all seeds."""
    gate = {f"quality/{name}": {"tolerance": 0.01} for name in ("accuracy", "roc_auc")}
    run = store.create("generated", {"gate": gate, "version": "0.1.0"})
    where = run.add_environment({"hardware": {"cpu": "a processor", "usable_cores": 2}, "packages": {}})
    with run.writer() as writer:
        for model in range(models):
            for seed in range(SEEDS):
                stored = predictions(model, seed, better)
                metrics = tuple(
                    metric_row(quality.measure(name, function_of(classification, name), stored.columns, {}, 100))
                    for name in METRICS
                )
                labels: dict[str, Any] = {"task": "generated", "model": f"model_{model}", "engine": "native"}
                cell = {**labels, "precision": "32-true", "seed": seed}
                record = Record(
                    run.name, "generated", f"m{model}s{seed}", "", cell, {"train": {"epochs": 3}}, "ok", None,
                    {"quality": ProbeRow("ok", "k")}, {"name": "generated", "fingerprint": "aaaaaaaaaa"},
                    metrics=metrics, environment=where,
                )  # fmt: skip
                writer.write(replace(record, artifacts=(run.write_predictions(record.id, "test", stored),)))
    return run


def processor_seconds(call: Callable[[], object]) -> float:
    began = process_time()
    call()
    return process_time() - began


def test_a_comparison_of_120_cells_takes_a_fraction_of_the_time_of_rows(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = Store(tmp_path)
    base, head = write_run(store, MODELS, 0.0), write_run(store, MODELS, 0.05)
    few = write_run(store, MODELS // 12, 0.0), write_run(store, MODELS // 12, 0.05)
    compare(*few)
    whole, by_weights, by_rows = [], [], []
    for _ in range(3):
        whole.append(processor_seconds(lambda: compare(store.open(base.name), store.open(head.name))))
        by_weights.append(processor_seconds(lambda: compare(*few)))
        with monkeypatch.context() as patched:
            patched.setattr(rescoring, "weighted_metric", lambda *_: None)
            by_rows.append(processor_seconds(lambda: compare(*few)))
    rows = compare(*few).rows
    assert {row.method for row in rows} == {"examples", "resampling"}
    of_ten, of_ten_by_rows = statistics.median(by_weights), statistics.median(by_rows)
    print(
        f"\ncompare, {MODELS * SEEDS} cells with differing predictions: {statistics.median(whole):.1f} s of processor"
    )
    print(f"of it, {MODELS // 12 * SEEDS} cells: {of_ten:.2f} s; with rows drawn one by one {of_ten_by_rows:.2f} s")
    assert of_ten_by_rows > 3 * of_ten


if __name__ == "__main__":
    results = Store(Path(sys.argv[1]))
    print(*(write_run(results, MODELS, better).name for better in (0.0, 0.05)))
