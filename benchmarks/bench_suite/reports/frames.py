"""Stored metrics as a pandas data frame, for further analysis."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from bench_suite.store.runs import Run

if TYPE_CHECKING:
    import pandas as pd


def metrics(run: Run) -> pd.DataFrame:
    """Return the metrics of a run, one row per metric and cell.

    Args:
        run: the run to read.

    Returns:
        A frame with these columns: `id`; the labels of the cell (`task`, `model`, `seed`, …); `data`, the name of the
        data set; `status`; `metric`; each coordinate as `at.NAME`; `value`; `low`, `high`, `level` and `over` of the
        interval; `n`, `unit`, `better`, `reason`. Absent entries are missing values.
    """
    import pandas as pd

    rows: list[dict[str, Any]] = []
    for record in run.records():
        cell = {"id": record.id, **record.cell, "data": record.data.get("name"), "status": record.status}
        for row in record.metrics:
            interval = vars(row.interval) if row.interval else {}
            at = {f"at.{axis}": value for axis, value in row.at.items()}
            facts = {"n": row.n, "unit": row.unit, "better": row.better, "reason": row.reason}
            rows.append({**cell, "metric": row.name, **at, "value": row.value, **interval, **facts})
    return pd.DataFrame(rows)
