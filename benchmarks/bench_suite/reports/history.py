"""The history of a metric as text, as Markdown and as a picture."""

from __future__ import annotations

import textwrap
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from itertools import pairwise

from bench_suite.comparison.history.changes import ChangePoint, History, SeriesVerdict
from bench_suite.comparison.history.changes import history as history_of
from bench_suite.comparison.history.points import LeftOut, Point, Reason
from bench_suite.contracts import Artifact
from bench_suite.reports import escaping, formatting
from bench_suite.reports.table import machine
from bench_suite.reports.values import Value
from bench_suite.stats.change_points import least_after, least_points
from bench_suite.store.runs import Run, Store

BARS = "▁▂▃▄▅▆▇█"
MAX_BARS = 60
"Bars of a sparkline, at most; of a longer series, each bar is the median of several values."
MAX_SERIES = 12
"Series that a picture shows, at most."
REASONS: dict[Reason, str] = {
    "smoke": "smoke run",
    "dirty": "files differed from the commit (--dirty shows such runs)",
    "several commits": "resumed under another commit",
    "unknown hardware": "no hardware is stored",
    "several machines": "its cells ran on several machines",
    "other options": "other options of the same cell",
    "other seeds": "seeds or folds are missing",
    "failed": "failed",
    "no value": "no value",
}


def as_text(history: History, width: int = 80) -> str:
    """Return a history as plain text: for each machine its series, each with a line of bars and its change points."""
    parts = [_heading(history, width)]
    machines = dict.fromkeys(machine(one.series.hardware) for one in history.verdicts)
    for name in machines:
        parts.append(name)
        parts += [
            "\n".join(_series_lines(history, one, width))
            for one in history.verdicts
            if machine(one.series.hardware) == name
        ]
    if history.left_out:
        parts.append("\n".join(_left_out_lines(history.left_out, width)))
    parts.append("\n".join(line for text in _rate_lines(history) for line in _wrap(text, width)))
    return "\n\n".join(filter(None, parts))


def _heading(history: History, width: int) -> str:
    days = sorted(day(point) for one in history.verdicts for point in one.series.points)
    when = f", {days[0]} to {days[-1]}" if days else ""
    order = "in the order of their commits" if history.by_commit else "in the order of their start"
    runs = f"{history.runs} run{'s' if history.runs != 1 else ''}"
    return "\n".join(_wrap(f"{history.metric}, suite {history.suite}: {runs} {order}{when}", width))


def _series_lines(history: History, result: SeriesVerdict, width: int) -> Iterator[str]:
    series = result.series
    yield from _wrap(series.name, width)
    if series.points:
        newest = series.points[-1]
        shown = f"{value_text(result, newest.value)} on {day(newest)}"
        bars = sparkline(series.values, min(MAX_BARS, max(width - len(shown) - 5, 8)))
        yield f"  {bars}  {shown}"
    if result.verdict == "too few":
        yield from _wrap(
            f"cannot tell: {_count(len(series.points))}; at least {history.min_points} are needed", width, 4
        )
        return
    if result.verdict == "no change":
        after = None if series.exact else least_after(len(series.points), history.level)
        older = "" if after is None else f"; a change in the last {after - 1} would not be found yet"
        yield from _wrap(f"no change point in {_count(len(series.points))}{older}", width, 4)
    for change in reversed(result.changes):
        yield from _wrap(f"{change_text(result, change)}", width, 4)
        yield from _wrap(f"between {commit_text(change.before)} and {commit_text(change.after)}", width, 6)
        if change.also_changed:
            yield from _wrap(f"also changed: {', '.join(change.also_changed)}", width, 6)
    if result.dependent:
        yield from _wrap("neighbouring runs are alike, as in a drift: expect more false alarms here", width, 4)
    doubtful = Counter(doubt for point in series.points for doubt in point.doubts)
    if doubtful:
        words = ", ".join(f"{count} {doubt}" for doubt, count in doubtful.items())
        yield from _wrap(f"doubtful values among these: {words}", width, 4)


