"""Relative errors: quotients by hand, their intervals, and what has no reference."""

from __future__ import annotations

import numpy as np
import pytest

from bench_suite.contracts import Artifact, Interval, MetricRow, Record
from bench_suite.probes import robustness
from bench_suite.probes.robustness.relative import Estimate, ratio_interval, relative_errors


def record(model: str, errors: dict[str, float], task: str = "digits", label: str = "robustness", **axes) -> Record:
    rows = tuple(
        MetricRow(
            f"{label}/corruption_error", value, "fraction", "lower", at={"corruption": name},
            interval=Interval(value * 0.9, value * 1.2), n=100, range=(0.0, 1.0),
        )
        for name, value in errors.items()
    )  # fmt: skip
    cell = {"task": task, "model": model, "engine": None, "precision": None, "seed": 0, **axes}
    return Record("run", "suite", f"{task}-{model}-{axes}", "key", cell, {}, "ok", metrics=rows)


def values(records, reference="base"):
    items = list(relative_errors(records, reference))
    metrics = {(m.name, *m.at.values()): m for m in items if not isinstance(m, Artifact)}
    assert all(m.reason or m.interval for m in metrics.values())
    return metrics, [item for item in items if isinstance(item, Artifact)]


def test_an_error_is_divided_by_that_of_the_reference_at_the_same_corruption_before_the_mean():
    metrics, (table,) = values(
        [record("base", {"blur": 0.4, "noise": 0.1}, engine="native"), record("new", {"blur": 0.2, "noise": 0.2})]
    )
    assert metrics["relative_corruption_error", "digits", "new", "blur"].value == pytest.approx(0.5)
    assert metrics["relative_corruption_error", "digits", "new", "noise"].value == pytest.approx(2.0)
    assert metrics["mean_relative_corruption_error", "digits", "new"].value == pytest.approx(1.25)
    base = metrics["mean_relative_corruption_error", "digits", "base"]
    assert (base.value, base.kind) == (1.0, "exact")
    assert [row[2] for row in table.data["rows"]] == ["base", "new"]


def test_seeds_are_averaged_first():
    records = [record("base", {"blur": 0.4}), *(record("new", {"blur": 0.19 + 0.01 * s}, seed=s) for s in range(3))]
    metrics, _ = values(records)
    assert metrics["mean_relative_corruption_error", "digits", "new"].value == pytest.approx(0.2 / 0.4)
    assert metrics["mean_relative_corruption_error", "digits", "new"].interval.over == "seeds"


def test_another_axis_separates_cells_and_one_that_estimators_lack_does_not():
    records = [
        record(model, {"blur": error * size}, size=size, precision=precision)
        for model, error, precision in (("base", 0.2, "32-true"), ("new", 0.1, None)) for size in (1, 2)
    ]  # fmt: skip
    metrics, _ = values(records)
    assert metrics["mean_relative_corruption_error", "digits", "1", "new"].value == pytest.approx(0.5)
    assert metrics["mean_relative_corruption_error", "digits", "2", "new"].value == pytest.approx(0.5)


def test_probes_of_two_names_are_not_mixed():
    records = [
        record(model, {"blur": error}, label=label)
        for label, error, model in (("a", 0.1, "base"), ("a", 0.2, "new"), ("b", 0.5, "base"), ("b", 0.1, "new"))
    ]
    metrics, _ = values(records)
    assert metrics["mean_relative_corruption_error", "a", "digits", "new"].value == pytest.approx(2.0)
    assert metrics["mean_relative_corruption_error", "b", "digits", "new"].value == pytest.approx(0.2)


def test_a_probe_of_two_names_summarises_its_own_errors_under_each():
    records = [
        record(model, {"blur": error}, label=label)
        for label, error, model in (("a", 0.1, "base"), ("a", 0.2, "new"), ("b", 0.5, "base"), ("b", 0.1, "new"))
    ]
    for label, ratio in (("a", 2.0), ("b", 0.2)):
        items = list(robustness.summarise(records, robustness.Options(reference="base"), label))
        metrics = {(m.name, *m.at.values()): m.value for m in items if not isinstance(m, Artifact)}
        assert len(metrics) == 4
        assert metrics["mean_relative_corruption_error", "digits", "new"] == pytest.approx(ratio)


def test_a_task_without_the_reference_and_an_error_of_0_have_reasons():
    metrics, _ = values(
        [record("base", {"blur": 0.0}), record("new", {"blur": 0.1}), record("new", {"blur": 0.1}, task="loans")]
    )
    assert "no error" in metrics["relative_corruption_error", "digits", "new", "blur"].reason
    assert metrics["mean_relative_corruption_error", "digits", "new"].value is None
    assert "reference" in metrics["mean_relative_corruption_error", "loans"].reason


def test_a_reference_that_was_not_run_is_a_reason_and_no_error():
    metrics, artifacts = values([record("new", {"blur": 0.1})])
    assert list(metrics) == [("mean_relative_corruption_error", "digits")]
    assert "base" in metrics["mean_relative_corruption_error", "digits"].reason
    assert artifacts == []


def test_another_probe_without_this_reference_is_left_out():
    metrics, _ = values([record("base", {"blur": 0.1}), record("other", {"typos": 0.1}, task="texts", label="texts")])
    assert not any("texts" in key for key in metrics)


def test_without_a_reference_nothing_is_summarised():
    assert list(robustness.summarise([record("base", {"blur": 0.1})], robustness.Options())) == []


def test_the_interval_of_a_ratio_covers_it_as_often_as_it_says():
    """Two error rates, 0.2 and 0.1, each of 500 independent examples, 2,000 times."""
    random = np.random.default_rng(0)
    covered = 0
    for _ in range(2000):
        rates = [random.binomial(500, rate) / 500 for rate in (0.2, 0.1)]
        halves = [1.96 * (rate * (1 - rate) / 500) ** 0.5 for rate in rates]
        one, other = (Estimate(rate, Interval(rate - half, rate + half)) for rate, half in zip(rates, halves))
        interval = ratio_interval(one, other)
        covered += interval.low <= 2.0 <= interval.high
    assert 0.935 <= covered / 2000 <= 0.975
    assert ratio_interval(Estimate(0.1, Interval(0.0, 0.2)), Estimate(0.1, Interval(0.05, 0.2))) is None
    assert ratio_interval(Estimate(0.1, None), Estimate(0.1, Interval(0.05, 0.2))) is None
