"""`bench view`: show the page of a run in the browser while it goes on."""

from __future__ import annotations

import webbrowser
from pathlib import Path

import click

from bench_suite.cli.arguments import REFERENCE, RESULTS
from bench_suite.cli.completion_values import run_names
from bench_suite.cli.output import say, say_left_out
from bench_suite.store.runs import Run, Store


@click.command()
@click.argument("run", default="latest", metavar="[RUN]", shell_complete=run_names)
@RESULTS
@click.option(
    "--port", type=click.IntRange(0, 65535), default=0, metavar="N",
    help="Use this port of 127.0.0.1; default: one that is free.",
)  # fmt: skip
@click.option("--open", "opened", is_flag=True, help="Open the page in the browser.")
@REFERENCE
def command(run: str, results: Path, port: int, opened: bool, reference: str | None) -> None:
    """Show the page of a run in the browser, by default of the newest run, which may still run.

    The page shows the progress of the run, and new results as cells end. Only this machine can open it, and only at the
    whole address, which contains a secret. Ctrl-C ends the command, and not the run.

    RUN is the name of a run or the first letters of it. `bench results` lists the runs.

    \b
      bench view --open
      bench view 20261124T1200 --port 8000
    """
    from bench_suite.reports.table import check_reference
    from bench_suite.reports.watch.server import PageServer

    store = Store(results)
    chosen = Run(store.open(run).path, read_only=True)
    if reference is not None:
        check_reference(reference, [chosen])
    with PageServer(chosen.path, port, reference=reference) as server:
        say(server.url)
        say_left_out(store.damages)
        say(f"the page of {chosen.name}; Ctrl-C ends this command", err=True)
        if opened:
            webbrowser.open(server.url_once())
        server.serve_forever()
