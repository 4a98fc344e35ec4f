"""`bench selftest`: run the instruments on tasks whose results are known."""

from __future__ import annotations

import json
import shlex
import time
from collections.abc import Iterator, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any

import click

from bench_suite.cli.arguments import JSON, shared_options
from bench_suite.cli.output import say

if TYPE_CHECKING:
    from bench_suite.selftest.checks import Check, Finding

OUTSIDE = 1
MAX_NAME = 25
"Most characters of a name in the line of its numbers; a longer name has a line above them."
KEYWORD = click.option(
    "-k", "keyword", metavar="EXPRESSION", default="",
    help="Only checks that match, as in pytest: 'quality and not mlp'. A word matches a part of the name of an "
    "instrument, a task or a model.",
)  # fmt: skip


@click.command()
@shared_options(KEYWORD, JSON)
def command(keyword: str, as_json: bool) -> int:
    """Run every instrument on tasks with known answers, and compare the measured with the known values.

    Run it on new hardware or with a new version of PyTorch, before you trust the numbers. It runs the suite
    `planted` on one thread in under two minutes and keeps no results. Exit status 1 if a number is missing or
    outside its tolerance.

    \b
      bench selftest
      bench selftest -k 'throughput or compute'
      bench selftest --json > selftest.json
    """
    from bench_suite.cli.progress import make_progress
    from bench_suite.cli.selection import select_cells
    from bench_suite.selftest import runner
    from bench_suite.training import machine

    began = time.perf_counter()
    plan, checks, missing_extras = runner.plan_checks()
    checks = runner.choose_checks(select_cells(runner.as_plan(plan, checks), keyword), checks)
    findings = runner.selftest(plan, checks, partial(make_progress, one_thread=True))
    seconds = time.perf_counter() - began
    status = 0 if all(finding.holds for finding in findings) else OUTSIDE
    here = machine.describe()
    if as_json:
        entries = [_entry(finding) for finding in findings]
        document = {"schema": 1, "status": status, "seconds": seconds, "environment": here, "checks": entries}
        click.echo(json.dumps(document, indent=2))
        return status
    packages = here["packages"]
    say(f"\nPyTorch {packages.get('torch')}, NumPy {packages.get('numpy')}, {here['hardware']['cpu']}")
    say("\n".join(table(findings)))
    outside = [finding for finding in findings if not finding.holds]
    for extra in missing_extras:
        say(f"not checked, since it is not installed: {extra}   pip install 'bench-suite[{extra}]'")
    say(f"\n{len(findings) - len(outside)} of {len(findings)} as known, in {seconds:.0f} s")
    for line in _next_steps(outside):
        say(line)
    return status


def _next_steps(outside: Sequence[Finding]) -> Iterator[str]:
    from bench_suite.selftest.runner import EXTRAS

    if not outside:
        yield "next: bench run quickstart   the same instruments, on real data"
        return
    cell = outside[0].check.cell
    yield f"OUTSIDE: {', '.join(dict.fromkeys(finding.check.instrument for finding in outside))}"
    if not outside[0].check.needs_run:
        yield f"next: bench selftest -k {cell.model.label}   these checks again"
        return
    words = ["-k", f"{cell.task.label} and {cell.model.label}"]
    settings = {probe: setting for _, added in EXTRAS.values() for probe, setting in added.items()}
    applied = [probe for probe, reason in cell.probes.items() if reason is None and probe in settings]
    words += [word for probe in applied for word in ("--set", settings[probe])]
    yield f"next: bench run planted {shlex.join(words)}   the cell of the first, with a report"


# ── the table ───────────────────────────────────────────────────────────────────────────────────


def table(findings: Sequence[Finding]) -> Iterator[str]:
    """Yield the lines of the findings, 80 columns wide, grouped by cell."""
    yield f"\n  {'':{MAX_NAME}} {'known':>10} {'measured':>10} {'error':>8} {'allowed':>13}"
    current = None
    for finding in findings:
        check, cell = finding.check, finding.check.cell
        if cell.id != current:
            current = cell.id
            part = "" if cell.fraction == 1.0 else f", fraction {cell.fraction:g}"
            yield f"{cell.task.label}, {cell.model.label}{part}"
        measured, error = (
            ("–", "–") if finding.measured is None else (_format_value(finding.measured), _format_error(finding))
        )
        verdict = "ok" if finding.holds else "OUTSIDE"
        name = check.instrument
        if len(name) > MAX_NAME:
            yield f"  {name}"
            name = ""
        known, tolerance = _format_value(check.known), _format_tolerance(check)
        row = f"{name:{MAX_NAME}} {known:>10} {measured:>10} {error:>8} {tolerance:>13}"
        yield f"  {row} {verdict}"
        if finding.reason:
            yield f"      {finding.reason}"


def _format_value(value: float) -> str:
    return f"{value:,.0f}" if float(value).is_integer() and abs(value) < 1e9 else f"{value:.5g}"


def _format_error(finding: Finding) -> str:
    assert finding.measured is not None
    error = finding.measured - finding.check.known
    if abs(error) < 1e-12:
        return "0"
    return f"{error:+.4g}" if abs(error) >= 1 else f"{error:+.2g}"


def _format_tolerance(check: Check) -> str:
    if check.exact:
        return "exact"
    if abs((check.least + check.most) / 2 - check.known) < 1e-9:
        return f"± {(check.most - check.least) / 2:.3g}"
    return f"{_format_bound(check.least)}–{_format_bound(check.most)}"


def _format_bound(value: float) -> str:
    return f"{value:,.0f}" if abs(value) >= 100 else f"{value:.3g}"


def _entry(finding: Finding) -> dict[str, Any]:
    check = finding.check
    return {
        "instrument": check.instrument, "task": check.cell.task.label, "model": check.cell.model.label,
        "fraction": check.cell.fraction, "known": check.known, "measured": finding.measured,
        "error": None if finding.measured is None else finding.measured - check.known, "least": check.least,
        "most": check.most, "basis": check.basis, "holds": finding.holds, "reason": finding.reason,
    }  # fmt: skip
