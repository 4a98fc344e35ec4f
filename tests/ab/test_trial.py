"""A comparison: what a block is, when it stops, and its exit status."""

from __future__ import annotations

import math

import pytest
from tests.ab.test_pairing import cell

from bench_suite.ab.pairing import Pair
from bench_suite.ab.trial import Outcome, Settings, Timing, timings_of

SETTINGS = Settings(60.0)


def pair(name: str = "a") -> Pair:
    return Pair(name, cell(name), cell(name))


def one_round(base: float, head: float, *, wall: float = 1.0, event: float | None = None) -> dict:
    def side(cpu: float) -> dict:
        return {"cpu": cpu, "wall": cpu * wall, "event": None if event is None else event * cpu, "instructions": None}

    return {"base": side(base), "head": side(head)}


def timing(*logs: float, failed: str | None = None) -> Timing:
    return Timing(pair(), "train", 0.05, 0.01, log_ratios=list(logs), failed_side=failed)


def test_the_timings_share_the_level():
    timings = timings_of([pair("a"), pair("b")], SETTINGS)
    assert [one.name for one in timings] == ["a: train", "a: predict", "b: train", "b: predict"]
    assert {one.level for one in timings} == {0.01 / 4}
    assert [one.kind for one in timings_of([pair()], SETTINGS, ["predict"])] == ["predict"]


def test_a_block_is_the_median_over_rounds_so_that_one_disturbed_round_changes_nothing():
    one = timing()
    one.add([one_round(1.0, 1.1), one_round(1.0, 9.0), one_round(2.0, 2.2)], "auto")
    assert one.log_ratios == [pytest.approx(math.log(1.1))]
    assert one.clock == "CPU time"
    assert one.seconds == {"base": [1.0], "head": [2.2]}


def test_the_clock_that_decides():
    rounds = [{"base": {**one_round(1, 1)["base"], "wall": 3.0}, "head": one_round(1, 1)["head"]}]
    one = timing()
    one.add(rounds, "wall")
    assert one.log_ratios == one.wall_ratios == [pytest.approx(math.log(1 / 3))]
    of_device = timing()
    of_device.add([one_round(1.0, 2.0, event=0.5)], "auto")
    assert of_device.clock == "events of the device"


def test_the_exit_status():
    slow, fast, open_one = timing(*[0.2] * 8), timing(*[0.0] * 8), timing(0.1, -0.1)
    assert Outcome([fast]).status == 0
    assert Outcome([fast, slow, open_one]).status == 1
    assert Outcome([fast, open_one]).status == 4
    assert Outcome([fast, open_one, timing(failed="head")]).status == 3
    assert Outcome([slow, timing(failed="head")]).status == 1
    assert Outcome([slow], interrupted=True).status == 130
    assert Outcome([timing()]).status == 4


def test_a_failed_timing_is_not_measured_again():
    assert not timing(failed="base").is_open
    assert timing().is_open
    assert not timing(*[0.2] * 8).is_open
