"""A table that MLflow logged."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from bench_suite.contracts import BenchError, ImportedCell

Read = Callable[..., list[ImportedCell]]


def test_scores_of_rows_become_metrics_with_their_direction(read: Read, data: Path) -> None:
    path = data / "mlflow" / "eval_results_table.json"
    (cell,) = read("mlflow", path, name="answerer", task_name="questions")
    table = json.loads(path.read_text())
    at = table["columns"].index("exact_match/v1/score")
    assert cell.predictions is not None
    expected = sum(row[at] for row in table["data"])
    assert cell.predictions["value/exact_match"].sum() == expected
    assert cell.better == {"exact_match": "higher", "toxicity": "lower", "latency": "lower"}
    assert (cell.task, cell.model, len(cell.predictions)) == ("questions", "answerer", 15)


def test_a_table_without_scores_or_of_another_form_is_refused(read: Read, tmp_path: Path) -> None:
    path = tmp_path / "eval_results_table.json"
    path.write_text('{"columns": ["inputs", "outputs"], "data": [["a", "b"]]}')
    with pytest.raises(BenchError, match="no column NAME/vN/score"):
        read("mlflow", path)
    path.write_text('{"columns": ["inputs", "x/v1/score"], "data": [["a"]]}')
    with pytest.raises(BenchError, match=r"data\[0\] has 1 values for 2 columns"):
        read("mlflow", path)


def test_a_row_without_a_score_leaves_the_metric_without_a_value(read: Read, tmp_path: Path) -> None:
    path = tmp_path / "table.json"
    path.write_text('{"columns": ["inputs", "x/v1/score", "y/v1/score"], "data": [["a", null, "yes"], ["b", 1, "no"]]}')
    (cell,) = read("mlflow", path)
    (row,) = cell.metrics
    assert (row.name, row.value, row.reason) == ("scores/x", None, "1 of 2 items have no such score")
