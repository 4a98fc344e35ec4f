"""Print `bench compare --error-rates`: how often gates raise a false alarm, and how often they find a drop."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator, Sequence
from dataclasses import asdict, replace
from typing import TYPE_CHECKING

import click

from bench_suite.cli.output import say

if TYPE_CHECKING:
    from bench_suite.comparison.base_runs.last_runs import LastRuns
    from bench_suite.comparison.error_rates import Rates, Setting
    from bench_suite.store.runs import Run

GATES = (1, 20)
SEEDS = (1, 3, 5)
MAX_SEEDS = 15
"Most seeds of the suite that adds seeds until it can tell."
TRIALS = 1000
"Trials with equally good models; half as many with drops."
TRIALS_OF_RUNS = 300
"Trials for each gate and each loss against the mean of several runs."
LOSSES = (2.0, 3.0, 5.0)
"Losses that are simulated against several runs, as multiples of the tolerance."
HEAD = ("gates", "seeds", "examples", "tolerance", "false alarms", "drop", "found", "on top", "finds")


def usual(*, as_json: bool) -> int:
    """Simulate suites of 1 and 20 gates, with 1, 3 and 5 seeds, and one that adds seeds, on 10,000 examples."""
    from bench_suite.comparison.error_rates import Setting
    from bench_suite.suite.spec import SeedRange

    say("10,000 paired examples; models differ on 5 % of them; seeds have a standard deviation of 0.2 points", err=True)
    suites = [
        [Setting(seeds=seeds, spread=0.002 if seeds > 1 else 0.0, tolerance=0.01)] * gates
        for gates in GATES
        for seeds in SEEDS
    ]
    suites.append([Setting(seeds=MAX_SEEDS, spread=0.002, tolerance=0.01, seed_range=SeedRange(3, MAX_SEEDS))])
    return _print_rates(suites, as_json=as_json)


def of_runs(base: Run, head: Run, *, as_json: bool, trust: bool = False) -> int:
    """Simulate the gates of two runs, with the examples, seeds and spreads that were measured.

    Raises:
        ComparisonError: The runs cannot be compared, or no gated metric is compared over examples.
    """
    from bench_suite.comparison.error_rates import settings_of
    from bench_suite.comparison.preconditions import ComparisonError

    settings = settings_of(base, head, trust=trust)
    if not settings:
        raise ComparisonError("no gated metric of these runs is compared over examples: there is nothing to simulate")
    say(f"the {len(settings)} gated metrics of these runs that are compared over examples", err=True)
    return _print_rates([settings], as_json=as_json, with_curve=True)


def of_last_runs(bases: LastRuns, head: Run, *, as_json: bool, trust: bool = False) -> int:
    """Simulate the gates of a run against the mean of several, with the spreads that were measured.

    Raises:
        ComparisonError: The runs cannot be compared, or no gated metric shows how much runs differ.
    """
    from bench_suite.comparison.base_runs.error_rates import settings_of, simulate
    from bench_suite.comparison.preconditions import ComparisonError
    from bench_suite.store.records import plain

    if len(bases.runs) < 2:
        raise ComparisonError(f"{bases.word} is one run: name two runs, or last:5")
    settings = settings_of(bases, head, trust=trust)
    if not settings:
        raise ComparisonError("no gated metric of these runs varies between them: there is nothing to simulate")
    say(f"{len(settings)} gated metrics against the mean of {len(bases.runs)} runs, judged together", err=True)
    alarms = simulate([replace(setting, tolerance=0.0) for setting in settings], trials=TRIALS).alarms
    entries: list[dict[str, object]] = []
    if not as_json:
        say("  ".join(("tolerance", "between", "undecided", *(f"{loss:g}×".rjust(4) for loss in LOSSES), "gate")))
    for position, setting in enumerate(settings):
        ordered = [setting, *settings[:position], *settings[position + 1 :]]
        same = simulate(ordered, trials=TRIALS_OF_RUNS)
        drops = [(loss - 1) * setting.tolerance if setting.tolerance else loss / 100 for loss in LOSSES]
        rates = [simulate(ordered, drop, trials=TRIALS_OF_RUNS) for drop in drops]
        entries.append({"gate": asdict(setting), "alike": asdict(same), "dropped": [asdict(rate) for rate in rates]})
        if not as_json:
            shares = "  ".join(f"{rate.detected * 100:4.0f}" for rate in rates)
            numbers = f"{setting.tolerance:9.3g}  {setting.between:7.2g}  {same.undecided * 100:9.0f}"
            say(f"{numbers}  {shares}  {setting.label}")
    if as_json:
        click.echo(json.dumps({"schema": 1, "alarms": alarms, "trials": TRIALS, "gates": plain(entries)}, indent=2))
        return 0
    say(f"\nfalse alarms by any gate in 100 comparisons of an unchanged run, without tolerance: {alarms * 100:.1f}")
    say("tolerance  allowed loss; of timings a difference of logarithms")
    say("between    standard deviation between the base runs that seeds, examples or processes do not explain")
    say("undecided  of 100 comparisons of an unchanged run, those that cannot tell")
    say("2×, 3×, …  of 100 losses of so many times the tolerance (without one: of 2, 3, … points), those found")
    return 0


def _print_rates(suites: Sequence[Sequence[Setting]], *, as_json: bool, with_curve: bool = False) -> int:
    from bench_suite.comparison.error_rates import power_curve, simulate
    from bench_suite.store.records import plain

    entries: list[dict[str, object]] = []
    curves: list[list[tuple[float, Rates]]] = []
    if not as_json:
        say("  ".join(HEAD))
    for settings in suites:
        # With a tolerance false alarms are very rare: the hard case is no tolerance.
        strict = simulate([replace(setting, tolerance=0.0) for setting in settings], 0.0, trials=TRIALS)
        rates = simulate(settings, trials=TRIALS // 2)
        added = simulate(settings, on_top=True, trials=TRIALS // 2)
        gates = [asdict(setting) for setting in settings]
        entry: dict[str, object] = {
            "gates": gates,
            "alike": asdict(strict),
            "dropped": asdict(rates),
            "on_top": asdict(added),
        }
        curve = power_curve(settings) if with_curve else []
        if curve:
            entry["curve"] = [{"loss": loss, **asdict(of_loss)} for loss, of_loss in curve]
        entries.append(entry)
        if not as_json:
            say(_line(settings, strict, rates, added))
            curves.append(curve)
    if as_json:
        click.echo(json.dumps({"schema": 1, "suites": plain(entries)}, indent=2))
        return 0
    say(f"\nfalse alarms  by any gate in 100 comparisons of equally good models, without tolerance; {TRIALS:,} trials")
    say(f"found         of 100 drops of one metric that exceed its tolerance by `drop`; {TRIALS // 2} trials")
    say("on top        the same, if the drop falls on examples on which the models did not differ")
    say("finds         the least drop beyond the tolerance that 95 of 100 comparisons find even then, by `compare`")
    for settings, curve in zip(suites, curves, strict=True):
        for line in _curve_lines(settings[0], curve):
            say(line)
    return 0


def _curve_lines(first: Setting, curve: Sequence[tuple[float, Rates]]) -> Iterator[str]:
    """Yield the curve of power of the first gate: what it says of losses of several sizes."""
    if not curve:
        return
    with_seeds = first.seed_range is not None
    yield f"\nof 100 comparisons with a loss of the first gate ({curve[0][1].trials} trials each):"
    yield "  loss  regressed  not worse  cannot tell" + ("  seeds" if with_seeds else "")
    for loss, rates in curve:
        not_worse = 1 - rates.detected - rates.undecided
        shares = f"{loss:6.3f}  {rates.detected * 100:9.0f}  {not_worse * 100:9.0f}  {rates.undecided * 100:11.0f}"
        yield shares + (f"  {rates.seeds:5.1f}" if with_seeds else "")
    if with_seeds:
        yield "seeds: those a side until all gates are decided or have the most"


def _line(settings: Sequence[Setting], strict: Rates, rates: Rates, added: Rates) -> str:
    first = settings[0]
    seeds = str(first.seeds) if first.seed_range is None else f"{first.seed_range.first}-{first.seed_range.most}"
    counts = (str(len(settings)), seeds, f"{first.n:,}", f"{first.tolerance:g}")
    finds = f"{added.finds:.4f}" if math.isfinite(added.finds) else "nothing"
    shares = (
        f"{strict.alarms * 100:.1f}",
        f"{rates.drop:g}",
        f"{rates.detected * 100:.0f}",
        f"{added.detected * 100:.0f}",
    )
    return "  ".join(f"{cell:>{len(head)}}" for cell, head in zip((*counts, *shares, finds), HEAD))
