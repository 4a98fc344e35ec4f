"""What the end of a run shows of its comparison with an earlier run, in one screen; `bench compare` shows all of it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from bench_suite.cli.screen import Entry, Section
from bench_suite.comparison.compare import Comparison
from bench_suite.comparison.verdicts import WORST_FIRST, Row, Verdict
from bench_suite.reports.comparison import GATES_DIFFER, QUIET, numbers_in_words, title
from bench_suite.store.commands import bench

MAX_FINDINGS = 3
"Metrics without a gate, and notes on the two runs, that are shown at most."
MAX_LEAST = 3
"Verdicts against a run that are shown however small the screen is."
COLOURS: dict[Verdict, str] = {
    "regressed": "red", "not compared": "yellow", "cannot tell": "yellow", "no regression found": "green",
    "not worse than the tolerance": "green",
}  # fmt: skip
GOOD = ("no regression found", "not worse than the tolerance")


@dataclass(frozen=True)
class _Line(Entry):
    """The line about a metric or a cell, with its verdict."""

    verdict: Verdict = "not compared"


def comparison_sections(comparison: Comparison, results: Path) -> list[Section]:
    """Return the result of a comparison, its gates worst first, findings without a gate, and notes on the two runs.

    Args:
        comparison: the comparison of the run that has ended, as head.
        results: the folder of the runs.
    """
    command = bench("compare", comparison.base_word or comparison.base, comparison.head, results=results)
    gates = [*_gates(comparison)]
    against = sum(entry.verdict not in GOOD for entry in gates)
    findings = [Entry(_text(row, " (not gated)")) for row in _findings(comparison)]
    weaker = [Entry(f"! {change}", style="red") for change in comparison.gate_changes if change.weaker]
    notes = [f"{GATES_DIFFER} {change}" for change in comparison.gate_changes if not change.weaker]
    notes += comparison.notes
    return [
        Section([Entry(f"against {comparison.base}: {title(comparison)}", style="bold")], least=1),
        Section(
            [Entry(GATES_DIFFER), *weaker] if weaker else [],
            least=2,
            text_rows=2,
            rest=_more("such change", "such changes"),
        ),
        Section(gates, least=min(max(against, 1), MAX_LEAST), text_rows=2, rest=_counts),
        Section(
            findings, most=MAX_FINDINGS, text_rows=2, rest=_more("finding without a gate", "findings without a gate")
        ),
        Section([Entry(f"note: {note}") for note in notes], most=MAX_FINDINGS, text_rows=2),
        Section([Entry(f"all metrics and notes: {command}")], least=1),
    ]


def _gates(comparison: Comparison) -> Iterator[_Line]:
    """Yield a line for each gate and for each kind of cell that is not compared, worst first."""
    gated = [row for row in comparison.rows if row.gated]
    firsts = {row.note: row for row in reversed(gated)}
    lines = [
        _Line(_text(row, note=firsts[row.note] is row), style=COLOURS.get(row.verdict, ""), verdict=row.verdict)
        for row in gated
    ]
    for cell in comparison.uncompared:
        probe = f"{cell.probe}: " if cell.probe else ""
        text = f"not compared: {cell.where}: {probe}{cell.reason_code}: {cell.detail}"
        lines.append(_Line(text, style="" if comparison.is_ignored(cell) else COLOURS["not compared"]))
    yield from sorted(lines, key=lambda line: WORST_FIRST.index(line.verdict))


def _findings(comparison: Comparison) -> list[Row]:
    return [row for row in comparison.rows if not row.gated and row.verdict not in QUIET]


def _text(row: Row, remark: str = "", *, note: bool = True) -> str:
    """Return the line about a metric; `note` is whether its note follows, which an earlier line may have."""
    parts = [f"{row.verdict}: {row.name}, {row.where}{remark}", numbers_in_words(row)]
    return ": ".join(filter(None, parts)) + (f"; {row.note}" if note and row.note else "")


def _more(one: str, several: str) -> Callable[[Sequence[Entry]], str]:
    return lambda left: f"… {len(left)} more {one if len(left) == 1 else several}"


def _counts(left: Sequence[Entry]) -> str:
    """Return how many verdicts are left out, by their words."""
    counts = Counter(entry.verdict for entry in left if isinstance(entry, _Line))
    return f"… {', '.join(f'{count} more {verdict}' for verdict, count in counts.items())}"
