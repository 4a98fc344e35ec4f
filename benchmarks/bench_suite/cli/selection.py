"""The choice of cells that `-k` makes, with a word on what it did not find."""

from __future__ import annotations

from bench_suite.cli.saying import say
from bench_suite.plan import Plan
from bench_suite.selecting import select, strangers


def matching(plan: Plan, keyword: str) -> Plan:
    """The cells that match; words that match none are told on standard error. Raises SuiteError."""
    chosen = select(plan, keyword)
    for line in strangers(plan, keyword):
        say(f"note: {line}", err=True)
    return chosen
