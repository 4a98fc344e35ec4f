"""Ticks: round numbers that cover a range, and their texts."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bench_suite.reports.html.ticks import axis, tick_text


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ([0.0, 1.0], (0.0, 0.2, 0.4, 0.6, 0.8, 1.0)),
        ([0.71, 0.94], (0.7, 0.75, 0.8, 0.85, 0.9, 0.95)),
        ([0.0, 97.0], (0.0, 20.0, 40.0, 60.0, 80.0, 100.0)),
        ([-3.0, 4.0], (-4.0, -2.0, 0.0, 2.0, 4.0)),
    ],
)
def test_known_ticks(values: list[float], expected: tuple[float, ...]) -> None:
    assert axis(values).ticks == pytest.approx(expected)


def test_an_axis_of_nothing_is_that_of_a_fraction() -> None:
    assert axis([]) == axis([math.nan, math.inf]) == axis([0.0, 1.0])


def test_equal_values_have_a_range_around_them() -> None:
    for value in (0.0, 5.0, -2.0, 1e-9, 1e12):
        own = axis([value, value])
        assert own.low < value < own.high or value == own.low == 0.0
        assert 0.2 < own.at(value) < 0.8


def test_bars_begin_at_zero() -> None:
    assert axis([3.0, 7.0], zero=True).low == 0.0
    assert axis([-3.0, -7.0], zero=True).high == 0.0


def test_decades_are_the_ticks_of_a_logarithmic_axis() -> None:
    own = axis([1.0, 9000.0], logarithmic=True)
    assert own.logarithmic
    assert own.ticks == pytest.approx((1.0, 10.0, 100.0, 1000.0, 10_000.0))
    assert own.at(100.0) == pytest.approx(0.5)


def test_a_short_logarithmic_axis_has_ticks_within_its_decade() -> None:
    assert axis([12.0, 45.0], logarithmic=True).ticks == pytest.approx((10.0, 20.0, 50.0))


def test_many_decades_have_few_ticks() -> None:
    assert len(axis([1e-30, 1e30], logarithmic=True).ticks) <= 9


def test_values_of_zero_or_less_have_no_logarithmic_axis() -> None:
    assert not axis([0.0, 10.0], logarithmic=True).logarithmic
    assert not axis([], logarithmic=True).logarithmic


FINITE = st.floats(allow_nan=False, allow_infinity=False, min_value=-1e100, max_value=1e100)


@given(st.lists(FINITE, min_size=1, max_size=6), st.booleans(), st.booleans())
def test_every_value_lies_on_its_axis(values: list[float], logarithmic: bool, zero: bool) -> None:
    own = axis(values, logarithmic=logarithmic, zero=zero)
    assert 2 <= len(own.ticks) <= 20
    assert own.low < own.high
    assert list(own.ticks) == sorted(set(own.ticks))
    slack = 1e-6 * (own.high - own.low)
    assert all(own.low - slack <= value <= own.high + slack for value in values)
    assert all(0.0 <= own.at(value) <= 1.0 for value in values)


@pytest.mark.parametrize(
    ("value", "step", "expected"),
    [
        (0.0, 0.1, "0"),
        (0.25, 0.25, "0.25"),
        (0.3, 0.1, "0.3"),
        (20_000.0, 5_000.0, "20k"),
        (1_500_000.0, 500_000.0, "1.5M"),
        (2e9, 1e9, "2G"),
        (1e-5, 1e-5, "1e−5"),
        (-40.0, 20.0, "−40"),
        (1e20, 1e20, "1e20"),
    ],
)
def test_texts_of_ticks(value: float, step: float, expected: str) -> None:
    assert tick_text(value, step) == expected


@given(st.lists(FINITE, min_size=2, max_size=4))
def test_two_ticks_of_an_axis_have_different_texts(values: list[float]) -> None:
    own = axis(values)
    step = own.ticks[1] - own.ticks[0]
    if step > 1e-6 * max(abs(own.low), abs(own.high)):  # else they agree in all digits that anybody reads
        texts = [tick_text(tick, step) for tick in own.ticks]
        assert len(set(texts)) == len(texts), texts


def test_ticks_of_an_axis_have_letters_from_a_thousand_on_if_the_largest_has_one() -> None:
    assert [tick_text(value, 2500, 12_500) for value in (0, 2500, 5000, 12_500)] == ["0", "2.5k", "5k", "12.5k"]
    assert tick_text(5000, 2500, 7500) == "5000"
