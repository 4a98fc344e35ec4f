"""What `bench ab` prints: the progress, the verdicts, and the error rates."""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from bench_suite.ab.trial import Outcome, Progress, Settings, Timing
from bench_suite.cli.output import printable, say
from bench_suite.suite.durations import format_duration

if TYPE_CHECKING:
    from bench_suite.ab.pairing import Pairing
    from bench_suite.ab.session import Result
    from bench_suite.ab.sides import Sides

LINE_SECONDS = 15.0
"Between two lines of progress where there is no terminal."
TYPICAL_NOISE = (0.012, 0.03, 0.067, 0.13)
"Standard deviations of a block: pinned and quiet; usual; beside other load in wall time; left to the scheduler."
SLOWDOWNS = (0.0, 0.02, 0.05, 0.10, 0.15)
MAX_BLOCKS, DEFAULT_BLOCKS = 2_000, 300
TRIALS = 2_000


# ── progress ────────────────────────────────────────────────────────────────────────────────────


class _Shown(Progress):
    """Shows each step by a function, which decides how often."""

    def __init__(self, show: Callable[[str, bool], None]) -> None:
        self.show = show

    def step(self, text: str) -> None:
        """Show what begins."""
        self.show(text, False)

    def block(self, outcome: Outcome, remaining: float) -> None:
        """Show the block, how much is decided, and the timing that is the farthest from a decision."""
        left = [timing for timing in outcome.timings if timing.is_open]
        blocks = f"{outcome.blocks} block{'s' if outcome.blocks != 1 else ''}"
        text = f"{blocks}, {len(outcome.timings) - len(left)} of {len(outcome.timings)} decided"
        if left:
            decision = max((timing.decision for timing in left), key=lambda one: one.required_blocks or 0)
            if decision.ratio is not None and decision.spread is not None:
                text += f"; open: time × {decision.ratio:.3f}, noise {100 * decision.spread:.1f} %"
        self.show(f"{text}; at most {format_duration(max(0.0, remaining))} left", False)


@contextmanager
def progress_for() -> Iterator[_Shown]:
    """Show progress on standard error: in one line on a terminal, by a line now and then elsewhere."""
    if sys.stderr.isatty():
        from rich.console import Console

        console = Console(stderr=True, highlight=False)
        with console.status("starting") as status:

            def show(text: str, lasting: bool) -> None:
                if lasting:
                    console.print(printable(text), markup=False)
                else:
                    status.update(printable(text, keep="").replace("[", "\\["))

            yield _Shown(show)
    else:
        last = 0.0

        def show_line(text: str, lasting: bool) -> None:
            nonlocal last
            if lasting or time.monotonic() - last > LINE_SECONDS:
                last = last if lasting else time.monotonic()
                say(text, err=True)

        yield _Shown(show_line)


def announcer(settings: Settings, progress: _Shown) -> Callable[[Sides, Pairing], None]:
    """Return a function that prints what will be measured."""

    def announce(sides: Sides, pairing: Pairing) -> None:
        count = sum(len(pair.timings) for pair in pairing.pairs)
        texts = [f"base: {_described(sides, 'base')}", f"head: {_described(sides, 'head')}"]
        texts += [f"note: {note}" for note in sides.notes]
        for label, names in (("base", pairing.only_base), ("head", pairing.only_head)):
            texts += [f"note: only {label} has the cell {name}, which is not timed" for name in names]
        texts += [f"note: {name} trains on several devices, and is not timed" for name in pairing.several_devices]
        timings = "1 timing" if count == 1 else f"{count} timings"
        texts.append(f"{timings}, at most {format_duration(settings.budget)}")
        for text in texts:
            progress.show(text, True)

    return announce


def _described(sides: Sides, label: str) -> str:
    revision = sides.revisions[label]
    subject = f": {revision.subject}" if revision.subject else ""
    return f"{sides.by_label()[label].name}{subject}"


# ── verdicts ────────────────────────────────────────────────────────────────────────────────────


def lines(result: Result) -> Iterator[str]:
    """Yield the lines of a result: how it was measured, each timing, the search, and what to do next."""
    outcome = result.outcome
    for note in outcome.notes:
        yield f"note: {note}"
    yield f"\n{_conditions(outcome)}"
    for timing in outcome.timings:
        yield f"{_verdict(timing):22}  {timing.name}"
        yield f"    {_figures(timing, outcome)}"
        for text in _remarks(timing):
            yield f"    {text}"
    yield ""
    if result.bisection is not None:
        yield from _search_lines(result)
    yield _conclusion(result)


def _conditions(outcome: Outcome) -> str:
    cores = ", ".join(map(str, outcome.cores))
    place_text = f"core{'s' if len(outcome.cores) > 1 else ''} {cores}" if outcome.device == "cpu" else outcome.device
    addresses = "off" if outcome.addresses_fixed else "on (this system does not let it be turned off)"
    counted = any(timing.instruction_ratios for timing in outcome.timings)
    instructions = "" if counted else "; instructions cannot be counted here"
    blocks = "1 block" if outcome.blocks == 1 else f"{outcome.blocks} blocks"
    return (
        f"{blocks} in {format_duration(outcome.seconds)} on {place_text}; address randomisation {addresses}"
        f"{instructions}"
    )


def _verdict(timing: Timing) -> str:
    if timing.failed_side is not None:
        return f"FAILED in {timing.failed_side}"
    verdict = timing.decision.verdict
    if verdict == "slower":
        return "SLOWER"
    return f"not slower by {timing.margin:.3g}" if verdict == "not slower" else "cannot tell"


