"""No number shows more digits than its uncertainty supports."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bench_suite.contracts import Interval
from bench_suite.reports.formatting import (
    NOTHING,
    Scale,
    decimals_for,
    full,
    plain_number,
    read,
    rounded,
    scale_for,
    short,
)
from bench_suite.reports.values import Value


@pytest.mark.parametrize(
    ("value", "low", "high", "shortly", "fully"),
    [
        (0.90123, 0.8891, 0.9122, "0.901 ± 0.012", "0.901 [0.889, 0.912]"),
        (0.90123, 0.8591, 0.9422, "0.90 ± 0.04", "0.90 [0.86, 0.94]"),
        (0.9, 0.89999, 0.90001, "0.900000 ± 0.000010", "0.900000 [0.899990, 0.900010]"),
        (8935.2, 8712.0, 9080.0, "8,940 [8,710, 9,080]", "8,940 [8,710, 9,080]"),
        (0.13, 0.016, 0.264, "0.13 [0.02, 0.26]", "0.13 [0.02, 0.26]"),
        (-0.13, -0.264, -0.016, "−0.13 [−0.26, −0.02]", "−0.13 [−0.26, −0.02]"),
        (0.09, 0.0, 0.36, "0.09 [0.00, 0.36]", "0.09 [0.00, 0.36]"),
        (123456.0, 113456.0, 133456.0, "123,000 ± 10,000", "123,000 [113,000, 133,000]"),
        (-0.01, -0.05, 0.03, "−0.01 ± 0.04", "−0.01 [−0.05, 0.03]"),
        (0.001, -0.4, 0.4, "0.0 ± 0.4", "0.0 [−0.4, 0.4]"),
        (12.0, 2.0, 22.0, "12 ± 10", "12 [2, 22]"),
        (5e-8, 1e-8, 9e-8, "5e−08 ± 4e−08", "5e−08 [1e−08, 9e−08]"),
        (2.34e-5, 2.22e-5, 2.46e-5, "2.34e−05 ± 1.2e−06", "2.34e−05 [2.22e−05, 2.46e−05]"),
        (4.2e-6, 3.1e-6, 5.3e-6, "4.2e−06 ± 1.1e−06", "4.2e−06 [3.1e−06, 5.3e−06]"),
        (5e-8, 0.0, 9e-8, "5e−08 ± 5e−08", "5e−08 [0, 9e−08]"),
        (0.5, 0.49999996, 0.50000004, "0.50000000 ± 4e−08", "0.50000000 [0.49999996, 0.50000004]"),
    ],
)
def test_digits_follow_the_interval(value: float, low: float, high: float, shortly: str, fully: str) -> None:
    measured = Value(value, Interval(low, high), None, 2)
    assert short(measured, Scale()) == shortly
    assert full(measured, Scale()) == fully


def test_samples_are_shown_as_a_spread_and_never_as_an_interval() -> None:
    assert short(Value(8935.0, None, (8712.0, 9080.0), 1), Scale()) == "8,940 (8,710–9,080)"
    assert full(Value(170_000.0, None, (0.0, 500_000.0), 1), Scale()) == "170,000 (0–500,000)"
    assert full(Value(106_000.0, None, (3_900.0, 113_000.0), 1), Scale()) == "106,000 (4,000–113,000)"
    assert short(Value(0.05, None, (0.05, 0.05), 1), Scale()) == "0.0500"


def test_a_spread_of_tiny_numbers_has_exponents_instead_of_zeros() -> None:
    assert full(Value(3.6e-7, None, (3.3e-7, 4.5e-7), 3), Scale()) == "3.6e−07 (3.3e−07–4.5e−07)"
    assert full(Value(2e-4, None, (1e-4, 3e-4), 3), Scale()) == "0.00020 (0.00010–0.00030)"


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (2500.0, "2,500"),
        (512.25, "512"),
        (0.90123, "0.901"),
        (1.5e12, "1.50e+12"),
        (3e-6, "3.00e−06"),
        (-3.0, "−3"),
        (0.0, "0"),
    ],
)
def test_a_lone_number_has_three_digits_or_is_whole(value: float, text: str) -> None:
    assert plain_number(value) == text


def test_what_has_no_value_is_a_dash_and_never_a_zero() -> None:
    assert short(Value(None, reason="one class only"), Scale()) == NOTHING
    assert full(Value(None, reason="one class only"), Scale()) == NOTHING


def test_a_column_has_one_unit_that_reads_well() -> None:
    assert scale_for([0.00002, 0.00005, None], "s") == Scale(1e-6, "µs")
    assert scale_for([37.0, 40_000.0], "ms") == Scale(1e3, "s")
    assert scale_for([0.04, 20.0], "ms") == Scale(1e-3, "µs")
    assert scale_for([3 * 2.0**20], "bytes") == Scale(2.0**20, "MiB")
    assert scale_for([0.9], "fraction") == Scale(1.0, "")
    assert scale_for([None, 0.0], "samples/s") == Scale(1.0, "samples/s")
    assert short(Value(0.00234, Interval(0.0022, 0.0025), None, 1), Scale(1e-3, "ms")) == "2.34 ± 0.16"


@pytest.mark.parametrize(
    ("value", "decimals", "text"),
    [
        (0.000012, 6, "0.000012"), (0.0000012, 7, "1.2e−06"), (-5.04e-8, 9, "−5.0e−08"),
        (9.99e-8, 8, "1.0e−07"), (0.0, 9, "0"), (1e-12, 9, "0"), (0.0012345678, 9, "0.001234568"),
    ],
)  # fmt: skip
def test_a_number_that_needs_more_than_six_decimals_has_an_exponent(value: float, decimals: int, text: str) -> None:
    assert rounded(value, decimals) == text
    assert read(text) == pytest.approx(round(value, decimals), rel=1e-9)


def test_minus_zero_is_zero() -> None:
    assert rounded(-0.0001, 2) == "0.00"


@given(st.floats(1e-9, 1e9))
def test_an_uncertainty_shows_one_or_two_digits(uncertainty: float) -> None:
    shown = round(uncertainty, decimals_for(uncertainty))
    assert shown == pytest.approx(uncertainty, rel=0.15)
    digits = f"{shown:.12e}".split("e")[0].replace(".", "").rstrip("0")
    assert len(digits) <= 2


@given(st.floats(-1e6, 1e6), st.floats(0, 1e3), st.floats(0, 1e3))
def test_any_value_and_interval_can_be_written(value: float, below: float, above: float) -> None:
    measured = Value(value, Interval(value - below, value + above), None, 1)
    assert short(measured, Scale())
    assert full(measured, Scale())
    assert short(Value(value, None, (value - below, value + above), 1), Scale())
