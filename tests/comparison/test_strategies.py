"""Strategies: the evidence chosen for a metric, and the reasons for none."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from bench_suite.comparison.rescoring import Examples, Unpaired
from bench_suite.comparison.strategies import Location, PairedMetric, find_evidence, with_seeds
from bench_suite.comparison.verdicts import Row
from bench_suite.contracts import Interval, MetricRow, Predictions
from bench_suite.stats.paired import (
    Difference,
    nested_difference,
    seeds_only_difference,
    unpaired_difference,
    welch_difference,
)

NONE = Unpaired("base has no stored predictions")


def metric(
    *values: tuple[float, float], name: str = "q/x", better: Any = "higher", examples: Examples | Unpaired = NONE,
    same_hardware: bool = True, changed: str = "", coordinates: str = "", **facts: Any,
) -> PairedMetric:  # fmt: skip
    """Return a metric with these values of base and head, one pair for each seed, and the same facts in each row."""
    rows = [
        (MetricRow(name, base, "u", better, **facts), MetricRow(name, head, "u", better, **facts))
        for base, head in values
    ]
    location = Location("loans, mlp", same_hardware, examples, frozenset({changed} - {""}))
    return PairedMetric(Row(name, "loans, mlp", True, coordinates, better=better), rows, location)


def predictions(*correct: int) -> Predictions:
    """Return predictions of one class, correct if `correct` is 1."""
    return Predictions("test", np.arange(len(correct)), {"targets": np.ones(len(correct), int),
                                                         "predictions": np.array(correct)})  # fmt: skip


# ── timings ─────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("row", "timing"),
    [
        (MetricRow("t/x", 1.0, "s", "lower"), True),
        (MetricRow("t/x", 1.0, "ms", "lower"), True),
        (MetricRow("t/x", 1.0, "samples/s", "higher"), True),
        (MetricRow("t/x", 1.0, "MiB", "lower", samples=(1.0,)), True),
        (MetricRow("t/x", 1.0, "MiB", "lower"), False),
        (MetricRow("t/x", 1.0, "fraction", "lower"), False),
        (MetricRow("t/x", 1.0, "s", "lower", interval=Interval(0.9, 1.1), samples=(1.0,)), False),
        (MetricRow("t/x", 1.0, "", "lower", interval=Interval(0.9, 1.1, over="processes")), True),
    ],
)
def test_a_timing_is_a_time_a_rate_or_what_several_processes_measured(row: MetricRow, timing: bool) -> None:
    other = MetricRow("t/x", 1.0, "", "lower")
    location = Location("loans, mlp", True, NONE, frozenset())
    for pair in ((row, other), (other, row)):
        assert PairedMetric(Row("t/x", "", True), [(other, other), pair], location).is_timing is timing


def timing(base: tuple[float, ...], head: tuple[float, ...], better: Any = "lower", **changes: Any) -> PairedMetric:
    paired_metric = metric((1.0, 1.0), (1.0, 1.0), name="t/x", better=better, **changes)
    interval = Interval(0.0, 9.0, over="processes")
    values = [
        (replace(one, samples=base, interval=interval), replace(other, samples=head, interval=interval))
        for one, other in paired_metric.values
    ]
    return replace(paired_metric, values=values)


@pytest.mark.parametrize(("better", "sign"), [("lower", -1.0), ("higher", 1.0)])
def test_logarithms_of_the_processes_of_all_seeds_are_compared_by_welchs_test(better: str, sign: float) -> None:
    """The times include some below a second, whose logarithms are negative."""
    base, head = (0.10, 0.11, 0.12), (0.2, 0.21, 0.25, 0.24)
    evidence = find_evidence(timing(base, head, better))
    logs = [[sign * math.log(value) for value in side * 2] for side in (base, head)]
    assert evidence.main == welch_difference(*logs)
    assert (evidence.method, evidence.seeds, evidence.flips) == ("processes", (), ())
    assert evidence.main.count == 6


@pytest.mark.parametrize(
    ("paired_metric", "message"),
    [
        (timing((1.0,) * 5, (1.0,) * 5, same_hardware=False), "the hardware differs or is not known"),
        (timing((1.0,) * 5, (1.0,) * 2), "a side has 4 processes; at least 5 are needed"),
        (timing((1.0,) * 2, (1.0,) * 5), "a side has 4 processes; at least 5 are needed"),
        (timing((1.0,) * 5, (1.0, 1.0, 0.0)), "a timing is not a positive number"),
        (timing((1.0, 1.0, -1.0), (1.0,) * 5), "a timing is not a positive number"),
        (timing((1.0,) * 5, (1.0,) * 5, changed="t"), "the options of its probe differ"),
    ],
)
def test_timings_that_cannot_be_compared_say_why(paired_metric: PairedMetric, message: str) -> None:
    with pytest.raises(ValueError, match=f"^{message}$"):
        find_evidence(paired_metric)


# ── values ──────────────────────────────────────────────────────────────────────────────────────


def test_without_predictions_the_intervals_of_both_sides_are_compared() -> None:
    one = metric((0.8, 0.7), (0.9, 0.85))
    intervals = (Interval(0.7, 0.9, 0.95), Interval(0.6, 0.8, 0.9))
    rows = [tuple(replace(row, interval=i, n=n) for row, i, n in zip(pair, intervals, (50, 40))) for pair in one.values]
    evidence = find_evidence(replace(one, values=rows))
    error = math.hypot(0.1 / 1.959964, 0.1 / 1.644854)
    expected = unpaired_difference([-0.1, -0.05], [error, error], 40)
    assert (evidence.main.value, evidence.main.variance) == pytest.approx((expected.value, expected.variance))
    assert (evidence.main.n, evidence.main.df) == (40, pytest.approx(expected.df))
    assert (evidence.method, evidence.unpaired_reason) == ("intervals", str(NONE))
    assert evidence.seeds == with_seeds(expected, one.numbers, 1.0).seeds
    for side in (0, 1):
        half = [tuple(replace(row, interval=None) if number == side else row for number, row in enumerate(pair))
                for pair in rows]  # fmt: skip
        assert find_evidence(replace(one, values=half)).method == "seeds"
    assert find_evidence(replace(one, values=[rows[0], one.values[1]])).method == "seeds", "each value needs one"
    lower = metric((0.8, 0.7), (0.9, 0.85), better="lower", interval=Interval(0.0, 1.0))
    assert find_evidence(lower).main.value == pytest.approx(0.075)
    assert [seeds.value for seeds in find_evidence(lower).seeds] == pytest.approx([0.075, 0.075])
    assert find_evidence(lower).main.n == 0, "a number of examples that is not stated is not known"


@pytest.mark.parametrize(
    ("values", "kind", "method"),
    [
        ([(3.0, 4.0)], "exact", "exact values"),
        ([(3.0, 4.0), (5.0, 6.0)], "exact", "exact values"),
        ([(3.0, 4.0), (5.0, 5.0)], "exact", "seeds"),
        ([(3.0, 3.0), (5.0, 5.0)], "single", "same values"),
        ([(3.0, 4.0), (5.0, 6.0)], "single", "seeds"),
        ([(3.0, 3.0), (5.0, 5.0)], "estimate", "seeds"),
    ],
)
def test_counts_and_equal_single_observations_need_no_interval(values, kind: str, method: str) -> None:
    paired_metric = metric(*values, kind=kind)
    evidence = find_evidence(paired_metric)
    differences = [head - base for base, head in values]
    assert (evidence.method, evidence.main) == (method, seeds_only_difference(differences))
    assert evidence.flips == (tuple(differences) if method == "seeds" else ())


def test_one_observation_or_other_options_are_no_evidence() -> None:
    for paired_metric, message in (
        (metric((3.0, 4.0)), "one observation on each side, without an interval"),
        (metric((3.0, 4.0), kind="single"), "one observation on each side, without an interval"),
        (metric((3.0, 4.0), (3.0, 5.0), same_hardware=False), "the hardware differs or is not known"),
        (metric((3.0, 4.0), changed="q"), "the options of its probe differ"),
    ):
        with pytest.raises(ValueError, match=f"^{message}$"):
            find_evidence(paired_metric)
    assert find_evidence(metric((3.0, 4.0), (3.0, 5.0), changed="other")).method == "seeds"


# ── stored predictions ──────────────────────────────────────────────────────────────────────────


def test_predictions_that_make_the_metric_are_compared_one_by_one_and_with_the_seeds() -> None:
    base = (predictions(1, 1, 0, 0), predictions(1, 0, 0, 0))
    head = (predictions(0, 1, 0, 1), predictions(0, 0, 0, 0))
    values = [(0.5, 0.5), (0.25, 0.0)]
    examples = Examples(base, head)
    evidence = find_evidence(metric(*values, name="q/accuracy", examples=examples, of_predictions=True))
    d = np.array([[-1, 0, 0, 1], [-1, 0, 0, 0]])
    assert (evidence.method, evidence.main) == ("examples", nested_difference(d))
    assert evidence.seeds == with_seeds(evidence.main, values, 1.0).seeds
    assert len(evidence.seeds) == 2
    for changes in (
        {"of_predictions": False, "name": "q/accuracy"},
        {"of_predictions": True, "name": "q/easy/accuracy"},
        {"of_predictions": True, "name": "q/accuracy", "coordinates": "group a"},
    ):
        assert find_evidence(metric(*values, examples=examples, **changes)).method == "seeds"
    other = metric(*values, name="q/easy/accuracy", examples=examples, of_predictions=True)
    assert find_evidence(other).unpaired_reason == "easy/accuracy is no metric of single predictions"


def test_the_same_predictions_are_no_difference_if_the_values_agree() -> None:
    side = (predictions(1, 1, 0, 0),)
    same, flipped = Examples(side, side), Examples(side, (predictions(1, 0, 1, 0),))
    facts: dict[str, Any] = {"name": "fairness/gap", "coordinates": "group a", "interval": Interval(0.0, 1.0), "n": 4}
    evidence = find_evidence(metric((0.5, 0.5), examples=same, of_predictions=True, **facts))
    assert (evidence.method, evidence.main) == ("same predictions", Difference(0.0, 0.0, 0.0, 0.0, math.inf, 4, 1))
    for values, examples, stated in (
        ((0.5, 0.6), same, True),
        ((0.5, 0.5), flipped, True),
        ((0.5, 0.5), same, False),
        ((0.5, 0.5), NONE, True),
    ):
        paired_metric = metric(values, examples=examples, of_predictions=stated, **facts)
        assert find_evidence(paired_metric).method == "intervals"


def test_several_seeds_are_compared_paired_and_as_two_samples() -> None:
    numbers = [(0.8, 0.7), (0.9, 0.85)]
    main = Difference(-0.075, 1e-4, 0.0, 1e-4, 9.0, 10, 2)
    evidence = with_seeds(main, numbers, -1.0)
    assert evidence.main == main
    paired, welch = evidence.seeds
    assert paired == seeds_only_difference([-0.7 + 0.8, -0.85 + 0.9])
    assert welch == welch_difference([-0.8, -0.9], [-0.7, -0.85])
    assert with_seeds(main, numbers[:1], 1.0).seeds == ()
