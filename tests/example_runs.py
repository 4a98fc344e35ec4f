"""Runs with predictions for real data: which examples each model gets wrong is known."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np

from bench_suite.components import discovery
from bench_suite.contracts import Data, Interval, MetricRow, Predictions, ProbeRow, Record
from bench_suite.data.sources import Sources
from bench_suite.data.splits import column, fingerprints_of
from bench_suite.store.runs import Run, Store


def load(task: str) -> tuple[Data, dict[str, Any]]:
    """Return the data of a task whose data ship in a package, and its options."""
    component = discovery.find("tasks", task, Path())
    options = discovery.make_options(component, {})
    data = discovery.load(component).load(options, Sources(offline=True))
    return data, asdict(options)


def wrong_answers(data: Data, wrong: Mapping[int, float], classes: int) -> dict[str, np.ndarray]:
    """Return predictions that are right with score 0.9 but for some rows, which get the next class with some score."""
    targets = np.asarray(column(data.splits["test"], "target"))
    predictions = targets.copy()
    scores = np.full((len(targets), classes), 0.1 / (classes - 1), dtype=np.float32)
    scores[np.arange(len(targets)), targets] = 0.9
    for row, score in wrong.items():
        predictions[row] = (targets[row] + 1) % classes
        scores[row] = (1 - score) / (classes - 1)
        scores[row, predictions[row]] = score
    return {"targets": targets, "predictions": predictions, "scores": scores}


def example_run(
    folder: Path, task: str, models: Mapping[str, Mapping[str, Any]], *, data: Data | None = None,
    options: Mapping[str, Any] | None = None, ids: np.ndarray | None = None,
    groups: Mapping[str, Sequence[str]] | None = None, text: str = "",
    problem: str = "classification", stated: Mapping[str, Any] | None = None, **changes: Any,
) -> Run:  # fmt: skip
    """Return a run of one seed for each model.

    Args:
        folder: of the results.
        task: name of the task, and of its component.
        models: columns of the test predictions by model, the best one first.
        data: of the task, if they are known to it; their fingerprint is that of the records.
        options: of the task.
        ids: of the examples; default: those of the data.
        groups: sensitive attributes.
        text: of the suite.
        problem: of the task, without data.
        stated: further facts about the data in the records.
        changes: of the records.
    """
    run = Store(folder / "results").create("examples", {"title": "Examples", "cells": len(models), "text": text})
    environment = run.add_environment({"hardware": {"cpu": "Example Processor"}})
    facts: dict[str, Any] = {"name": task, "fingerprint": "f" * 32, "problem": problem, **(stated or {})}
    if data is not None:
        facts |= {"fingerprint": data.source.fingerprint, "problem": data.problem}
        facts |= {name: len(split) for name, split in data.splits.items()}
        facts["fingerprints"] = fingerprints_of(data.splits, data.source.preparation)
        ids = data.splits["test"].ids if ids is None else ids
    with run.writer() as writer:
        for number, (model, columns) in enumerate(models.items()):
            id = f"{number:016x}"
            own_ids = np.asarray(columns.get("ids", ids))
            known = {name: values for name, values in columns.items() if name != "ids"}
            attributes = {name: np.asarray(values) for name, values in (groups or {}).items()}
            stored = run.write_predictions(id, "test", Predictions("test", own_ids, known, attributes))
            accuracy = 0.9 - 0.1 * number
            metric = MetricRow(
                "quality/accuracy", accuracy, "fraction", "higher", interval=Interval(accuracy - 0.01, accuracy + 0.01),
            )  # fmt: skip
            record = {
                "run": run.name, "suite": "examples", "id": id, "weights_key": "k",
                "cell": {"task": task, "model": model, "engine": "native", "precision": "32-true", "seed": 0},
                "options": {"task": dict(options or {}), "train": {"validation": 0.1}}, "status": "ok",
                "probes": {"quality": ProbeRow("ok", "k")}, "metrics": (metric,), "artifacts": (stored,),
                "data": facts, "environment": environment, "started": "2026-11-24T12:00:00Z",
            }  # fmt: skip
            writer.write(Record(**{**record, **changes}))
    return run
