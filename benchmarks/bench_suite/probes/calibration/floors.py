"""Floors: an error's floor, its excess over it and the test of calibration, as metrics."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping

from bench_suite.contracts import Interval, Metric
from bench_suite.stats.calibration_null import Floor

FLOOR = ("calibration_floor", "calibration_floor_95", "calibration_excess", "calibration_p")
DEPENDENT = "examples of one cluster are not independent, but simulated labels are, so chance adds more to this error"


def floor_metrics(
    value: float, floor: Floor, n: int, at: Mapping[str, str | float], *, interval: Interval | None = None,
    two_sided: bool = False, clustered: bool = False,
) -> Iterator[Metric]:  # fmt: skip
    """Yield the floor of an error, its 95 % quantile, the excess over it, and p.

    Args:
        value: the error.
        floor: of the error.
        n: examples.
        at: coordinates of the four metrics: none for the expected calibration error of all examples.
        interval: of the excess.
        two_sided: whether p counts values that are too low too.
        clustered: whether examples are not independent: then there is no p.
    """
    drawn = f"{floor.simulations:,} sets of labels drawn from the model's own probabilities"
    yield Metric("calibration_floor", floor.median, f"median over {drawn}", at, n=n)
    yield Metric("calibration_floor_95", floor.upper, f"95 % quantile over {drawn}", at, n=n)
    excess = None if interval is not None else "value minus floor; calibration_floor_95 shows how far chance reaches"
    yield Metric("calibration_excess", value - floor.median, excess, at, interval, n=n)
    if clustered:
        yield Metric("calibration_p", None, DEPENDENT, at, n=n)
        return
    sides = "as far out" if two_sided else "as large"
    yield Metric(
        "calibration_p", floor.p, f"share of errors at least {sides}, of the observed one and {drawn}", at, n=n
    )


def absent(names: Iterable[str], reason: str, at: Mapping[str, str | float] | None = None) -> Iterator[Metric]:
    """Yield metrics without a value, all for the same reason."""
    for name in names:
        yield Metric(name, None, reason, at or {})
