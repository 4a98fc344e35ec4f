"""`bench power`: how many examples, seeds or processes would find a difference of a stated size."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from bench_suite.cli.arguments import JSON, RESULTS, shared_options
from bench_suite.cli.completion_values import run_names
from bench_suite.cli.output import say, say_left_out
from bench_suite.store.commands import bench

if TYPE_CHECKING:
    from bench_suite.comparison.run_power import Aim, MetricPower, Unknown


class _Number(click.FloatRange):
    """A finite number in a range; `nan` lies in each range of click."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> float:
        """Return the number."""
        number = float(super().convert(value, param, ctx))
        return number if math.isfinite(number) else self.fail(f"{value} is no finite number.", param, ctx)


@click.command()
@click.argument("run", default="latest", shell_complete=run_names)
@click.option(
    "--find", type=_Number(0, min_open=True), required=True, metavar="DIFFERENCE",
    help="Difference to find, in the metric's unit: 0.02 is two points of accuracy. For times a share: 0.02 is 2 %.",
)  # fmt: skip
@click.option("--metric", "metrics", multiple=True, metavar="PROBE/METRIC", help="Only this metric. Repeatable.")
@click.option(
    "--power", type=_Number(0.5, 1, max_open=True), default=0.8, show_default=True,
    help="Share of comparisons that find the difference.",
)  # fmt: skip
@click.option(
    "--level", type=_Number(0, 0.5, min_open=True, max_open=True), default=0.05, show_default=True,
    help="Two-sided level of the test.",
)  # fmt: skip
@shared_options(RESULTS, JSON)
def command(
    run: str, find: float, metrics: tuple[str, ...], power: float, level: float, results: Path, as_json: bool
) -> int:
    """Say for each metric of RUN how many examples, seeds or processes would find a difference between two models.

    The spread is that of the paired differences between the models of the run; with one model, that between two
    of its seeds, or that of independent models. RUN is by default the newest run.

    \b
      bench power --find 0.02
      bench power 20261124T2302 --find 0.01 --metric quality/accuracy --power 0.95
    """
    from bench_suite.comparison.run_power import Aim, run_powers, sort_powers
    from bench_suite.contracts import BenchError
    from bench_suite.store.runs import Store

    store = Store(results)
    opened = store.open(run)
    if opened.info.get("smoke"):
        raise BenchError(f"{opened.name} is a smoke run: its numbers mean nothing")
    aim = Aim(find, power, level)
    powers = list(sort_powers(run_powers(opened, aim, metrics)))
    say_left_out([*store.damages, *opened.damages])
    if not powers:
        what = f"has no metric {' or '.join(metrics)} that varies" if metrics else "has no metric that varies"
        raise BenchError(f"{opened.name} {what}: see {bench('report', opened.name, results=opened.path.parent)}")
    if as_json:
        from bench_suite.comparison.run_power import Unknown

        entries = [{"known": not isinstance(entry, Unknown), **asdict(entry)} for entry in powers]
        click.echo(json.dumps({"schema": 1, "run": opened.name, **asdict(aim), "metrics": entries}, indent=2))
    else:
        for line in lines_of(powers, aim):
            say(line)
    return 0


def lines_of(powers: list[MetricPower | Unknown], aim: Aim) -> Iterator[str]:
    """Yield the powers for a person, one metric in two lines."""
    from bench_suite.comparison.run_power import MetricPower

    share = f"{aim.power * 100:g} of 100 comparisons (two-sided, level {aim.level:g})"
    yield f"to find a difference of {aim.find:g} in {share}:"
    for power in powers:
        yield f"  {power.metric}, {power.where}"
        if isinstance(power, MetricPower):
            yield f"      {_wanted_text(power)}; now {_size_text(power, now=True)}, {_smallest_text(power)}"
            yield f"      {BASES[power.basis]}"
        else:
            yield f"      unknown: {power.reason}"
    yield "An order of magnitude: the spread is itself an estimate, and another pair of models has another one."


BASES = {
    "two models": "by the paired differences between these models",
    "two seeds": "by two seeds, which stand for two equally good models",
    "independent models": "worst case: as if a second model erred independently of this one",
    "processes": "by the spread between processes; a difference is a share of the time",
}


def _wanted_text(power: MetricPower) -> str:
    return "no number finds it" if power.wanted is None else f"{_size_text(power)} find it"


def _size_text(power: MetricPower, *, now: bool = False) -> str:
    """Return a number of examples and seeds in words."""
    size = power.now if now or power.wanted is None else power.wanted
    counted = "process" if power.basis == "processes" else "seed"
    plural = {"process": "processes", "seed": "seeds"}[counted]
    parts = [f"{size.n:,} {power.sample_unit}"] if size.n else []
    if not size.n or size.seeds > 1 or power.now.seeds > 1:
        parts.append(f"{size.seeds:,} {counted if size.seeds == 1 else plural}")
    return " and ".join(parts)


def _smallest_text(power: MetricPower) -> str:
    from bench_suite.reports.formatting import plain_number, scale_for

    if power.smallest is None:
        return "which find no difference reliably"
    if power.relative:
        return f"which find {plain_number(power.smallest * 100, 2)} % or more"
    scale = scale_for([power.smallest], power.unit)
    unit = f" {scale.unit}" if scale.unit else ""
    return f"which find {plain_number(power.smallest / scale.divisor, 2)}{unit} or more"
