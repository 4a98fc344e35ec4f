"""Pair the cells of two runs, and say what keeps the others from being compared."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from bench_suite.comparison.gates import by_seed, seeds_text
from bench_suite.comparison.run_differences import Machines, run_notes
from bench_suite.components.options import show
from bench_suite.contracts import Record
from bench_suite.execution.selection import LAST_FAILED, selectors_match
from bench_suite.store.runs import Run
from bench_suite.suite.cell import group_name

ReasonCode = Literal[
    "failed", "failed probe", "failed in base", "missing", "left out", "new", "other data", "other options",
    "other placement",
]  # fmt: skip
"""Why a cell is not compared:

`failed`           it failed in head
`failed probe`     one of its probes failed in head; the cell itself is compared
`failed in base`   it failed in base
`missing`          head should have it and does not, or neither run has done it
`left out`         head was asked for other cells; or with `[gate] seeds` one side has more seeds of the same cells
`new`              base has no such cell
`other data`       what it learnt from differs, or its data differ and their records do not show in what
`other options`    its options, a component, or a component's VERSION or file, differ
`other placement`  its device, threads or precision differ
"""

FAILED: tuple[ReasonCode, ...] = ("failed", "failed probe")
"Reason codes of what failed in head."
LEARNT_FROM = ("train", "validation")
"Splits that a training depends on. Metrics are measured on the others."


@dataclass(frozen=True)
class Pair:
    """One cell in both runs."""

    base: Record
    head: Record
    changed_splits: tuple[str, ...] = ()
    "Splits that metrics are measured on and whose examples differ."
    reordered_splits: tuple[str, ...] = ()
    "Splits that have the same examples in another order."


@dataclass(frozen=True)
class Group:
    """Pairs that differ only in their seed and fold."""

    where: str
    "In words, as head calls it: `imdb, minilm`."
    pairs: tuple[Pair, ...]
    same_hardware: bool
    "Whether each pair ran on the same known hardware, which timings require."
    names: tuple[str, str] = ("base", "head")
    "What messages call the two sides."


@dataclass(frozen=True)
class UncomparedCell:
    """A cell, or several that differ only in their seed, that is not compared; or a probe that failed in head."""

    reason_code: ReasonCode
    where: str
    "The cells in words, with their seeds."
    detail: str
    "The reason for people."
    probe: str = ""
    "Label of the probe that failed; empty for a whole cell."


@dataclass(frozen=True)
class Pairing:
    """Two runs, cell by cell."""

    groups: tuple[Group, ...]
    uncompared: tuple[UncomparedCell, ...]
    notes: tuple[str, ...]
    "What differs between the runs as a whole: code, versions, hardware."


def pair_runs(base: Run, head: Run) -> Pairing:
    """Pair the cells of two runs by `id`, which identifies what the suite states and nothing else.

    A cell is not compared if one side lacks it or failed in it, or if training data, options or placement (device,
    threads, precision) differ. If both runs have its labels under two ids, its options differ, and the detail names
    them.
    """
    matches = match_cells(base, head)
    return pairing_of(matches, base, head, grouped(matches.pairs, base, head))


@dataclass(frozen=True)
class Matches:
    """The cells of two runs, before those that differ in their seed are put together."""

    pairs: tuple[Pair, ...]
    uncompared: tuple[tuple[Record, tuple[ReasonCode, str]], ...]
    "Cells that are not compared; those that head lacks come last, as base has them."


def match_cells(base: Run, head: Run) -> Matches:
    """Return the cells of two runs that can be compared, and why the others cannot."""
    before, after = base.planned_records(), head.planned_records()
    unmatched = {record.id: record for record in before}
    pairs: list[Pair] = []
    uncompared: list[tuple[Record, tuple[ReasonCode, str]]] = []
    for record in after:
        twin = unmatched.pop(record.id, None)
        if twin is None:
            uncompared.append((record, _unmatched_reason(record, before, (base, head))))
        elif obstacle := _obstacle(twin, record):
            uncompared.append((record, obstacle))
        else:
            pairs.append(pair_of(twin, record))
    labels = [dict(record.cell) for record in after]
    uncompared += [
        (record, _missing_reason(record, after, (base, head)))
        for record in unmatched.values()
        if dict(record.cell) not in labels
    ]
    return Matches(tuple(pairs), tuple(uncompared))


def pairing_of(
    matches: Matches, base: Run, head: Run, groups: tuple[Group, ...], notes: Sequence[str] | None = None
) -> Pairing:
    """Return the pairing of two runs: groups of cells, what is not compared, and notes, by default `run_notes`."""
    before, after = base.planned_records(), head.planned_records()
    names = {
        record.id: where
        for records in (before, after)
        for where, members in by_seed(records).items()
        for record in members
    }
    not_done = [where for id, where in head.planned.items() if id not in names]
    return Pairing(
        groups,
        (
            *_merge_seeds(matches.uncompared, names),
            *(UncomparedCell("missing", where, "neither run has done it") for where in not_done),
            *_merge_seeds_of_probes(_failed_probes(after), names),
        ),
        tuple(run_notes(base, head, groups) if notes is None else notes),
    )


def pair_of(base: Record, head: Record) -> Pair:
    """Return two records of one cell as a pair, with the splits whose examples differ."""
    changed, reordered = (_differing_splits(base, head, part) or () for part in ("examples", "order"))
    return Pair(base, head, changed, tuple(name for name in reordered if name not in changed))


def _differing_splits(base: Record, head: Record, part: str) -> tuple[str, ...] | None:
    """Return the splits of which `examples` or `order` differ; None if the data differ and no record shows in what."""
    if base.data.get("fingerprint") == head.data.get("fingerprint"):
        return ()
    sides = [record.data.get("fingerprints") or {} for record in (base, head)]
    if not all(sides):
        return None
    mine, theirs = ({name: split.get(part) for name, split in side.items()} for side in sides)
    names = dict.fromkeys((*mine, *theirs))
    return tuple(name for name in names if mine.get(name) is None or mine.get(name) != theirs.get(name))


def grouped(
    pairs: Sequence[Pair], base: Run, head: Run, names: tuple[str, str] = ("base", "head")
) -> tuple[Group, ...]:
    """Return the pairs grouped by what they share but seed and fold; messages call the two sides by `names`."""
    by_id = {pair.head.id: pair for pair in pairs}
    of_base, of_head = Machines(base), Machines(head)
    groups = []
    for where, records in by_seed(pair.head for pair in pairs).items():
        members = tuple(by_id[record.id] for record in records)
        machines = [(of_base.of(pair.base), of_head.of(pair.head)) for pair in members]
        same_hardware = all(mine is not None and mine == theirs for mine, theirs in machines)
        groups.append(Group(where, members, same_hardware, names))
    return tuple(groups)


def _failed_probes(records: Sequence[Record]) -> list[tuple[Record, str, str]]:
    """Return cell, label and reason of the probes that failed in cells that ended well."""
    return [
        (record, label, row.reason or "no reason given")
        for record in records
        for label, row in record.probes.items()
        if record.status == "ok" and row.status == "failed"
    ]


def _is_further_seed(record: Record, others: Sequence[Record], runs: tuple[Run, Run]) -> bool:
    """Return whether a cell is a seed more than the other run has of the same cells, which `[gate] seeds` allows.

    Args:
        record: the cell; a further seed that failed in base says nothing about the seeds that head has.
        others: the records of the other run.
        runs: base and head.
    """
    if not any(run.info.get("gate_seeds") for run in runs):
        return False
    mine = group_name(record.cell)
    return any(group_name(other.cell) == mine and other.cell.get("seed") != record.cell.get("seed") for other in others)


def _has_enough_seeds(record: Record, after: Sequence[Record], runs: tuple[Run, Run]) -> bool:
    """Return whether head has the seeds that its suite begins with, or those of base if head states no `[gate] seeds`.

    Otherwise a suite that states one seed instead of the range would be judged by it, and nothing would be missing.
    """
    ranges = (run.info.get("gate_seeds") for run in reversed(runs))
    first = next(int(stated["from"]) for stated in ranges if stated)
    mine = group_name(record.cell)
    return sum(group_name(other.cell) == mine for other in after) >= first


def _missing_reason(record: Record, after: Sequence[Record], runs: tuple[Run, Run]) -> tuple[ReasonCode, str]:
    """Return why head has no such cell: it was asked for others, needed fewer seeds, or should have it."""
    head = runs[1]
    if (
        record.id not in head.planned
        and _is_further_seed(record, after, runs)
        and _has_enough_seeds(record, after, runs)
    ):
        return "left out", "head was run with fewer seeds"
    only = [str(selector) for selector in head.info.get("only", ())]
    passed = head.info.get("passed")  # runs of earlier versions do not list what `--lf` left out
    by_labels = [selector for selector in only if selector != LAST_FAILED or passed is None]
    if only and (record.id in (passed or ()) or not selectors_match(by_labels, record.cell)):
        return "left out", f"head was asked for {' '.join(only)}"
    return "missing", f"head lacks it, though it was asked for {' '.join(only)}" if only else "head lacks it"


def _unmatched_reason(record: Record, before: Sequence[Record], runs: tuple[Run, Run]) -> tuple[ReasonCode, str]:
    """Return why base has no cell of this id: it is new, or its options differ; a failure comes first."""
    if record.status != "ok":
        return "failed", f"{record.status}: {record.reason or 'no reason given'}; base has no such cell"
    twin = next((other for other in before if dict(other.cell) == dict(record.cell)), None)
    if twin is None and _is_further_seed(record, before, runs):
        return "left out", "base was run with fewer seeds"
    if twin is None:
        return "new", "base has no such cell"
    changes = [*_other_components(record, runs), *_changes(twin.options, record.options)]
    return "other options", "; ".join(changes) or "a component's VERSION or file differs"


def _other_components(record: Record, runs: tuple[Run, Run]) -> list[str]:
    """Return the task and the model of a cell that two runs call the same and that are other components."""
    changes = []
    for family in ("task", "model"):
        label = str(record.cell.get(family))
        mine, theirs = (run.info.get("components", {}).get(family, {}).get(label) for run in runs)
        if mine is not None and theirs is not None and mine != theirs:
            changes.append(f"the {family} `{label}` is another component: {mine} → {theirs}")
    return changes


def _obstacle(base: Record, head: Record) -> tuple[ReasonCode, str] | None:
    """Return what keeps two records of one id from being compared; None if nothing does."""
    if obstacle := obstacle_between_models(base, head):
        return obstacle
    if changes := _changes(base.options, head.options):
        return "other options", "; ".join(changes)
    return None


def obstacle_between_models(base: Record, head: Record) -> tuple[ReasonCode, str] | None:
    """Return what keeps records of two models from being compared, whose options may differ; None if nothing does."""
    if head.status != "ok":
        return "failed", f"{head.status}: {head.reason or 'no reason given'}"
    if base.status != "ok":
        return "failed in base", f"{base.status}: {base.reason or 'no reason given'}"
    if detail := _other_data(base, head):
        return "other data", detail
    placements = [{"placement": record.options.get("placement", {})} for record in (base, head)]
    if changes := _changes(*placements):
        return "other placement", "; ".join(changes)
    return None


def changed_options(base: Record, head: Record, families: Sequence[str]) -> list[str]:
    """Return the options of some families that differ, as `train.epochs 15 → 3`."""
    return _changes(*({family: side.options.get(family, {}) for family in families} for side in (base, head)))


def _other_data(base: Record, head: Record) -> str:
    """Return how what two cells learnt from differs; empty if it does not."""
    differing = _differing_splits(base, head, "examples")
    learnt = [name for name in differing or () if name in LEARNT_FROM]
    if differing is not None and not learnt:
        return ""
    name, other = (str(record.data.get("name", "?")) for record in (base, head))
    old, new = (str(record.data.get("fingerprint", "none"))[:8] for record in (base, head))
    detail = f"{name} {old} → {other} {new}"
    if learnt:
        return f"{detail}: the examples of {' and '.join(learnt)} differ"
    sides = [word for word, record in (("base", base), ("head", head)) if not record.data.get("fingerprints")]
    if len(sides) == 1:
        detail += (
            f": {sides[0]} has no fingerprints of its splits, so the same examples in another order look different"
        )
    return detail


def _changes(base: Mapping[str, Any], head: Mapping[str, Any]) -> list[str]:
    """Return options that both have and that differ, as `train.epochs 15 → 3`. A new option's default is no change."""
    changes = []
    for family in base.keys() & head.keys():
        mine, theirs = base[family], head[family]
        if mine == theirs or not isinstance(mine, Mapping) or not isinstance(theirs, Mapping):
            continue
        changes += [
            f"{family}.{key} {_value_text(mine[key])} → {_value_text(theirs[key])}"
            for key in mine.keys() & theirs.keys()
            if mine[key] != theirs[key]
        ]
    return sorted(changes)


