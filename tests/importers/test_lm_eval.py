"""Logs of lm-evaluation-harness, as it wrote them."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from bench_suite.contracts import BenchError, ImportedCell
from bench_suite.store.runs import Run

TIME = "2026-11-30T16-01-03.345781"
Read = Callable[..., list[ImportedCell]]


def test_means_by_document_are_the_values_of_the_results(run_of: Callable[..., Run], data: Path) -> None:
    results = json.loads((data / "lm_eval" / f"results_{TIME}.json").read_text())["results"]
    records = {record.cell["task"]: record for record in run_of(data / "lm_eval").records()}
    assert set(records) == {"sizes_mc", "sums_gen"}
    values = {task: {row.name: row for row in record.metrics} for task, record in records.items()}
    assert values["sizes_mc"]["scores/acc"].value == pytest.approx(results["sizes_mc"]["acc,none"])
    assert values["sums_gen"]["scores/exact_match_first"].value == results["sums_gen"]["exact_match,first"]
    assert values["sums_gen"]["scores/exact_match_majority"].n == 20
    assert all(row.better == "higher" and row.of_predictions for rows in values.values() for row in rows.values())
    record = records["sizes_mc"]
    assert (record.cell["model"], record.data["test"], record.started) == ("dummy", 30, "2026-11-30T16:00:38Z")
    assert record.options["evaluate"]["task_version"] == 1.0


def test_results_without_samples_are_imported_with_their_standard_errors(read: Read, data: Path) -> None:
    cells = read("lm_eval", data / "lm_eval" / f"results_{TIME}.json")
    by_task = {cell.task: cell for cell in cells}
    assert by_task["sizes_mc"].predictions is None
    row = next(row for row in by_task["sizes_mc"].metrics if row.name == "scores/acc")
    assert row.interval is not None
    assert row.interval.high - row.value == pytest.approx(1.96 * 0.0920186554465537)  # type: ignore[operator]  # it has one


def test_a_value_that_is_no_mean_over_documents_is_taken_from_the_results(
    read: Read, data: Path, tmp_path: Path
) -> None:
    for path in (data / "lm_eval").glob("*sizes*"):
        (tmp_path / path.name).write_bytes(path.read_bytes())
    document = json.loads((data / "lm_eval" / f"results_{TIME}.json").read_text())
    document["results"]["sizes_mc"]["acc,none"] = 0.9  # as an F1 of the whole task would be
    (tmp_path / f"results_{TIME}.json").write_text(json.dumps(document))
    (cell,) = read("lm_eval", *tmp_path.glob("samples_*"))
    assert cell.predictions is not None
    assert list(cell.predictions.columns) == ["value/acc_norm"]
    (row,) = cell.metrics
    assert (row.name, row.value) == ("scores/acc", 0.9)
    assert "not the mean of its scores by item" in str(row.reason)


def test_samples_that_are_cut_or_repeated_are_refused(read: Read, data: Path, tmp_path: Path) -> None:
    content = next((data / "lm_eval").glob("samples_sizes*")).read_bytes()
    path = tmp_path / f"samples_sizes_mc_{TIME}.jsonl"
    path.write_bytes(content[:1000])
    with pytest.raises(BenchError, match="line 2 is not JSON"):
        read("lm_eval", path)
    path.write_bytes(content + content)
    with pytest.raises(BenchError, match="occurs more than once"):
        read("lm_eval", path)
    path.write_bytes(content)
    (cell,) = read("lm_eval", path)
    assert any("results file" in note for note in cell.notes)


def folder(tmp_path: Path, data: Path, samples: str, results: object = None) -> Path:
    document = json.loads((data / "lm_eval" / f"results_{TIME}.json").read_text())
    (tmp_path / f"results_{TIME}.json").write_text(json.dumps(results or document))
    (tmp_path / f"samples_sizes_mc_{TIME}.jsonl").write_text(samples)
    return tmp_path / f"results_{TIME}.json"


def test_a_document_twice_is_refused_though_the_results_state_the_value(read: Read, data: Path, tmp_path: Path) -> None:
    samples = (data / "lm_eval" / f"samples_sizes_mc_{TIME}.jsonl").read_text()
    results = folder(tmp_path, data, samples + samples.splitlines()[0])
    with pytest.raises(BenchError, match="occurs more than once"):
        read("lm_eval", results, tmp_path / f"samples_sizes_mc_{TIME}.jsonl")


def test_samples_beside_the_results_that_were_not_read_are_named(read: Read, data: Path, tmp_path: Path) -> None:
    cells = {cell.task: cell for cell in read("lm_eval", folder(tmp_path, data, '{"no": "sample"}'))}
    assert cells["sizes_mc"].notes == (
        f"samples_sizes_mc_{TIME}.jsonl lies beside the results and was not read: import it with them",
    )
    assert cells["sums_gen"].notes == ()
    with pytest.raises(BenchError, match="is empty: was the evaluation interrupted"):
        read("lm_eval", folder(tmp_path, data, ""))


def test_results_of_versions_before_filters_are_read(read: Read, data: Path, tmp_path: Path) -> None:
    old = {"results": {"sizes_mc": {"acc": 0.5, "acc_stderr": 0.1}}, "config": {"model_args": "pretrained=gpt2"}}
    results = folder(tmp_path, data, "x", old)
    (tmp_path / f"samples_sizes_mc_{TIME}.jsonl").unlink()
    (cell,) = read("lm_eval", results)
    (row,) = cell.metrics
    assert (cell.model, row.name, row.value) == ("gpt2", "scores/acc", 0.5)
    assert row.interval is not None
    assert row.interval.high == pytest.approx(0.5 + 1.96 * 0.1)
