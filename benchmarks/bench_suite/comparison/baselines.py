"""Keep baselines: small copies of runs under `results/baselines/`, one a suite, to compare later runs with."""

from __future__ import annotations

import os
import re
import secrets
import shutil
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from bench_suite.comparison.base_runs.last_runs import LastRuns, is_last_runs, last_runs
from bench_suite.comparison.preconditions import NoBaseline
from bench_suite.components.suggestions import nearest
from bench_suite.contracts import ArtifactRow, Record
from bench_suite.execution.selection import format_selectors
from bench_suite.store.atomic import StoreError, Writer, exists, safe_name, write_file, writing_error
from bench_suite.store.commands import bench, results_option
from bench_suite.store.records import dumps
from bench_suite.store.runs import Run, Store

FOLDER = "baselines"
ARTIFACT = "predictions/test"
"The only artifact of a cell that a comparison reads."
_ASIDE = "-old"
"Ends the name of the folder of an earlier baseline while it is replaced."
_LEFTOVER = re.compile(r"(?P<process>[0-9]+)-[0-9a-f]+(?P<replaced>-old)?")
_MAX_GAPS = 12
WORD = "baseline"
"Names the baseline of the suite in question, instead of a run."


@dataclass(frozen=True)
class Baseline:
    """A run kept for comparisons."""

    suite: str
    run: Run
    size: int
    "Bytes."


def set_baseline(store: Store, run: Run, *, partial: bool = False) -> Baseline:
    """Copy what a comparison needs of a run to `baselines/SUITE/`, and replace an earlier baseline as a whole.

    The copy holds `run.json`, environments, records, summaries and the predictions on the test split, but no weights,
    pictures or other predictions. If the process is killed, the earlier baseline stays or the new one is complete.

    Args:
        store: where the baselines are.
        run: the run to copy.
        partial: accept a run that lacks cells of its suite, or in which cells or probes failed: what it lacks is
            not compared later.

    Raises:
        StoreError: It is a smoke run, no cell ended well, something is missing and `partial` is not set, or the
            folder cannot be written.
    """
    if run.info.get("smoke"):
        raise StoreError(f"{run.name} is a smoke run, which is never compared\n  run it without --smoke")
    records = run.records()
    if not any(record.status == "ok" for record in records):
        raise StoreError(f"{run.name} has no cell that ended well: there is nothing to compare with")
    if not partial and (gaps := [*_gaps(run, records)]):
        raise IncompleteBaseline(run.name, gaps)
    suite = str(run.info["suite"])
    target = store.root / FOLDER / safe_name(suite, 40)
    new = target.with_name(f".{target.name}.{os.getpid()}-{secrets.token_hex(3)}")
    unreadable: list[str] = []
    try:
        write_file(new / "run.json", dumps(run.info, indent=2).encode())
        (new / "records").mkdir()
        with Writer(new) as writer:
            for record in records:
                writer.write(replace(record, artifacts=tuple(_copy_predictions(run, record, Run(new), unreadable))))
        if unreadable and not partial:
            raise IncompleteBaseline(run.name, unreadable)
        for source in [*sorted((run.path / "environments").glob("*.json")), run.path / "summaries.json"]:
            if source.is_file():
                write_file(new / source.relative_to(run.path), source.read_bytes())
        # Two folders cannot change places at once: between the two renames, readers use the folder that is set aside.
        old = target.with_name(f"{new.name}{_ASIDE}")
        if target.exists():
            target.rename(old)
        try:
            new.rename(target)
        except OSError:
            if old.exists():
                old.rename(target)
            raise
        _remove_leftovers(target)
    except OSError as error:
        raise writing_error(error, target) from error
    finally:
        shutil.rmtree(new, ignore_errors=True)
    return _baseline(target)


class IncompleteBaseline(StoreError):
    """A run that lacks a part of its suite, which its baseline would not guard."""

    def __init__(self, run: str, gaps: Sequence[str]) -> None:
        listed = "".join(f"\n  {gap}" for gap in gaps[:_MAX_GAPS])
        more = f"\n  and {len(gaps) - _MAX_GAPS} more" if len(gaps) > _MAX_GAPS else ""
        super().__init__(
            f"{run} is not a complete run of its suite, and later runs would not be compared with what it lacks:"
            f"{listed}{more}\nrun the missing cells with: bench run … --resume, or accept it with: --partial"
        )


def _gaps(run: Run, records: Sequence[Record]) -> Iterator[str]:
    """Yield what a run lacks: a part that was not asked for, cells and probes that failed, and damaged records."""
    if only := run.info.get("only"):
        yield f"it was asked for a part of its suite: {format_selectors(only)}"
    planned, ids = run.planned, {record.id for record in records}
    yield from (f"{name}: not run" for id, name in planned.items() if id not in ids)
    if not planned and (missing := int(run.info.get("cells", 0)) - len(records)) > 0:
        yield f"{missing} of {run.info['cells']} cells: not run"
    for record in records:
        name = planned.get(record.id) or ", ".join(str(value) for value in record.cell.values()) or record.id
        if planned and record.id not in planned:
            continue
        if record.status != "ok":
            yield f"{name}: {record.status}: {_first_line(record.reason)}"
            continue
        for label, row in record.probes.items():
            if row.status in ("failed", "skipped"):
                yield f"{name}: probe {label} {row.status}: {_first_line(row.reason)}"
    yield from run.damages


def _first_line(reason: str | None) -> str:
    return (reason or "no reason given").partition("\n")[0][:160]


