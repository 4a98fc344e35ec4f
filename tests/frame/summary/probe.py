"""Rank agreement: do all seeds rank the models alike? It has only `summarise`, no `probe`, and reads all records."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from bench_suite.contracts import Artifact, Metric, Record

VERSION = 1
METRICS = {"concordance": {"unit": "Kendall's W", "better": "higher", "ideal": 1.0, "source": "Kendall and Smith 1939"}}


@dataclass(frozen=True)
class Options:
    metric: str = "quality/accuracy"
    "The metric that ranks, higher being better."


def summarise(records: Sequence[Record], options: Options) -> Iterator[Metric | Artifact]:
    """Return W = 12 S / (m² (n³ − n)): m seeds, n models of a task; S: squared deviations of the models' rank sums.

    W is 1 if all seeds rank the models alike, and near 0 if their ranks are unrelated. Ties are ranked in order.
    """
    tables: dict[str, dict[Any, dict[str, float]]] = {}
    for record in records:
        for row in record.metrics:
            if row.name == options.metric and row.value is not None:
                cell = record.cell
                tables.setdefault(cell["task"], {}).setdefault(cell["seed"], {})[cell["model"]] = row.value
    for task, by_seed in tables.items():
        models = sorted(set.intersection(*(set(values) for values in by_seed.values())))
        m, n = len(by_seed), len(models)
        if m < 2 or n < 2:
            yield Metric(
                "concordance", None, f"{m} seeds and {n} models: there is nothing to agree on", at={"task": task}
            )
            continue
        values = np.array([[by_seed[seed][model] for model in models] for seed in sorted(by_seed)])
        ranks = values.argsort(axis=1, kind="stable").argsort(axis=1) + 1
        spread = float(((ranks.sum(axis=0) - m * (n + 1) / 2) ** 2).sum())
        yield Metric("concordance", 12 * spread / (m**2 * (n**3 - n)), f"exact, over {m} seeds", at={"task": task})
        rows = [[model, *ranks[:, column].tolist()] for column, model in enumerate(models)]
        columns = ["model", *(f"seed {seed}" for seed in sorted(by_seed))]
        yield Artifact(f"ranks {task}", "table", {"columns": columns, "rows": rows}, f"Ranks of the models on {task}")
