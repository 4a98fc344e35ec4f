"""The value of a metric in a row: its interval or spread, over seeds, folds or clusters, or a reason."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from statistics import quantiles
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bench_suite.contracts import Interval, MetricRow, ProbeRow, Record
from bench_suite.reports.leaderboard import leaderboard
from bench_suite.reports.markdown import report
from bench_suite.reports.table import tables
from bench_suite.reports.terminal import terminal_table
from bench_suite.reports.values import kind_in_words, pooled_median
from bench_suite.store.runs import Run

Make = Callable[..., Run]
Make_record = Callable[..., Record]


@pytest.mark.parametrize(
    ("unit", "better", "ideal", "value", "bounds"),
    [
        ("fraction", "higher", 1.0, 0.995, (0.98, 1.0)),
        ("fraction", "lower", None, 0.995, (0.98, 1.0)),
        ("fraction", "lower", None, 0.001, (-0.01, 0.02)),  # a gap may be negative
        ("fraction", "lower", 0.0, 0.001, (0.0, 0.02)),
        ("fraction", "none", None, 0.001, (0.0, 0.02)),
        ("nats", "lower", 0.0, 0.995, (0.98, 1.01)),
        ("ratio", "none", None, 0.995, (0.98, 1.01)),
        ("ratio", "higher", 1.0, 1.02, (1.01, 1.02)),  # measured values stay inside the interval
    ],
)
def test_no_interval_goes_beyond_what_a_metric_can_be(
    make_run: Make, record: Make_record, unit: str, better: str, ideal: float | None, value: float, bounds: Any
) -> None:
    def seed(number: int) -> Record:
        row = MetricRow(
            "quality/accuracy", value, unit, better, interval=Interval(value - 0.015, value + 0.015), ideal=ideal
        )
        return record(seed=number, metrics=(row,))

    [table] = tables([make_run(seed(0), seed(1))])
    interval = table.rows[0].values[table.columns[0]].interval
    assert (round(interval.low, 2), round(interval.high, 2)) == bounds


def test_a_value_that_some_seeds_of_its_row_lack_has_a_footnote(make_run: Make, record: Make_record) -> None:
    def lacking(seed: int, reason: str | None) -> Record:
        cell = record(seed=seed)
        absent = [replace(cell.metrics[0], value=None, interval=None, reason=reason)] if reason else []
        probes = {**cell.probes, "quality": ProbeRow("failed", "k", "RuntimeError: lost")}
        return replace(cell, metrics=(*absent, *cell.metrics[2:]), probes=probes)

    run = make_run(record(seed=0), record(seed=1), lacking(2, None), lacking(3, "one class only"))
    [table] = tables([run])
    accuracy, throughput = (table.rows[0].values[column] for column in table.columns[:2])
    note = "2 of 4 seeds (not seed 2, seed 3): quality failed: RuntimeError: lost; one class only"
    assert (accuracy.seeds, accuracy.partial, accuracy.note) == (2, note, note)
    assert (throughput.seeds, throughput.partial) == (4, None)
    for text in (terminal_table(run, 200), leaderboard([run]), report(run)):
        assert f"¹ {note}" in text
        assert any("¹" in line and "0.900 ± 0.0" in line for line in text.splitlines())
    [whole] = tables([make_run(record(seed=0), record(seed=1))])
    assert [value.partial for value in whole.rows[0].values.values()] == [None, None]


def test_timings_have_a_spread_and_no_interval(make_run: Make, record: Make_record) -> None:
    [table] = tables([make_run(record(seed=0), record(seed=1))])
    value = table.rows[0].values[table.columns[1]]
    assert value.interval is None
    assert value.spread is not None
    assert 8712 <= value.spread[0] < 8935 < value.spread[1] <= 9080
    assert value.reason is None


def test_a_seed_that_took_longer_does_not_weigh_more() -> None:
    assert pooled_median([[10.0] * 1000, [20.0]]) == (15.0, (10.0, 20.0))
    assert pooled_median([[1.0]]) == (1.0, None)
    assert pooled_median([[1.0, 1.0], [1.0]]) == (1.0, None)
    assert pooled_median([[1.0, 2.0, 3.0, 4.0, 5.0]]) == (3.0, (2.0, 4.0))


@pytest.mark.parametrize(
    ("kind", "words"), [("estimate", []), ("exact", ["exact value"]), ("single", ["one observation"])]
)
@pytest.mark.parametrize("reason", [None, "an exact count", "exactly one example was positive", "one observation"])
def test_the_kind_of_a_metric_and_not_its_reason_says_what_it_is(
    kind: Any, words: list[str], reason: str | None
) -> None:
    rows = [MetricRow("quality/errors", value, "count", "lower", reason, kind=kind) for value in (3.0, 4.0)]
    assert kind_in_words(rows) == words


def test_one_single_observation_among_counts_is_named() -> None:
    exact, single = (MetricRow("quality/errors", 3.0, "count", "lower", kind=kind) for kind in ("exact", "single"))
    assert kind_in_words([exact, exact]) == ["exact value"]
    assert kind_in_words([exact, single]) == ["one observation"]
    assert kind_in_words([exact, replace(exact, kind="estimate")]) == []


@pytest.mark.parametrize(("kind", "reason"), [("exact", "exact value"), ("single", "one observation")])
def test_a_value_without_interval_says_of_what_kind_it_is(
    make_run: Make, record: Make_record, kind: Any, reason: str
) -> None:
    row = MetricRow("quality/accuracy", 0.9, "fraction", "higher", kind=kind)
    [table] = tables([make_run(record(metrics=(row,)))])
    value = table.rows[0].values[table.columns[0]]
    assert (value.value, value.interval, value.spread, value.reason) == (0.9, None, None, reason)


@given(st.lists(st.lists(st.floats(-1e6, 1e6), min_size=1, max_size=9), min_size=1, max_size=5))
def test_the_median_is_always_inside_its_bracket(samples: list[list[float]]) -> None:
    value, spread = pooled_median(samples)
    assert spread is None or spread[0] <= value <= spread[1]


@given(st.lists(st.lists(st.floats(-1e6, 1e6) | st.integers(-9, 9), min_size=1, max_size=70), min_size=1, max_size=3))
def test_the_pooled_median_is_that_of_the_quantiles_of_the_standard_library(samples: list[list[float]]) -> None:
    seeds = [
        (min(seed), *quantiles(seed, n=64, method="inclusive"), max(seed)) if len(seed) > 1 else tuple(seed) * 65
        for seed in samples
    ]
    low, _, high = quantiles([sample for seed in seeds for sample in seed], n=4, method="inclusive")
    _, bracket = pooled_median(samples)
    assert bracket is None or bracket == (low, high)


def test_value_and_bracket_are_of_the_same_samples(make_run: Make, record: Make_record) -> None:
    """One seed of five had a stall: its value is no sample of the others, and changes neither median nor interval."""

    def latency(seed: int, *samples: float, value: float | None = None) -> Record:
        row = MetricRow("t/p99", samples[0] if value is None else value, "ms", "lower", samples=samples)
        return record(seed=seed, id=str(seed), metrics=(row,))

    quick = [latency(seed, 24.0, 25.0, 26.0) for seed in range(4)]
    [table] = tables([make_run(*quick, latency(4, 130.0, 140.0, 150.0))])
    value = table.rows[0].values[table.columns[0]]
    assert value.spread is not None
    assert value.value is not None
    assert value.spread[0] <= value.value <= value.spread[1]
    assert value.value < 30
    assert value.seeds == 5


def test_a_seed_without_samples_counts_as_one_sample_of_its_value(make_run: Make, record: Make_record) -> None:
    def memory(seed: int, value: float, samples: tuple[float, ...] = ()) -> Record:
        reason, kind = (None, "estimate") if samples else ("the process's peak", "single")
        row = MetricRow("t/memory", value, "MiB", "lower", reason=reason, samples=samples, kind=kind)
        return record(seed=seed, id=str(seed), metrics=(row,))

    [table] = tables([make_run(memory(0, 1.0), memory(1, 2.0), memory(2, 6.0))])
    value = table.rows[0].values[table.columns[0]]
    assert (value.value, value.spread) == (2.0, (1.0, 6.0))
    assert value.reason == "the process's peak; three observations, one per seed: the parentheses contain all"
    [table] = tables([make_run(memory(0, 1.0), memory(1, 2.0))])
    value = table.rows[0].values[table.columns[0]]
    assert (value.spread, value.reason) == (
        (1.0, 2.0), "the process's peak; two observations, one per seed: the parentheses contain both",
    )  # fmt: skip
    [table] = tables([make_run(*(memory(seed, float(seed)) for seed in range(4)))])
    value = table.rows[0].values[table.columns[0]]
    assert value.spread != (0.0, 3.0)
    assert value.reason == "the process's peak; one observation per seed"
    [table] = tables([make_run(memory(0, 1.0))])
    value = table.rows[0].values[table.columns[0]]
    assert (value.spread, value.reason) == (None, "the process's peak; one observation")
    [table] = tables([make_run(memory(0, 1.0), memory(1, 2.0, (2.0, 3.0)))])
    reason = table.rows[0].values[table.columns[0]].reason
    assert reason == "seed 0: the process's peak; one observation in 1 of 2 seeds"


def test_what_has_no_value_has_a_reason(make_run: Make, record: Make_record) -> None:
    failed = record(
        model="b", metrics=(MetricRow("throughput/train", 1.0, "samples/s", "higher", samples=(1.0, 2.0)),),
        probes={"quality": ProbeRow("failed", "k", "ValueError: oh"), "throughput": ProbeRow("ok", "k")},
    )  # fmt: skip
    [table] = tables([make_run(record(model="a"), failed)])
    row = next(row for row in table.rows if row.model == "b")
    value = row.values[table.columns[0]]
    assert (value.value, value.reason) == (None, "quality failed: ValueError: oh")
    assert row.rank is None


def of_fold(record: Make_record, fold: int, seed: int = 0, **changes: Any) -> Record:
    facts = {"fold": fold, "folds": 5, "repeats": 1, "fingerprint": "whole", "examples": 500}
    data = {"name": "churn", "source": "files:churn.csv", "fingerprint": f"f{fold}", "train": 360, "validation": 40}
    options = {"task": {"split": {"folds": 5}, "fold": fold}, "train": {"epochs": 3}}
    return record(
        seed=seed, id=f"{fold}-{seed}", axes={"fold": fold}, options=options,
        data={**data, "test": 100, "folds": facts}, accuracy=0.8 + 0.01 * fold, **changes,
    )  # fmt: skip


def test_folds_are_one_row_of_one_table_with_an_interval_over_folds(make_run: Make, record: Make_record) -> None:
    run = make_run(*(of_fold(record, fold, seed) for fold in range(5) for seed in (0, 1)))
    [table] = tables([run])
    [row] = table.rows
    value = row.values[table.columns[0]]
    assert (row.label, row.folds, row.seeds, len(row.cells)) == ("minilm", 5, 2, 10)
    assert value.value == pytest.approx(0.82)
    assert value.interval is not None
    assert value.interval.over == "folds"
    half = 2.7764 * ((1 / 5 + 1 / 4) * 0.00025) ** 0.5  # Nadeau and Bengio, with 4 degrees of freedom
    assert value.interval.high - value.interval.low == pytest.approx(2 * half, rel=1e-3)


def test_a_leaderboard_counts_folds_and_seeds_apart(make_run: Make, record: Make_record) -> None:
    text = leaderboard([make_run(*(of_fold(record, fold, seed) for fold in range(5) for seed in (0, 1)))])
    assert "500 examples in 5 folds; " in text
    header, _, line = (one for one in text.splitlines() if one.startswith("|"))
    assert [cell.strip() for cell in header.split("|")][-3:-1] == ["Folds", "Seeds"]
    assert [cell.strip() for cell in line.split("|")][-3:-1] == ["5", "2"]
    assert "Nadeau and Bengio 2003" in text


def test_a_fold_that_failed_is_counted(make_run: Make, record: Make_record) -> None:
    failed = of_fold(record, 4, metrics=(MetricRow("quality/accuracy", None, "fraction", "higher", "no scores"),))
    [table] = tables([make_run(*(of_fold(record, fold) for fold in range(4)), failed)])
    assert table.rows[0].values[table.columns[0]].partial == "4 of 5 folds (not fold 4): no scores"


def test_a_table_without_folds_has_no_column_of_folds(make_run: Make, record: Make_record) -> None:
    assert "Folds" not in leaderboard([make_run(record(seed=0), record(seed=1))])


@pytest.mark.parametrize("over", ["clusters", "examples"])
def test_reports_say_whether_intervals_are_over_clusters(make_run: Make, record: Make_record, over: Any) -> None:
    rows = [
        MetricRow("quality/accuracy", 0.8, "fraction", "higher", interval=Interval(0.7, 0.9, over=over)),
        MetricRow("quality/roc_auc", None, "fraction", "higher", "one class"),
    ]
    run = make_run(*(record(seed=seed, metrics=tuple(rows)) for seed in (0, 1)))
    [table] = tables([run])
    value = table.rows[0].values[table.columns[0]]
    assert value.interval is not None
    assert (value.interval.over, value.over_clusters) == ("seeds", over == "clusters")
    for text in (leaderboard([run]), terminal_table(run), report(run)):
        assert ("over clusters" in " ".join(text.split())) == (over == "clusters")