def _copy_predictions(run: Run, record: Record, new: Run, unreadable: list[str]) -> Iterator[ArtifactRow]:
    """Copy a cell's predictions on the test split; damaged ones are left out, and intervals are compared instead."""
    for row in record.artifacts:
        if row.name == ARTIFACT:
            try:
                predictions = run.read_predictions(row)
            except StoreError as error:
                unreadable.append(str(error))
                continue
            yield new.write_predictions(record.id, "test", predictions)


def _remove_leftovers(target: Path) -> None:
    """Remove the folders that were set aside, and those that killed processes left; they begin with a dot."""
    for path in target.parent.glob(f".{target.name}.*"):
        match = _LEFTOVER.fullmatch(path.name.removeprefix(f".{target.name}."))
        if match is not None and (match["replaced"] or not _is_running(int(match["process"]))):
            shutil.rmtree(path, ignore_errors=True)


def _is_running(process: int) -> bool:
    try:
        os.kill(process, 0)
    except (ProcessLookupError, OverflowError):
        return False
    except OSError:
        return True
    return True


def baselines(store: Store) -> list[Baseline]:
    """Return all baselines that can be read, sorted by suite; `damaged_baselines` returns the others."""
    readable = [_baseline(path) for path in _folders(store) if _damage(path) is None]
    return sorted(readable, key=lambda baseline: baseline.suite)


def damaged_baselines(store: Store) -> dict[str, str]:
    """Return why baselines cannot be read, by the name of their folder."""
    damages = {_folder_name(path): _damage(path) for path in _folders(store)}
    return {name: damage for name, damage in damages.items() if damage is not None}


def _folders(store: Store) -> list[Path]:
    """Return one folder for each baseline: its own, or the one set aside if a kill kept the new one from coming."""
    folder = store.root / FOLDER
    paths = sorted(path.parent for path in folder.glob("*/run.json"))
    named = [path for path in paths if not path.name.startswith(".")]  # a dot: not completely written, or set aside
    present = {path.name for path in named}
    replaced = {_folder_name(path): path for path in paths if path.name.startswith(".") and path.name.endswith(_ASIDE)}
    return [*named, *(path for name, path in replaced.items() if name not in present)]


def _folder_name(path: Path) -> str:
    """Return the name that a baseline's folder has, or had before it was set aside."""
    return path.name[1:].rsplit(".", 1)[0] if path.name.startswith(".") else path.name


def _damage(path: Path) -> str | None:
    try:
        Run(path)
    except StoreError as error:
        return str(error)
    return None


def base_run(
    store: Store, name: str, suite: str, before: Run | None = None, overrides: Sequence[str] = ()
) -> Run | LastRuns:
    """Return the run that `suite` is compared with, or several.

    Args:
        store: the runs and baselines.
        name: `baseline` (that of the suite), the name of a baseline, `latest` (the newest earlier run of the suite
            that is no smoke run), `last:N` (see `last_runs`), or a run as `Store.open` takes it.
        suite: the suite's name.
        before: the run that `latest` and `last:N` must precede.
        overrides: `--set` of head, for `last:N`.

    Raises:
        NoBaseline: There is no baseline or earlier run yet, or there are too few runs for `last:N`.
        StoreError: The name matches nothing.
    """
    if is_last_runs(name) and not exists(Path(name) / "run.json"):
        return last_runs(store, name, suite, overrides, before)
    known = {baseline.suite: baseline.run for baseline in baselines(store)}
    if name == WORD:
        if suite not in known and (damage := damaged_baselines(store).get(safe_name(suite, 40))):
            raise StoreError(
                f"the baseline of {suite} is damaged: {damage}\n"
                f"  set it again with: bench baseline set RUN{results_option(store.root)}"
            )
        if suite not in known:
            raise NoBaseline(
                f"{suite} has no baseline in {store.root / FOLDER}\n"
                f"  set one with: bench baseline set RUN{results_option(store.root)}"
            )
        return known[suite]
    if name == "latest":
        end = "~" if before is None else str(before.info["started"])  # "~" sorts after every time
        earlier = (info for info in store.runs() if info.suite == suite and not info.smoke and info.started < end)
        newest = next(earlier, None)
        if newest is None:
            raise NoBaseline(
                f"there is no earlier run of {suite} in {store.root}\n"
                f"  make one with: {bench('run', suite, results=store.root)}"
            )
        return Run(newest.path)
    if name in known and not exists(Path(name) / "run.json"):
        return known[name]
    try:
        return store.open(name)
    except StoreError as error:
        near = nearest(name, [WORD, *known]) if known else ""
        raise StoreError(f"{error}{near}") from None


def base_for(store: Store, name: str, head: Run) -> Run | LastRuns:
    """Return the base of a run, as `base_run` does: of its suite, with its `--set`, before it."""
    overrides = [str(text) for text in head.info.get("overrides", ())]
    return base_run(store, name, str(head.info["suite"]), head, overrides)


def head_run(store: Store, name: str | Path) -> Run:
    """Return the run to compare: as `Store.open` does, but `latest` skips smoke runs if there are others."""
    if str(name) == "latest" and not exists(Path(name) / "run.json"):
        newest = next((info for info in store.runs() if not info.smoke), None)
        if newest is not None:
            return Run(newest.path)
    return store.open(name)


def _baseline(path: Path) -> Baseline:
    run = Run(path)
    return Baseline(str(run.info["suite"]), run, sum(file.stat().st_size for file in path.rglob("*") if file.is_file()))
