"""Say what differs between two runs as a whole: commits, versions, hardware, files, order of the data."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from bench_suite.contracts import Record
from bench_suite.store.records import file_in_words, is_timing
from bench_suite.store.runs import Run

if TYPE_CHECKING:
    from bench_suite.comparison.pairing import Group

UNKNOWN = "not known"
"Shown for hardware that no record names."


def run_notes(base: Run, head: Run, groups: Sequence[Group]) -> Iterator[str]:
    """Yield what differs between the runs as a whole; the commits in any case."""
    code = [commits_text(run) for run in (base, head)]
    yield f"code: {code[0]} → {code[1]}" if code[0] != code[1] else f"code: {code[0]} on both sides"
    yield from differences_of_runs(base, head, groups)
    yield from changed_files(groups)


def differences_of_runs(base: Run, head: Run, groups: Sequence[Group]) -> Iterator[str]:
    """Yield what differs between the runs as a whole but for their commits and files."""
    if base.info.get("version") != head.info.get("version"):
        yield f"bench-suite {base.info.get('version')} → {head.info.get('version')}"
    versions = [[_versions(environment) for environment in _environments(run)] for run in (base, head)]
    for package in sorted({package for side in versions for environment in side for package in environment}):
        # A run that was resumed may have several versions.
        old, new = (", ".join(sorted({known.get(package, "none") for known in side})) for side in versions)
        if old != new:
            yield f"{package} {old} → {new}"
    machines = [_machines(run) for run in (base, head)]
    if machines[0] != machines[1]:
        before, after = ("; ".join(machine or UNKNOWN for machine in side) for side in machines)
        yield f"hardware: {before} → {after}: timings are not compared"
    elif moved := [group.where for group in groups if not group.same_hardware and _has_timings(group)]:
        yield f"hardware differs or is not known for {'; '.join(moved)}: timings are not compared"
    yield from _reordered(groups)
    if base.info.get("overrides", []) != head.info.get("overrides", []):
        yield f"--set: {_words(base.info.get('overrides'))} → {_words(head.info.get('overrides'))}"
    for word, run in (("base", base), ("head", head)):
        if ignored := len(run.records()) - len(run.planned_records()):
            yield f"{word} has {ignored} cell{'s' if ignored > 1 else ''} that its suite no longer contains: ignored"


def _has_timings(group: Group) -> bool:
    """Return whether a cell of a group has a time on either side; an import of scores has none."""
    return any(is_timing(row) for pair in group.pairs for side in (pair.base, pair.head) for row in side.metrics)


def changed_files(groups: Sequence[Group]) -> Iterator[str]:
    """Yield the files of tasks, models, engines and problems that differ between the two sides of compared cells.

    Several base runs can have several versions of a file, which are counted.
    """
    versions: dict[tuple[str, str], tuple[dict[str, None], dict[str, None]]] = {}
    for group in groups:
        for pair in group.pairs:
            before, after = pair.base.sources, pair.head.sources
            for source in before.keys() | after.keys() if before and after else ():
                if before.get(source) != after.get(source):
                    label = str(pair.head.cell.get("task" if source in ("task", "problem") else "model"))
                    old, new = before.get(source, "none")[:8], after.get(source, "none")[:8]
                    labels, olds = versions.setdefault((source, new), ({}, {}))
                    labels[label], olds[old] = None, None
    for (source, new), (labels, olds) in sorted(versions.items()):
        old = next(iter(olds)) if len(olds) == 1 else f"{len(olds)} versions"
        yield f"{file_in_words(source)} changed ({', '.join(labels)}): {old} → {new}"


def _reordered(groups: Sequence[Group]) -> Iterator[str]:
    """Yield the tasks whose examples are the same in another order."""
    tasks: dict[tuple[str, ...], dict[str, None]] = {}
    for pair in (pair for group in groups for pair in group.pairs):
        if pair.reordered_splits:
            tasks.setdefault(pair.reordered_splits, {})[str(pair.head.cell.get("task"))] = None
    for splits, labels in tasks.items():
        trained = ": training read them in another order" if "train" in splits else ""
        yield f"the same examples of {' and '.join(splits)} in another order ({', '.join(labels)}){trained}"


def commits_text(run: Run) -> str:
    """Return the commit of the suite's repository when the run began, and others when it was resumed."""
    first, *later = (_commit_text(git or {}) for git in (run.info.get("git"), *run.info.get("resumed_git", ())))
    return f"{first}, resumed with {', '.join(later)}" if later else first


def _commit_text(git: Mapping[str, Any]) -> str:
    if not git.get("commit"):
        return "no commit known"
    changes = f" with uncommitted changes {git.get('changes') or ''}".rstrip() if git.get("dirty") else ""
    return str(git["commit"])[:7] + changes


def _environments(run: Run) -> list[Mapping[str, Any]]:
    return [run.environment(name) for name in sorted({record.environment for record in run.planned_records()} - {""})]


def _versions(environment: Mapping[str, Any]) -> dict[str, str]:
    """Return versions of packages and Python, and the numbers of threads."""
    python = environment.get("python", {}).get("version")
    # run.json holds the program's own version, which has a note of its own.
    packages = {name: version for name, version in environment.get("packages", {}).items() if name != "bench-suite"}
    return {**packages, **({"python": python} if python else {}), **environment.get("threads", {})}


def _machines(run: Run) -> tuple[str | None, ...]:
    """Return the hardware of all environments of a run, each once; (None,) if the run has no environment."""
    return tuple(dict.fromkeys(map(_hardware_of, _environments(run)))) or (None,)


def machine_of(run: Run, record: Record) -> str | None:
    """Return the hardware on which a cell ran; None if it is not known."""
    return _hardware_of(run.environment(record.environment)) if record.environment else None


class Machines:
    """The hardware of the cells of a run, for thousands of cells: each environment is read once."""

    def __init__(self, run: Run) -> None:
        self._run = run
        self._known: dict[str, str | None] = {}

    def of(self, record: Record) -> str | None:
        """Return `machine_of` of a cell."""
        if record.environment not in self._known:
            self._known[record.environment] = machine_of(self._run, record)
        return self._known[record.environment]


def _hardware_of(environment: Mapping[str, Any]) -> str | None:
    """Return processor, usable cores and GPUs in words; None if they are not known."""
    hardware = environment.get("hardware", {})
    if not hardware.get("cpu"):
        return None
    gpus = [str(gpu.get("name")) for gpu in hardware.get("gpu", ())]
    return ", ".join([f"{hardware['cpu']}, {hardware.get('usable_cores', '?')} cores", *gpus])


def _words(words: Any) -> str:
    return " ".join(map(str, words)) if words else "none"
