"""The self-test finds and names instruments of calibration that are broken on purpose."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from bench_suite.probes.calibration import groups as calibrated_groups
from bench_suite.probes.calibration import prediction_intervals, scaling
from bench_suite.stats import calibration, calibration_null, reliability


def half_open(confidences: np.ndarray, bins: int = calibration.BINS) -> np.ndarray:
    """Return bins that are closed below, so that a confidence of 1 has a bin of its own."""
    return np.floor(confidences * bins).astype(int)


def ten(confidences: np.ndarray, bins: int = calibration.BINS) -> np.ndarray:
    return bin_numbers(confidences, 10 if bins == calibration.BINS else bins)


def one_too_many(bins: calibration.Bins, right: np.ndarray) -> np.ndarray:
    return expected_error(bins, right) * bins.counts.sum() / (bins.counts.sum() + 1)


def without_the_observed(value: float, draws: np.ndarray) -> calibration_null.Floor:
    return replace(floor_of(value, draws), p=float(np.mean(draws >= value)))


def upside_down(*arguments: Any) -> Any:
    fitted = fit_temperature(*arguments)
    return replace(fitted, value=1 / fitted.value)


def everybody(attributes: Any, *sizes: int) -> Any:
    for at, is_member, reason in members(attributes, *sizes):
        yield at, np.ones_like(is_member), reason


bin_numbers = calibration.bin_numbers
expected_error = calibration.Bins.expected_error
floor_of = calibration_null.floor_of
fit_temperature = scaling.fit_temperature
members = calibrated_groups.members

BREAKS = {
    "a last bin without its upper edge": (
        "-k 'calibration error of 0.95 and 1'", calibration, "bin_numbers", half_open,
        {"calibration error of 0.95 and 1"},
    ),
    "ten bins": (
        "-k 'calibration error of 0.92 and 0.95'", calibration, "bin_numbers", ten,
        {"calibration error of 0.92 and 0.95"},
    ),
    "a calibration error that is debiased": (
        "-k calibration/expected and planted_groups", calibration.Bins, "expected_error",
        calibration.Bins.debiased_error, {"calibration/expected_calibration_error"},
    ),
    "a calibration error of one example too many": (
        "-k calibration/expected and planted_groups", calibration.Bins, "expected_error", one_too_many,
        {"calibration/expected_calibration_error"},
    ),
    "a test of calibration whose p can be 0": (
        "-k calibration/calibration_p", calibration_null, "floor_of", without_the_observed,
        {"calibration/calibration_p"},
    ),
    "a floor of other confidences": (
        "-k calibration/calibration_floor", calibration.ConfidenceCells, "rates", property(lambda cells: 0.5),
        {"calibration/calibration_floor", "calibration/calibration_floor_95"},
    ),
    "an interval of a calibration error that is too narrow": (
        "-k 'calibration error, interval width'", calibration_null, "LEVEL", 0.5,
        {"calibration error, interval width"},
    ),
    "a temperature that is turned upside down": (
        "-k temperature", scaling, "fit_temperature", upside_down, {"temperature × logit on validation"},
    ),
    "a reliability curve that recalibrates nothing": (
        "-k calibration/brier", reliability, "recalibrated", lambda forecasts, hits: forecasts.values,
        {"calibration/brier_miscalibration", "calibration/brier_discrimination"},
    ),
    "groups that are not told apart": (
        "-k 'calibration of groups'", calibrated_groups, "members", everybody, {"calibration of groups"},
    ),
    "an interval of a regression with one end": (
        "-k calibration/interval or calibration/coverage", prediction_intervals, "_covered",
        lambda targets, lower, upper: targets <= upper,
        {"calibration/interval_coverage", "calibration/coverage_gap"},
    ),
}  # fmt: skip


@pytest.mark.parametrize("broken", BREAKS)
def test_an_instrument_that_is_broken_is_found_and_named(found_and_named, broken):
    found_and_named(*BREAKS[broken], simulations=None)
