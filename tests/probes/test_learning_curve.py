"""Claims about `learning_curve`: means over seeds by number of training examples, one curve for each model."""

from __future__ import annotations

import numpy as np
import pytest

from bench_suite.contracts import BenchError, Interval, MetricRow, Record
from bench_suite.probes import learning_curve
from bench_suite.stats.intervals import over_seeds
from bench_suite.suite.document import SuiteError
from bench_suite.suite.parser import read_suite

SIZES = {0.1: 100, 0.5: 500, 1.0: 1000}
FLOOR = {"mlp": 0.5, "cnn": 0.3}


def quality(model: str, fraction: float, seed: int) -> float:
    """Return an error that falls with the root of the number of examples, plus a little noise."""
    return 1 - FLOOR[model] / (10 * fraction**0.5) - 0.001 * seed


def record(model: str, fraction: float, seed: int, name: str = "quality/accuracy", **axes: object) -> Record:
    value = quality(model, fraction, seed)
    row = MetricRow(name, value, "fraction", "higher", interval=Interval(value - 0.02, value + 0.02))
    cell = {"task": "mnist", "model": model, "seed": seed, "fraction": fraction, **axes}
    data = {"train": SIZES[fraction]}
    return Record("run", "suite", f"{model}{fraction}{seed}{axes}", "", cell, {}, "ok", data=data, metrics=(row,))


RECORDS = [record(model, fraction, seed) for model in FLOOR for fraction in (1.0, 0.1, 0.5) for seed in range(3)]


def drawn(records, *metrics):
    return list(learning_curve.summarise(records, learning_curve.Options(metrics)))


def test_each_point_is_the_mean_over_seeds_at_a_number_of_training_examples_with_its_interval():
    lines, _ = drawn(RECORDS)
    assert (lines.kind, lines.data["x"], lines.data["y"]) == ("lines", "training examples", "quality/accuracy")
    assert list(lines.data["series"]) == ["mlp", "cnn"]
    for model, points in lines.data["series"].items():
        assert [x for x, *_ in points] == [100, 500, 1000], "in order of growing x, whatever the order of the cells"
        for (_, y, low, high), fraction in zip(points, SIZES):
            values = [quality(model, fraction, seed) for seed in range(3)]
            mean, interval, _ = over_seeds(values, [Interval(value - 0.02, value + 0.02) for value in values])
            assert (y, low, high) == (pytest.approx(np.mean(values)), interval.low, interval.high)
            assert y == mean


def test_the_table_holds_what_is_drawn():
    _, table = drawn(RECORDS)
    assert table.data["columns"] == ["model", "100", "500", "1,000"]
    assert table.data["rows"][0] == ["mlp", "0.841 ± 0.020", "0.928 ± 0.020", "0.949 ± 0.020"]
    assert "over 3 seeds" in table.caption


def test_a_cell_without_a_value_is_a_gap_and_the_caption_tells_that_seeds_are_missing():
    records = [r for r in RECORDS if (r.cell["model"], r.cell["fraction"]) != ("cnn", 0.5) and r.cell["seed"] < 2]
    lines, table = drawn([*records, RECORDS[2]])
    assert [x for x, *_ in lines.data["series"]["cnn"]] == [100, 1000]
    assert table.data["rows"][1][2] is None
    assert "over 2 to 3 seeds" in table.caption


def test_another_axis_makes_a_curve_of_its_own_and_tasks_are_drawn_apart():
    both = [record("mlp", f, 0, precision=p) for f in SIZES for p in ("32-true", "bf16-mixed")]
    lines, _ = drawn(both)
    assert list(lines.data["series"]) == ["mlp, precision 32-true", "mlp, precision bf16-mixed"]
    other = [record("mlp", f, 0, "quality/r2", task="diabetes") for f in SIZES]
    assert [artifact.name for artifact in drawn([*RECORDS, *other])][::2] == [
        "mnist-quality-accuracy",
        "diabetes-quality-r2",
    ]


def test_a_metric_that_no_cell_has_is_told_and_of_one_size_there_is_a_table():
    with pytest.raises(BenchError, match=r"no cell has a value of quality/acc \(there are: quality/accuracy\)"):
        drawn(RECORDS, "quality/accuracy", "quality/acc")
    (table,) = drawn([r for r in RECORDS if r.cell["fraction"] == 1.0])
    assert table.kind == "table"
    assert len(table.data["columns"]) == 2


def test_a_metric_that_no_probe_measures_is_told_before_anything_is_spent(tmp_path):
    (tmp_path / "suite.toml").write_text(
        '[[tasks]]\nuse = "digits"\n[[models]]\nuse = "logistic_regression"\n[matrix]\nfraction = [0.1, 1.0]\n'
        '[probes.quality]\n[probes.learning_curve]\nmetrics = ["quality/accuracy", "quality/acuracy"]\n'
    )
    with pytest.raises(SuiteError) as raised:
        read_suite(str(tmp_path / "suite.toml"))
    assert 'suite.toml:9: probes.learning_curve.metrics[1]: no probe of this suite emits "quality/acuracy"' in str(
        raised.value
    )


def test_curves_of_a_real_run_stand_in_its_report(tmp_path, monkeypatch):
    import bench_suite
    from bench_suite.reports.markdown import write_report

    monkeypatch.setenv("BENCH_CACHE", str(tmp_path / "cache"))
    (tmp_path / "suite.toml").write_text(
        '[[tasks]]\nuse = "digits"\n[[models]]\nuse = "logistic_regression"\n'
        "[matrix]\nthreads = 1\nseed = [0, 1]\nfraction = [0.05, 0.2, 1.0]\n"
        "[probes.quality]\nresamples = 100\n[probes.learning_curve]\n"
    )
    outcome = bench_suite.run(tmp_path / "suite.toml", results=tmp_path / "results")
    assert not outcome.summary_errors
    _, (lines, _table) = outcome.run.summaries()
    (points,) = outcome.run.read_artifact(lines).data["series"].values()
    train = {r.data["train"] for r in outcome.records}
    assert [x for x, *_ in points] == sorted(train)
    assert len(train) == 3
    assert points[0][1] < points[-1][1], "more examples, more accuracy"
    report, *pictures = write_report([outcome.run], tmp_path / "report.md")
    assert "digits: quality/accuracy by the number of training examples" in report.read_text()
    assert any("learning_curve" in picture.name for picture in pictures)
