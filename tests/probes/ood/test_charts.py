"""Charts of detection: curves from (0, 0) to (1, 1), and histograms whose shares add up."""

from __future__ import annotations

import numpy as np
import pytest

from bench_suite.probes.ood import charts
from bench_suite.probes.ood.detection import Scored, auroc

RANDOM = np.random.default_rng(0)
PAIR = Scored(RANDOM.normal(1, 1, 500)), Scored(RANDOM.normal(size=300))


def test_the_area_under_a_curve_is_the_auroc() -> None:
    artifact = charts.curves("shift:films", {"energy": PAIR})
    points = np.array(artifact.data["series"]["energy"])
    assert points[0].tolist() == [0.0, 0.0]
    assert points[-1].tolist() == [1.0, 1.0]
    assert (np.diff(points, axis=0) >= 0).all()
    area = np.trapezoid(points[:, 1], points[:, 0])
    assert area == pytest.approx(auroc(PAIR[0].values, PAIR[1].values), abs=0.01)
    assert artifact.name == "curves-shift-films"


def test_a_histogram_has_nearly_all_examples_of_both_sets() -> None:
    artifact = charts.histogram("digits", "energy", PAIR)
    for name in ("test", "digits"):
        assert 0.97 <= sum(y for _, y in artifact.data["series"][name]) <= 1.0


def test_equal_scores_have_a_histogram_too() -> None:
    same = Scored(np.ones(10))
    series = charts.histogram("digits", "energy", (same, same)).data["series"]
    assert sum(y for _, y in series["test"]) == 1.0


def test_the_table_states_why_a_set_was_not_compared() -> None:
    table = charts.counts([("digits", 100, 0, "its images are 8×8×1")])
    assert table.data["rows"] == [["digits", 100, 0, "its images are 8×8×1"]]
