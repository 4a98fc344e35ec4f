"""Sources of energy: a counter that may wrap around, or power that is sampled; each yields joules between readings."""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal, Protocol

Hardware = Literal["accelerator", "cpu", "memory"]
"What the energy is of: the accelerators of a training, the packages of the processor, the memory modules (DRAM)."
Method = Literal["counter", "sampled power"]
"""How the energy is measured: the hardware counts it, or the trapezoids between many readings of its power are
summed."""

MAX_WATTS = 1000.0
"Power that no package of a processor exceeds. It determines how soon a counter can wrap around twice."
SAMPLE_SECONDS = 0.1
"Seconds between two readings of a power."
COUNTER_SECONDS = 1.0
"Most seconds between two readings of a counter."
SLACK_SECONDS = 1.0
"Seconds by which the clock may be off between two readings of a counter that fell."
MAX_SAMPLE_GAP = 2.0
"Largest number of seconds between two readings of a power; beyond it, a trapezoid between them is a guess."


class SourceLost(Exception):
    """A source can no longer be read, or what it yields is not known; the message is the reason."""


class Source(Protocol):
    """Something that yields the energy of one kind of hardware, or of a part of it."""

    hardware: Hardware
    method: Method
    interval: float
    "Most seconds between two readings."

    def advance(self, now: float) -> float:
        """Return the joules since the last reading, 0 at the first one.

        Args:
            now: time of the clock in seconds.

        Raises:
            SourceLost: they are not known.
        """

    def close(self) -> None:
        """Release what the source holds."""


class Counter:
    """A counter of joules."""

    method: Method = "counter"

    def __init__(
        self, hardware: Hardware, name: str, read: Callable[[], float], wraps_at: float | None = None,
        close: Callable[[], None] | None = None,
    ) -> None:  # fmt: skip
        """Make the source of a counter, which is not read yet.

        Args:
            hardware: what the energy is of.
            name: how messages call the counter.
            read: returns the joules that it has counted; raises OSError or ValueError if it cannot be read.
            wraps_at: joules after which it begins again at 0; None if it never does.
            close: called at the end.
        """
        self.hardware = hardware
        self._name, self._read, self._wraps_at, self._close = name, read, wraps_at, close
        self._last: tuple[float, float] | None = None
        self._longest = None if wraps_at is None else wraps_at / MAX_WATTS
        self.interval = COUNTER_SECONDS if self._longest is None else min(COUNTER_SECONDS, self._longest / 4)

    def advance(self, now: float) -> float:
        """Return the joules since the last reading; a counter that wrapped around once in between is understood."""
        try:
            value = self._read()
        except (OSError, ValueError) as error:
            raise SourceLost(f"{self._name} could no longer be read ({error})") from error
        last, self._last = self._last, (value, now)
        if last is None:
            return 0.0
        step, gap = value - last[0], now - last[1]
        if self._longest is not None and gap > self._longest:
            raise SourceLost(f"{self._name} was not read for {gap:.0f} s, in which it may have wrapped around twice")
        if step >= 0:
            return step
        # A machine that sleeps resets its counters. Taken for a wrap-around, that would be tens of kilojoules at once.
        if self._wraps_at is None or not 0.0 <= step + self._wraps_at <= MAX_WATTS * (gap + SLACK_SECONDS):
            raise SourceLost(f"{self._name} fell, so it was reset during the measurement")
        return step + self._wraps_at

    def close(self) -> None:
        """Release what the counter holds."""
        if self._close is not None:
            self._close()


class SampledPower:
    """A power in watts, which is read again and again."""

    method: Method = "sampled power"
    interval = SAMPLE_SECONDS

    def __init__(
        self, hardware: Hardware, name: str, read: Callable[[], float], close: Callable[[], None] | None = None
    ) -> None:
        """Make the source of a power; the arguments are those of `Counter`, and `read` returns watts."""
        self.hardware = hardware
        self._name, self._read, self._close = name, read, close
        self._last: tuple[float, float] | None = None

    def advance(self, now: float) -> float:
        """Return the area of the trapezoid between the last reading and this one."""
        try:
            watts = self._read()
        except (OSError, ValueError) as error:
            raise SourceLost(f"{self._name} could no longer be read ({error})") from error
        last, self._last = self._last, (watts, now)
        if last is None:
            return 0.0
        gap = now - last[1]
        if gap > MAX_SAMPLE_GAP:
            raise SourceLost(f"{self._name} was not read for {gap:.1f} s, so the energy of that time is not known")
        return (last[0] + watts) / 2 * gap

    def close(self) -> None:
        """Release what the source holds."""
        if self._close is not None:
            self._close()
