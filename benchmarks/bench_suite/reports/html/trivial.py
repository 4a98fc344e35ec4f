"""The trivial baseline of a board: the accuracy of always naming the most frequent class, from a stored matrix."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from bench_suite.contracts import BenchError
from bench_suite.reports.probe_facts import probe_facts
from bench_suite.reports.table import Table
from bench_suite.store.records import label_of
from bench_suite.store.runs import Run

MATRIX, METRIC = "confusion", "accuracy"
"Names of the artifact that has the class counts, and of the metric that follows from them."


@dataclass(frozen=True)
class Trivial:
    """What always naming one class would reach."""

    name: str
    "The class."
    metric: str
    "`probe/metric`"
    value: float
    "Its share of the test examples."


def majority(run: Run, table: Table) -> Trivial | None:
    """Return the accuracy of the most frequent class of a table's test split; None if no class counts are stored.

    They are the sums of the rows of the confusion matrix that the probe of the problem's metrics stores. All cells of a
    table have the same test split, except those of folds.

    Args:
        run: the run.
        table: one of its tables.
    """
    shown = {column.name for column in table.columns if not column.at and not column.reference}
    if any(row.folds for row in table.rows):
        return None
    facts = probe_facts(run)
    for record in (record for row in table.rows for record in row.cells):
        for artifact in record.artifacts:
            label, _, name = artifact.name.partition("/")
            of_test = facts.get(label, {}).get("METRICS_OF_PROBLEM") and not facts[label].get("OF_VALIDATION")
            if artifact.kind == "matrix" and name == MATRIX and of_test and f"{label}/{METRIC}" in shown:
                try:
                    return _of_matrix(run.read_artifact(artifact).data, f"{label_of(artifact.name)}/{METRIC}")
                except (BenchError, ValueError, TypeError, LookupError, AttributeError):
                    return None  # the file is missing or damaged, as the part of the artifact says
    return None


def _of_matrix(data: Mapping[str, Any], metric: str) -> Trivial | None:
    counts = {str(name): sum(map(int, row)) for name, row in zip(data["rows"], data["values"])}
    n = sum(counts.values())
    if not n:
        return None
    name = max(counts, key=lambda one: counts[one])
    return Trivial(name, metric, counts[name] / n)
