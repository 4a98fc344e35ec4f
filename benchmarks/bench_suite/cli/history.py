"""`bench history`: show since when a metric is better or worse, over all runs of a suite."""

from __future__ import annotations

import json
import shlex
import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

from bench_suite.cli.arguments import JSON, RESULTS, shared_options
from bench_suite.cli.output import say, say_left_out
from bench_suite.contracts import BenchError
from bench_suite.store.commands import bench

if TYPE_CHECKING:
    from bench_suite.comparison.history.changes import ChangePoint, History

CANNOT_TELL = 4
SERIES = (
    click.option("--suite", metavar="NAME", help="Only the runs of this suite; default: each suite with the metric."),
    click.option("--task", "tasks", metavar="NAME", multiple=True, help="Only cells of this task. Repeatable."),
    click.option("--model", "models", metavar="NAME", multiple=True, help="Only cells of this model. Repeatable."),
    click.option(
        "--hardware", metavar="TEXT", default="",
        help="Only runs on processors or accelerators whose name contains TEXT.",
    ),
    click.option("--branch", metavar="NAME", help="Only runs of this git branch."),
    click.option("--dirty", is_flag=True, help="Also runs whose files differed from the commit."),
)  # fmt: skip


@click.command()
@click.argument("metric")
@shared_options(*SERIES)
@click.option(
    "--least", metavar="CHANGE",
    help="Smallest change that counts: 5% for times and rates, 0.01 in the unit of another metric. Default: 2% for "
    "times and rates, 0.005 for metrics from 0 to 1, 1% of the median for others.",
)  # fmt: skip
@click.option(
    "--error-rates", is_flag=True,
    help="Simulate on the residuals of these runs how often there is a false alarm, and how often a change is found.",
)  # fmt: skip
@click.option(
    "--confirm", is_flag=True,
    help="Measure both commits of the newest change again, side by side.",
)  # fmt: skip
@click.option("--trust", is_flag=True, help="With --confirm: run files that the suite names by path.")
@click.option(
    "--png", type=click.Path(path_type=Path, dir_okay=False), metavar="FILE", help="Write the series to FILE as PNG."
)  # fmt: skip
@shared_options(RESULTS, JSON)
def command(
    metric: str, suite: str | None, tasks: tuple[str, ...], models: tuple[str, ...], hardware: str, branch: str | None,
    dirty: bool, least: str | None, error_rates: bool, confirm: bool, trust: bool, png: Path | None, results: Path,
    as_json: bool,
) -> int:  # fmt: skip
    """Show since when METRIC is better or worse, over all runs of a suite: change points with their commits.

    METRIC is a name such as quality/accuracy or throughput/train. Each line is one model on one task and one machine.
    A change point needs at least 12 runs: it does not answer whether the newest commit is slower.

    Exit status: 0 success, with or without a change point; 2 invalid input; 4 cannot tell: no runs, or too few.

    \b
      bench history quality/accuracy
      bench history throughput/train --suite ci --model mlp
      bench history throughput/train --error-rates
    """
    from bench_suite.comparison.history.changes import Filter, histories
    from bench_suite.reports.metric_history import require_series
    from bench_suite.store.runs import Store

    store = Store(results)
    shown = Filter(tasks, models, hardware)
    known = histories(
        store,
        metric,
        suite=suite,
        repository=Path.cwd(),
        branch=branch,
        dirty=dirty,
        least=least_of(least),
        shown=shown,
    )
    require_series(known, shown, branch)
    say_left_out(store.damages)
    status = 0 if any(one.verdict != "too few" for history in known for one in history.verdicts) else CANNOT_TELL
    if png is not None:
        write_picture(known[0], png)
    if error_rates and status == 0:
        from bench_suite.cli.history_rates import say_rates

        say_rates(known, as_json=as_json)
        return status
    if as_json:
        click.echo(json.dumps(as_document(known, status), indent=2))
    else:
        say_histories(known)
        if png is not None:
            say(f"written to {png}", err=True)
    if not confirm:
        if not as_json:
            say(f"\n{what_next(known, results)}")
        return status
    return confirm_newest(known, trust=trust) or status


