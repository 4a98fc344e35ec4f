"""The history of a metric from Python: what the command prints, a frame of the runs, and a table in a notebook."""

import runpy
from pathlib import Path

import pytest

import bench_suite
from bench_suite.comparison.history.changes import NoHistory, UnknownMetric
from bench_suite.contracts import BenchError
from bench_suite.reports.history import as_text
from bench_suite.reports.metric_history import MetricHistory

check = runpy.run_path(str(Path(__file__).parents[1] / "frame_documentation.py"))["check"]


@pytest.fixture
def slower(history_runs):
    """Return a store of 24 runs, of which the last 12 are slower by a fifth."""
    rates = [*history_runs.noisy(12), *history_runs.noisy(12, level=800.0, seed=1)]
    history_runs.rates(rates)
    return history_runs.store.root


def test_the_frame_says_with_which_run_a_change_begins(slower) -> None:
    history = bench_suite.history("inference", results=slower)
    frame = history.frame()
    check(frame, MetricHistory.frame)
    assert history.metric == "throughput/inference"
    assert history.changed
    assert len(frame) == 24
    assert frame.started.is_monotonic_increasing
    (position,) = frame.index[frame.direction == "worse"]
    assert position == 12
    change = frame.loc[position]
    assert change.change_low < change.change < change.change_high < 0
    assert change.change == pytest.approx(-0.2, abs=0.02)


def test_it_prints_what_the_command_does(slower, monkeypatch) -> None:
    monkeypatch.setenv("COLUMNS", "90")
    history = bench_suite.history("throughput/inference", results=slower)
    assert str(history) == as_text(history.histories[0], 90)
    assert repr(history) == "<MetricHistory throughput/inference: 1 series of 1 suites>"
    assert "worse by" in history._repr_markdown_()


def test_filters_are_words_or_lists_of_them(history_runs) -> None:
    for model in ("mlp", "cnn"):
        history_runs.accuracies([0.9] * 3, model=model)
    root = history_runs.store.root
    for models in ("cnn", ["cnn"]):
        frame = bench_suite.history("quality/accuracy", models=models, results=root).frame()
        assert set(frame.model) == {"cnn"}
    with pytest.raises(BenchError, match="no series matches"):
        bench_suite.history("quality/accuracy", tasks="nothing", results=root)
    with pytest.raises(UnknownMetric, match='no run has a metric "quality/acuracy"'):
        bench_suite.history("quality/acuracy", results=root)
    with pytest.raises(NoHistory, match="contains no runs yet"):
        bench_suite.history("quality/accuracy", results=root / "none")


def test_a_notebook_shows_a_row_for_each_series_and_nothing_of_a_name_as_html(
    slower, history_runs, html_text, hostile
) -> None:
    text = html_text(bench_suite.history("throughput/inference", results=slower)._repr_html_())
    assert "worse by" in text
    history_runs.accuracies([0.9] * 2, model=hostile, hardware={"cpu": hostile})
    text = html_text(bench_suite.history("quality/accuracy", results=slower)._repr_html_())
    assert "<script>alert(2)</script>" in text
    assert "cannot tell: too few runs" in text
    history_runs.accuracies([0.9], model="```\n# heading", suite="other")
    few = bench_suite.history("quality/accuracy", suite="other", results=slower)
    assert few.markdown() == ""
    assert few._repr_markdown_().startswith("````text\n"), "no name ends the block"
