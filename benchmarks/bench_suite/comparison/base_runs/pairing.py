"""Pair the cells of head with those of several base runs."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from bench_suite.comparison.base_runs.last_runs import LastRuns
from bench_suite.comparison.gates import by_seed
from bench_suite.comparison.pairing import (
    Group,
    Matches,
    Pair,
    Pairing,
    ReasonCode,
    grouped,
    match_cells,
    pairing_of,
)
from bench_suite.comparison.run_differences import changed_files, commits_text, differences_of_runs
from bench_suite.contracts import Record
from bench_suite.store.runs import Run

TEST_DIFFERS = "its test examples differ"
"The detail of a run that has the cells, but not the test examples of head."


@dataclass(frozen=True)
class LeftOut:
    """A base run in which some cells cannot be compared with those of head."""

    run: str
    where: str
    reason_code: ReasonCode
    detail: str


@dataclass(frozen=True)
class RunsGroup:
    """Cells that differ only in their seed and fold, in head and in each base run that has all of them."""

    runs: tuple[tuple[Run, Group], ...]
    "Newest first; at least one."
    left_out: tuple[LeftOut, ...]

    @property
    def newest(self) -> Group:
        """The group in the newest of these runs."""
        return self.runs[0][1]


@dataclass(frozen=True)
class RunsPairing:
    """Head and several runs, cell by cell."""

    pairing: Pairing
    "What is compared, each group with the newest run that has it; what is not; and notes."
    groups: tuple[RunsGroup, ...]


def pair_with_runs(bases: LastRuns, head: Run) -> RunsPairing:
    """Pair the cells of head with those of each base run.

    A base run counts for cells that differ only in their seed if it has all of them that are compared. These are the
    ones of the run that has most of them, the newest one of several.
    """
    matches = [match_cells(run, head) for run in bases.runs]
    groups: list[RunsGroup] = []
    compared: set[str] = set()
    for where, records in by_seed(head.planned_records()).items():
        ids = [record.id for record in records]
        pairs = [_unchanged(of_run, ids) for of_run in matches]
        if not any(pairs):  # the test examples of all runs differ from those of head: the newest one counts
            pairs = [{pair.head.id: pair for pair in of_run.pairs if pair.head.id in ids} for of_run in matches]
            first = next((index for index, own in enumerate(pairs) if own), 0)
            pairs = [own if index == first else {} for index, own in enumerate(pairs)]
        wanted = max(pairs, key=len)
        if not wanted:
            continue
        used = [
            (run, _group([own[id] for id in wanted], run, head))
            for run, own in zip(bases.runs, pairs)
            if wanted.keys() <= own.keys()
        ]
        left_out = [
            _left_out(run, where, of_run, [id for id in wanted if id not in own])
            for run, of_run, own in zip(bases.runs, matches, pairs)
            if not wanted.keys() <= own.keys()
        ]
        groups.append(RunsGroup(tuple(used), tuple(left_out)))
        compared |= wanted.keys()
    pairs_of_newest = tuple(pair for group in groups for pair in group.newest.pairs)
    rest = tuple(_uncompared(matches, head, compared))
    single = tuple(group.newest for group in groups)
    notes = [*bases.notes(), *_code(bases, head), *_differences(bases, head, groups), *_left_out_notes(groups)]
    pairing = pairing_of(Matches(pairs_of_newest, rest), bases.runs[0], head, single, notes)
    return RunsPairing(pairing, tuple(groups))


def _uncompared(
    matches: Sequence[Matches], head: Run, compared: set[str]
) -> Iterator[tuple[Record, tuple[ReasonCode, str]]]:
    """Yield the cells that no group has: as the newest run says, and those of head that only older runs say why of."""
    yield from (entry for entry in matches[0].uncompared if entry[0].id not in compared)
    known = compared | {record.id for record, _ in matches[0].uncompared}
    for record in head.planned_records():
        if record.id not in known:
            reasons = [reason for of_run in matches for other, reason in of_run.uncompared if other.id == record.id]
            yield record, next(iter(reasons), ("other data", TEST_DIFFERS))


def _unchanged(matches: Matches, ids: Sequence[str]) -> dict[str, Pair]:
    """Return the pairs of these cells, by the id of head, whose test examples are the same."""
    return {pair.head.id: pair for pair in matches.pairs if pair.head.id in ids and not pair.changed_splits}


def _group(pairs: Sequence[Pair], run: Run, head: Run) -> Group:
    (group,) = grouped(pairs, run, head)
    return group


def _left_out(run: Run, where: str, matches: Matches, missing: Sequence[str]) -> LeftOut:
    """Return why a run cannot be compared in the first of some cells."""
    reasons = {record.id: reason for record, reason in matches.uncompared}
    code, detail = reasons.get(missing[0], ("other data", TEST_DIFFERS))
    return LeftOut(run.name, where, code, detail)


def _code(bases: LastRuns, head: Run) -> Iterator[str]:
    commits = list(dict.fromkeys(commits_text(run) for run in bases.runs))
    yield f"code: {commits[0] if len(commits) == 1 else f'{len(commits)} commits'} → {commits_text(head)}"


def _differences(bases: LastRuns, head: Run, groups: Sequence[RunsGroup]) -> Iterator[str]:
    """Yield what differs between head and the base runs as a whole; each with the runs that it is true of."""
    runs: dict[str, list[str]] = {}
    for run in bases.runs:
        own = [group for member in groups for other, group in member.runs if other is run]
        for text in differences_of_runs(run, head, own):
            runs.setdefault(text, []).append(run.name)
    for text, names in runs.items():
        yield text if len(names) == len(bases.runs) else f"{text} (of {', '.join(names)})"
    yield from changed_files([group for members in groups for _, group in members.runs])


def _left_out_notes(groups: Sequence[RunsGroup]) -> Iterator[str]:
    """Yield which runs are left out for which cells."""
    cells: dict[tuple[str, str, str], list[str]] = {}
    for group in groups:
        for one in group.left_out:
            cells.setdefault((one.run, one.reason_code, one.detail), []).append(one.where)
    for (run, code, detail), places in cells.items():
        yield f"{run} is no part of the base for {'; '.join(places)}: {code}: {detail}"


def with_pairs(group: Group, members: Sequence[Pair]) -> Group:
    """Return a group with the cells of `members` only."""
    by_id = {pair.head.id: pair for pair in group.pairs}
    return replace(group, pairs=tuple(by_id[member.head.id] for member in members))
