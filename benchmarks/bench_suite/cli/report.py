"""`bench report`: write the report of one or more runs, as Markdown or as an HTML page."""

from __future__ import annotations

import webbrowser
from pathlib import Path

import click

from bench_suite.cli.arguments import REFERENCE, RESULTS
from bench_suite.cli.completion_values import run_names
from bench_suite.cli.garbage import without_collections
from bench_suite.cli.output import say, say_left_out
from bench_suite.store.commands import results_option
from bench_suite.store.runs import Store


@click.command()
@click.argument("runs", nargs=-1, metavar="[RUN]…", shell_complete=run_names)
@RESULTS
@click.option(
    "--output",
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="Write it to FILE; default: reports/RUN.md, or reports/RUN.html.",
)
@click.option("--full", is_flag=True, help="Write all metrics, artifacts and versions too, with a folder of pictures.")
@click.option("--html", is_flag=True, help="Write one HTML page, which opens from disk without a network.")
@click.option("--open", "opened", is_flag=True, help="Open the page in the browser; implies --html.")
@click.option(
    "--examples",
    type=click.IntRange(0),
    metavar="N",
    help="Test examples of each task that can be browsed in the page; default: 200, 0: none.",
)
@REFERENCE
@without_collections
def command(
    runs: tuple[str, ...], results: Path, output: Path | None, full: bool, html: bool, opened: bool,
    examples: int | None, reference: str | None,
) -> None:  # fmt: skip
    """Write the reports of the given runs, by default of the newest run, as Markdown, or as a page.

    A report in Markdown has the verdicts of the gates, the ranked tables, what a reader must know, and what to open for
    more; the page has everything. Gates are judged against the baseline of the suite, if there is one (see bench
    baseline).

    RUN is the name of a run or the first letters of it. `bench results` lists the runs.

    \b
      bench report
      bench report --full
      bench report --html --open
      bench report 20261124T1200 --output reports/nlp.md
      bench report RUN1 RUN2 --html
    """
    from bench_suite.reports.markdown import write_report
    from bench_suite.reports.table import check_reference

    store = Store(results)
    selected_runs = [*{run.path.resolve(): run for run in map(store.open, runs or ("latest",))}.values()]
    check_reference(reference, selected_runs)
    html = html or opened or (output is not None and output.suffix in (".html", ".htm"))
    if html and full:
        raise click.UsageError("--full is for Markdown: the page has all of it")
    target = output or Path("reports") / f"{selected_runs[0].name}.{'html' if html else 'md'}"
    if html:
        from bench_suite.reports.html.example_page import PER_TASK
        from bench_suite.reports.html.page import write_page

        count = PER_TASK if examples is None else examples
        say(write_page(selected_runs, target, reference=reference, examples=count))
        if opened:
            webbrowser.open(target.resolve().as_uri())
    else:
        for path in write_report(selected_runs, target, reference, short=not full, gates=True):
            say(path)
    say_left_out([*store.damages, *(damage for run in selected_runs for damage in run.damages)])
    say(f"\nnext: bench leaderboard{results_option(store.root)}   compare the newest runs of all suites", err=True)
