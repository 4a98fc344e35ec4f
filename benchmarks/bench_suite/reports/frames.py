"""Stored results as pandas data frames, for further analysis: metrics, cells and predictions."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from bench_suite.contracts import BenchError, Predictions, Record
from bench_suite.store.formats import SINGULAR
from bench_suite.store.runs import Run

if TYPE_CHECKING:
    import pandas as pd

METRIC_TYPES = {"value": "float64", "low": "float64", "high": "float64", "level": "float64", "n": "Int64"}
"Types of columns that pandas would infer from the values of one run."
FIRST = ("run", "suite", "id")
"The first columns of each frame."
SPLITS = ("train", "validation", "test")


class NoPredictions(BenchError):
    """Runs without stored predictions on a split."""


def metrics(runs: Iterable[Run]) -> pd.DataFrame:
    """Return the metrics of some runs, one row for each metric of each cell; see `bench_suite.frame`."""
    fixed = (
        "data", "status", "metric", "value", "low", "high", "level", "over", "n", "unit", "better", "kind", "reason",
    )  # fmt: skip
    rows: list[dict[str, Any]] = []
    labels: dict[str, None] = {}
    coordinates: dict[str, None] = {}
    for run in runs:
        for record in run.records():
            cell = _cell(run, record)
            labels |= dict.fromkeys(record.cell)
            for row in record.metrics:
                interval = vars(row.interval) if row.interval else {}
                at = {f"at.{axis}": value for axis, value in row.at.items()}
                coordinates |= dict.fromkeys(at)
                facts = {"n": row.n, "unit": row.unit, "better": row.better, "kind": row.kind, "reason": row.reason}
                rows.append({**cell, "metric": row.name, **at, "value": row.value, **interval, **facts})
    position = fixed.index("value")
    names = [*FIRST, *(labels or ("task", "model")), *fixed[:position], *coordinates, *fixed[position:]]
    return _frame(rows, names, METRIC_TYPES)


def cells(runs: Iterable[Run]) -> pd.DataFrame:
    """Return the cells of some runs, one row for each; see `bench_suite.cells`."""
    fixed = ("data", *SPLITS, "status", "reason", "failed_probes", "started", "smoke", "machine_busy", "weights_reused")
    rows: list[dict[str, Any]] = []
    labels: dict[str, None] = {}
    parts: dict[str, None] = {}
    for run in runs:
        for record in run.records():
            labels |= dict.fromkeys(record.cell)
            seconds = {f"seconds.{part}": value for part, value in record.seconds.items()}
            parts |= dict.fromkeys(seconds)
            failed = [label for label, row in record.probes.items() if row.status == "failed"]
            rows.append({
                **_cell(run, record), **{split: record.data.get(split) for split in SPLITS}, "reason": record.reason,
                "failed_probes": ", ".join(failed), "started": record.started or None, "smoke": record.smoke,
                "machine_busy": record.machine_busy, "weights_reused": record.weights_reused, **seconds,
            })  # fmt: skip
    names = [*FIRST, *(labels or ("task", "model")), *fixed, *parts]
    types = {**dict.fromkeys(SPLITS, "Int64"), "started": "datetime64[ns, UTC]", **dict.fromkeys(parts, "float64")}
    types |= dict.fromkeys(("smoke", "machine_busy", "weights_reused"), "bool")
    return _frame(rows, names, types)


def predictions(runs: Sequence[Run], split: str, labels: Mapping[str, object]) -> pd.DataFrame:
    """Return the stored predictions of some runs, one row for each example of each cell; see `bench_suite.predictions`.

    Raises:
        NoPredictions: no such cell has stored predictions on the split.
        StoreError: a file is missing or damaged.
    """
    import pandas as pd

    frames: list[pd.DataFrame] = []
    stored: dict[str, None] = {}
    for run in runs:
        for record in run.records():
            if any(record.cell.get(name) != value for name, value in labels.items()):
                continue
            stored |= dict.fromkeys(row.name for row in record.artifacts if row.kind == "predictions")
            of_cell = run.predictions_of(record, split)
            if of_cell is None:
                continue
            facts = {"run": run.name, "suite": record.suite, "id": record.id, **record.cell}
            columns = _columns(of_cell)
            frames.append(pd.DataFrame({**{name: [value] * len(of_cell) for name, value in facts.items()}, **columns}))
    if not frames:
        known = ", ".join(name.removeprefix("predictions/") for name in stored)
        where = "".join(f", {name}={value}" for name, value in labels.items())
        raise NoPredictions(
            f"no predictions on the split {split!r} are stored{where}\n"
            f"  {f'there are those of: {known}' if known else 'the cells of these runs stored none'}"
        )
    return pd.concat(frames, ignore_index=True)


def _columns(stored: Predictions) -> dict[str, Any]:
    """Return the columns of the predictions of one cell: one for each class, and one for each group."""
    import numpy as np

    columns: dict[str, Any] = {"example": stored.ids}
    by_class = "score_classes" not in stored.columns
    for name, values in stored.columns.items():
        array = values if isinstance(values, np.ndarray) else None
        if name == "scores" and by_class and array is not None and array.ndim == 2:
            columns |= {f"score.{number}": array[:, number] for number in range(array.shape[1])}
        else:
            columns[SINGULAR.get(name, name)] = values if array is not None and array.ndim == 1 else list(values)
    return columns | {f"group.{name}": values for name, values in stored.groups.items()}


def _cell(run: Run, record: Record) -> dict[str, Any]:
    """Return what each row about a cell begins with."""
    facts = {"run": run.name, "suite": record.suite, "id": record.id}
    return {**record.cell, **facts, "data": record.data.get("name"), "status": record.status}


def _frame(rows: Sequence[Mapping[str, Any]], names: Iterable[str], types: Mapping[str, str]) -> pd.DataFrame:
    import pandas as pd

    frame = pd.DataFrame(rows, columns=list(dict.fromkeys(names)))
    return frame.astype({name: kind for name, kind in types.items() if name in frame})
