"""Print `bench history --error-rates`: how often a history raises a false alarm, and how often it finds a change."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import TYPE_CHECKING

import click

from bench_suite.cli.output import say

if TYPE_CHECKING:
    from bench_suite.comparison.history.changes import History, SeriesVerdict
    from bench_suite.comparison.history.error_rates import SeriesRates

MAX_SERIES = 10
"Series that are simulated, at most."


def say_rates(histories: Sequence[History], *, as_json: bool) -> None:
    """Simulate and print the rates of the series of some histories, one after another."""
    from bench_suite.comparison.history.error_rates import rates_of
    from bench_suite.store.records import plain

    entries = []
    able = [(history, one) for history in histories for one in history.verdicts if one.verdict != "too few"]
    able = [(history, one) for history, one in able if not one.series.exact]
    for history, result in able[:MAX_SERIES]:
        rates = rates_of(result, history.level)
        entries.append({"suite": history.suite, "metric": history.metric, **plain(rates)})
        if not as_json:
            say("\n".join(_lines(history, result, rates)))
    if as_json:
        click.echo(json.dumps({"schema": 1, "series": entries}, indent=2))
        return
    if len(able) > MAX_SERIES:
        say(f"{len(able) - MAX_SERIES} more series are not simulated: choose with --task, --model or --hardware\n")
    if not able:
        say("nothing to simulate: the values are counts that do not vary")
        return
    say("false alarms  of 100 series without a change: the residuals of the runs,")
    say("              shuffled, and in blocks if neighbouring runs are alike")
    say("found         of 100 series with such a change, that many runs ago")


def _lines(history: History, result: SeriesVerdict, rates: SeriesRates) -> list[str]:
    """Return the lines of one series."""
    from bench_suite.reports.history import size_text

    lines = [f"{history.metric}, suite {history.suite}", f"  {result.series.name}"]
    lines.append(f"  {rates.runs} runs, noise {size_text(result, rates.noise)} from run to run")
    lines.append(f"  false alarms {rates.false_alarms:.1f} of 100 ({rates.trials:,} simulated)")
    if rates.curve:
        lines.append("  found of 100   " + "".join(f"{f'{after} runs ago':>14}" for after in rates.afters))
        for change, shares in rates.curve:
            label = size_text(result, change)
            lines.append(f"  {label:>13}  " + "".join(f"{100 * share:>14.0f}" for share in shares))
    return [*lines, ""]
