"""`bench ab`: is one revision slower than another? Interleaved blocks of fresh processes decide."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Literal

import click

from bench_suite.cli.arguments import JSON, KEYWORD, ONLY, RESULTS, SET, shared_options
from bench_suite.cli.completion_values import suites
from bench_suite.cli.output import say

INTERRUPTED = 130


class _Duration(click.ParamType):
    """A time such as 10m."""

    name = "duration"

    def convert(self, value: object, param: click.Parameter | None, ctx: click.Context | None) -> float:
        """Return the seconds."""
        from bench_suite.suite.durations import seconds_of

        try:
            return value if isinstance(value, float) else seconds_of(str(value))
        except ValueError as error:
            return self.fail(str(error), param, ctx)


class _Share(click.ParamType):
    """A share such as 0.05 or 5%."""

    name = "share"

    def convert(self, value: object, param: click.Parameter | None, ctx: click.Context | None) -> float:
        """Return the share."""
        text = str(value).strip()
        try:
            share = float(text.removesuffix("%")) / (100 if text.endswith("%") else 1)
        except ValueError:
            return self.fail(f'"{text}" is no share such as 0.05 or 5%', param, ctx)
        if not 0 < share <= 10:
            return self.fail(f"{text} is not above 0 and at most 10", param, ctx)
        return share


@click.command()
@click.argument("base", required=False, metavar="BASE")
@click.argument("head", default="HEAD", metavar="[HEAD]")
@click.option("--suite", metavar="SUITE", shell_complete=suites, help="The suite whose cells are timed: a file, or the "
              "name of a built-in suite.")  # fmt: skip
@click.option("--budget", type=_Duration(), default="10m", show_default=True, help="Time to spend at most.")
@click.option("--margin", type=_Share(), default="0.05", show_default=True,
              help="Slowdown that is allowed: `not slower` means not slower by this share.")  # fmt: skip
@shared_options(SET, ONLY, KEYWORD)
@click.option("--base-set", multiple=True, metavar="KEY=VALUE", help="As --set, for base only. Repeatable.")
@click.option("--head-set", multiple=True, metavar="KEY=VALUE", help="As --set, for head only. Repeatable.")
@click.option("--base-python", metavar="PATH", help="Python interpreter or environment of base.")
@click.option("--head-python", metavar="PATH", help="Python interpreter or environment of head.")
@click.option("--same-suite", is_flag=True, help="Measure base with the suite of head too.")
@click.option("--clock", type=click.Choice(["auto", "cpu", "wall"]), default="auto", show_default=True,
              help="The time that decides; auto: CPU time on a processor, events on a GPU.")  # fmt: skip
@click.option("--bisect", "search", is_flag=True, help="If head is slower, search for the first slower commit.")
@click.option("--error-rates", is_flag=True,
              help="Simulate how often the test is wrong and how often it finds a slowdown: on the noise of this "
              "comparison, of the newest stored one, or as --noise states.")  # fmt: skip
@click.option("--noise", type=_Share(), multiple=True, metavar="SHARE",
              help="With --error-rates: noise of a block, such as 0.02. Repeatable.")  # fmt: skip
@click.option("--seed", type=int, help="Seed of the order within blocks.")
@click.option("--offline", is_flag=True, help="Do not contact the hub.")
@click.option("--trust", is_flag=True, help="Allow both revisions of the suite to run the Python files that they name.")
@shared_options(RESULTS, JSON)
def command(
    base: str | None, head: str, suite: str | None, budget: float, margin: float, overrides: tuple[str, ...],
    only: tuple[str, ...], keyword: str, base_set: tuple[str, ...], head_set: tuple[str, ...],
    base_python: str | None, head_python: str | None, same_suite: bool, clock: Literal["auto", "cpu", "wall"],
    search: bool, error_rates: bool, noise: tuple[float, ...], seed: int | None, offline: bool, trust: bool,
    results: Path, as_json: bool,
) -> int:  # fmt: skip
    """Time the revision HEAD against the revision BASE, and say whether it is slower.

    BASE and HEAD are branches, tags or commits; `.` is the working tree as it is. Training and prediction of the
    suite's cells are timed in fresh processes of both revisions, in random order on the same cores, until each timing
    is *slower*, *not slower* than the margin, or the budget is spent.

    Exit status: 0 not slower; 1 slower; 2 invalid input; 3 a cell failed; 4 cannot tell; 130 interrupted.

    \b
      bench ab main --suite ci.toml --trust
      bench ab main . --suite ci.toml --trust
      bench ab v1.0 HEAD --suite ci --budget 5m --bisect
      bench ab . . --suite ci --head-set matrix.threads=2
      bench ab --error-rates --noise 2%
    """
    from bench_suite.cli import ab_report

    if base is None:
        if not error_rates:
            raise click.UsageError("Missing argument 'BASE': a branch, tag or commit, or `.` for the working tree")
        return ab_report.say_rates(results, suite, noise, margin, budget, as_json=as_json)
    if suite is None:
        raise click.UsageError("Missing option '--suite': a file, or the name of one that ships (bench list suites)")
    from bench_suite.ab import results as documents
    from bench_suite.ab.session import run
    from bench_suite.ab.sides import Request
    from bench_suite.ab.trial import Settings

    request = Request(
        base, head, suite, overrides, base_set, head_set, only, keyword, base_python, head_python, same_suite, trust,
        offline,
    )  # fmt: skip
    settings = Settings(budget, margin, clock=clock, seed=seed)
    with ab_report.progress_for() as progress:
        result = run(request, settings, progress, search=search, announce=ab_report.announcer(settings, progress))
    contents = documents.document(result)
    path = documents.store(contents, results) if result.outcome.blocks else None
    if as_json:
        click.echo(json.dumps(contents, indent=2))
    else:
        for line in ab_report.lines(result):
            say(line)
        if path is not None:
            say(f"written to {path}", err=True)
    if error_rates and not as_json:
        ab_report.say_rates(results, None, noise, margin, budget, contents=contents)
    return result.outcome.status
