"""Change points: on published series, beside another program, on planted changes, and on series without any."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from bench_suite.stats.change_points import (
    LEVEL,
    PERMUTATIONS,
    change_points,
    least_after,
    least_points,
    p_of_search,
    residuals,
    standardised,
)
from bench_suite.stats.energy_splits import largest_split

PUBLISHED = json.loads((Path(__file__).parent / "data" / "change_points.json").read_text())["series"]
"Series of Apache Otava's tests and of the Turing Change Point Dataset, with sources and what other programs find."


def positions(values, name="", **options) -> list[int]:
    return [change.position for change in change_points(values, name, **options)]


def noise(n: int, seed: int, spikes: float = 0.0) -> np.ndarray:
    random = np.random.default_rng(seed)
    return random.normal(size=n) + (random.random(n) < spikes) * random.exponential(8, n)


# ── published series ────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("name", ["single", "series_1", "series_3", "nile", "quality_control_2", "quality_control_5"])
def test_the_changes_of_published_series_are_where_their_sources_state_them(name):
    assert positions(PUBLISHED[name]["values"], name) == PUBLISHED[name]["stated"]


@pytest.mark.parametrize("name", ["single", "series_1", "nile"])
def test_a_single_change_is_where_least_squares_put_it(name):
    assert positions(PUBLISHED[name]["values"], name) == PUBLISHED[name]["ruptures"]


@pytest.mark.parametrize("name", [name for name in PUBLISHED if name not in ("ozone", "tigerbeetle")])
def test_otava_finds_the_same_changes_or_more_on_the_same_series(name):
    """It tests at the best split as if it were known, so it needs fewer values; it may be off by one."""
    own, other = positions(PUBLISHED[name]["values"], name), PUBLISHED[name]["otava"]["50"]
    if name == "series_3":  # values without any noise: a t-test of them fails there
        assert (own, other) == ([5, 13, 21], [])
    else:
        assert all(min(abs(at - one) for one in other) <= 1 for at in own)


@pytest.mark.slow
def test_a_long_series_of_measurements_changes_where_otava_finds_it():
    entry = PUBLISHED["tigerbeetle"]
    changes = positions(entry["values"], "tigerbeetle")
    assert set(entry["stated"]) <= set(changes) <= set(entry["otava"]["50"])
    assert len(changes) >= 6
    logarithms = np.log(entry["values"])
    assert positions(logarithms, "tigerbeetle", least=np.log(1.05)) == [15, 71]


def test_a_drift_has_several_change_points_since_its_values_are_not_exchangeable():
    assert len(positions(PUBLISHED["ozone"]["values"], "ozone")) > 1


# ── planted changes ─────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("at", [6, 15, 20, 26])
def test_a_planted_change_is_found_where_it_is_and_as_large_as_it_is(at):
    values = 0.1 * noise(30, at)
    values[at:] += 1
    (change,) = change_points(values)
    assert change.position == at
    assert change.shift.value == pytest.approx(1, abs=0.1)
    assert change.shift.low < 1 < change.shift.high or change.shift.high - change.shift.low < 0.3
    assert change.p <= LEVEL


def test_a_change_and_its_repair_are_two_change_points():
    values = 0.1 * noise(60, 0)
    values[20:40] += 1
    first, second = change_points(values)
    assert (first.position, second.position) == (20, 40)
    assert first.shift.value == pytest.approx(-second.shift.value, abs=0.2)


def test_one_or_two_stray_values_are_no_change():
    for strays in ([29], [28, 29], [0], [10], [10, 11], [3, 17, 29]):
        values = 0.1 * noise(30, 4)
        values[strays] += 5
        assert positions(values) == [], strays


def test_stray_values_do_not_hide_a_change():
    values = 0.1 * noise(40, 5)
    values[20:] += 1
    values[[7, 30]] += 5
    assert positions(values) == [20]


def test_a_change_smaller_than_the_least_is_none_and_its_neighbours_stay():
    values = 0.02 * noise(60, 6)
    values[20:] += 0.1
    values[40:] += 1
    assert positions(values) == [20, 40]
    (change,) = change_points(values, least=0.2)
    assert change.position == 40
    assert change.shift.value == pytest.approx(1.05, abs=0.06)  # less what was before 40, both parts of it


def test_the_same_series_has_the_same_result_and_rounding_does_not_matter():
    values = noise(40, 7)
    values[20:] += 2.2
    first = change_points(values, "a")
    assert first == change_points(values, "a")
    shifted = change_points(values * 3 + 100, "a")
    assert [(one.position, one.p) for one in shifted] == [(one.position, one.p) for one in first]


@pytest.mark.parametrize("values", [[], [1.0], [1.0, 2.0], [1, 2, 3, 4, 5], [0.9] * 50])
def test_short_and_constant_series_have_no_change_point(values):
    assert change_points(values) == []


def test_huge_and_tiny_values_are_taken_as_they_are():
    assert positions([5e300] * 8 + [-5e300] * 8) == [8]
    assert positions(np.r_[np.zeros(10), np.full(10, 1e-300)]) == [10]


@pytest.mark.parametrize("wrong", [float("nan"), float("inf")])
def test_a_value_that_is_not_finite_is_refused(wrong):
    with pytest.raises(ValueError, match="not a finite number"):
        change_points([1.0, wrong, 2.0])


# ── p-values ────────────────────────────────────────────────────────────────────────────────────


def test_the_p_value_is_the_rank_of_the_largest_statistic_among_those_of_whole_searches():
    values = standardised(np.r_[np.zeros(6), np.ones(6)] + 0.01 * np.arange(12))
    statistic = largest_split(values).statistic
    random, count, draws = np.random.default_rng(1), 0, 1500
    for _ in range(draws):
        count += largest_split(random.permutation(values)).statistic >= statistic * (1 - 1e-9)
    p = p_of_search([values], statistic, np.random.default_rng(2), 1.0, PERMUTATIONS)
    assert p == pytest.approx((count + 1) / (draws + 1), abs=0.004)
    assert p == pytest.approx(2 / 924, abs=0.003)  # each half first: 2 of C(12, 6) orders


def test_the_smallest_p_value_is_one_in_two_thousand():
    values = 0.1 * noise(100, 1)
    values[50:] += 5
    (change,) = change_points(values)
    assert change.p == 1 / (PERMUTATIONS + 1)


def test_a_search_ends_early_once_no_change_point_is_possible():
    values = standardised(noise(30, 3))
    random, permutations = np.random.default_rng(0), 20_000
    assert p_of_search([values], 0.0, random, LEVEL, permutations) is None
    drawn = np.random.default_rng(0).random(30 * permutations)
    assert random.random() in drawn  # it has not drawn all permutations


def test_the_least_number_of_values_is_the_first_that_can_have_a_change_point():
    least = least_points()
    assert least == 12
    for n, some in ((least - 2, False), (least, True)):
        assert bool(change_points(np.r_[np.zeros(n // 2), np.ones(n - n // 2)], str(n))) is some
    assert (least_after(12), least_after(15), least_after(20)) == (6, 4, 3)
    assert least_after(11) is None


def test_residuals_have_no_change():
    values = 0.1 * noise(40, 8)
    values[20:] += 2
    rest = residuals(values, positions(values))
    assert positions(rest) == []
    assert abs(rest[20:].mean() - rest[:20].mean()) < 0.1


# ── false alarms ────────────────────────────────────────────────────────────────────────────────


def test_few_series_without_a_change_have_a_change_point():
    alarms = sum(bool(change_points(noise(20, seed), str(seed))) for seed in range(80))
    assert alarms <= 3


@pytest.mark.slow
@pytest.mark.parametrize("spikes", [0.0, 0.05])
@pytest.mark.parametrize("n", [15, 50])
def test_at_most_one_series_of_a_hundred_without_a_change_has_a_change_point(n, spikes):
    trials = 1000
    alarms = sum(bool(change_points(noise(n, seed, spikes), str(seed))) for seed in range(trials))
    print(f"{n} values, {spikes:.0%} stray: {alarms} of {trials}")
    assert alarms <= 0.01 * trials


@pytest.mark.slow
@pytest.mark.parametrize("name", ["nile", "quality_control_2"])
def test_at_most_one_permuted_published_series_of_a_hundred_has_a_change_point(name):
    random, trials = np.random.default_rng(0), 300
    values = np.asarray(PUBLISHED[name]["values"])[:100]
    alarms = sum(bool(change_points(random.permutation(values), f"{name} {trial}")) for trial in range(trials))
    print(f"{name}: {alarms} of {trials}")
    assert alarms <= 0.01 * trials + 1