def sparkline(values: Sequence[float], width: int) -> str:
    """Return a line of bars, from the least value to the greatest; equal values are all low.

    Args:
        values: at least one value.
        width: the number of bars at most; of more values, each bar is the median of neighbours.
    """
    count = min(len(values), width)
    bounds = [len(values) * index // count for index in range(count + 1)]
    medians = [sorted(values[a:b])[(b - a) // 2] for a, b in pairwise(bounds)]
    low, high = min(medians), max(medians)
    if high == low:
        return BARS[0] * count
    return "".join(BARS[min(int((value - low) / (high - low) * len(BARS)), len(BARS) - 1)] for value in medians)


def change_text(result: SeriesVerdict, change: ChangePoint) -> str:
    """Return a change point in words: `worse by 12 % [10, 14], p = 0.0005, since 2026-11-03`."""
    size = _size(result, change)
    p = "" if change.p is None else f", p = {change.p:.4f}"
    words = {"worse": f"worse by {size}", "better": f"better by {size}", "differs": f"changed by {size}"}
    return f"{words[change.direction]}{p}, since {day(change.after)}"


def _size(result: SeriesVerdict, change: ChangePoint) -> str:
    """Return by how much a metric changed, with its interval, in percent for times and rates."""
    times = 100.0 if result.series.timing else 1.0
    value = change.change * times
    if change.low is None or change.high is None:
        text, interval = formatting.plain_number(value), ""
    else:
        half = (change.high - change.low) / 2 * times
        decimals = formatting.decimals_for(half) if half > 0 else _decimals(value)
        text, low, high = formatting.with_bounds(value, (change.low * times, change.high * times), decimals)
        interval = f" [{low}, {high}]"
    return f"{'+' if value > 0 else ''}{text}{_unit(result)}{interval}"


def size_text(result: SeriesVerdict, change: float) -> str:
    """Return the size of a change as text: `2 %` for times and rates, else with the metric's unit."""
    return f"{formatting.plain_number(change * (100.0 if result.series.timing else 1.0))}{_unit(result)}"


def _unit(result: SeriesVerdict) -> str:
    """Return the unit of a change, with a space before it."""
    unit = "%" if result.series.timing else formatting.scale_for([], result.series.unit).unit
    return f" {unit}" if unit else ""


def _decimals(value: float) -> int:
    """Return the decimals of a change that does not vary: two digits of it."""
    return formatting.decimals_for(abs(value) / 10) if value else 0


def value_text(result: SeriesVerdict, value: float) -> str:
    """Return a value of the series with its unit."""
    scale = formatting.scale_for([value], result.series.unit)
    text = formatting.full(Value(value), scale)
    return f"{text} {scale.unit}" if scale.unit else text


def commit_text(point: Point) -> str:
    """Return the commit of a run with its day, or its name if no commit is known: `1a2b3c4 (2026-11-03)`."""
    return f"{point.commit[:7]} ({day(point)})" if point.commit else f"{point.run} (no commit known)"


def day(point: Point) -> str:
    """Return the day on which a run began."""
    return point.started[:10]


def _left_out_lines(left_out: Sequence[LeftOut], width: int) -> Iterator[str]:
    """Yield what is left out, by reason, with the names of the runs."""
    groups: dict[tuple[str, str, str], list[str]] = {}
    for entry in left_out:
        groups.setdefault((REASONS[entry.reason], entry.where, entry.detail), []).append(entry.run)
    yield "left out:"
    for (reason, where, detail), runs in groups.items():
        names = ", ".join(runs[:3]) + (f" and {len(runs) - 3} more" if len(runs) > 3 else "")
        text = ", ".join(filter(None, (where, reason))) + (f" ({detail})" if detail else "")
        yield from _wrap(f"{text}: {names}", width, 2)


def _rate_lines(history: History) -> Iterator[str]:
    """Yield how often verdicts like these are wrong."""
    incomplete = {point.run for one in history.verdicts for point in one.series.points if point.incomplete}
    if incomplete:
        names = ", ".join(sorted(incomplete)[-3:]) + (", …" if len(incomplete) > 3 else "")
        yield f"incomplete runs whose finished cells are shown: {len(incomplete)} ({names})"
    if history.alarms is None:
        if any(one.verdict != "too few" for one in history.verdicts):
            yield "false alarms: none possible, since the values of each series are equal or counts"
        return
    rate = history.alarms
    yield (
        f"false alarms: {rate.per_hundred:.1f} per 100 series without a change ({rate.trials:,} simulated from "
        f"the residuals of {history.simulated} series; {len(history.verdicts)} are shown)"
    )
    yield "intervals are of 95 % and take the position of the change as known; p covers the search for it"


def _count(runs: int) -> str:
    return f"{runs} run{'s' if runs != 1 else ''}"


def _wrap(text: str, width: int, indent: int = 0) -> list[str]:
    printable = " ".join("".join(c if c.isprintable() else " " for c in text).split())
    first, later = " " * indent, " " * (indent + 2)
    lines = textwrap.wrap(printable, width, initial_indent=first, subsequent_indent=later, break_on_hyphens=False)
    return lines or [""]


# ── Markdown and pictures ───────────────────────────────────────────────────────────────────────


def as_markdown(histories: Iterable[History]) -> str:
    """Return one table of the newest change point of each series of some histories; empty if there is none."""
    rows = []
    for history in histories:
        for result in history.verdicts:
            if result.verdict != "too few":
                rows.append([escaping.inline(text) for text in _row(history, result)])
    head = ["Metric", "Cells", "Runs", "Newest", "Newest change", "Between"]
    return escaping.table(head, rows, right=[2]) if rows else ""


def _row(history: History, result: SeriesVerdict) -> list[str]:
    series = result.series
    change = result.changes[-1] if result.changes else None
    return [
        history.metric, series.name, str(len(series.points)), value_text(result, series.points[-1].value),
        change_text(result, change) if change else "none",
        f"{commit_text(change.before)} and {commit_text(change.after)}" if change else formatting.NOTHING,
    ]  # fmt: skip


def report_section(run: Run, metrics: Iterable[str]) -> str:
    """Return the history of metrics up to a run as one table in Markdown; empty if its suite has too few runs.

    Args:
        run: the newest run of the history.
        metrics: names of metrics; those that no run has are left out.
    """
    started = str(run.info["started"])
    infos = [info for info in Store(run.path.parent).runs() if info.suite == run.info["suite"]]
    usable = [info for info in infos if info.started <= started and not info.smoke]
    earlier = [run if info.path == run.path else Run(info.path) for info in usable]  # its records are read already
    if run.info.get("smoke") or len(earlier) < least_points():
        return ""
    return as_markdown(history_of(metric, str(run.info["suite"]), earlier) for metric in metrics)


def picture(history: History) -> Artifact:
    """Return the series of a history as a picture: the value of each run, by its number, with marked changes."""
    lines: dict[str, list[list[float]]] = {}
    for result in history.verdicts[:MAX_SERIES]:
        values = result.series.values
        lines[result.series.name] = [[float(index), value] for index, value in enumerate(values)]
        for number, change in enumerate(result.changes, 1):
            at = change.position - 0.5
            lines[f"{result.series.name}, change {number}"] = [[at, min(values)], [at, max(values)]]
    unit = history.verdicts[0].series.unit if history.verdicts else ""
    data = {"x": "run, oldest first", "y": f"{history.metric} ({unit})" if unit else history.metric, "series": lines}
    return Artifact("history", "lines", data, "")
