"""Claims about counters and sampled powers: planted joules are reported, also around a wrap, or there is a reason."""

from __future__ import annotations

import math

import pytest

from bench_suite.probes.energy import sources
from bench_suite.probes.energy.sources import Counter, SampledPower, SourceLost


def planted(watts, wraps_at, times):
    """Return a counter that shows what a constant power has spent at each of some times."""
    shown = iter([(watts * time) % wraps_at for time in times])
    return Counter("cpu", "planted", lambda: next(shown), wraps_at)


@pytest.mark.parametrize("wraps_at", [65_532.610987, 262_143.328850, 1e9])
@pytest.mark.parametrize("start", [0.0, 12_345.0])
def test_joules_are_the_planted_ones_over_any_number_of_wraps(wraps_at, start):
    """At 400 W for three hours, a counter that wraps at 65.5 kJ begins anew 66 times."""
    times = [start + second for second in range(3 * 3600 + 1)]
    counter = planted(400.0, wraps_at, times)
    total = sum(counter.advance(time) for time in times)
    assert total == pytest.approx(400.0 * 3 * 3600, rel=1e-9)


def test_the_first_reading_is_the_start():
    assert Counter("cpu", "c", lambda: 5e4, 6e4).advance(100.0) == 0.0


def test_a_counter_is_read_four_times_before_it_can_have_wrapped():
    assert Counter("cpu", "c", float, 65_532.6).interval == sources.COUNTER_SECONDS
    assert Counter("cpu", "c", float, 400.0).interval == pytest.approx(0.1)
    assert Counter("accelerator", "c", float).interval == sources.COUNTER_SECONDS


def test_a_gap_in_which_it_may_have_wrapped_twice_is_no_number():
    counter = planted(400.0, 65_000.0, [0, 60, 126])
    assert counter.advance(0) == 0.0
    assert counter.advance(60) == pytest.approx(24_000)
    with pytest.raises(SourceLost, match="planted was not read for 66 s, in which it may have wrapped around twice"):
        counter.advance(126)


@pytest.mark.parametrize(("before", "after"), [(100.0, 3.0), (70_000.0, 10.0)])
def test_a_counter_that_a_sleeping_machine_reset_is_no_wrap_around(before, after):
    """65 kJ in one second would be 65 kW; a counter above its stated range would even give less than nothing."""
    shown = iter([before, after])
    counter = Counter("cpu", "package-0", lambda: next(shown), 65_532.6)
    counter.advance(0.0)
    with pytest.raises(SourceLost, match="package-0 fell, so it was reset"):
        counter.advance(1.0)


def test_a_counter_that_disappears_is_lost_with_the_message_of_the_system():
    def gone():
        raise FileNotFoundError(2, "No such file or directory")

    with pytest.raises(SourceLost, match=r"package-0 could no longer be read .*No such file"):
        Counter("cpu", "package-0", gone, 100.0).advance(0.0)


def test_a_counter_without_a_wrap_that_falls_was_reset():
    shown = iter([100.0, 3.0])
    counter = Counter("accelerator", "the GPU", lambda: next(shown))
    counter.advance(0.0)
    with pytest.raises(SourceLost, match="the GPU fell"):
        counter.advance(1.0)


def test_a_sampled_power_is_integrated_by_trapezoids_which_are_exact_for_a_ramp():
    times = [step * 0.1 for step in range(101)]
    shown = iter([100.0 + 20.0 * time for time in times])
    power = SampledPower("accelerator", "ramp", lambda: next(shown))
    assert sum(power.advance(time) for time in times) == pytest.approx(2000.0)


def test_a_sampled_power_that_swings_is_integrated_to_a_thousandth():
    watts = lambda time: 200.0 + 100.0 * math.sin(time)  # noqa: E731 - the formula is the planted truth
    times = [step * sources.SAMPLE_SECONDS for step in range(301)]
    shown = map(watts, times)
    power = SampledPower("accelerator", "swing", lambda: next(shown))
    exact = 200.0 * 30 + 100.0 * (1 - math.cos(30.0))
    assert sum(power.advance(time) for time in times) == pytest.approx(exact, rel=1e-3)


def test_a_power_that_was_not_read_for_long_is_no_number():
    power = SampledPower("accelerator", "the power", lambda: 300.0)
    power.advance(0.0)
    with pytest.raises(SourceLost, match=r"the power was not read for 2\.5 s"):
        power.advance(2.5)


def test_closing_releases_what_the_source_holds():
    closed = []
    for kind in (Counter, SampledPower):
        kind("accelerator", "s", float, close=lambda: closed.append(1)).close()
        kind("accelerator", "s", float).close()
    assert len(closed) == 2
