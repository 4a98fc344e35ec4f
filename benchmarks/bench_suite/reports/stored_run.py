"""A stored run with what notebooks and terminals show of it: what `bench_suite.load` returns."""

from __future__ import annotations

import shutil
from collections.abc import Iterator, Sequence

from bench_suite.contracts import Record
from bench_suite.reports import board_html, notebook_html
from bench_suite.reports.doubts import doubt_lines
from bench_suite.reports.escaping import flat
from bench_suite.reports.table import tables
from bench_suite.reports.terminal import terminal_table
from bench_suite.store.runs import Run

MAX_REASONS = 8
"Failures that a notebook lists; the others are counted."


class StoredRun(Run):
    """A run that prints as its leaderboard, and shows it as tables in notebooks."""

    @staticmethod
    def of(run: Run) -> StoredRun:
        """Return the same run with these methods."""
        return run if isinstance(run, StoredRun) else StoredRun(run.path)

    def markdown(self) -> str:
        """Return the report of the run as Markdown, without its pictures: what `bench report` writes."""
        from bench_suite.reports.markdown import report

        return report(self)

    def __repr__(self) -> str:
        """Return the run's id, and how many cells it was asked for."""
        smoke = ", smoke run" if self.info.get("smoke") else ""
        return f"<{type(self).__name__} {flat(self.name)}: {self.info.get('cells', '?')} cells{smoke}>"

    def __str__(self) -> str:
        """Return the leaderboard of the run as plain text, as wide as the terminal."""
        return terminal_table(self, shutil.get_terminal_size().columns)

    def _repr_html_(self) -> str:
        return notebook_html.fragment(run_parts(self))


def run_parts(run: Run) -> Iterator[str]:
    """Yield what a notebook shows of a run as HTML: its title, failures, doubts and findings, and its leaderboard."""
    info, records = run.info, run.records()
    git = info.get("git") or {}
    commit = (
        f", commit {str(git['commit'])[:7]}{' with changes' if git.get('dirty') else ''}" if git.get("commit") else ""
    )
    yield notebook_html.heading(info.get("title") or info["suite"])
    succeeded = sum(record.status == "ok" for record in records)
    cells = f"{succeeded} of {info.get('cells', len(records))} cells succeeded"
    yield notebook_html.paragraph(
        f"{run.name}: {cells}; {str(info.get('started', ''))[:16].replace('T', ' ')} UTC{commit}"
    )
    yield notebook_html.bullets(failure_lines(records))
    yield notebook_html.bullets(doubt_lines(records))
    yield notebook_html.bullets(
        f"{one.code} {one.task}: {one.summary}" for one in run.findings if one.severity != "note"
    )
    yield from board_html.board_parts(tables([run]))
    yield notebook_html.bullets(f"damaged and left out: {damage}" for damage in run.damages)


def failure_lines(records: Sequence[Record]) -> list[str]:
    """Return each reason why cells or probes failed once, with one affected cell and the number of others."""
    affected: dict[str, list[str]] = {}
    for record in records:
        name = ", ".join(str(value) for value in (record.cell.get("task"), record.cell.get("model")))
        name += f", seed {record.cell['seed']}" if "seed" in record.cell else ""
        if record.status != "ok":
            affected.setdefault(f"{record.status}: {record.reason}", []).append(name)
        for label, row in record.probes.items():
            if row.status == "failed":
                affected.setdefault(f"probe {label} failed: {row.reason}", []).append(name)
    lines = [
        f"{names[0]}{f' and {len(names) - 1} more' if len(names) > 1 else ''}: {reason}"
        for reason, names in affected.items()
    ]
    rest = len(lines) - MAX_REASONS
    return [*lines[:MAX_REASONS], *([f"{rest} more reasons: see the report"] if rest > 0 else [])]
