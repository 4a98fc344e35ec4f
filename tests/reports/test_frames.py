"""A run as a data frame: one row for each metric of each cell."""

from collections.abc import Callable

import pytest

import bench_suite
from bench_suite.contracts import Interval, MetricRow, Record
from bench_suite.reports.frames import metrics
from bench_suite.store.runs import Run

Make = Callable[..., Run]
Make_record = Callable[..., Record]


def test_a_run_becomes_a_data_frame_with_a_row_for_each_metric(make_run: Make, record: Make_record) -> None:
    run = make_run(record(seed=0, accuracy=0.8), record(seed=1))
    frame = bench_suite.frame(run)
    assert len(frame) == sum(len(record.metrics) for record in run.records()) == 8
    accuracy = frame[frame.metric == "quality/accuracy"].set_index("seed")
    assert accuracy.value.to_dict() == {0: 0.8, 1: 0.9}
    assert accuracy.loc[0, "low"] == pytest.approx(0.788)
    assert set(frame.task) == {"imdb"}
    assert set(frame.data) == {"imdb-25k"}


def test_what_a_metric_lacks_is_a_missing_value(make_run: Make, record: Make_record) -> None:
    at = MetricRow("t/m", 2.0, "ms", "lower", kind="exact", at={"batch_size": 8})
    undefined = MetricRow("q/auc", None, "", "higher", reason="two classes only")
    with_interval = MetricRow("q/x", 0.5, "", "none", interval=Interval(0.4, 0.6, 0.9, "seeds"), n=7)
    frame = metrics(make_run(record(metrics=(at, undefined, with_interval)))).set_index("metric")
    assert frame.loc["t/m", ["value", "unit", "better", "at.batch_size"]].tolist() == [2.0, "ms", "lower", 8.0]
    assert frame.loc["q/auc", "reason"] == "two classes only"
    assert frame.loc["q/x", ["low", "high", "level", "over", "n"]].tolist() == [0.4, 0.6, 0.9, "seeds", 7]
    assert frame.isna().loc["q/auc", ["value", "low", "at.batch_size", "n"]].all()


def test_a_run_without_records_is_an_empty_frame(make_run: Make) -> None:
    assert metrics(make_run()).empty
