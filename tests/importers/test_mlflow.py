"""A table that MLflow logged."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from bench_suite.contracts import BenchError, ImportedCell
from bench_suite.imported.detection import detected

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
    with pytest.raises(BenchError, match="no column NAME/vN/score, NAME/value or assessments"):
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


def test_assessments_of_mlflow_3_become_metrics_by_their_source(read: Read, data: Path) -> None:
    path = data / "mlflow3" / "eval_results_table.json"
    (cell,) = read("mlflow", path)
    table = json.loads(path.read_text())
    at = table["columns"].index("assessments")
    human = [one for row in table["data"] for one in row[at] if one["assessment_name"] == "helpful"]
    assert {one["source"]["source_type"] for one in human} == {"HUMAN"}
    assert cell.predictions is not None
    assert cell.predictions["value/helpful_human"].sum() == sum(one["feedback"]["value"] for one in human)
    assert cell.predictions["value/exact_match"].sum() == 10
    assert "value/judged_tone" not in cell.predictions.columns, "a human and a model are two instruments"
    reasons = {row.name: (row.value, row.reason) for row in cell.metrics}
    assert reasons == {
        "scores/judged_tone_judge": (None, "2 of 12 items have no such score: rate limit exceeded"),
        "scores/judged_tone_human": (None, "8 of 12 items have no such score"),
    }
    assert not any("expected_response" in name for name in (*cell.predictions.columns, *reasons))


def test_rows_pair_by_their_request_in_another_evaluation(read: Read, data: Path, tmp_path: Path) -> None:
    path = data / "mlflow3" / "eval_results_table.json"
    table = json.loads(path.read_text())
    rows = [dict(zip(table["columns"], row, strict=True)) for row in reversed(table["data"])]
    other = tmp_path / "traces.jsonl"
    other.write_text("".join(json.dumps({**row, "trace_id": f"tr-{n}"}) + "\n" for n, row in enumerate(rows)))
    listed = tmp_path / "traces.json"
    listed.write_text(json.dumps(rows))
    files = (path, other, listed)
    cells = [read("mlflow", file)[0] for file in files]
    ids = [cell.predictions.ids.tolist() for cell in cells if cell.predictions is not None]
    assert len(ids) == 3
    assert ids[0] == ids[1] == ids[2]
    assert [detected([file])[0].name for file in files] == ["mlflow"] * 3


def test_values_without_assessments_have_no_source(read: Read, tmp_path: Path) -> None:
    path = tmp_path / "result.json"
    path.write_text('{"columns": ["trace_id", "tone/value", "request"], "index": [0], "data": [["a", "yes", "q"]]}')
    (cell,) = read("mlflow", path)
    assert cell.predictions is not None
    assert cell.predictions["value/tone"].tolist() == [1.0]
    assert any("does not state who assessed" in note for note in cell.notes)
    assert detected([path])[0].name == "mlflow"


def test_rows_of_one_input_are_repetitions_of_it(read: Read, tmp_path: Path) -> None:
    path = tmp_path / "table.json"
    path.write_text('{"columns": ["inputs", "x/v1/score"], "data": [["a", 1], ["b", "0.5"], ["a", 0]]}')
    (cell,) = read("mlflow", path)
    assert cell.repetitions == 2
    assert cell.predictions is not None
    assert len(set(cell.predictions["cluster"].tolist())) == 2
    assert sorted(cell.predictions["value/x"]) == [0.0, 0.5, 1.0]
