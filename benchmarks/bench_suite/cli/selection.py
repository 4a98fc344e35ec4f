"""The cells that `-k` chooses, with a note on words that match none."""

from __future__ import annotations

from bench_suite.cli.output import say
from bench_suite.execution.selection import select, unmatched_words
from bench_suite.suite.plan import Plan


def select_cells(plan: Plan, keyword: str) -> Plan:
    """Return the part of the plan that matches; print a note on each word that matches no cell. Raises SuiteError."""
    matched = select(plan, keyword)
    for message in unmatched_words(plan, keyword):
        say(f"note: {message}", err=True)
    return matched
