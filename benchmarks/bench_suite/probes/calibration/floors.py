"""Floors: an error's floor, its excess over it and the test of calibration, as metrics."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence

from bench_suite.contracts import Artifact, Interval, Metric
from bench_suite.stats.calibration_null import Floor

ERROR, SCORE = "calibration", "score"
"What metrics of a floor begin with: a floor of an error in [0, 1], or of a score in its own unit."
FLOOR = ("calibration_floor", "calibration_floor_95", "calibration_excess", "calibration_p")
SCORE_FLOOR = ("score_floor", "score_floor_95", "score_excess", "score_p")
DEPENDENT = "no interval and no p: simulated labels are independent, and the examples of one cluster are not"


def floor_metrics(
    value: float, floor: Floor, n: int, at: Mapping[str, str | float], *, kind: str = ERROR,
    interval: Interval | None = None, two_sided: bool = False, clustered: bool = False,
) -> Iterator[Metric]:  # fmt: skip
    """Yield the floor of an error, its 95 % quantile, the excess over it, and p.

    Args:
        value: the error.
        floor: of the error.
        n: examples.
        at: coordinates of the four metrics: none for the expected calibration error of all examples.
        kind: `ERROR` or `SCORE`.
        interval: of the excess.
        two_sided: whether p also counts values that are too low.
        clustered: whether examples are not independent; if so, there is no p.
    """
    median, upper, above, p = FLOOR if kind == ERROR else SCORE_FLOOR
    drawn = f"{floor.simulations:,} sets of labels drawn from the model's own probabilities"
    yield Metric(median, floor.median, f"median over {drawn}", at, n=n)
    yield Metric(upper, floor.upper, f"95 % quantile over {drawn}", at, n=n)
    excess = None if interval is not None else f"value minus floor; {upper} shows how far chance reaches"
    yield Metric(above, value - floor.median, excess, at, interval, n=n)
    if clustered:
        yield Metric(p, None, DEPENDENT, at, n=n)
        return
    sides = "as far out" if two_sided else "as large"
    reason = f"how often chance gives a value at least {sides} as this one: share of {drawn}, this one included"
    yield Metric(p, floor.p, reason, at, n=n)


def beside(metrics: Sequence[Metric], headline: str) -> Artifact:
    """Return a table of each error with its floor, from metrics that contain both.

    Args:
        metrics: errors without coordinates, and floors with the coordinate `error` or `score`.
        headline: the error whose floor has no coordinates.
    """
    errors = {metric.name: metric for metric in metrics if not metric.at}
    floors: dict[str, dict[str, Metric]] = {}
    for metric in metrics:
        if metric.name in (*FLOOR, *SCORE_FLOOR):
            part = metric.name.partition("_")[2]
            floors.setdefault(str(next(iter(metric.at.values()), headline)), {})[part] = metric
    rows = []
    for name, parts in floors.items():
        values = [parts[part].value for part in ("floor", "floor_95", "excess", "p")]
        rows.append([name, errors[name].value, *values])
    columns = ["error", "measured", "floor", "floor, 95 %", "measured − floor", "p"]
    caption = "Errors of calibration, and what a calibrated model with these scores would show"
    return Artifact("floors", "table", {"columns": columns, "rows": rows}, caption)


def absent(names: Iterable[str], reason: str, at: Mapping[str, str | float] | None = None) -> Iterator[Metric]:
    """Yield metrics without a value, all for the same reason."""
    for name in names:
        yield Metric(name, None, reason, at or {})
