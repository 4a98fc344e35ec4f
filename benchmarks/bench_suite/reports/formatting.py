"""How numbers are written: with no more digits than their uncertainty supports, in units that read well."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass

from bench_suite.reports.table import Value

NOTHING = "–"

_SCALES: dict[str, tuple[tuple[float, str], ...]] = {
    "s": ((1.0, "s"), (1e-3, "ms"), (1e-6, "µs")),
    "ms": ((1e3, "s"), (1.0, "ms"), (1e-3, "µs")),
    "bytes": ((2.0**30, "GiB"), (2.0**20, "MiB"), (2.0**10, "KiB"), (1.0, "bytes")),
    "MiB": ((2.0**10, "GiB"), (1.0, "MiB"), (2.0**-10, "KiB")),
    "FLOP/s": ((1e12, "TFLOP/s"), (1e9, "GFLOP/s"), (1e6, "MFLOP/s")),
    "FLOP": ((1e12, "TFLOP"), (1e9, "GFLOP"), (1e6, "MFLOP")),
    "FLOP/sample": (
        (1e12, "TFLOP/sample"),
        (1e9, "GFLOP/sample"),
        (1e6, "MFLOP/sample"),
        (1e3, "kFLOP/sample"),
        (1.0, "FLOP/sample"),
    ),
}
EVEN = 0.75
"Least share of an interval's longer arm that the shorter one has where both are written as one."
_UNSPOKEN = ("fraction", "score", "count", "")
"Units that a reader does not miss."


@dataclass(frozen=True)
class Scale:
    """What numbers of one column are divided by, and the unit that they then have."""

    divisor: float = 1.0
    unit: str = ""


def scale_for(values: Iterable[float | None], unit: str) -> Scale:
    """One scale for a whole column, so that its numbers can be compared: that of their geometric mean."""
    sizes = [abs(value) for value in values if value]
    if unit not in _SCALES or not sizes:
        return Scale(1.0, "" if unit in _UNSPOKEN else unit)
    middle = math.exp(math.fsum(map(math.log, sizes)) / len(sizes))
    return Scale(*next((step for step in _SCALES[unit] if middle >= step[0]), _SCALES[unit][-1]))


def decimals_for(uncertainty: float) -> int:
    """Decimals to write a number and its uncertainty with; negative for tens, hundreds, …

    The Particle Data Group's rule: two digits of the uncertainty where it begins with 1.00 to 3.54, else one.
    """
    if uncertainty <= 0 or not math.isfinite(uncertainty):
        return 0
    uncertainty = max(uncertainty, 1e-12)  # below it floats themselves have no digits to show
    exponent = math.floor(math.log10(uncertainty))
    leading = uncertainty / 10**exponent
    return -exponent + (1 if leading < 3.55 else 0)


def rounded(value: float, decimals: int) -> str:
    """The number at so many decimals, thousands apart, and never `-0`."""
    text = f"{round(value, decimals):,.{max(decimals, 0)}f}"
    return text.removeprefix("-") if float(text.replace(",", "")) == 0 else text.replace("-", "−")


def plain_number(value: float, digits: int = 3) -> str:
    """A number of which nothing is known but itself: three digits, or all of a whole number below a million."""
    if float(value).is_integer() and abs(value) < 1e6:
        return rounded(value, 0)
    if abs(value) >= 1e9 or 0 < abs(value) < 1e-4:
        return f"{value:.{digits - 1}e}".replace("-", "−")
    return rounded(value, digits - 1 - math.floor(math.log10(abs(value))))


def short(value: Value, scale: Scale) -> str:
    """`0.901 ± 0.012` with an interval; `full` without, where its arms differ, or ± would hide that 0 is outside."""
    if value.value is None:
        return NOTHING
    middle = value.value / scale.divisor
    if value.interval is not None:
        low, high = value.interval.low / scale.divisor, value.interval.high / scale.divisor
        arm = max(middle - low, high - middle)
        if arm > 0 and min(middle - low, high - middle) >= EVEN * arm:
            decimals = decimals_for(arm)
            least = abs(round(middle, decimals)) - round(arm, decimals)
            if low <= 0 <= high or least > 0:
                return f"{rounded(middle, decimals)} ± {rounded(arm, decimals)}"
    return full(value, scale)


def full(value: Value, scale: Scale) -> str:
    """`0.901 [0.889, 0.912]` with an interval, `8,900 (8,700–9,100)` with samples, else the number."""
    if value.value is None:
        return NOTHING
    middle = value.value / scale.divisor
    if value.interval is not None:
        low, high = value.interval.low / scale.divisor, value.interval.high / scale.divisor
        if high > low:
            decimals = decimals_for((high - low) / 2)
            return f"{rounded(middle, decimals)} [{rounded(low, decimals)}, {rounded(high, decimals)}]"
    return _with_spread(value, middle, scale)


def _with_spread(value: Value, middle: float, scale: Scale) -> str:
    if value.spread is None or value.spread[0] == value.spread[1]:
        return plain_number(middle)
    low, high = (end / scale.divisor for end in value.spread)
    decimals = decimals_for((high - low) / 2)
    if middle:
        # A spread is no uncertainty of the middle: the middle keeps two digits, and never has more than three.
        first = -math.floor(math.log10(abs(middle)))
        decimals = min(max(decimals, first + 1), first + 2)
        if low and not round(low, decimals):
            decimals = first + 2  # a low end that is not zero should not read as zero
    return f"{rounded(middle, decimals)} ({rounded(low, decimals)}–{rounded(high, decimals)})"
