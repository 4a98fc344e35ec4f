"""Runs of one suite over many commits, written through the store: what `bench history` reads."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np

from bench_suite.contracts import Interval, MetricRow, ProbeRow, Record
from bench_suite.store.atomic import replace_file
from bench_suite.store.records import dumps
from bench_suite.store.runs import Run, Store

HARDWARE = {"cpu": "a processor", "usable_cores": 2}
FIRST = datetime(2026, 10, 1, 6, tzinfo=UTC)


class HistoryRuns:
    """Writes runs of the suite `ci`, one a day."""

    def __init__(self, folder: Path) -> None:
        self.store = Store(folder)
        self.written = 0

    def add(
        self, metrics: Sequence[MetricRow], *, seeds: Iterable[int] = (0,), model: str = "mlp", suite: str = "ci",
        hardware: Mapping[str, Any] = HARDWARE, packages: Mapping[str, str] | None = None, commit: str | None = "",
        dirty: bool = False, day: int | None = None, placement: Mapping[str, Any] | None = None, id: str = "",
        record: Mapping[str, Any] | None = None, **info: Any,
    ) -> Run:  # fmt: skip
        """Write a run of one model with these metrics under each seed; the commit is a number of its own."""
        day = self.written if day is None else day
        self.written += 1
        seeds = tuple(seeds)
        ids = [f"{id or model}-{seed}" for seed in seeds]
        git = {"commit": self.commit(self.written) if commit == "" else commit, "branch": "main", "dirty": dirty}
        run = self.store.create(
            suite, {"cells": len(ids), "planned": dict.fromkeys(ids, f"digits, {model}"), "git": git, **info}
        )
        started = (FIRST + timedelta(days=day)).isoformat(timespec="milliseconds").replace("+00:00", "Z")
        replace_file(run.path / "run.json", dumps({**run.info, "started": started}).encode())
        environment = run.add_environment({"hardware": hardware, "packages": packages or {"torch": "2.6"}})
        labels = {row.name.partition("/")[0]: ProbeRow("ok", "k") for row in metrics}
        with run.writer() as writer:
            for seed, one in zip(seeds, ids):
                cell = {"task": "digits", "model": model, "engine": "native", "precision": "32-true", "seed": seed}
                whole = Record(
                    run.name, suite, one, "", cell,
                    {"train": {"epochs": 3}, "placement": placement or {"device": "cpu", "threads": 1}}, "ok",
                    probes=labels, data={"name": "digits", "fingerprint": "aaaaaaaa"}, metrics=tuple(metrics),
                    environment=environment, started=started,
                )  # fmt: skip
                writer.write(replace(whole, **(record or {})))
        return Run(run.path)

    @staticmethod
    def commit(number: int) -> str:
        """Return the commit of a run by its number, from 1."""
        return hashlib.sha1(str(number).encode()).hexdigest()

    def rates(self, values: Iterable[float], **options: Any) -> list[Run]:
        """Write a run with each of these rates."""
        return [self.add([self.rate(value)], **options) for value in values]

    def accuracies(self, values: Iterable[float], **options: Any) -> list[Run]:
        """Write a run with each of these accuracies."""
        return [self.add([self.accuracy(value)], **options) for value in values]

    @staticmethod
    def rate(value: float, **changes: Any) -> MetricRow:
        """Return a rate of inference."""
        row = MetricRow("throughput/inference", value, "samples/s", "higher", samples=(value,), n=5, timing=True)
        return replace(row, **changes)

    @staticmethod
    def accuracy(value: float, **changes: Any) -> MetricRow:
        """Return an accuracy."""
        interval = Interval(max(0.0, value - 0.02), min(1.0, value + 0.02))
        row = MetricRow("quality/accuracy", value, "fraction", "higher", interval=interval, n=359, range=(0.0, 1.0))
        return replace(row, **changes)

    @staticmethod
    def noisy(count: int, spread: float = 0.01, level: float = 1000.0, seed: int = 0) -> np.ndarray:
        """Return rates that vary by this standard deviation of their logarithms."""
        noise: np.ndarray = level * np.exp(np.random.default_rng(seed).normal(0, spread, count))
        return noise
