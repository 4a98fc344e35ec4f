"""A comparison of two sides from the request to the result, and the search for the first slower commit."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass, replace
from pathlib import Path

from bench_suite.ab.bisection import Bisection, Step, bisect, comparisons
from bench_suite.ab.pairing import Pair, Pairing
from bench_suite.ab.sides import Request, Sides, make_sides, plan_sides, repository, side_of
from bench_suite.ab.trial import Comparison, Outcome, Progress, Settings, Timing, timings_of
from bench_suite.contracts import BenchError
from bench_suite.execution import revisions
from bench_suite.execution.revisions import RevisionError, Worktrees


@dataclass
class Result:
    """What a comparison came to."""

    request: Request
    settings: Settings
    sides: Sides
    pairing: Pairing
    outcome: Outcome
    bisection: Bisection | None = None
    subjects: tuple[str, ...] = ()
    "First lines of the messages of the bisection's suspects."


def run(
    request: Request, settings: Settings, progress: Progress, *, search: bool = False,
    announce: Callable[[Sides, Pairing], None] = lambda sides, pairing: None,
) -> Result:  # fmt: skip
    """Compare two sides, and search for the first slower commit if that is asked for and head is slower.

    Args:
        request: what to compare.
        settings: how.
        progress: told about each step.
        search: whether to search.
        announce: called before the first process, with what will be measured.

    Raises:
        BenchError: a side cannot be measured; the message says what to do.
    """
    began = time.monotonic()
    if not hasattr(os, "fork"):
        raise BenchError("bench ab needs Linux or macOS: it forks its processes")
    toplevel = repository(request, Path.cwd())
    with ExitStack() as stack:
        progress.step("checking out")
        worktrees = stack.enter_context(Worktrees(toplevel)) if toplevel is not None else None
        sides = make_sides(request, worktrees)
        commits: list[str] = []
        if search:
            commits = _commits(sides, toplevel)
        progress.step("reading the suites")
        pairing = plan_sides(sides, request)
        announce(sides, pairing)
        timings = timings_of(pairing.pairs, settings)
        outcome = Comparison(sides.by_label(), timings, settings, progress, began).run()
        result = Result(request, settings, sides, pairing, outcome)
        if search and worktrees is not None and outcome.status == 1:
            result.bisection = _search(result, worktrees, commits, progress)
            result.subjects = tuple(
                revisions.git(worktrees.toplevel, "log", "-1", "--format=%h %s", commit).strip()
                for commit in result.bisection.suspects
            )
    return result


def _commits(sides: Sides, toplevel: Path | None) -> list[str]:
    base, head = sides.revisions["base"].commit, sides.revisions["head"].commit
    if toplevel is None or base is None or head is None:
        raise RevisionError("--bisect searches among commits: give a commit, branch or tag as BASE and HEAD")
    commits = revisions.commits_between(toplevel, base, head)
    if not commits:
        raise RevisionError("--bisect: there is no commit between BASE and HEAD")
    return commits


def _search(result: Result, worktrees: Worktrees, commits: list[str], progress: Progress) -> Bisection:
    """Return the first slower commit by the timing whose slowdown is the surest."""
    slower = [timing for timing in result.outcome.timings if timing.decision.verdict == "slower"]
    surest = max(slower, key=lambda timing: timing.decision.low or 0.0)
    ratio = surest.decision.ratio
    assert ratio is not None
    level = result.settings.level / comparisons(len(commits))
    settings = replace(result.settings, margin=max(ratio - 1, 1e-3), level=level)

    def test(commit: str) -> Step:
        progress.step(f"bisecting: {commit[:8]}")
        return _test(result, worktrees, surest, commit, settings, progress)

    try:
        return bisect(commits, test)
    except KeyboardInterrupt:
        result.outcome.interrupted = True
        return Bisection(commits, first_bad=len(commits) - 1)


def _test(
    result: Result, worktrees: Worktrees, timing: Timing, commit: str, settings: Settings, progress: Progress
) -> Step:
    """Compare a commit with base by one timing."""
    try:
        side = side_of(result.sides, result.request, worktrees, commit, f"c{commit[:3]}")
    except BenchError:
        return Step(commit, "failed")
    try:
        sides = replace(result.sides, head=side)
        pairing = plan_sides(sides, result.request)
        pair = _same_pair(pairing, timing.pair)
        if pair is None:
            return Step(commit, "failed")
        outcome = Comparison(sides.by_label(), timings_of([pair], settings, [timing.kind]), settings, progress).run()
        if outcome.interrupted:
            raise KeyboardInterrupt
        only = outcome.timings[0]
        if only.failed_side is not None:
            return Step(commit, "failed")
        return Step(commit, only.decision.verdict, only.decision.ratio)
    except BenchError:
        return Step(commit, "failed")
    finally:
        worktrees.remove(side.folder)


def _same_pair(pairing: Pairing, pair: Pair) -> Pair | None:
    return next((one for one in pairing.pairs if one.base.id == pair.base.id), None)
