"""What the gates of a suite say about a run, and how runs differ, for the first screen of a page."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

from bench_suite.comparison.baselines import WORD, base_for
from bench_suite.comparison.compare import Comparison, compare
from bench_suite.comparison.verdicts import Row
from bench_suite.contracts import BenchError
from bench_suite.reports import formatting, leaderboard
from bench_suite.reports.comparison import Compared
from bench_suite.reports.html.view import Grid, Verdicts
from bench_suite.reports.table import Table
from bench_suite.store.runs import Run, Store

MAX_ROWS = 60
"Differences of two runs in the page; `bench compare` shows all."
_QUIET = ("no difference found", "not compared")
_STATUS = {"regressed": "bad", "failed": "bad", "cannot tell": "unknown", "not worse": "good", "not judged": "none"}


def gate_verdicts(run: Run, store: Store | None) -> Verdicts | None:
    """Return the verdict of each gate of a run against the baseline of its suite; None if it has no gate.

    Args:
        run: the run.
        store: where the baseline is.
    """
    if not run.info.get("gate") or run.info.get("smoke"):
        return None
    suite = str(run.info["suite"])
    try:
        if store is None:
            raise BenchError("no store")
        base = base_for(store, WORD, run)
        comparison = compare(base, run)
    except BenchError:
        return Verdicts(
            "Gates", "unknown", f"The gates of {suite} have not been judged: there is no baseline to compare with.",
            command=f"bench baseline set {run.name}",
        )  # fmt: skip
    return _verdicts(comparison, f"Gates, against {comparison.base}", [row for row in comparison.rows if row.gated])


def between_runs(runs: Sequence[Run]) -> list[Verdicts]:
    """Return how each run differs from the one before it, if both are of one suite."""
    shown = []
    for base, head in pairwise(runs):
        if base.info["suite"] != head.info["suite"]:
            continue
        try:
            comparison = compare(base, head)
        except BenchError as error:
            shown.append(Verdicts(f"{head.name} against {base.name}", "none", f"Not compared: {error}"))
            continue
        loud = [row for row in comparison.rows if row.gated or row.verdict not in _QUIET]
        shown.append(_verdicts(comparison, f"{head.name} against {base.name}", loud or comparison.rows))
    return shown


def side_by_side(runs: Sequence[Run], tables: Sequence[Sequence[Table]]) -> Grid | None:
    """Return the metric that ranks in every run, a line for each row of their boards; None without any.

    Args:
        runs: the runs, a column each.
        tables: the tables of each run.
    """
    lines: dict[tuple[str, str, str], dict[int, str]] = {}
    for number, own in enumerate(tables):
        for table in own:
            if table.sort is None:
                continue
            scale = formatting.scale_for((row.values[table.sort].value for row in table.rows), table.sort.unit)
            title = leaderboard.title(table.sort, scale)
            for row in table.rows[:MAX_ROWS]:
                key = (leaderboard.name(table), row.label, title)
                lines.setdefault(key, {})[number] = formatting.short(row.values[table.sort], scale)
    rows = [
        [*key, *(texts.get(number, formatting.NOTHING) for number in range(len(runs)))] for key, texts in lines.items()
    ]
    return Grid(["Task", "Model", "Metric", *(run.name for run in runs)], rows) if rows else None


def _verdicts(comparison: Comparison, heading: str, rows: Sequence[Row]) -> Verdicts:
    word = Compared.of(comparison).verdict
    gated = [row for row in comparison.rows if row.gated]
    worse = [row for row in gated if row.verdict == "regressed"]
    sentences = {
        "regressed": f"{len(worse)} of {len(gated)} gates regressed.",
        "failed": "Cells or probes failed.",
        "cannot tell": f"The {len(gated)} gates cannot be decided." if gated else "Nothing can be compared.",
        "not worse": f"All {len(gated)} gates hold: nothing is worse than its tolerance.",
        "not judged": "The suite has no gate; these are the differences.",
    }
    lines = [_line(row) for row in rows[:MAX_ROWS]]
    notes = [*comparison.notes, *(f"{cell.where}: {cell.detail}" for cell in comparison.uncompared[:12])]
    if len(rows) > MAX_ROWS:
        notes.append(f"{len(rows) - MAX_ROWS} more differences: see the command below")
    header = ["Metric", "Cells", "Base", "Head", "Difference", "Verdict"]
    command = f"bench compare {comparison.base} {comparison.head}"
    return Verdicts(heading, _STATUS[word], sentences[word], Grid(header, lines) if lines else None, notes, command)


def _line(row: Row) -> list[str]:
    factor = 100.0 if row.relative else 1.0
    unit = " %" if row.relative else ""
    difference = formatting.NOTHING
    if row.difference is not None:
        difference = formatting.plain_number(row.difference * factor)
        if row.interval is not None:
            low, high = (formatting.plain_number(end * factor) if abs(end) < 1e6 else "∞" for end in row.interval)
            difference += f" [{low}, {high}]"
        difference = ("+" if row.difference > 0 else "") + difference + unit
    base = formatting.NOTHING if row.base is None else formatting.plain_number(row.base, 4)
    head = formatting.NOTHING if row.head is None else formatting.plain_number(row.head, 4)
    return [", ".join(filter(None, (row.metric, row.coordinates))), row.where, base, head, difference, row.verdict]
