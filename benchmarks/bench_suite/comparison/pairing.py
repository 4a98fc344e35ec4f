"""Which cells of two runs stand beside one another, and what sets the others apart: nothing is compared silently."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from bench_suite.comparison.gates import by_seed
from bench_suite.components.options import show
from bench_suite.contracts import Record
from bench_suite.execution.selection import LAST_FAILED, selectors_match
from bench_suite.store.runs import Run

Why = Literal[
    "failed", "failed probe", "failed in base", "missing", "left out", "new", "other data", "other options",
    "other placement",
]  # fmt: skip

UNKNOWN = "not known"


@dataclass(frozen=True)
class Pair:
    """One cell in both runs."""

    base: Record
    head: Record


@dataclass(frozen=True)
class Group:
    """Pairs that differ only in their seed."""

    where: str
    "In words, as head calls it: `imdb, minilm`."
    pairs: tuple[Pair, ...]
    hardware: bool
    "Whether each pair ran on the same hardware, the only case in which timings can be compared."


@dataclass(frozen=True)
class UncomparedCell:
    """A cell, or several that differ only in their seed, that is not compared; or a probe that failed in head."""

    why: Why
    where: str
    detail: str
    probe: str = ""
    "Label of the probe that failed; none where it is of the whole cell."


@dataclass(frozen=True)
class Pairing:
    """Two runs, cell by cell."""

    groups: tuple[Group, ...]
    odd: tuple[UncomparedCell, ...]
    notes: tuple[str, ...]
    "What differs between the runs as a whole: code, versions, hardware."


def pair(base: Run, head: Run) -> Pairing:
    """Pair two runs' cells by `id`, which is made of what the suite states and of nothing else.

    A cell that one side has not, in which it failed, or that had other data, options or placement (device, threads,
    precision) is odd. One whose labels stand in both runs under two ids had other options: it says which.
    """
    before, after = base.planned_records(), head.planned_records()
    names = {record.id: where for side in (before, after) for where, rs in by_seed(side).items() for record in rs}
    known = {record.id: record for record in before}
    pairs, odd = [], []
    for record in after:
        other = known.pop(record.id, None)
        if other is None:
            odd.append((record, _unknown(record, before)))
        elif error := _apart(other, record):
            odd.append((record, error))
        else:
            pairs.append(Pair(other, record))
    labels = [dict(record.cell) for record in after]
    odd += [(record, _lacking(record, head)) for record in known.values() if dict(record.cell) not in labels]
    nowhere = [where for id, where in head.planned.items() if id not in names]
    by_id = {each.head.id: each for each in pairs}
    broken = [
        (record, label, row.reason or "no reason given")
        for record in after
        for label, row in record.probes.items()
        if record.status == "ok" and row.status == "failed"
    ]
    paired = []
    for where, several in by_seed(each.head for each in pairs).items():
        members = tuple(by_id[record.id] for record in several)
        same = all(_machine(base, each.base) == _machine(head, each.head) != UNKNOWN for each in members)
        paired.append(Group(where, members, same))
    return Pairing(
        tuple(paired),
        (
            *_gathered(odd, names),
            *(UncomparedCell("missing", where, "neither run has done it") for where in nowhere),
            *_gathered_probes(broken, names),
        ),
        tuple(_notes(base, head, paired)),
    )


def _lacking(record: Record, head: Run) -> tuple[Why, str]:
    """Why head has no such cell: it was asked for others, or should have it."""
    only = [str(each) for each in head.info.get("only", ())]
    passed = head.info.get("passed")  # not in runs of earlier versions, of which `--lf` tells nothing
    by_labels = [each for each in only if each != LAST_FAILED or passed is None]
    if only and (record.id in (passed or ()) or not selectors_match(by_labels, record.cell)):
        return "left out", f"head was asked for {' '.join(only)}"
    return "missing", f"head lacks it, though it was asked for {' '.join(only)}" if only else "head lacks it"


def _unknown(record: Record, before: Sequence[Record]) -> tuple[Why, str]:
    """Why base has no cell of this id: it is new, or its options were others; that it failed comes first."""
    if record.status != "ok":
        return "failed", f"{record.status}: {record.reason or 'no reason given'}; base has no such cell"
    twin = next((other for other in before if dict(other.cell) == dict(record.cell)), None)
    if twin is None:
        return "new", "base has no such cell"
    changes = _changes(twin.options, record.options)
    return "other options", "; ".join(changes) or "a component's VERSION or file is another"


def _apart(base: Record, head: Record) -> tuple[Why, str] | None:
    """What keeps two records of one id from being compared."""
    if head.status != "ok":
        return "failed", f"{head.status}: {head.reason or 'no reason given'}"
    if base.status != "ok":
        return "failed in base", f"{base.status}: {base.reason or 'no reason given'}"
    prints = [str(record.data.get("fingerprint", "none")) for record in (base, head)]
    if prints[0] != prints[1]:
        names = [str(record.data.get("name", "?")) for record in (base, head)]
        return "other data", f"{names[0]} {prints[0][:8]} → {names[1]} {prints[1][:8]}"
    places = [{"place": record.options.get("place", {})} for record in (base, head)]
    if changes := _changes(*places):
        return "other placement", "; ".join(changes)
    if changes := _changes(base.options, head.options):
        return "other options", "; ".join(changes)
    return None


def _changes(base: Mapping[str, Any], head: Mapping[str, Any]) -> list[str]:
    """Options that both have and that differ: `train.epochs 15 → 3`. A new option's default changes nothing."""
    found = []
    for family in base.keys() & head.keys():
        mine, theirs = base[family], head[family]
        if not isinstance(mine, Mapping) or not isinstance(theirs, Mapping):
            continue
        found += [
            f"{family}.{key} {_said(mine[key])} → {_said(theirs[key])}"
            for key in mine.keys() & theirs.keys()
            if mine[key] != theirs[key]
        ]
    return sorted(found)


