"""A metric without a value on either side is noted, and never counts as fine if it has no value at all."""

from __future__ import annotations

from dataclasses import replace

from bench_suite.comparison.compare import compare
from bench_suite.contracts import MetricRow


def test_a_group_without_a_value_on_either_side_for_one_reason_is_told_and_does_not_keep_a_gate_from_passing(
    runs,
) -> None:
    rates = [
        MetricRow("fairness/accuracy", 0.5, "fraction", "higher", at={"group": "many"}, of_predictions=True),
        MetricRow("fairness/accuracy", None, "fraction", "higher", "too few: 2 of 10", at={"group": "few"}),
    ]
    gate = {"fairness/accuracy": {"tolerance": 0.05}}
    two = [runs.make([(runs.cell(metrics=tuple(rates)), runs.predictions(0.9))], gate=gate) for _ in range(2)]
    comparison = compare(*two)
    assert comparison.status == 0
    assert "no value on either side: fairness/accuracy (group few) in loans, mlp: too few: 2 of 10" in comparison.notes
    none = [replace(rate, value=None, reason="no finite scores") for rate in rates]
    twice = [runs.make([(runs.cell(metrics=tuple(none)), runs.predictions(0.9))], gate=gate) for _ in range(2)]
    assert compare(*twice).status == 4, "a metric without any value is never fine"
    gone = replace(rates[0], value=None, reason="damaged")
    comparison = compare(two[0], runs.make([(runs.cell(metrics=(gone, rates[1])), runs.predictions(0.9))], gate=gate))
    assert comparison.status == 4
