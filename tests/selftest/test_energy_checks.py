"""The planted energies: each is measured, and an instrument that is broken on purpose is noticed."""

from __future__ import annotations

import re
from typing import Any

import pytest

from bench_suite.probes.energy import meter, powercap, results, sources
from bench_suite.selftest import runner
from bench_suite.selftest.checks import NOTHING, Check, judge
from bench_suite.selftest.energy_checks import TASK

CHECKS = [check for check in runner.plan_checks()[1] if check.cell.task.label == TASK]
advance, describe, together = sources.Counter.advance, powercap._describe, results.together


@pytest.mark.parametrize("check", CHECKS, ids=[check.instrument for check in CHECKS])
def test_every_planted_energy_is_measured(check: Check) -> None:
    finding = judge(check, NOTHING)
    assert finding.holds, (finding.measured, finding.reason)


def without_wraps(counter: Any, now: float) -> float:
    return max(0.0, _raw(counter, now))


def below_zero(counter: Any, now: float) -> float:
    return _raw(counter, now)


def _raw(counter: Any, now: float) -> float:
    """Return the difference of two readings as it is."""
    last = counter._last
    try:
        value = counter._read()
    except OSError as error:
        raise sources.SourceLost(str(error)) from error
    counter._last = (value, now)
    return 0.0 if last is None else value - last[0]


def silent(counter: Any, now: float) -> float:
    try:
        return advance(counter, now)
    except sources.SourceLost:
        return 1.0


def of_the_left_end(power: Any, now: float) -> float:
    watts, last = power._read(), power._last
    power._last = (watts, now)
    return 0.0 if last is None else last[0] * (now - last[1])


def everything(folder_name: str, names: Any) -> Any:
    return (folder_name, "cpu") if names[folder_name] else None


def mmio_too(folder_name: str, names: Any) -> Any:
    described = describe(folder_name, names)
    return described and (f"{described[0]}{'-die-9' if 'mmio' in folder_name else ''}", described[1])


def first_only(parts: Any) -> Any:
    return parts[0] if len(parts) > 1 else together(parts)


BREAKS: dict[str, tuple[Any, str, Any, set[str]]] = {
    "wraps that are left out": (
        sources.Counter, "advance", without_wraps,
        {"joules over 21 wraps", "joules of overlapping packages", "joules of memory",
         "joules of dies with one counter"},
    ),
    "wraps that are subtracted": (
        sources.Counter, "advance", below_zero,
        {"joules over 21 wraps", "joules of overlapping packages", "joules of memory",
         "joules of dies with one counter"},
    ),
    "a loss that is silent": (sources.Counter, "advance", silent, {"energies without a counter"}),
    "power that is not interpolated": (
        sources.SampledPower, "advance", of_the_left_end, {"joules of a ramp of power"},
    ),
    "domains that are all summed": (
        powercap, "_describe", everything,
        {"joules of overlapping packages", "joules of memory", "joules of dies with one counter"},
    ),
    "packages that are counted again by mmio": (
        powercap, "_describe", mmio_too, {"joules of overlapping packages"},
    ),
    "dies that are all counted": (powercap, "SAME_COUNTER", -1.0, {"joules of dies with one counter"}),
    "packages that are not recognised": (
        powercap, "_PACKAGE", re.compile("socket"),
        {"joules of overlapping packages", "joules of memory", "joules of dies with one counter",
         "energies without a counter"},
    ),
    "a sum of one kind of hardware": (results, "together", first_only, {"energy/training", "energy/emissions"}),
    "joules in place of watt-hours": (
        results, "JOULES_PER_WATT_HOUR", 1.0, {"energy/emissions", "energy/inference"},
    ),
    "the energy of one prediction": (results, "THOUSAND", 1.0, {"energy/emissions", "energy/inference"}),
    "energy before the start": (
        meter.EnergyMeter, "between",
        lambda self, first, second: [
            meter.Spent(name, joules + 1.0, 1.0, "counter") for name, joules in second.joules.items()
        ],
        {"joules of overlapping packages", "joules of memory", "joules of dies with one counter",
         "energies without a counter", "energy/inference"},
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", BREAKS)
def test_a_broken_instrument_is_outside(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    module, attribute, value, expected = BREAKS[name]
    monkeypatch.setattr(module, attribute, value)
    assert {check.instrument for check in CHECKS if not judge(check, NOTHING).holds} == expected