def _figures(timing: Timing, outcome: Outcome) -> str:
    if timing.failed_side is not None:
        return (timing.failure or "").splitlines()[0] if timing.failure else "no reason"
    decision = timing.decision
    if decision.ratio is None:
        return "no block was measured: the budget is too short"
    interval = "" if decision.low is None else f" [{decision.low:.3f}, {decision.high:.3f}]"
    noise = "" if decision.spread is None else f", noise {100 * decision.spread:.1f} %"
    wall = "" if timing.clock == "wall time" else f"; wall × {timing.wall.ratio:.3f}"
    blocks = "1 block" if decision.blocks == 1 else f"{decision.blocks} blocks"
    return f"{timing.clock} × {decision.ratio:.3f}{interval}{noise}, {blocks}{wall}"


def _remarks(timing: Timing) -> Iterator[str]:
    decision, wall = timing.decision, timing.wall
    if timing.failed_side is not None:
        return
    if timing.instruction_ratios:
        from statistics import median

        yield f"instructions × {2.718281828459045 ** median(timing.instruction_ratios):.4f}"
    if decision.dependent:
        yield (
            f"the blocks depend on one another (autocorrelation {decision.autocorrelation:.2f}), so errors may be more "
            "frequent: repeat it"
        )
    if timing.clock == "CPU time" and wall.verdict == "slower" and decision.verdict != "slower":
        yield "by wall time it is slower: it may wait, for files, locks or processes; --clock wall decides by that"


def _search_lines(result: Result) -> Iterator[str]:
    assert result.bisection is not None
    for step in result.bisection.steps:
        ratio = "" if step.ratio is None else f", time × {step.ratio:.3f}"
        yield f"{step.commit[:8]}  {step.answer}{ratio}"
    if len(result.subjects) == 1:
        yield f"first slower commit: {result.subjects[0]}"
    else:
        yield "one of these commits made it slower; those between the ends failed, or could not be decided:"
        yield from (f"  {subject}" for subject in result.subjects)


def _conclusion(result: Result) -> str:
    outcome, status = result.outcome, result.outcome.status
    if status == 130:
        return "interrupted: the verdicts are those of the blocks until then"
    names = [timing.name for timing in outcome.timings if timing.decision.verdict == "slower"]
    if status == 1:
        search = "" if result.bisection is not None else "   --bisect names the commit"
        return f"{len(names)} of {len(outcome.timings)} slower{search}"
    if status == 3:
        return "some cells could not be timed: correct the errors above, or leave the cells out with -k 'not …'"
    if status == 4:
        return _advice(outcome)
    return f"nothing is slower by {result.settings.margin:.3g} or more"


def _advice(outcome: Outcome) -> str:
    left = [timing.decision for timing in outcome.timings if timing.is_open]
    required = [decision.required_blocks for decision in left if decision.required_blocks is not None]
    if outcome.block_seconds is None or not required or len(required) < len(left):
        return "cannot tell: the budget ended before there was anything to go by: state a longer --budget"
    # Half as many again: the mean and the spread so far are estimates themselves.
    blocks = round(1.5 * max(required))
    seconds = outcome.seconds + max(0, blocks - outcome.blocks) * outcome.block_seconds
    minutes = max(1, round(seconds / 60 + 0.5))
    return f"cannot tell: about {blocks} blocks would decide   --budget {minutes}m"


# ── error rates ─────────────────────────────────────────────────────────────────────────────────


def say_rates(
    results: Path, suite: str | None, noise: Sequence[float], margin: float, budget: float, *, as_json: bool = False,
    contents: Mapping[str, Any] | None = None,
) -> int:  # fmt: skip
    """Print, by noise and slowdown, how often each verdict is given.

    Args:
        results: folder of the results.
        suite: whose newest stored comparison shows the noise; None for the newest of any suite.
        noise: standard deviations of a block that the user states; empty to use a comparison.
        margin: slowdown that is allowed.
        budget: seconds, which buy as many blocks as they did in the comparison.
        as_json: print JSON.
        contents: the comparison that shows the noise; None for the newest stored one.
    """
    from bench_suite.ab import results as documents
    from bench_suite.stats.anytime_power import simulate

    if contents is None and not noise:
        name = None if suite is None else Path(suite).stem
        contents = next((one for one in documents.stored(results) if name in (None, one["suite"])), None)
    settings: list[tuple[str, float | Sequence[float]]] = [(f"noise {100 * one:.3g} %", one) for one in noise]
    blocks, timings = DEFAULT_BLOCKS, 1
    if contents is not None and not noise:
        settings = [*documents.deviations(contents)]
        timings = max(1, len(contents["timings"]))
        if contents["block_seconds"]:
            blocks = min(MAX_BLOCKS, max(3, int(budget / contents["block_seconds"])))
    source = f"the noise of the comparison of {contents['started']}" if settings and contents and not noise else None
    settings = settings or [(f"noise {100 * one:.3g} %", one) for one in TYPICAL_NOISE]
    say(f"{source or 'normal noise'}; margin {margin:.3g}; at most {blocks} blocks; {TRIALS:,} trials each", err=True)
    entries: list[dict[str, Any]] = []
    if not as_json:
        say("slowdown   slower  not slower  cannot tell  median blocks")
    for name, deviations in settings:
        if not as_json:
            say(name)
        for slowdown in sorted({*SLOWDOWNS, margin}):
            rates = simulate(deviations, slowdown, margin, 0.01 / timings, blocks, TRIALS)
            entries.append({"noise": name, **asdict(rates)})
            if not as_json:
                say(
                    f"{100 * slowdown:6.3g} %  {100 * rates.slower:5.1f} %     {100 * rates.not_slower:5.1f} %"
                    f"      {100 * rates.undecided:5.1f} %  {rates.median_blocks:13.0f}"
                )
    if as_json:
        click.echo(json.dumps({"schema": 1, "margin": margin, "blocks": blocks, "rates": entries}, indent=2))
    return 0
