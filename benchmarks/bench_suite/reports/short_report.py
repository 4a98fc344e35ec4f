"""The short report of a run: the verdicts of its gates, the boards, what a reader must know, and what to open."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from bench_suite.contracts import Record
from bench_suite.reports import across_tasks, escaping, leaderboard, provenance
from bench_suite.reports.doubts import data_notes, doubt_lines, machine_lines
from bench_suite.reports.failures import Failure, cell_failures, cell_names, outcome, probe_failures
from bench_suite.reports.findings import shown_findings
from bench_suite.reports.gate_verdicts import RunVerdicts, headline, with_changes
from bench_suite.reports.table import Table
from bench_suite.store.commands import bench
from bench_suite.store.runs import Run

MAX_ROWS = 20
"Rows of a board, or of the gates, that a short report shows at most."
MAX_LINES = 8
"Lines about findings, failures or differences that a short report shows at most; it counts the others."
MAX_TEXT = 240
"Characters of a reason."
BOLD_VERDICTS = ("regressed", "failed")
"Verdicts of gates that are written in bold."


def short_parts(run: Run, run_tables: Sequence[Table], verdicts: RunVerdicts) -> dict[str, Any]:
    """Return the parts of the short report, by their names in the template.

    Args:
        run: the run.
        run_tables: its tables.
        verdicts: what its gates say.
    """
    info, records = run.info, run.records()
    shown = list(run_tables) if verdicts.comparison is None else with_changes(run_tables, verdicts.comparison)
    summary = across_tasks.across_tasks(shown)
    return {
        "title": escaping.inline(info.get("title") or info["suite"]),
        "description": escaping.inline(info.get("description") or ""),
        "smoke": bool(info.get("smoke")),
        "outcome": outcome(run, records),
        "gates": gate_lines(run, verdicts),
        "gate_table": gate_table(verdicts, MAX_ROWS),
        "tables": [
            {
                "heading": leaderboard.heading(table),
                "about": leaderboard.about(table),
                "text": leaderboard.leaderboard_table(table, MAX_ROWS),
                "more": max(len(table.rows) - MAX_ROWS, 0),
            }
            for table in shown
        ],
        "across_tasks": "" if summary is None else across_tasks.as_markdown(summary),
        "reading": leaderboard.reading(shown),
        "to_know": [*to_know(run, records)],
        "facts": provenance.run_facts(run, run_tables, provenance.MAIN_FACTS),
        "reproduction": provenance.reproduction_commands(run),
        "full": escaping.code(bench("report", run.name, "--full", results=run.path.parent)),
        "open": [*_to_open(run, verdicts)],
    }


# ── gates ───────────────────────────────────────────────────────────────────────────────────────


def gate_lines(run: Run, verdicts: RunVerdicts) -> list[str]:
    """Return what the gates say as a whole and what they are compared with, as lines of Markdown."""
    baseline = escaping.code(verdicts.baseline)
    set_it = escaping.code(bench("baseline", "set", run.name, results=run.path.parent))
    if verdicts.base == "smoke run":
        return ["A smoke run is neither judged nor compared."]
    lines = [f"**{headline(verdicts)}.**"] if verdicts.gates else []
    if not verdicts.stated:
        lines.append("The suite has no gate, so nothing is judged.")
    elif not verdicts.gates and not verdicts.reason:
        lines.append("No gate is for the cells of this run.")
    if verdicts.base == "compared":
        lines.append(f"Compared with the baseline {baseline}.")
    elif verdicts.base == "itself":
        lines.append("This run is the baseline of its suite: later runs are compared with it.")
    elif verdicts.base == "none":
        lines.append(f"The suite has no baseline to compare with: {set_it} keeps this run as the baseline.")
    if verdicts.reason:
        about = "Not compared with the baseline" if verdicts.base == "not compared" else "Not judged"
        lines.append(f"{about}: {_short(verdicts.reason)}.")
    comparison = verdicts.comparison
    if comparison is None:
        return lines
    against = escaping.code(bench("compare", "baseline", run.name, results=run.path.parent))
    notes = [f"**the gates differ: {_short(str(change))}**" for change in comparison.gate_changes if change.weaker]
    notes += [
        f"not compared: {_short(f'{cell.where}: {cell.reason_code}: {cell.detail}')}" for cell in comparison.uncompared
    ]
    notes += [_short(note) for note in comparison.notes]
    if notes:
        listed = [f"- {line}" for line in _first(notes, f"lines: {against} has them")]
        lines += ["About the two runs:", "\n".join(listed)]
    return lines


def gate_table(verdicts: RunVerdicts, max_rows: int | None = None) -> str:
    """Return the verdicts of the gates as a table in Markdown, worst first; empty without gates."""
    if not verdicts.gates:
        return ""
    lines, notes = [], escaping.Notes()
    for one in verdicts.gates[:max_rows]:
        verdict = f"**{one.verdict}**" if one.verdict in BOLD_VERDICTS else one.verdict
        evidence = _short(one.evidence) + notes.mark(one.note)
        lines.append([verdict, *map(escaping.inline, (one.gate, one.where)), evidence])
    rest = len(verdicts.gates) - len(lines)
    parts = [escaping.table(["Verdict", "Gate", "Cells", "What decides"], lines), *map(_short, notes.lines())]
    return "\n\n".join([*parts, *([f"{rest} more verdicts, none worse."] if rest else [])])


# ── what a reader must know ─────────────────────────────────────────────────────────────────────


def to_know(run: Run, records: Sequence[Record]) -> Iterator[str]:
    """Yield what changes the meaning of the numbers, as lines of Markdown: failures, data, findings and machine."""
    full = escaping.code(bench("report", run.name, "--full", results=run.path.parent))
    if missing := leaderboard.missing_part(run):
        yield f"Incomplete: {escaping.inline(missing)}."
    failures = [*cell_failures(records), *(one for one in probe_failures(records) if one.status != "not applicable")]
    yield from _first([_failure(one, records) for one in failures], f"failures: {full} lists them")
    yield from _first(
        [f"Data of {escaping.inline(task)}: {escaping.inline(key)}: {_short(note)}" for task, key, note in
         data_notes(records)],
        "notes on the data",
    )  # fmt: skip
    lines = [
        f"{one.code} ({one.severity}) in {escaping.inline(one.task)}: {_short(one.summary)}. Mend: {_short(one.mend)}"
        for one in shown_findings(run.findings, notes=False)
    ]
    yield from _first(lines, f"findings: {full} lists them")
    if notes := sum(one.severity == "note" for one in run.findings):
        yield f"{notes} note{'s' if notes > 1 else ''} on the data: {full} lists them."
    yield from map(_short, (*doubt_lines(records), *machine_lines(run, records), *run.damages))


def _failure(failure: Failure, records: Sequence[Record]) -> str:
    probe = f"probe {failure.probe} in " if failure.probe else ""
    cells = escaping.inline(f"{probe}{cell_names(failure.cells, records)}")
    return f"**{failure.status}**: {cells}: {_short(failure.reason or 'no reason given')}"


def _first(lines: Sequence[str], rest: str) -> list[str]:
    """Return the first lines, and one with the number of the others."""
    more = len(lines) - MAX_LINES
    return [*lines[:MAX_LINES], *([f"{more} more {rest}"] if more > 0 else [])]


def _short(text: str) -> str:
    """Return the beginning of a text as inline Markdown."""
    flat = " ".join(text.split())
    return escaping.inline(flat if len(flat) <= MAX_TEXT else f"{flat[: MAX_TEXT - 1]}…")


# ── what to open ────────────────────────────────────────────────────────────────────────────────


def _to_open(run: Run, verdicts: RunVerdicts) -> Iterator[str]:
    """Yield the commands that show more, each with what it shows."""

    def command(*words: str) -> str:
        return escaping.code(bench(*words, results=run.path.parent))

    yield f"{command('report', run.name, '--html')}: one page to look at, sort and filter"
    yield f"{command('report', run.name, '--full')}: all metrics, pictures, versions and the text of the suite"
    if verdicts.comparison is not None:
        yield f"{command('compare', 'baseline', run.name)}: all metrics against the baseline"
    if not run.info.get("smoke"):
        yield f"{command('leaderboard')}: the newest runs of all suites"
