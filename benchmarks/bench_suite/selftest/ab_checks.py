"""Known answers of `bench ab`: the evidence of blocks by hand, its interval, its error rates, and planted slowdowns."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import replace

from bench_suite.ab import bisection, trial
from bench_suite.ab.pairing import Pair, PlannedCell
from bench_suite.selftest.checks import Check, Measured, around, between, exactly
from bench_suite.selftest.tolerances import OFTEN, SIGMAS
from bench_suite.stats import anytime, anytime_power
from bench_suite.suite.plan import Cell

TASK = "timing"
LEVEL, MARGIN = 0.01, 0.05
TRIALS, BLOCKS, NOISE = 1_000, 120, 0.05
WAVE = (0.01, -0.01, 0.005, -0.005, 0.0, 0.0, 0.01, -0.01)
"Deviations of eight blocks, whose sum is 0."
SQUARES = sum(value**2 for value in WAVE)
SLOWDOWN = 1.10
COMMITS, FIRST_SLOW = 100, 37


def ab_checks(cell: Cell) -> Iterator[Check]:
    """Yield the checks, none of which needs a run.

    Args:
        cell: any cell of the suite; the checks show its copy with the task `timing`.
    """
    shown = replace(
        cell, id=TASK, fraction=1.0, task=replace(cell.task, label=TASK), model=replace(cell.model, label="planted"),
        labels={"task": TASK, "model": "planted"},
    )  # fmt: skip
    for name, known, read in (
        ("evidence of three blocks", 0.5 * 2.8**1.5, lambda: math.exp(anytime.log_e_value([1.0, 2.0, 3.0]))),
        ("evidence of equal blocks", 7**2.5, lambda: math.exp(anytime.log_e_value([0.1] * 6))),
        ("evidence of two blocks", 1.0, lambda: math.exp(anytime.log_e_value([1.0, 3.0]))),
        ("evidence at interval end", math.log(1 / LEVEL), _at_the_end),
        ("blocks that would decide", _first_deciding(), _needed),
        ("verdict on 10 %", 1.0, lambda: _verdict(SLOWDOWN, "slower")),
        ("verdict on nothing", 1.0, lambda: _verdict(1.0, "not slower")),
        ("verdict on a speed-up", 1.0, lambda: _verdict(1 / SLOWDOWN, "not slower")),
        ("ratio, a disturbed round", SLOWDOWN, _disturbed),
        ("commit found by bisection", float(FIRST_SLOW), _bisected),
    ):
        yield exactly(name, shown, known, _reader(read), needs_run=False)
    chance = SIGMAS * math.sqrt(LEVEL * (1 - LEVEL) / TRIALS)
    yield between(
        "false alarms, A/A", shown, 0.0, 0.0, LEVEL + chance, f"level of {LEVEL:g}, {OFTEN}",
        read=_reader(lambda: _rates(0.0, TRIALS).slower), needs_run=False,
    )  # fmt: skip
    yield around(
        "slowdowns of 5 % found", shown, 1.0, LEVEL + chance, f"level of {LEVEL:g}, {OFTEN}",
        read=_reader(lambda: _rates(MARGIN, TRIALS).slower), needs_run=False,
    )  # fmt: skip


def _reader(read: Callable[[], float]) -> Callable[[Measured], float]:
    return lambda measured: read()


def _rates(slowdown: float, trials: int) -> anytime_power.Rates:
    return anytime_power.simulate(NOISE, slowdown, MARGIN, LEVEL, BLOCKS, trials)


def _at_the_end() -> float:
    """Return log E against the lower end of the interval of the wave, which is log(1/α)."""
    half = anytime.half_width(len(WAVE), SQUARES, LEVEL)
    return math.nan if half is None else anytime.log_e_value(WAVE, -half)


def _first_deciding() -> float:
    """Return by trying one number after another how many blocks decide, by the formula of E with T² = n(z̄ − μ₀)²/s²."""
    for n in range(3, 10_000):
        share = n * math.log1p(MARGIN) ** 2 / (NOISE**2 * (n - 1))
        evidence = (1 + n) ** -0.5 * ((1 + share) / (1 + share / (1 + n))) ** (n / 2)
        if evidence >= 1 / LEVEL:
            return float(n)
    return math.inf


def _needed() -> float:
    return float(anytime.required_blocks(0.0, NOISE, MARGIN, LEVEL) or math.nan)


def _verdict(ratio: float, verdict: str) -> float:
    values = [value + math.log(ratio) for value in WAVE]
    return float(anytime.decide(values, MARGIN, LEVEL).verdict == verdict)


def _disturbed() -> float:
    """Return the ratio of a block of three rounds, in one of which another program took most of the time of head."""
    cell = PlannedCell("a", "a", "a", (), 1, 1, False, False, True)
    timing = trial.Timing(Pair("a", cell, cell), "train", MARGIN, LEVEL)

    def side(seconds: float) -> dict[str, float | None]:
        return {"cpu": seconds, "wall": seconds, "event": None, "instructions": None}

    rounds = [
        {"base": side(base), "head": side(base * ratio)}
        for base, ratio in ((1.0, SLOWDOWN), (1.0, 9.0), (3.0, SLOWDOWN))
    ]
    timing.add(rounds, "auto")
    return timing.decision.ratio or math.nan


def _bisected() -> float:
    def test(commit: str) -> bisection.Step:
        return bisection.Step(commit, "slower" if int(commit) >= FIRST_SLOW else "not slower")

    suspects = bisection.bisect([str(number) for number in range(COMMITS)], test).suspects
    return float(suspects[0]) if len(suspects) == 1 else math.nan