def _value_text(value: Any) -> str:
    return "unset" if value is None else show(value)


def _merge_seeds(
    cells: Sequence[tuple[Record, tuple[ReasonCode, str]]], names: Mapping[str, str]
) -> Iterator[UncomparedCell]:
    """Yield one entry for cells that differ only in their seed and are not compared for the same reason."""
    seeds: dict[tuple[ReasonCode, str, str], list[Mapping[str, Any]]] = {}
    for record, (code, detail) in cells:
        seeds.setdefault((code, names[record.id], detail), []).append(record.cell)
    for (code, where, detail), members in seeds.items():
        yield UncomparedCell(code, f"{where}, {seeds_text(members)}", detail)


def _merge_seeds_of_probes(
    probes: Sequence[tuple[Record, str, str]], names: Mapping[str, str]
) -> Iterator[UncomparedCell]:
    """Yield one entry for a probe that failed for the same reason in cells that differ only in their seed."""
    seeds: dict[tuple[str, str, str], list[Mapping[str, Any]]] = {}
    for record, label, reason in probes:
        seeds.setdefault((names[record.id], label, reason), []).append(record.cell)
    for (where, label, reason), members in seeds.items():
        yield UncomparedCell("failed probe", f"{where}, {seeds_text(members)}", reason, label)
