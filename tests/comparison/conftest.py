"""Two runs to compare: cells with stored predictions, written to the test's own store."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import numpy as np
import pytest

from bench_suite.comparison.compare import Comparison
from bench_suite.comparison.verdicts import Row
from bench_suite.contracts import MetricRow, Predictions, ProbeRow, Record
from bench_suite.exporters.junit import export
from bench_suite.stats.intervals import bootstrap_interval
from bench_suite.store.runs import Run, Store

N = 2000
ENVIRONMENT = {"hardware": {"cpu": "a processor", "usable_cores": 2}, "packages": {"torch": "2.6"}}
INFO: dict[str, Any] = {
    "gate": {"quality/accuracy": {"tolerance": 0.01}},
    "git": {"commit": "0123456789", "dirty": False},
    "version": "0.1.0",
}


class Runs:
    """Runs in the test's own store, with what they are made of and what a comparison of them says."""

    n = N
    "Number of test examples."
    environment = ENVIRONMENT
    "Environment of a run that states no other."

    def __init__(self, folder: Path) -> None:
        self.store = Store(folder / "results")

    def make(
        self,
        cells: Iterable[tuple[Record, Predictions | None]],
        environment: Mapping[str, Any] = ENVIRONMENT,
        **info: Any,
    ) -> Run:
        """Write a run of these cells with these predictions; a record that already has metrics keeps them."""
        run = self.store.create("s", {**INFO, **info})
        where = run.add_environment(environment)
        with run.writer() as writer:
            for record, predictions in cells:
                record = replace(record, run=run.name, environment=where)
                if predictions is not None:
                    row = run.write_predictions(record.id, "test", predictions)
                    metrics = record.metrics or self.accuracy_of(predictions)
                    record = replace(record, artifacts=(row,), metrics=metrics)
                writer.write(record)
        return run

    def of(self, *shares: float, noise: int = 0, **info: Any) -> Run:
        """Write a run of one model with these accuracies, one for each seed."""
        return self.make([(self.cell(s), self.predictions(share, noise + s)) for s, share in enumerate(shares)], **info)

    @staticmethod
    def cell(seed: int = 0, model: str = "mlp", **changes: Any) -> Record:
        """Return a cell of the task `loans` without measurements."""
        labels = {"task": "loans", "model": model, "engine": "native", "precision": "32-true", "seed": seed}
        options = {"train": {"epochs": 3}, "placement": {"device": "cpu", "threads": 1}}
        known = Record(
            "", "s", f"{model}{seed}", "", labels, options, "ok", None, {"quality": ProbeRow("ok", "k")},
            {"name": "loans", "fingerprint": "aaaaaaaaaa"},
        )  # fmt: skip
        return replace(known, **changes)

    @classmethod
    def predictions(cls, share: float, seed: int = 0, n: int = N) -> Predictions:
        """Return predictions of which this share is correct: the easiest examples, except a few chosen at random."""
        difficulty = np.random.default_rng(1).random(n)
        return cls.predictions_of(difficulty + np.random.default_rng(seed).normal(0, 0.01, n) < share)

    @staticmethod
    def predictions_of(correct: np.ndarray) -> Predictions:
        """Return predictions of two classes, one for each entry of `correct`."""
        n = len(correct)
        targets = np.arange(n) % 2
        scores = np.where(np.arange(2) == np.where(correct, targets, 1 - targets)[:, None], 0.9, 0.1).astype(np.float32)
        columns = {"targets": targets, "predictions": scores.argmax(axis=1), "scores": scores}
        return Predictions("test", np.arange(n) * 7, columns)

    @staticmethod
    def accuracy_of(predictions: Predictions) -> tuple[MetricRow, ...]:
        """Return accuracy with its interval, in the form that `quality` gives it."""
        correct = predictions["targets"] == predictions["predictions"]
        interval, reason = bootstrap_interval(
            lambda correct: float(correct.mean()), {"correct": correct}, resamples=200
        )
        value = float(correct.mean())
        row = MetricRow("quality/accuracy", value, "fraction", "higher", reason, interval=interval, n=len(correct))
        return (replace(row, of_predictions=True),)

    @staticmethod
    def gated_row(comparison: Comparison) -> Row:
        """Return the row of the only gate."""
        (row,) = [row for row in comparison.rows if row.gated]
        return row

    @staticmethod
    def junit_cases(comparison: Comparison) -> list[tuple[str | None, ...]]:
        """Return the tests of the JUnit file: class, name, result and message."""
        suite = ElementTree.fromstring(export(comparison))[0]
        return [(test.get("classname"), test.get("name"), test[0].tag, test[0].get("message")) for test in suite]


@pytest.fixture
def runs(tmp_path: Path) -> Runs:
    return Runs(tmp_path)
