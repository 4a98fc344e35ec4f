"""`bench compare`: show what changed between two runs, and whether it is worse than the suite's gates allow."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

import click

from bench_suite.cli.arguments import JSON, RESULTS, shared_options
from bench_suite.cli.completion_values import run_names
from bench_suite.cli.output import say, say_left_out

if TYPE_CHECKING:
    from bench_suite.comparison.compare import Comparison

MARKDOWN = click.option(
    "--markdown", type=click.Path(path_type=Path, dir_okay=False), metavar="FILE",
    help="Write the comparison to FILE as Markdown, worst first: for a pull request or a CI summary.",
)  # fmt: skip
JUNIT = click.option(
    "--junit", type=click.Path(path_type=Path, dir_okay=False), metavar="FILE",
    help="Write JUnit XML to FILE, with a test per gated metric, per cell that is not compared and per failed probe.",
)  # fmt: skip


@click.command()
@click.argument("base", required=False, shell_complete=run_names)
@click.argument("head", default="latest", shell_complete=run_names)
@shared_options(MARKDOWN, JUNIT)
@click.option(
    "--error-rates", is_flag=True,
    help="Simulate how often gates raise a false alarm and how often they detect a drop: the gates of the given runs, "
    "or typical ones.",
)  # fmt: skip
@click.option("--trust", is_flag=True, help="Allow the metrics that HEAD's suite names by path to run again.")
@shared_options(RESULTS, JSON)
def command(
    base: str | None, head: str, markdown: Path | None, junit: Path | None, error_rates: bool, trust: bool,
    results: Path, as_json: bool,
) -> int:  # fmt: skip
    """Compare the run HEAD with the run BASE, metric by metric, paired by test example.

    BASE is a run, `baseline` (the baseline of the suite; see bench baseline), the name of a baseline, or `latest`
    (the newest earlier run of the suite). HEAD is a run, by default the newest one that is not a smoke run. The
    gates of HEAD's suite decide.

    Exit status: 0 nothing is worse; 1 regressed; 2 invalid input; 3 cells failed; 4 cannot tell, or no baseline.

    \b
      bench compare baseline
      bench compare 20261124T1200 20261125T0900 --markdown summary.md
      bench compare --error-rates
    """
    if error_rates and base is None:
        from bench_suite.cli.error_rates import usual

        return usual(as_json=as_json)
    if base is None:
        raise click.UsageError("Missing argument 'BASE': a run, `baseline` or `latest` (bench results lists runs)")
    from bench_suite.comparison.baselines import base_run, head_run
    from bench_suite.comparison.compare import compare
    from bench_suite.store.runs import Store

    store = Store(results)
    newer = head_run(store, head)
    older = base_run(store, base, str(newer.info["suite"]), before=newer)
    if error_rates:
        from bench_suite.cli.error_rates import of_runs

        return of_runs(older, newer, as_json=as_json, trust=trust)
    comparison = compare(older, newer, trust=trust)
    write_files(comparison, markdown, junit)
    say_left_out([*store.damages, *older.damages, *newer.damages])
    if as_json:
        click.echo(json.dumps(as_document(comparison), indent=2))
    else:
        from bench_suite.reports.comparison import what_next

        say_comparison(comparison)
        for path in (markdown, junit):
            if path is not None:
                say(f"written to {path}", err=True)
        say(f"\n{what_next(comparison)}")
    return comparison.status


def write_files(comparison: Comparison, markdown: Path | None, junit: Path | None) -> None:
    """Write the Markdown and JUnit files that were asked for.

    Raises:
        BenchError: A file cannot be written.
    """
    from bench_suite.reports.leaderboard import write

    if markdown is not None:
        from bench_suite.reports.comparison import as_markdown

        write(markdown, as_markdown(comparison).encode())
    if junit is not None:
        from bench_suite.components import discovery

        exporter = discovery.load(discovery.find("exporters", "junit", discovery.PACKAGE))
        write(junit, exporter.export(comparison))


def say_comparison(comparison: Comparison) -> None:
    """Print findings, gated metrics and cells that are not compared, worst first, and the result in one line."""
    from bench_suite.reports.comparison import as_text

    say(as_text(comparison))


def as_document(comparison: Comparison) -> dict[str, object]:
    """Return the comparison as plain values for JSON."""
    from dataclasses import asdict

    from bench_suite.store.records import plain

    document: dict[str, object] = {"schema": 1, **plain(asdict(comparison))}
    return document
