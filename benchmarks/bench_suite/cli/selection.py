"""The choice of cells that `-k` makes, with a word on what it did not find."""

from __future__ import annotations

from bench_suite.cli.output import say
from bench_suite.execution.selection import select, unmatched_words
from bench_suite.suite.plan import Plan


def matching(plan: Plan, keyword: str) -> Plan:
    """The cells that match; words that match none are told on standard error. Raises SuiteError."""
    chosen = select(plan, keyword)
    for line in unmatched_words(plan, keyword):
        say(f"note: {line}", err=True)
    return chosen
