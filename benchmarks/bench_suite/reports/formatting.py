"""Numbers as text: with no more digits than their uncertainty supports, in readable units."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from bench_suite.comparison.verdicts import Verdict
from bench_suite.reports.values import Value

NOTHING = "–"
NOT_CLEAR = "not clear"
"What a table calls a difference whose interval contains 0."
VERDICT_WORDS: dict[Verdict, str] = {"no difference found": NOT_CLEAR}
SMALLEST_P = 0.001
"Smaller p-values are not told apart."

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
MIN_ARM_RATIO = 0.75
"Minimum ratio of the shorter to the longer arm of an interval that is written with ±."
MAX_ROUNDING = 0.05
"Maximum error, as a share of the number, by which one of two compared numbers may be rounded."
MIN_DECIMAL = 1e-4
"Smallest magnitude of a number that is written without an exponent."
MAX_DECIMALS = 6
"Decimals of a small number that is written without an exponent, at most."
_UNWRITTEN_UNITS = ("fraction", "score", "count", "")
"Units that are not written."


@dataclass(frozen=True)
class Scale:
    """The divisor of the numbers in one column, and their unit after the division."""

    divisor: float = 1.0
    unit: str = ""


def scale_for(values: Iterable[float | None], unit: str) -> Scale:
    """Return one scale for a whole column, so that its numbers are comparable: that of their geometric mean."""
    sizes = [abs(value) for value in values if value]
    if unit not in _SCALES or not sizes:
        return Scale(1.0, "" if unit in _UNWRITTEN_UNITS else unit)
    middle = math.exp(math.fsum(map(math.log, sizes)) / len(sizes))
    return Scale(*next((step for step in _SCALES[unit] if middle >= step[0]), _SCALES[unit][-1]))


def decimals_for(uncertainty: float) -> int:
    """Return the number of decimals for a number and its uncertainty; it is negative for tens, hundreds, …

    The rule of the Particle Data Group: two digits of the uncertainty if it begins with 1.00 to 3.54, else one.
    """
    if uncertainty <= 0 or not math.isfinite(uncertainty):
        return 0
    uncertainty = max(uncertainty, 1e-12)  # floats have no meaningful digits below this
    exponent = math.floor(math.log10(uncertainty))
    leading = uncertainty / 10**exponent
    return -exponent + (1 if leading < 3.55 else 0)


def rounded(value: float, decimals: int) -> str:
    """Return the number with so many decimals and with thousands separators, never as `-0`.

    A number below `MIN_DECIMAL` that would need more than `MAX_DECIMALS` decimals has an exponent, as in `5e−08`.
    """
    if decimals > MAX_DECIMALS and abs(value) < MIN_DECIMAL:
        if (own := round(value, decimals)) == 0:
            return "0"
        return f"{own:.{max(decimals + math.floor(math.log10(abs(own))), 0)}e}".replace("-", "−")
    text = f"{round(value, decimals):,.{max(decimals, 0)}f}"
    return text.removeprefix("-") if float(text.replace(",", "")) == 0 else text.replace("-", "−")


def plain_number(value: float, digits: int = 3) -> str:
    """Return a number without known uncertainty: three digits, or all digits of an integer below a million."""
    if float(value).is_integer() and abs(value) < 1e6:
        return rounded(value, 0)
    if abs(value) >= 1e9 or 0 < abs(value) < MIN_DECIMAL:
        return f"{value:.{digits - 1}e}".replace("-", "−")
    return rounded(value, digits - 1 - math.floor(math.log10(abs(value))))


def two_rounded(first: float, second: float, decimals: int, max_decimals: int = 7) -> tuple[str, str]:
    """Return two numbers to be compared, with the same decimals: so many, or more if these hide what they are.

    Numbers that differ never read as equal, and no number reads as another one that is more than 5 % away, such as 0.73
    as 1. If that takes more than `max_decimals`, each number has its own digits.
    """
    for more in range(decimals, max(decimals, max_decimals) + 1):
        texts = (rounded(first, more), rounded(second, more))
        faithful = all(
            abs(read(text) - value) <= MAX_ROUNDING * abs(value) for text, value in zip(texts, (first, second))
        )
        if faithful and (first == second or read(texts[0]) != read(texts[1])):
            return texts
    return two_plain_numbers(first, second)


def two_plain_numbers(first: float, second: float) -> tuple[str, str]:
    """Return two numbers as `plain_number` does, with as many digits as it takes to tell them apart."""
    for digits in range(3, 18):
        texts = (plain_number(first, digits), plain_number(second, digits))
        if first == second or read(texts[0]) != read(texts[1]):
            return texts
    return repr(first), repr(second)


def with_bounds(value: float, bounds: Sequence[float], decimals: int) -> tuple[str, ...]:
    """Return a difference and the finite bounds of its interval with the same decimals.

    There are so many decimals, or up to three more if these hide on which side of 0 a number lies. If three more are
    too few for the difference itself, it has its own digits.
    """
    for more in range(decimals, decimals + 4):
        texts = tuple(rounded(number, more) for number in (value, *bounds))
        faithful = more >= 0 or abs(read(texts[0]) - value) <= MAX_ROUNDING * abs(value)
        if faithful and all(number == 0 or read(text) != 0 for text, number in zip(texts, (value, *bounds))):
            return texts
    number = rounded(value, decimals)
    shown = number if value == 0 or read(number) else plain_number(value)
    return shown, *(rounded(bound, decimals) for bound in bounds)


def read(text: str) -> float:
    """Return the number that a text of this module shows."""
    return float(text.replace(",", "").replace("−", "-"))


def short(value: Value, scale: Scale) -> str:
    """Return a value in short form.

    The form is `0.901 ± 0.012` if the value has an interval with similar arms. It is that of `full` otherwise, and if
    the rounded ± would hide that the interval excludes 0.
    """
    if value.value is None:
        return NOTHING
    middle = value.value / scale.divisor
    if value.interval is not None:
        low, high = value.interval.low / scale.divisor, value.interval.high / scale.divisor
        arm = max(middle - low, high - middle)
        if arm > 0 and min(middle - low, high - middle) >= MIN_ARM_RATIO * arm:
            decimals = decimals_for(arm)
            distance_from_zero = abs(round(middle, decimals)) - round(arm, decimals)
            if low <= 0 <= high or distance_from_zero > 0:
                return f"{rounded(middle, decimals)} ± {rounded(arm, decimals)}"
    return full(value, scale)


def full(value: Value, scale: Scale) -> str:
    """Return `0.901 [0.889, 0.912]` for an interval, `8,900 (8,700–9,100)` for quartiles, else the number alone."""
    if value.value is None:
        return NOTHING
    middle = value.value / scale.divisor
    if value.interval is not None:
        low, high = value.interval.low / scale.divisor, value.interval.high / scale.divisor
        if high > low:
            decimals = decimals_for((high - low) / 2)
            return f"{rounded(middle, decimals)} [{rounded(low, decimals)}, {rounded(high, decimals)}]"
    return _with_spread(value, middle, scale)


def difference(value: Value, scale: Scale) -> str:
    """Return a difference from a reference with its verdict and p: `+0.034 ± 0.012 better p<.001`."""
    if value.is_reference:
        return "reference"
    if value.value is None or value.verdict is None:
        return NOTHING
    number = short(value, scale)
    sign = "+" if value.value > 0 and read(number.split()[0]) > 0 else ""
    return f"{sign}{number} {VERDICT_WORDS.get(value.verdict, value.verdict)} {p_text(value.p)}".rstrip()


def p_text(p: float | None) -> str:
    """Return a p-value in short form: `p=.036`, `p<.001`; empty without one."""
    if p is None:
        return ""
    if p < SMALLEST_P:
        return "p<.001"
    return "p=1" if p > 0.995 else f"p={p:.{3 if p < 0.1 else 2}f}".replace("=0.", "=.")


def _with_spread(value: Value, middle: float, scale: Scale) -> str:
    if value.spread is None or value.spread[0] == value.spread[1]:
        return plain_number(middle)
    low, high = (end / scale.divisor for end in value.spread)
    if 0 < abs(middle) < MIN_DECIMAL:
        return f"{plain_number(middle, 2)} ({plain_number(low, 2)}–{plain_number(high, 2)})"
    decimals = decimals_for((high - low) / 2)
    if middle:
        # Quartiles are not the uncertainty of the median: it keeps two digits and has at most three.
        first = -math.floor(math.log10(abs(middle)))
        decimals = min(max(decimals, first + 1), first + 2)
        if low and not round(low, decimals):
            decimals = first + 2  # a quartile that is not zero must not read as zero
    return f"{rounded(middle, decimals)} ({rounded(low, decimals)}–{rounded(high, decimals)})"