def least_of(text: str | None) -> float | None:
    """Return the smallest change that counts, as a number: `5%` is 0.05.

    Raises:
        BadParameter: It is no number of at least 0.
    """
    if text is None:
        return None
    try:
        value = float(text.removesuffix("%")) / (100 if text.endswith("%") else 1)
    except ValueError:
        value = -1.0
    if not 0 <= value < float("inf"):
        raise click.BadParameter(f"{text!r} is no change: state 5% or 0.01", param_hint="--least")
    return value


def say_histories(histories: Sequence[History]) -> None:
    """Print the histories, and at last how bars and verdicts are to be read."""
    from bench_suite.reports.history import as_text

    width = shutil.get_terminal_size().columns
    say("\n\n\n".join(as_text(history, width) for history in histories))


def as_document(histories: Sequence[History], status: int) -> dict[str, object]:
    """Return the histories as plain values for JSON."""
    from dataclasses import asdict

    from bench_suite.store.records import plain

    document: dict[str, object] = {
        "schema": 1, "status": status, "histories": [plain(asdict(history)) for history in histories],
    }  # fmt: skip
    return document


def write_picture(history: History, png: Path) -> None:
    """Write the series of a history as PNG.

    Raises:
        ReportError: The file cannot be written.
    """
    from bench_suite.reports import plots
    from bench_suite.reports.history import picture
    from bench_suite.reports.leaderboard import write

    content = plots.picture(picture(history))
    if content is not None:
        write(png, content)


def what_next(histories: Sequence[History], results: Path) -> str:
    """Return the command that continues from here."""
    command = bench("history", histories[0].metric, results=results)
    if newest_change(histories) is not None:
        return f"next: {command} --confirm   measure both commits again, side by side"
    return f"next: {command} --error-rates   how large a change would be found"


# ── confirm ─────────────────────────────────────────────────────────────────────────────────────


def newest_change(histories: Sequence[History]) -> tuple[History, ChangePoint] | None:
    """Return the newest change point between two known and different commits; None if there is none."""
    changes = [
        (history, change)
        for history in histories
        for one in history.verdicts
        for change in one.changes
        if change.before.commit and change.after.commit and change.before.commit != change.after.commit
    ]
    return max(changes, key=lambda pair: pair[1].after.started, default=None)


def confirm_newest(histories: Sequence[History], *, trust: bool) -> int:
    """Measure the two commits of the newest change again, and return the exit status of the comparison.

    Raises:
        BenchError: There is no change between two commits.
    """
    newest = newest_change(histories)
    if newest is None:
        raise BenchError(
            "--confirm: there is no change between two different commits to confirm\n"
            "  leave it out, or measure two commits yourself: bench ab BASE HEAD --suite SUITE"
        )
    history, change = newest
    return call_ab(str(change.before.commit), str(change.after.commit), history.suite, trust=trust)


def call_ab(base: str, head: str, suite: str, *, trust: bool) -> int:
    """Call `bench ab BASE HEAD --suite SUITE` and return its exit status.

    A suite `ci` is the file `ci.toml` or `suites/ci.toml` of the working folder, if there is one.

    Raises:
        BenchError: This version has no such command.
    """
    from bench_suite import cli

    files = (path for path in (Path(f"{suite}.toml"), Path("suites", f"{suite}.toml")) if path.is_file())
    words = ["ab", base, head, "--suite", str(next(files, suite)), *(["--trust"] if trust else [])]
    if words[0] not in cli.COMMANDS:
        raise BenchError("--confirm: this version has no command that measures two commits side by side")
    say(f"\nbench {shlex.join(words)}", err=True)
    status = cli.bench.main(words, prog_name="bench", standalone_mode=False)
    return status if isinstance(status, int) else 0
