"""`bench compare`: show what changed between two runs, and whether it is worse than the suite's gates allow."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import TYPE_CHECKING

import click

from bench_suite.cli.arguments import JSON, RESULTS, shared_options
from bench_suite.cli.completion_values import run_names
from bench_suite.cli.garbage import without_collections
from bench_suite.cli.output import say, say_left_out

if TYPE_CHECKING:
    from bench_suite.comparison.base_runs.last_runs import LastRuns
    from bench_suite.comparison.compare import Comparison
    from bench_suite.store.runs import Run

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
@click.argument("head", required=False, shell_complete=run_names)
@shared_options(MARKDOWN, JUNIT)
@click.option(
    "--error-rates", is_flag=True,
    help="Simulate how often gates raise a false alarm and how often they detect a drop: the gates of the given runs, "
    "or typical ones.",
)  # fmt: skip
@click.option(
    "--between", metavar="AXIS",
    help="Compare the results of one run with each other, all pairs: its models (`model`), or the values of another "
    "axis, such as train.epochs.",
)  # fmt: skip
@click.option(
    "--metric", "metrics", metavar="PROBE/METRIC", multiple=True,
    help="With --between: compare by this metric; default: the columns of the leaderboard. Repeatable.",
)  # fmt: skip
@click.option(
    "--models",
    metavar="A,B",
    help="Pair the cells of model A of BASE with those of model B of HEAD. One run: both models are of it.",
)
@click.option("--trust", is_flag=True, help="Allow the metrics that HEAD's suite names by path to run again.")
@shared_options(RESULTS, JSON)
@without_collections
def command(
    base: str | None, head: str | None, markdown: Path | None, junit: Path | None, error_rates: bool,
    between: str | None, metrics: tuple[str, ...], models: str | None, trust: bool, results: Path, as_json: bool,
) -> int:  # fmt: skip
    """Compare the run HEAD with the run BASE, metric by metric, paired by test example.

    BASE is a run, `baseline` (the baseline of the suite; see bench baseline), the name of a baseline, `latest`
    (the newest earlier run of the suite), or `last:N` (the mean of the newest N runs of the main branch, with the
    variance between them; `last:N@BRANCH` for another branch). HEAD is a run, by default the newest one that is not
    a smoke run. The gates of HEAD's suite decide.

    Exit status: 0 nothing is worse; 1 regressed; 2 invalid input; 3 cells failed; 4 cannot tell, or no baseline.

    \b
      bench compare baseline
      bench compare last:5
      bench compare 20261124T1200 20261125T0900 --markdown summary.md
      bench compare latest --between model
      bench compare latest --models mlp,cnn
      bench compare --error-rates
    """
    _check_combination(base, head, junit, error_rates=error_rates, between=between, metrics=metrics, models=models)
    if between is not None:
        return _all_pairs(base or "latest", between, metrics, markdown, results, trust=trust, as_json=as_json)
    if error_rates and base is None:
        from bench_suite.cli.error_rates import usual

        return usual(as_json=as_json)
    if base is None:
        raise click.UsageError("Missing argument 'BASE': a run, `baseline`, `latest` or `last:5` (see bench results)")
    from bench_suite.comparison.baselines import base_for, head_run
    from bench_suite.comparison.compare import compare
    from bench_suite.store.runs import Store

    store = Store(results)
    pair = _two_models(models)
    if pair is not None and head is None:
        newer = head_run(store, base)
        older: Run | LastRuns = newer
    else:
        newer = head_run(store, head or "latest")
        older = base_for(store, base, newer)
    if error_rates:
        from bench_suite.cli.error_rates import of_last_runs, of_runs
        from bench_suite.comparison.base_runs.last_runs import LastRuns

        if isinstance(older, LastRuns):
            return of_last_runs(older, newer, as_json=as_json, trust=trust)
        return of_runs(older, newer, as_json=as_json, trust=trust)
    comparison = compare(older, newer, trust=trust, models=pair)
    write_files(comparison, markdown, junit, results)
    say_left_out([*store.damages, *older.damages, *newer.damages])
    if as_json:
        click.echo(json.dumps(as_document(comparison), indent=2))
    else:
        from bench_suite.reports.comparison import what_next

        say_comparison(comparison)
        for path in (markdown, junit):
            if path is not None:
                say(f"written to {path}", err=True)
        say(f"\n{what_next(comparison, store.root)}")
    return comparison.status


def _check_combination(
    base: str | None, head: str | None, junit: Path | None, *, error_rates: bool, between: str | None,
    metrics: tuple[str, ...], models: str | None,
) -> None:  # fmt: skip
    """Refuse options that do not go together."""
    stated = {"--between": between, "--models": models, "--error-rates": error_rates}
    names = [name for name, value in stated.items() if value]
    if len(names) > 1:
        raise click.UsageError(f"{' and '.join(names)} do not go together: choose one")
    if base is not None and base.startswith("last:") and (between is not None or models is not None):
        raise click.UsageError(f"{names[0]} compares single runs: name them, not {base}")
    if between is not None and head is not None:
        raise click.UsageError("--between compares the results of one run: name one run, not two")
    if between is not None and junit is not None:
        raise click.UsageError("--between judges no gate, so there is nothing to write to --junit")
    if metrics and between is None:
        raise click.UsageError("--metric goes with --between")


def _two_models(text: str | None) -> tuple[str, str] | None:
    if text is None:
        return None
    first, comma, second = (part.strip() for part in text.partition(","))
    if not (first and comma and second) or "," in second:
        raise click.UsageError(f"--models {text}: name two models, such as --models mlp,cnn")
    return first, second


def _all_pairs(
    name: str, axis: str, metrics: tuple[str, ...], markdown: Path | None, results: Path, *, trust: bool, as_json: bool
) -> int:
    """Print the differences of all pairs of one run."""
    from bench_suite.comparison.baselines import head_run
    from bench_suite.reports import pairwise
    from bench_suite.reports.leaderboard import write
    from bench_suite.store.runs import Store

    store = Store(results)
    run = head_run(store, name)
    matrices = pairwise.matrices(run, axis, metrics, trust=trust, on_progress=lambda text: say(text, err=True))
    if markdown is not None:
        write(markdown, pairwise.as_markdown(matrices).encode())
    say_left_out([*store.damages, *run.damages])
    if as_json:
        click.echo(json.dumps(pairwise.as_document(run, axis, matrices), indent=2))
    else:
        say(pairwise.as_text(matrices, shutil.get_terminal_size().columns))
        if markdown is not None:
            say(f"written to {markdown}", err=True)
    return 0


def write_files(comparison: Comparison, markdown: Path | None, junit: Path | None, results: Path | None = None) -> None:
    """Write the Markdown and JUnit files that were asked for.

    Raises:
        BenchError: A file cannot be written.
    """
    from bench_suite.reports.leaderboard import write

    if markdown is not None:
        from bench_suite.reports.comparison import as_markdown

        write(markdown, as_markdown(comparison, results=results).encode())
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
    from dataclasses import asdict, replace

    from bench_suite.store.records import plain

    # `asdict` copies each value of each row: a second for 10,000 cells.
    rows = [vars(row) for row in comparison.rows]
    document: dict[str, object] = {"schema": 1, **plain({**asdict(replace(comparison, rows=())), "rows": rows})}
    return document
