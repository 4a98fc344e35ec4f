"""What the end of a run shows, in one screen: the board, the verdicts of the gates, and what is odd."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, get_args

from bench_suite.cli.comparison_screen import comparison_sections
from bench_suite.cli.screen import Entry, Section
from bench_suite.components.evaluate_uri import name_of
from bench_suite.contracts import FINDING_CODES, Finding, Severity
from bench_suite.reports.board import NO_RESULTS, SMOKE, BoardTable, board
from bench_suite.reports.doubts import doubt_lines
from bench_suite.store.commands import bench, display_path
from bench_suite.suite.gate_section import gate_warnings

if TYPE_CHECKING:
    from bench_suite.comparison.compare import Comparison
    from bench_suite.comparison.gates import Judgement
    from bench_suite.contracts import Record
    from bench_suite.execution.session import Outcome
    from bench_suite.store.runs import Run
    from bench_suite.suite.plan import Plan
    from bench_suite.suite.spec import Gate

BASELINE_HINT = "set a baseline with `{}`, then run with `--against baseline`"
MIN_TABLE = 2
"Lines of a table that are always shown: the heading and the best row."
OTHER_ROWS = 12
"Rows of a screen that are left for what is no table."
COMPARISON_ROWS = 6
"Further rows for a comparison."
GATE_ORDER = ("failed", "absent", "cannot tell", "not judged", "passed")
BAD = ("failed", "absent")
"Verdicts against a run."
MAX_BAD = 3
"Verdicts against a run that are shown however small the screen is."
MAX_ODDITIES = 3
"Notes on what is odd that are shown if not everything fits."
MAX_STEPS = 2
"Next steps that are shown if not everything fits."
GATE_COLOURS = {"failed": "red", "absent": "red", "cannot tell": "yellow", "passed": "green"}


SEVERITIES = get_args(Severity)


@dataclass(frozen=True)
class End:
    """A run that has ended, and what was judged."""

    plan: Plan
    outcome: Outcome
    judgements: Sequence[Judgement]
    gates: Sequence[Gate]
    "The gates that judge cells of the run."
    failing_codes: Sequence[str] = ()
    "Codes of findings that the suite forbids."
    smoke: bool = False
    comparison: Comparison | None = None
    "The comparison with an earlier run, which judges tolerances."


def sections(end: End, columns: int, rows: int | None) -> list[Section]:
    """Return the sections of a run's end, from top to bottom.

    Args:
        end: the run.
        columns: the columns of the terminal.
        rows: the rows of the terminal; None for a file, which shows all tables, and has the whole comparison elsewhere.
    """
    verdicts = [*_verdicts(end)]
    failed = sum(entry.verdict in BAD for entry in verdicts)
    comparison = None if rows is None else end.comparison
    return [
        Section([Entry("", err=True)], expendable=True),
        *_board(end, columns, rows),
        *(() if comparison is None else comparison_sections(comparison, end.outcome.run.path.parent)),
        Section(verdicts, least=min(max(failed, 1), MAX_BAD), text_rows=2, rest=_other_gates),
        Section([*_failures(end)], least=1, text_rows=4, rest=_others("more line")),
        Section([*_oddities(end)], least=1, most=MAX_ODDITIES, text_rows=2, rest=_others("more note")),
    ]


def tail(run: Run, report: Path | None, steps: Sequence[str]) -> list[Section]:
    """Return the last sections: where the files are, and what to do next.

    Args:
        run: the run that has ended.
        report: its report, if that could be written.
        steps: the lines of the next steps, the most useful first.
    """
    records = Section([Entry(f"records  {display_path(run.path)}/records/")])
    files = Section([Entry(f"report   {display_path(report)}")] if report is not None else [], least=1)
    blank = Section([Entry("")], expendable=True)
    return [blank, records, files, blank, Section([*map(Entry, steps)], least=MAX_STEPS, most=MAX_STEPS)]


def _others(noun: str, where: str = "see the report") -> Callable[[Sequence[Entry]], str]:
    return lambda left: f"… {len(left)} {noun}{'' if len(left) == 1 else 's'}: {where}"


# ── the board ───────────────────────────────────────────────────────────────────────────────────


def _board(end: End, columns: int, rows: int | None) -> Iterator[Section]:
    shown = board(end.outcome.run, columns)
    if not shown.tables:
        yield Section([Entry(NO_RESULTS)], least=1)
        return
    if shown.smoke:
        yield Section([Entry(SMOKE)], least=1)
    smoke, run = shown.smoke, end.outcome.run
    where = "see the report" if smoke else bench("leaderboard", run.name, results=run.path.parent)
    other = OTHER_ROWS + (COMPARISON_ROWS if end.comparison is not None else 0)
    most = len(shown.tables) if rows is None else _room(shown.tables, rows - other)
    for number, table in enumerate(shown.tables[:most]):
        if number:
            yield Section([Entry("")], expendable=True)
        yield from _table(table, where)
    if len(shown.tables) > most:
        left = len(shown.tables) - most
        yield Section([Entry(f"… {left} more task{'' if left == 1 else 's'}: {where}")], least=1)
    if shown.across:
        yield Section([Entry(""), *map(Entry, shown.across)], expendable=True)
    yield Section([Entry("")], expendable=True)
    yield Section([Entry(shown.legend)], least=1)


def _room(tables: Sequence[BoardTable], rows: int) -> int:
    """Return how many tables can be shown, at least one; the others are counted in one line."""
    needs = [min(1 + len(table.rows) + len(table.notes), MIN_TABLE + 1) for table in tables]
    return next((count for count in range(len(tables), 1, -1) if sum(needs[:count]) <= rows), 1)


def _table(table: BoardTable, where: str) -> Iterator[Section]:
    rows = [Entry(table.heading, style="bold"), *map(Entry, table.rows)]
    yield Section(rows, least=MIN_TABLE, rest=_others("more row", where))
    yield Section([*map(Entry, table.notes)], expendable=True)


# ── verdicts ────────────────────────────────────────────────────────────────────────────────────


def gate_line(judgement: Judgement, results: Path | None = None) -> str:
    """Return the line about a gate, with the folder of the runs."""
    hint = f" ({BASELINE_HINT.format(bench('baseline', 'set', results=results))})" if judgement.needs_baseline else ""
    return f"gate {judgement.verdict}: {judgement.name}, {judgement.where}: {judgement.message}{hint}"


def finding_line(code: str) -> str:
    """Return the line about a finding that the suite forbids."""
    return f"gate failed: [data] fail_on names {code}: {FINDING_CODES[code]}"


@dataclass(frozen=True)
class _Verdict(Entry):
    """The line about a gate, with its verdict."""

    verdict: str = ""


def _verdicts(end: End) -> Iterator[_Verdict]:
    """Yield a line for each gate, the worst first."""
    for code in end.failing_codes:
        yield _Verdict(finding_line(code), style=GATE_COLOURS["failed"], verdict="failed")
    # The comparison judges the gates that need a baseline.
    ordered = [one for one in end.judgements if end.comparison is None or not one.needs_baseline]
    for one in sorted(ordered, key=lambda one: GATE_ORDER.index(one.verdict)):
        yield _Verdict(
            gate_line(one, end.outcome.run.path.parent), style=GATE_COLOURS.get(one.verdict, ""), verdict=one.verdict
        )


def _other_gates(left: Sequence[Entry]) -> str:
    """Return how many gates are left out, by verdict."""
    counts = Counter(entry.verdict for entry in left if isinstance(entry, _Verdict))
    texts = (f"{count} more gate{'' if count == 1 else 's'} {verdict}" for verdict, count in counts.items())
    return f"… {', '.join(texts)}: see the report"


# ── what is odd ─────────────────────────────────────────────────────────────────────────────────


def failure_reasons(record: Record) -> Iterator[str]:
    """Yield why a cell did not end well, and why each of its probes failed."""
    if record.status != "ok":
        yield f"{record.status}: {record.reason}"
    for label, row in record.probes.items():
        if row.status == "failed":
            yield f"probe {label} failed: {row.reason}"


def _failures(end: End) -> Iterator[Entry]:
    """Yield each distinct failure once, with one affected cell and the number of others.

    If no cell succeeded, the description of the suite follows: it states what the suite needs. So does whether the run
    stopped at the first failure.
    """
    outcome, suite = end.outcome, end.plan.suite
    reasons: dict[str, list[str]] = {}
    for record in outcome.failed:
        cell_name = f"{record.cell.get('task')}, {record.cell.get('model')}, seed {record.cell.get('seed')}"
        cell_name += f", fold {record.cell['fold']}" if "fold" in record.cell else ""
        for reason in failure_reasons(record):
            reasons.setdefault(reason, []).append(cell_name)
    if outcome.stopped:
        text = f"stopped at the first cell that failed (-x): {len(outcome.records)} of {outcome.cells} cells have run"
        yield Entry(text, err=True)
    for reason, cell_names in reasons.items():
        more = f" and {len(cell_names) - 1} more" if len(cell_names) > 1 else ""
        yield Entry(f"{cell_names[0]}{more}: {reason}", err=True, style="red")
    for error in outcome.summary_errors:
        yield Entry(error, err=True, style="red")
    path = outcome.run.path
    if outcome.failed and any(path.glob("cells/*/traceback-*")):
        yield Entry(f"tracebacks: {display_path(path)}/cells/*/traceback-*.txt", err=True)
    if suite.description and not any(record.status == "ok" for record in outcome.records):
        yield Entry(f"about {suite.name}: {suite.description}")


def _oddities(end: End) -> Iterator[Entry]:
    """Yield what changes the meaning of a number: findings, doubts, notes on data, metrics without a value."""
    outcome = end.outcome
    yield from _findings(outcome.run.findings)
    for line in doubt_lines(outcome.records):
        yield Entry(f"note: {line}")
    yield from _metrics_without_value(end.plan, outcome.records)
    for warning in [] if end.smoke else gate_warnings(end.gates, end.plan.cells):
        yield Entry(f"note: {warning.message}")
    yield from _gates_not_judged(end)
    for task, key, note in _data_notes(outcome.records):
        yield Entry(f"data of {task}: {key}: {note}")


def _findings(findings: Sequence[Finding]) -> Iterator[Entry]:
    """Yield a line for each code and task, with the first finding and the number of others; notes are left out."""
    groups: dict[tuple[str, str], list[Finding]] = {}
    for finding in sorted(findings, key=lambda one: SEVERITIES.index(one.severity)):
        if finding.severity != "note":
            groups.setdefault((finding.code, finding.task), []).append(finding)
    for (code, task), group in groups.items():
        more = f" (and {len(group) - 1} more)" if len(group) > 1 else ""
        yield Entry(f"{code} {task}: {group[0].summary}{more}", style="yellow")


def _gates_not_judged(end: End) -> Iterator[Entry]:
    from bench_suite.comparison.gates import scope_text

    for gate in () if end.smoke else end.plan.suite.gates:
        if gate not in end.gates:
            where = scope_text(gate)
            yield Entry(f"gate not judged: {gate.name}, {where}: this run was not asked for these cells")


def _data_notes(records: Sequence[Record]) -> list[tuple[str, str, str]]:
    """Return task, key and text of the notes on data that change what a number means, each once."""
    rows: dict[tuple[str, str, str], None] = {}
    for record in records:
        notes: Mapping[str, object] = record.data.get("notes", {})
        for key in record.data.get("prominent", ()):
            if key in notes:
                rows[str(record.cell.get("task", "")), str(key), str(notes[key])] = None
    return list(rows)


def _metrics_without_value(plan: Plan, records: Sequence[Record]) -> Iterator[Entry]:
    """Yield each metric that the suite names but that has a value in no cell, with the reason.

    Otherwise such a metric would disappear silently.
    """
    metric_names = {
        f"{probe.label}/{name_of(use)}"
        for probe in plan.suite.probes
        for option, kind in probe.component.facts.get("NAMES", {}).items()
        if kind == "metrics"
        for use in probe.stated.get(option, ())
    }
    rows = [row for record in records for row in record.metrics if row.name in metric_names]
    for metric in sorted(metric_names - {row.name for row in rows if row.value is not None}):
        reasons = list(dict.fromkeys(row.reason for row in rows if row.name == metric and row.reason))
        if reasons:
            more = f" (and {len(reasons) - 1} more)" if len(reasons) > 1 else ""
            yield Entry(f"{metric} has no value: {reasons[0]}{more}", err=True)
