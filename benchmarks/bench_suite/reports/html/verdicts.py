"""What the gates of a suite say about a run, and how runs differ, for the first screen of a page."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path

from bench_suite.comparison.compare import Comparison, compare
from bench_suite.contracts import BenchError
from bench_suite.reports import formatting, leaderboard
from bench_suite.reports.compared import Compared
from bench_suite.reports.comparison import numbers_in_words
from bench_suite.reports.gate_verdicts import RunVerdicts, headline
from bench_suite.reports.html.view import Grid, Verdicts
from bench_suite.reports.table import Table
from bench_suite.store.commands import bench
from bench_suite.store.runs import Run

MAX_ROWS = 60
"Gates or differences in the page; `bench compare` shows all."
_QUIET = ("no difference found", "not compared")
_BAD = ("regressed", "failed")
_UNKNOWN = ("absent", "cannot tell", "not judged", "not compared")
_STATUS = {"regressed": "bad", "failed": "bad", "cannot tell": "unknown", "not worse": "good", "not judged": "none"}


def gate_verdicts(run: Run, verdicts: RunVerdicts) -> Verdicts | None:
    """Return the verdict of each gate of a run; None if its suite has neither a gate nor a baseline.

    Args:
        run: the run.
        verdicts: what its gates say.
    """
    if verdicts.base == "smoke run" or (not verdicts.stated and verdicts.base != "compared"):
        return None
    words = {one.verdict for one in verdicts.gates}
    status = "bad" if words & {*_BAD} else "unknown" if words & {*_UNKNOWN} or verdicts.reason else "good"
    if verdicts.comparison is not None and status == "good":  # a cell may have failed, or be in one run only
        status = _STATUS[Compared.of(verdicts.comparison).verdict]
    sentences = [f"{headline(verdicts)}." if verdicts.gates else "The suite has no gate."]
    command = ""
    if verdicts.base == "compared":
        sentences.append(f"Compared with the baseline {verdicts.baseline}.")
        command = bench("compare", "baseline", run.name, results=run.path.parent)
    elif verdicts.base == "itself":
        sentences.append("This run is the baseline of its suite.")
    elif verdicts.base == "none":
        sentences.append("The suite has no baseline; this command keeps the run as one:")
        command = bench("baseline", "set", run.name, results=run.path.parent)
    sentences += [f"{verdicts.reason}."] if verdicts.reason else []
    rows = [[one.verdict, one.gate, one.where, one.evidence] for one in verdicts.gates[:MAX_ROWS]]
    grid = Grid(["Verdict", "Gate", "Cells", "What decides"], rows) if rows else None
    notes = [f"{one.gate}, {one.where}: {one.note}" for one in verdicts.gates[:MAX_ROWS] if one.note]
    notes += _notes(verdicts.comparison) if verdicts.comparison is not None else []
    status = status if verdicts.gates or verdicts.reason else "none"
    return Verdicts("Gates", status, " ".join(sentences), grid, notes, command)


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
        shown.append(_difference(comparison, head.path.parent))
    return shown


def _difference(comparison: Comparison, results: Path) -> Verdicts:
    word = Compared.of(comparison).verdict
    gated = [row for row in comparison.rows if row.gated]
    worse = [row for row in gated if row.verdict == "regressed"]
    loud = [row for row in comparison.rows if row.gated or row.verdict not in _QUIET]
    differing = [row for row in loud if not row.gated]
    sentences = {
        "regressed": f"{len(worse)} of {len(gated)} gates regressed.",
        "failed": "Cells or probes failed.",
        "cannot tell": f"Not all of the {len(gated)} gates can be decided." if gated else "Nothing can be compared.",
        "not worse": f"All {len(gated)} gates hold.",
        "not judged": "The suite has no gate.",
    }
    rest = f"{len(differing)} of {len(comparison.rows) - len(gated)} metrics without a gate differ."
    lines = [[row.verdict, row.name, row.where, numbers_in_words(row)] for row in loud[:MAX_ROWS]]
    notes = [*_notes(comparison)]
    if len(loud) > MAX_ROWS:
        notes.append(f"{len(loud) - MAX_ROWS} more differences: the command shows all")
    return Verdicts(
        f"{comparison.head} against {comparison.base}", _STATUS[word], f"{sentences[word]} {rest}",
        Grid(["Verdict", "Metric", "Cells", "What decides"], lines) if lines else None, notes,
        bench("compare", comparison.base, comparison.head, results=results),
    )  # fmt: skip


def _notes(comparison: Comparison) -> list[str]:
    changes = [f"the gates differ: {change}" for change in comparison.gate_changes if change.weaker]
    return [
        *changes,
        *comparison.notes,
        *(f"not compared: {cell.where}: {cell.detail}" for cell in comparison.uncompared[:12]),
    ]


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
