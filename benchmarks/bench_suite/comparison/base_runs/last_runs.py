"""Choose the newest N runs of a suite on the main branch as a base: `last:N`, or `last:N@BRANCH`."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from bench_suite.comparison.preconditions import NoBaseline
from bench_suite.contracts import BenchError, Record
from bench_suite.execution.selection import format_selectors
from bench_suite.store.commands import bench
from bench_suite.store.runs import Run, Store, cell_overrides

PREFIX = "last:"
"Begins the word that names several runs."
MAIN_BRANCHES = ("main", "master")
"Branches whose runs count if the word names no other."
MIN_RUNS = 2
"Fewer runs show no variance between them."
MAX_RUNS = 100
"A larger N is a typing error: each run is read."
MAX_NAMED = 5
"Skipped runs that a note names for one reason; it counts further ones."
_WORD = re.compile(r"last:(?P<count>[0-9]{1,9})(?:@(?P<branch>.+))?")

SkipCode = Literal["other branch", "dirty", "several commits", "partial", "failed", "other --set"]
"""Why a run is skipped:

`other branch`     its branch is recorded, and is another one
`dirty`            files differed from the commit when it began, or when it was resumed
`several commits`  it was resumed under another commit
`partial`          it was asked for a part of its suite, or did not reach all cells
`failed`           a cell or a probe failed
`other --set`      other `--set` than those of head
"""
REASONS: Mapping[SkipCode, str] = {
    "other branch": "of another branch", "dirty": "with uncommitted changes", "several commits": "of several commits",
    "partial": "without all cells", "failed": "with cells or probes that failed", "other --set": "with other --set",
}  # fmt: skip


@dataclass(frozen=True)
class ListedRun:
    """A run that was looked at."""

    run: str
    commit: str | None
    branch: str | None
    skipped: SkipCode | None = None
    "Why it is no part of the base; None if it is."
    detail: str = ""
    "What failed, or the branch, for people."


@dataclass(frozen=True)
class LastRuns:
    """Several runs as one base, newest first."""

    word: str
    "`last:5`."
    asked: int
    "The number that the word states."
    runs: tuple[Run, ...]
    listed: tuple[ListedRun, ...]
    "The runs that were looked at, newest first: those of the base, and skipped ones."

    @property
    def name(self) -> str:
        """The base in words: `last:5 (OLDEST … NEWEST)`; the name of the run if there is one."""
        if len(self.runs) == 1:
            return self.runs[0].name
        return f"{self.word} ({self.runs[-1].name} … {self.runs[0].name})"

    @property
    def info(self) -> Mapping[str, Any]:
        """`run.json` of the newest run, whose gates a comparison shows."""
        return self.runs[0].info

    @property
    def damages(self) -> tuple[str, ...]:
        """What could not be read of any of the runs."""
        return tuple(damage for run in self.runs for damage in run.damages)

    def records(self) -> list[Record]:
        """Return the records of all runs."""
        return [record for run in self.runs for record in run.records()]

    def notes(self) -> Iterator[str]:
        """Yield which runs the base is, and which were skipped and why."""
        taken = [_run_text(listed) for listed in self.listed if listed.skipped is None]
        few = f", not {self.asked}: there are no more" if len(taken) < self.asked else ""
        runs = "one run" if len(taken) == 1 else f"the mean of {len(taken)} runs"
        yield f"base: {runs}{few}: {', '.join(taken)}"
        yield from (f"skipped: {text}" for text in _skipped_texts(self.listed))


def is_last_runs(name: str) -> bool:
    """Return whether the name of a base asks for the last runs."""
    return name.startswith(PREFIX)


def last_runs(
    store: Store, name: str, suite: str, overrides: Sequence[str] = (), before: Run | None = None
) -> LastRuns:
    """Return the newest N runs of a suite that can be a base.

    Smoke runs never count and are not listed. A run without a recorded branch, such as one of a detached head or an
    imported one, counts.

    Args:
        store: the runs.
        name: `last:N` or `last:N@BRANCH`.
        suite: the suite's name.
        overrides: `--set` of head; those that change no cell are ignored.
        before: the run that they must precede.

    Raises:
        BenchError: The name has another form.
        NoBaseline: There are fewer than two such runs, or none for `last:1`.
    """
    count, branch = _parse(name)
    branches = MAIN_BRANCHES if branch is None else (branch,)
    end = "~" if before is None else str(before.info["started"])  # "~" sorts after every time
    wanted = cell_overrides(overrides)
    runs: list[Run] = []
    listed: list[ListedRun] = []
    for info in store.runs():
        if info.suite != suite or info.smoke or info.started >= end or (before and info.run == before.name):
            continue
        run = Run(info.path)
        skipped, detail = _obstacle(run, branches, wanted) or (None, "")
        git = run.info.get("git") or {}
        listed.append(ListedRun(run.name, git.get("commit"), git.get("branch"), skipped, detail))
        if skipped is None:
            runs.append(run)
        if len(runs) == count:
            break
    if len(runs) < min(count, MIN_RUNS):
        raise NoBaseline(_too_few(store, name, suite, branches, len(runs), listed))
    return LastRuns(name, count, tuple(runs), tuple(listed))


def _parse(name: str) -> tuple[int, str | None]:
    match = _WORD.fullmatch(name)
    count = int(match["count"]) if match else 0
    if match is None or not 1 <= count <= MAX_RUNS:
        raise BenchError(
            f"{name}: write last:N, the newest N runs of the main branch, with N from 1 to {MAX_RUNS}, such as last:5\n"
            "  or last:N@BRANCH, those of another branch"
        )
    return count, match["branch"]


def _obstacle(run: Run, branches: Sequence[str], wanted: Sequence[str]) -> tuple[SkipCode, str] | None:
    """Return why a run is no part of the base, and the detail; None if it is."""
    git = run.info.get("git") or {}
    states = [git, *(state or {} for state in run.info.get("resumed_git") or ())]
    branch = git.get("branch")
    if cell_overrides(run.info.get("overrides", ())) != wanted:
        return "other --set", ""
    if branch is not None and branch not in branches:
        return "other branch", str(branch)
    if any(state.get("dirty") for state in states):
        return "dirty", ""
    if len({state.get("commit") for state in states}) > 1:
        return "several commits", ""
    if only := run.info.get("only"):
        return "partial", format_selectors(only)
    records = run.planned_records()
    if missing := len(set(run.planned) - {record.id for record in records}):
        return "partial", f"{missing} of {len(run.planned)} cells missing"
    if not any(record.status == "ok" for record in records):
        return "failed", "no cell ended well"
    for record in records:
        where = run.planned.get(record.id, record.id)
        if record.status == "failed":
            return "failed", where
        for label, row in record.probes.items():
            if row.status == "failed":
                return "failed", f"{label} in {where}"
    return None


def _run_text(listed: ListedRun) -> str:
    git = ", ".join(filter(None, ((listed.commit or "")[:7], listed.branch)))
    return f"{listed.run} ({git})" if git else listed.run


def _skipped_texts(listed: Sequence[ListedRun]) -> Iterator[str]:
    """Yield the skipped runs, by their reason."""
    for code, reason in REASONS.items():
        runs = [one for one in listed if one.skipped == code]
        names = [f"{one.run} ({one.detail})" if one.detail else one.run for one in runs[:MAX_NAMED]]
        names += [f"{len(runs) - MAX_NAMED} more"] if len(runs) > MAX_NAMED else []
        if runs:
            yield f"{len(runs)} {reason}: {', '.join(names)}"


def _too_few(
    store: Store, name: str, suite: str, branches: Sequence[str], count: int, listed: Sequence[ListedRun]
) -> str:
    """Return what is missing, which runs were skipped, and what to do."""
    have = {0: "there is no earlier run", 1: "there is only one earlier run"}[count]
    skipped = "".join(f"\n  skipped: {text}" for text in _skipped_texts(listed))
    need = "the variance between runs needs two or more" if count else "there is nothing to compare with"
    return (
        f"{name}: {have} of {suite} on {' or '.join(branches)} in {store.root}: {need}{skipped}\n"
        f"  make runs of that branch with: {bench('run', suite, results=store.root)}; "
        "or compare with one run: --against latest"
        + ("" if name.partition("@")[2] else f"; or name another branch: {name}@BRANCH")
    )
