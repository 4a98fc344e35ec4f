"""A stored run with what notebooks and terminals show of it: what `bench_suite.load` returns."""

from __future__ import annotations

import shutil
from collections.abc import Iterator, Sequence

from bench_suite.contracts import Record
from bench_suite.reports import board_html, notebook_html
from bench_suite.reports.doubts import doubt_lines
from bench_suite.reports.escaping import flat
from bench_suite.reports.failures import cell_failures, cell_names, probe_failures
from bench_suite.reports.findings import shown_findings
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
        f"{one.code} {one.task}: {one.summary}" for one in shown_findings(run.findings, notes=False)
    )
    yield from board_html.board_parts(tables([run]))
    yield notebook_html.bullets(f"damaged and left out: {damage}" for damage in run.damages)


def failure_lines(records: Sequence[Record]) -> list[str]:
    """Return a line for each reason why cells or probes failed, with the names of the cells; many are counted."""
    failures = [*cell_failures(records), *(one for one in probe_failures(records) if one.status == "failed")]
    lines = []
    for failure in failures:
        what = f"probe {failure.probe} failed" if failure.probe else failure.status
        lines.append(f"{cell_names(failure.cells, records)}: {what}: {failure.reason}")
    rest = len(lines) - MAX_REASONS
    return [*lines[:MAX_REASONS], *([f"{rest} more reasons: see the report"] if rest > 0 else [])]
