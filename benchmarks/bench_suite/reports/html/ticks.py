"""Ticks of axes: few round numbers that cover a range, on a linear or a logarithmic scale."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

TARGET = 5
"Number of ticks to aim at."
MAX_DECADES = 7
"More decades than this get a tick every second, third, … decade."
_HUGE, _TINY = 1e300, 1e-290
"Values at which the arithmetic of ticks would overflow or underflow."


@dataclass(frozen=True)
class Axis:
    """A scale from values to a position between 0 and 1."""

    low: float
    high: float
    ticks: tuple[float, ...]
    logarithmic: bool = False

    def at(self, value: float) -> float:
        """Return the position of a value, within the axis."""
        low, high = self.low, self.high
        if self.logarithmic:
            low, high, value = math.log10(low), math.log10(high), math.log10(max(value, self.low))
        return min(max((value - low) / (high - low), 0.0), 1.0)


def axis(values: Sequence[float], *, logarithmic: bool = False, zero: bool = False) -> Axis:
    """Return an axis that covers finite values.

    Args:
        values: what the axis must cover; those that are not finite, or beyond 1e300, are ignored.
        logarithmic: use a logarithmic scale, if all values are above 0.
        zero: cover 0 too, as bars need it.
    """
    finite = [value for value in values if abs(value) <= _HUGE]
    if zero:
        finite.append(0.0)
    low, high = min(finite, default=0.0), max(finite, default=1.0)
    if logarithmic and low > _TINY:
        return _logarithmic(low, high)
    if high - low <= max(abs(high) * 1e-9, _TINY):  # equal values: a range around them
        spread = abs(high) * 0.1 if abs(high) > _TINY else 0.5
        low, high = low - spread, high + spread
    step = _step((high - low) / TARGET)
    first, last = math.floor(low / step + 1e-9), math.ceil(high / step - 1e-9)
    ticks = tuple(float(f"{number * step:.14g}") for number in range(first, last + 1))
    return Axis(ticks[0], ticks[-1], ticks)


def _logarithmic(low: float, high: float) -> Axis:
    first, last = math.floor(math.log10(low) + 1e-9), math.ceil(math.log10(high) - 1e-9)
    last = max(last, first + 1)
    if last - first <= 2:
        candidates = [factor * 10.0**power for power in range(first, last + 1) for factor in (1, 2, 5)]
        start = max((tick for tick in candidates if tick <= low * (1 + 1e-9)), default=candidates[0])
        end = min((tick for tick in candidates if tick >= high * (1 - 1e-9)), default=candidates[-1])
        if end > start:
            return Axis(start, end, tuple(tick for tick in candidates if start <= tick <= end), True)
    every = math.ceil((last - first) / MAX_DECADES)
    return Axis(10.0**first, 10.0**last, tuple(10.0**power for power in range(first, last + 1, every)), True)


def _step(rough: float) -> float:
    """Return the smallest of 1, 2, 2.5 and 5 times a power of ten that is not below `rough`."""
    power = 10.0 ** math.floor(math.log10(rough))
    return next((factor * power for factor in (1, 2, 2.5, 5) if factor * power >= rough * (1 - 1e-9)), 10 * power)


def tick_text(value: float, step: float, largest: float = 0.0) -> str:
    """Return a tick in few characters: `0.25`, `20k`, `1.5M`, `1e-5`.

    Args:
        value: the tick.
        step: the distance to the next tick, which decides the decimals.
        largest: the largest tick: if it is written with a letter, so are those from 1,000 on.
    """
    if value == 0:
        return "0"
    size = abs(value)
    if size >= 1e15 or size < 1e-4:
        digits = 2 + max(0, math.floor(math.log10(size)) - math.floor(math.log10(step or size)))
        return f"{value:.{digits}g}".replace("e-0", "e-").replace("e+", "e").replace("-", "−")
    thousand = 1e3 if largest >= 1e4 else 1e4
    for divisor, letter in ((1e12, "T"), (1e9, "G"), (1e6, "M"), (thousand, "k")):
        if size >= divisor:
            divisor = 1e3 if letter == "k" else divisor
            return _plain(value / divisor, step / divisor) + letter
    return _plain(value, step)


def _plain(value: float, step: float) -> str:
    decimals = max(0, -math.floor(math.log10(abs(step)) + 1e-9)) if step else 0
    text = f"{value:.{min(decimals + 1, 12)}f}"
    return (text.rstrip("0").rstrip(".") if "." in text else text).replace("-", "−")
