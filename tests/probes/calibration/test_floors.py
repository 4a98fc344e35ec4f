"""Floors as metrics: the excess is what lies above, and p is absent if examples depend on one another."""

from __future__ import annotations

from bench_suite.contracts import Interval
from bench_suite.probes.calibration.floors import FLOOR, SCORE, SCORE_FLOOR, absent, floor_metrics
from bench_suite.stats.calibration_null import Floor

SEEN = Floor(0.02, 0.03, 0.004, 249)


def test_the_four_metrics_of_a_floor() -> None:
    rows = {row.name: row for row in floor_metrics(0.05, SEEN, 500, {}, interval=Interval(0.01, 0.05))}
    assert tuple(rows) == FLOOR
    assert [round(rows[name].value, 6) for name in FLOOR] == [0.02, 0.03, 0.03, 0.004]
    assert rows["calibration_excess"].interval == Interval(0.01, 0.05)
    assert all(row.interval or row.reason for row in rows.values())
    assert "249 sets" in rows["calibration_p"].reason


def test_a_score_has_metrics_of_its_own_whose_p_may_count_both_sides() -> None:
    rows = list(floor_metrics(0.5, SEEN, 500, {"score": "x"}, kind=SCORE, two_sided=True))
    assert tuple(row.name for row in rows) == SCORE_FLOOR
    assert "as far out" in (rows[-1].reason or "")


def test_dependent_examples_have_no_p() -> None:
    rows = {row.name: row for row in floor_metrics(0.05, SEEN, 500, {"error": "x"}, clustered=True)}
    assert rows["calibration_p"].value is None
    assert rows["calibration_excess"].reason
    assert all(row.at == {"error": "x"} for row in rows.values())


def test_absent_metrics_share_a_reason() -> None:
    assert [(row.name, row.value, row.reason) for row in absent(("a", "b"), "why")] == [
        ("a", None, "why"), ("b", None, "why")
    ]  # fmt: skip
