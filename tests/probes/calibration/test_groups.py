"""Groups: each has its own floor, and the smaller the group, the higher it is."""

from __future__ import annotations

import numpy as np
import pytest

from bench_suite.contracts import Artifact, Metric
from bench_suite.probes.calibration import Options
from bench_suite.probes.calibration.groups import group_metrics

FAST = Options(simulations=199, resamples=100)


def measured(groups: dict, targets: np.ndarray, scores: np.ndarray) -> dict[tuple, Metric]:
    rows = list(group_metrics(groups, targets, scores, None, FAST))
    return {(row.name, *row.at.values()): row for row in rows if isinstance(row, Metric)}


def people(n: int, few: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return targets and scores of a calibrated model, and a group that has `few` members."""
    random = np.random.default_rng(0)
    chances = random.uniform(0.02, 0.98, n)
    targets = (random.random(n) < chances).astype(int)
    return targets, np.stack([1 - chances, chances], axis=1), np.where(np.arange(n) < few, "few", "many")


def test_a_small_group_has_a_higher_error_and_a_higher_floor() -> None:
    targets, scores, group = people(3000, 60)
    rows = measured({"sex": group}, targets, scores)
    few, many = (rows["calibration_floor", "sex", name].value for name in ("few", "many"))
    assert few > 3 * many
    assert rows["group_calibration_error", "sex", "few"].n == 60
    for name in ("few", "many"):
        assert rows["calibration_p", "sex", name].value > 0.02
        assert rows["group_calibration_error", "sex", name].interval.low == pytest.approx(0.0, abs=0.02)


def test_a_group_about_which_the_model_is_too_sure_is_found() -> None:
    targets, scores, group = people(2000, 500)
    turned = np.where((group == "few") & (np.arange(2000) % 3 == 0), scores.argmin(axis=1), targets)
    rows = measured({"sex": group}, turned, scores)
    assert rows["calibration_p", "sex", "few"].value == pytest.approx(1 / 200)
    assert rows["group_overconfidence", "sex", "few"].interval.low > 0
    assert rows["calibration_p", "sex", "many"].value > 0.02


def test_groups_that_are_too_small_and_attributes_of_too_many_values_have_a_reason() -> None:
    targets, scores, group = people(300, 10)
    rows = measured({"sex": group, "age": np.arange(300)}, targets, scores)
    assert "10 examples are too few" in rows["group_calibration_error", "sex", "few"].reason
    assert "300 values" in rows["group_calibration_error", "age"].reason
    assert rows["group_calibration_error", "sex", "many"].value is not None


def test_the_table_has_a_row_for_each_group_that_is_judged() -> None:
    targets, scores, group = people(300, 100)
    (table,) = (row for row in group_metrics({"sex": group}, targets, scores, None, FAST) if isinstance(row, Artifact))
    assert [row[:3] for row in table.data["rows"]] == [["sex", "few", 100], ["sex", "many", 200]]
    assert all(len(row) == len(table.data["columns"]) for row in table.data["rows"])
    assert not list(group_metrics({}, targets, scores, None, FAST))


def test_groups_of_clustered_examples_have_no_p_in_the_table_either() -> None:
    targets, scores, group = people(300, 100)
    rows = list(group_metrics({"sex": group}, targets, scores, np.arange(300) // 3, FAST))
    assert all(row.value is None for row in rows if isinstance(row, Metric) and row.name == "calibration_p")
    (table,) = (row for row in rows if isinstance(row, Artifact))
    position = table.data["columns"].index("p")
    assert [row[position] for row in table.data["rows"]] == [None, None]
