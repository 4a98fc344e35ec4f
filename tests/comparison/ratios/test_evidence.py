"""Claims about the evidence for a ratio and its change: which way applies, and what has no spread."""

from __future__ import annotations

import math
from typing import Any

import pytest

from bench_suite.comparison.ratios.evidence import UnknownSpread, evidence_of_ratio
from bench_suite.comparison.ratios.examples import Ratio
from bench_suite.comparison.rescoring import Unpaired
from bench_suite.comparison.strategies import Location, PairedMetric
from bench_suite.comparison.verdicts import Row
from bench_suite.contracts import Interval, MetricRow

NAMES = ("linear", "mlp")


def ratio(*seeds: tuple[MetricRow, MetricRow], weight: float = 1.0, same_hardware: bool = True) -> Ratio:
    """Return the ratio of a model to its reference, one pair of rows a seed, without stored predictions."""
    location = Location("loans, mlp", same_hardware, Unpaired("no predictions"), frozenset(), names=NAMES)
    return Ratio(PairedMetric(Row("q/x", "loans, mlp", True, better="higher"), seeds, location), weight)


def timing(*samples: float) -> MetricRow:
    interval = Interval(min(samples), max(samples), over="processes")
    middle = sorted(samples)[len(samples) // 2]
    return MetricRow("q/x", middle, "samples/s", "higher", interval=interval, samples=samples, timing=True)


def estimate(value: float, half: float = 0.0, **changes: Any) -> MetricRow:
    interval = Interval(value - half, value + half) if half else None
    return MetricRow("q/x", value, "fraction", "higher", interval=interval, n=400, **changes)


def test_timings_of_four_sides_by_hand() -> None:
    logs = [-0.2, -0.1, 0.0, 0.1, 0.2]  # variance 0.025, so V/n = 0.005 a side
    slow, fast = ([factor * math.exp(log) for log in logs] for factor in (10.0, 20.0))
    head, base = ratio((timing(*slow), timing(*slow))), ratio((timing(*slow), timing(*fast)), weight=-1.0)
    evidence = evidence_of_ratio([head, base])
    assert (evidence.method, evidence.main.value) == ("processes", pytest.approx(-math.log(2)))
    assert (evidence.main.variance, evidence.main.df) == (pytest.approx(0.02), pytest.approx(16))
    assert evidence.main.count == 5
    one = evidence_of_ratio([ratio((timing(*slow), timing(*fast)))])
    assert (one.main.value, one.main.variance) == (pytest.approx(math.log(2)), pytest.approx(0.01))


def test_timings_need_processes_positive_samples_and_one_machine_for_both_models() -> None:
    five = timing(1.0, 2.0, 3.0, 4.0, 5.0)
    for wrong, message in (
        (ratio((five, timing(1.0, 2.0))), "mlp has 2 processes; at least 5 are needed"),
        (ratio((timing(0.0, 1.0, 1.0, 1.0, 1.0), five)), "a timing is not a positive number"),
        (ratio((five, five), same_hardware=False), "model and reference ran on different hardware"),
        (ratio((five, estimate(3.0))), "mlp has no interval over processes"),
    ):
        with pytest.raises(ValueError, match=message):
            evidence_of_ratio([wrong])
    with pytest.raises(ValueError, match="the options of its probe differ"):
        evidence_of_ratio([ratio((five, five)), ratio((five, five), weight=-1.0)], probe_changed=True)


def test_without_predictions_intervals_decide_then_seeds_and_a_single_value_has_no_spread() -> None:
    evidence = evidence_of_ratio([ratio((estimate(0.5, 0.098), estimate(0.8, 0.1568)))])
    assert (evidence.method, evidence.unpaired_reason) == ("intervals", "no predictions")
    assert evidence.main.error == pytest.approx(math.hypot(0.1, 0.1), rel=1e-3)
    seeds = [(estimate(0.5), estimate(0.5 * math.exp(log))) for log in (-0.1, 0.0, 0.1)]
    evidence = evidence_of_ratio([ratio(*seeds)])
    assert (evidence.method, evidence.main.value, evidence.main.df) == ("seeds", pytest.approx(0.0), 2)
    assert evidence.main.error == pytest.approx(0.1 / math.sqrt(3))
    change = evidence_of_ratio([ratio(*seeds), ratio(*reversed(seeds), weight=-1.0)])
    assert change.flips == pytest.approx((-0.2, 0.0, 0.2))
    with pytest.raises(UnknownSpread, match="one observation"):
        evidence_of_ratio([ratio(seeds[0])])
    with pytest.raises(ValueError, match="different hardware"):
        evidence_of_ratio([ratio(*seeds, same_hardware=False)])


def test_counts_have_no_spread_and_decide_themselves() -> None:
    two, three = (estimate(value, kind="exact") for value in (2.0, 3.0))
    evidence = evidence_of_ratio([ratio((two, three), (two, three))])
    assert (evidence.method, evidence.main.variance) == ("exact values", 0.0)
    assert evidence.main.value == pytest.approx(math.log(1.5))
    varying = evidence_of_ratio([ratio((two, three), (two, two), (three, two))])
    assert varying.method == "seeds", "counts that differ between seeds vary"


def test_a_verdict_must_hold_by_the_seeds_alone_too() -> None:
    head = ratio(*((estimate(0.5, 0.01), estimate(value, 0.01)) for value in (0.5, 0.55, 0.45)))
    base = ratio(*((estimate(0.5, 0.01), estimate(0.5, 0.01)) for _ in range(3)), weight=-1.0)
    evidence = evidence_of_ratio([head, base])
    assert [test.count for test in evidence.seeds] == [3, 3]
    assert not evidence_of_ratio([head]).seeds