def _said(value: Any) -> str:
    return "unset" if value is None else show(value)


def _gathered(odd: Sequence[tuple[Record, tuple[Why, str]]], names: Mapping[str, str]) -> Iterator[UncomparedCell]:
    """One entry for cells that differ only in their seed and are odd for one reason."""
    seeds: dict[tuple[Why, str, str], list[Any]] = {}
    for record, (why, detail) in odd:
        seeds.setdefault((why, names[record.id], detail), []).append(record.cell.get("seed"))
    for (why, where, detail), several in seeds.items():
        yield UncomparedCell(why, f"{where}, {_seeds(several)}", detail)


def _gathered_probes(broken: Sequence[tuple[Record, str, str]], names: Mapping[str, str]) -> Iterator[UncomparedCell]:
    """One entry for a probe that failed for one reason in cells that differ only in their seed."""
    seeds: dict[tuple[str, str, str], list[Any]] = {}
    for record, label, reason in broken:
        seeds.setdefault((names[record.id], label, reason), []).append(record.cell.get("seed"))
    for (where, label, reason), several in seeds.items():
        yield UncomparedCell("failed probe", f"{where}, {_seeds(several)}", reason, label)


def _seeds(several: Sequence[Any]) -> str:
    return f"{'seed' if len(several) == 1 else 'seeds'} {', '.join(map(str, several))}"


# ── the runs as a whole ─────────────────────────────────────────────────────────────────────────


def _notes(base: Run, head: Run, groups: Sequence[Group]) -> Iterator[str]:
    code = [_commit(run) for run in (base, head)]
    yield f"code: {code[0]} → {code[1]}" if code[0] != code[1] else f"code: {code[0]} on both sides"
    if base.info.get("version") != head.info.get("version"):
        yield f"bench-suite {base.info.get('version')} → {head.info.get('version')}"
    versions = [[_versions(each) for each in _environments(run)] for run in (base, head)]
    for package in sorted({package for several in versions for each in several for package in each}):
        # A run that was resumed may have several.
        old, new = (", ".join(sorted({each.get(package, "none") for each in several})) for several in versions)
        if old != new:
            yield f"{package} {old} → {new}"
    if _hardware(base) != _hardware(head):
        yield f"hardware: {_hardware(base)} → {_hardware(head)}: timings are not compared"
    elif apart := [group.where for group in groups if not group.hardware]:
        yield f"hardware: another, or not known, of {'; '.join(apart)}: timings are not compared"
    if base.info.get("gate", {}) != head.info.get("gate", {}):
        yield "the suites' gates differ: those of head are judged"
    if base.info.get("overrides", []) != head.info.get("overrides", []):
        yield f"--set: {_listed(base.info.get('overrides'))} → {_listed(head.info.get('overrides'))}"
    for word, run in (("base", base), ("head", head)):
        if left := len(run.records()) - len(run.planned_records()):
            yield f"{word} holds {left} cell{'s' if left > 1 else ''} that its suite no longer asks for: left aside"


def _commit(run: Run) -> str:
    """The commit of the suite's repository when the run began, and others when it was resumed."""
    began, *later = (_commit_of(git or {}) for git in (run.info.get("git"), *run.info.get("resumed_git", ())))
    return f"{began}, resumed with {', '.join(later)}" if later else began


def _commit_of(git: Mapping[str, Any]) -> str:
    if not git.get("commit"):
        return "no commit known"
    changes = f" with uncommitted changes {git.get('changes') or ''}".rstrip() if git.get("dirty") else ""
    return str(git["commit"])[:7] + changes


def _environments(run: Run) -> list[Mapping[str, Any]]:
    return [run.environment(name) for name in sorted({record.environment for record in run.planned_records()} - {""})]


def _versions(environment: Mapping[str, Any]) -> dict[str, str]:
    python = environment.get("python", {}).get("version")
    # The program's own version stands in run.json too, where it is said once.
    packages = {name: version for name, version in environment.get("packages", {}).items() if name != "bench-suite"}
    return {**packages, **({"python": python} if python else {}), **environment.get("threads", {})}


def _hardware(run: Run) -> str:
    """Processor, usable cores and GPUs of all environments of a run, in words."""
    return "; ".join(dict.fromkeys(map(_hardware_of, _environments(run)))) or UNKNOWN


def _machine(run: Run, record: Record) -> str:
    """The same of the environment in which a cell ran."""
    return _hardware_of(run.environment(record.environment)) if record.environment else UNKNOWN


def _hardware_of(environment: Mapping[str, Any]) -> str:
    hardware = environment.get("hardware", {})
    if not hardware.get("cpu"):
        return UNKNOWN
    gpus = [str(gpu.get("name")) for gpu in hardware.get("gpu", ())]
    return ", ".join([f"{hardware['cpu']}, {hardware.get('usable_cores', '?')} cores", *gpus])


def _listed(words: Any) -> str:
    return " ".join(map(str, words)) if words else "none"
