"""Claims about what trackers get of a record: options, metrics with their intervals, tags."""

from __future__ import annotations

import math
from dataclasses import replace

from bench_suite.contracts import MetricRow
from bench_suite.tracking.values import (
    cell_tags,
    cells_text,
    final_metrics,
    hyper_parameters,
    record_digest,
    run_tags,
    shown_path,
)


def test_parameters_are_the_labels_and_all_options(stored):
    parameters = hyper_parameters(stored.records()[0])
    assert parameters["model"] == "mlp"
    assert parameters["train/learning_rate"] == 0.1
    assert parameters["train/patience"] == "none"
    assert parameters["train/betas"] == "[0.9, 0.99]"
    assert parameters["task/data"] == "full"


def test_metrics_have_their_coordinates_and_the_ends_of_their_intervals(stored):
    metrics = stored.records()[0].metrics
    assert final_metrics(metrics) == {"quality/accuracy": 0.9, "throughput/inference/batch_size=64": 50.0}
    assert final_metrics(metrics, intervals=True, separator=" ") == {
        "quality/accuracy": 0.9, "quality/accuracy.low": 0.8, "quality/accuracy.high": 0.95,
        "throughput/inference batch_size=64": 50.0,
    }  # fmt: skip


def test_a_value_that_is_not_finite_is_left_out():
    assert final_metrics([MetricRow("a/b", value, "", "none") for value in (math.inf, math.nan)]) == {}


def test_tags_name_run_commit_and_how_the_cell_ended(stored):
    assert run_tags(stored) == {
        "bench.run": stored.name, "bench.suite": "trial", "bench.version": "1", "git.commit": "abc",
    }  # fmt: skip
    tags = cell_tags(stored.records()[1])
    assert (tags["bench.cell"], tags["bench.status"], tags["bench.reason"]) == ("2" * 16, "failed", "no <b>luck</b>")


def test_a_digest_changes_with_any_part_of_the_record(stored):
    record = stored.records()[0]
    assert record_digest(record) == record_digest(stored.records()[0])
    assert record_digest(record) != record_digest(replace(record, notes=("a note",)))


def test_a_path_for_a_command_is_relative_below_the_working_folder_and_quoted(tmp_path, monkeypatch):
    (tmp_path / "inside").mkdir()
    monkeypatch.chdir(tmp_path / "inside")
    assert shown_path(tmp_path / "inside" / "a b") == "'a b'"
    assert shown_path(tmp_path / "outside") == str(tmp_path / "outside")


def test_cells_are_counted_in_words():
    assert cells_text(1, 0) == "1 cell"
    assert cells_text(2, 3) == "2 cells; 3 more were there already"
