"""Runs as data frames: what is documented of each column is so, also for all results of this repository."""

import runpy
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

import bench_suite
from bench_suite.contracts import Interval, MetricRow, Predictions, Record
from bench_suite.reports.frames import NoPredictions, cells, metrics, predictions
from bench_suite.store.runs import Run, Store

ROOT = Path(__file__).parents[2]
check = runpy.run_path(str(ROOT / "tests" / "frame_documentation.py"))["check"]
Make = Callable[..., Run]
Make_record = Callable[..., Record]


def stored_runs() -> Iterator[Run]:
    """Yield the runs that the repository contains."""
    yield from (Run(info.path) for info in Store(ROOT / "results").runs())


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
    frame = metrics([make_run(record(metrics=(at, undefined, with_interval)))]).set_index("metric")
    assert frame.loc["t/m", ["value", "unit", "better", "at.batch_size"]].tolist() == [2.0, "ms", "lower", 8.0]
    assert frame.loc["q/auc", "reason"] == "two classes only"
    assert frame.loc["q/x", ["low", "high", "level", "over", "n"]].tolist() == [0.4, 0.6, 0.9, "seeds", 7]
    assert frame.isna().loc["q/auc", ["value", "low", "at.batch_size", "n"]].all()


def test_several_runs_are_one_frame(make_run: Make, record: Make_record) -> None:
    first, second = make_run(record(accuracy=0.8)), make_run(record(), suite="other")
    frame = bench_suite.frame(first, second)
    accuracy = frame[frame.metric == "quality/accuracy"]
    assert accuracy.value.tolist() == [0.8, 0.9]
    assert accuracy.run.tolist() == [first.name, second.name]
    assert accuracy.suite.tolist() == ["nlp", "nlp"], "the suite is that of the record"


@pytest.mark.parametrize(("frame_of", "function"), [(metrics, bench_suite.frame), (cells, bench_suite.cells)])
def test_the_columns_are_those_of_the_documentation(
    make_run: Make, record: Make_record, frame_of: Callable, function: Callable
) -> None:
    empty, failed = make_run(), make_run(record(status="failed", reason="no memory", metrics=(), data={}, started=""))
    for runs in ([], [empty], [failed], list(stored_runs())):
        check(frame_of(runs), function)
    assert len(frame_of(list(stored_runs()))) > 100


def test_a_cell_has_its_status_reason_and_seconds(make_run: Make, record: Make_record) -> None:
    frame = bench_suite.cells(make_run(record(), record(seed=1, status="failed", reason="no memory", seconds={})))
    assert frame.status.tolist() == ["ok", "failed"]
    assert frame.reason.tolist()[1] == "no memory"
    assert frame["seconds.train"].tolist()[0] == 11.9
    assert frame["seconds.train"].isna().tolist() == [False, True]
    assert (frame.train[0], frame.started[0].year) == (20000, 2026)


# ── predictions ─────────────────────────────────────────────────────────────────────────────────


def with_predictions(make_run: Make, *records: Record, **columns: np.ndarray) -> Run:
    """Return a run of these cells, each with the same predictions of three examples."""
    run = make_run()
    known = {"targets": np.array([0, 1, 1]), "predictions": np.array([0, 1, 0])}
    stored = Predictions("test", np.array([7, 8, 9]), known | columns, {"sex": np.array(["f", "m", "f"])})
    with run.writer() as writer:
        for record in records:
            writer.write(replace(record, run=run.name, artifacts=(run.write_predictions(record.id, "test", stored),)))
    return run


def test_predictions_have_a_row_for_each_example_of_each_cell(make_run: Make, record: Make_record) -> None:
    scores = np.array([[0.9, 0.1], [0.2, 0.8], [0.6, 0.4]], np.float32)
    run = with_predictions(make_run, record(), record(seed=1), scores=scores)
    frame = bench_suite.predictions(run)
    check(frame, bench_suite.predictions)
    assert frame.example.tolist() == [7, 8, 9] * 2
    assert frame.seed.tolist() == [0] * 3 + [1] * 3
    assert (frame.target == frame.prediction).mean() == pytest.approx(2 / 3)
    assert frame["score.1"].tolist()[:3] == pytest.approx([0.1, 0.8, 0.4])
    assert frame["group.sex"].tolist()[:3] == ["f", "m", "f"]


def test_labels_choose_the_cells(make_run: Make, record: Make_record) -> None:
    run = with_predictions(make_run, record(), record(seed=1), record(model="cnn"))
    assert len(bench_suite.predictions(run)) == 9
    assert set(bench_suite.predictions(run, model="minilm", seed=1).id) == {record(seed=1).id}


def test_more_than_a_hundred_classes_have_lists_of_scores(make_run: Make, record: Make_record) -> None:
    scores = np.random.default_rng(0).random((3, 200)).astype(np.float32)
    run = with_predictions(make_run, record(), scores=scores)
    frame = bench_suite.predictions(run)
    assert not any(name.startswith("score.") for name in frame)
    assert len(frame.scores[0]) == len(frame.score_classes[0]) < 200


def test_a_split_without_predictions_is_an_error_that_names_the_others(make_run: Make, record: Make_record) -> None:
    run = with_predictions(make_run, record())
    with pytest.raises(NoPredictions, match=r"on the split 'train' are stored\n  there are those of: test"):
        bench_suite.predictions(run, split="train")
    with pytest.raises(NoPredictions, match="model=nobody\n  the cells of these runs stored none"):
        predictions([run], "test", {"model": "nobody"})


def test_the_predictions_of_this_repository_are_documented() -> None:
    run = next(run for run in stored_runs() if run.info["suite"] == "quickstart")
    frame = bench_suite.predictions(run, task="loans")
    check(frame, bench_suite.predictions, extra=True)
    accuracy = (frame.target == frame.prediction).groupby(frame.id).mean()
    metric = bench_suite.frame(run).query("metric == 'quality/accuracy' and task == 'loans'").set_index("id").value
    assert accuracy.to_dict() == pytest.approx(metric.to_dict()), "the metric of the record, computed again"
