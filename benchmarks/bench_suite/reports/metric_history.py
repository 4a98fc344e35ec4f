"""The history of a metric as a value: what `bench_suite.history` returns."""

from __future__ import annotations

import shutil
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from bench_suite.comparison.history.changes import Filter, History, NoHistory, SeriesVerdict
from bench_suite.contracts import BenchError
from bench_suite.reports import escaping, notebook_html
from bench_suite.reports.history import as_markdown, as_text, change_text, commit_text, sparkline, value_text
from bench_suite.reports.table import machine

if TYPE_CHECKING:
    import pandas as pd

COLUMNS = (
    "metric", "suite", "series", "task", "model", "hardware", "run", "started", "commit", "branch", "value", "low",
    "high", "cells", "unit", "better", "incomplete", "doubts", "change", "change_low", "change_high", "change_p",
    "direction",
)  # fmt: skip
TYPES = {
    **dict.fromkeys(("value", "low", "high", "change", "change_low", "change_high", "change_p"), "float64"),
    "started": "datetime64[ns, UTC]",
    "cells": "int64",
    "incomplete": "bool",
}
"Types of columns that pandas would infer from the values."
MAX_BARS = 30
"Bars of a sparkline in a notebook, at most."
WITHOUT_CHANGE = {"changed": "", "no change": "none", "too few": "cannot tell: too few runs"}
"What stands for the newest change of a series without one, by its verdict."


@dataclass(frozen=True, repr=False)
class MetricHistory:
    """A metric over all runs of some suites: its series, and since when it is better or worse."""

    metric: str
    "Name of the metric, `probe/metric`."
    histories: tuple[History, ...]
    "One for each suite that has the metric."

    @property
    def changed(self) -> bool:
        """Whether any series has a change point."""
        return any(one.changes for history in self.histories for one in history.verdicts)

    def markdown(self) -> str:
        """Return the newest change of each series as a table; empty if all have too few runs."""
        return as_markdown(self.histories)

    def frame(self) -> pd.DataFrame:
        """Return one row for each run of each series, oldest first.

        | column | type | unit | meaning | missing |
        |---|---|---|---|---|
        | `metric` | str | | `probe/metric` | never |
        | `suite` | str | | name of the suite | never |
        | `series` | str | | the cells and coordinates in words, unique on one machine | never |
        | `task`, `model` | str | | labels of the cells | never |
        | `hardware` | str | | the machine in words | never |
        | `run` | str | | id of the run | never |
        | `started` | datetime64[ns, UTC] | | start of the run | never |
        | `commit`, `branch` | str | | what was run | no repository |
        | `value` | float64 | `unit` | mean over seeds; of times and rates, their geometric mean | never |
        | `low`, `high` | float64 | `unit` | ends of its interval | no interval |
        | `cells` | int64 | cells | number of cells that the value is the mean of | never |
        | `unit` | str | | unit of the value; empty if there is none | never |
        | `better` | str | | `higher`, `lower` or `none` | never |
        | `incomplete` | bool | | whether the run lacks other cells | never |
        | `doubts` | str | | what makes the value doubtful, such as `busy`, or empty | never |
        | `change` | float64 | `unit` or share | a change that begins with this run | none does |
        | `change_low`, `change_high` | float64 | `unit` or share | ends of its 95 % interval | as `change`; counts |
        | `change_p` | float64 | | its p-value, which covers the search for it | as `change_low` |
        | `direction` | str | | `worse`, `better` or `differs` | as `change` |
        """
        import pandas as pd

        rows = [row for history in self.histories for one in history.verdicts for row in _rows(history, one)]
        return pd.DataFrame(rows, columns=list(COLUMNS)).astype(TYPES)

    def __repr__(self) -> str:
        """Return the metric and the number of series."""
        series = sum(len(history.verdicts) for history in self.histories)
        return f"<{type(self).__name__} {self.metric}: {series} series of {len(self.histories)} suites>"

    def __str__(self) -> str:
        """Return what `bench history` prints."""
        width = shutil.get_terminal_size().columns
        return "\n\n\n".join(as_text(history, width) for history in self.histories)

    def _repr_html_(self) -> str:
        return notebook_html.fragment(part for history in self.histories for part in _parts(history))

    def _repr_markdown_(self) -> str:
        return self.markdown() or escaping.block(str(self), "text")


def _rows(history: History, result: SeriesVerdict) -> Iterator[dict[str, Any]]:
    series = result.series
    changes = {change.position: change for change in result.changes}
    for position, point in enumerate(series.points):
        interval, change = point.interval, changes.get(position)
        yield {
            "metric": history.metric, "suite": history.suite, "series": series.name, "task": series.task,
            "model": series.model, "hardware": machine(series.hardware), "run": point.run, "started": point.started,
            "commit": point.commit, "branch": point.branch, "value": point.value,
            "low": interval.low if interval else None, "high": interval.high if interval else None,
            "cells": point.cells, "unit": series.unit, "better": series.better, "incomplete": point.incomplete,
            "doubts": ", ".join(point.doubts), "change": change.change if change else None,
            "change_low": change.low if change else None, "change_high": change.high if change else None,
            "change_p": change.p if change else None, "direction": change.direction if change else None,
        }  # fmt: skip


def _parts(history: History) -> Iterator[str]:
    """Yield a table with a row for each series, as HTML."""
    yield notebook_html.heading(f"{history.metric}, suite {history.suite}: {history.runs} runs")
    rows = []
    for result in history.verdicts:
        points, changes = result.series.points, result.changes
        newest = changes[-1] if changes else None
        rows.append([
            result.series.name, machine(result.series.hardware),
            sparkline(result.series.values, MAX_BARS) if points else "",
            value_text(result, points[-1].value) if points else "", len(points),
            change_text(result, newest) if newest else WITHOUT_CHANGE[result.verdict],
            f"{commit_text(newest.before)} and {commit_text(newest.after)}" if newest else "",
        ])  # fmt: skip
    head = ["cells", "machine", "runs, oldest first", "newest", "runs", "newest change", "between"]
    yield notebook_html.table([[name] for name in head], rows, left=(0, 1, 2, 5, 6))
    left_out = f"left out: {len(history.left_out)} entries; str() names them" if history.left_out else ""
    yield notebook_html.paragraph(left_out) if left_out else ""


def require_series(histories: Sequence[History], shown: Filter, branch: str | None) -> None:
    """Raise an error if no series is shown, which says why.

    Raises:
        BenchError: A filter excludes all series.
        NoHistory: No run can be a point.
    """
    if any(history.verdicts for history in histories):
        return
    if shown:
        raise BenchError("no series matches --task, --model and --hardware\n  without them, all series are shown")
    if branch is not None and not any(history.runs or history.left_out for history in histories):
        raise BenchError(f"no run of the branch {branch}")
    texts = "\n\n".join(as_text(history) for history in histories)
    raise NoHistory(f"cannot tell: no run can be shown\n{texts}")
