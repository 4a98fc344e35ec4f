"""Keep baselines: small copies of runs under `results/baselines/`, one a suite, to compare later runs with."""

from __future__ import annotations

import os
import secrets
import shutil
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path

from bench_suite.components.suggestions import nearest
from bench_suite.contracts import ArtifactRow, BenchError, Record
from bench_suite.store.atomic import StoreError, Writer, exists, safe_name, write_file, writing_error
from bench_suite.store.records import dumps
from bench_suite.store.runs import Run, Store

FOLDER = "baselines"
ARTIFACT = "predictions/test"
"The only artifact of a cell that a comparison reads."
WORD = "baseline"
"Names the baseline of the suite in question, instead of a run."


class NoBaseline(BenchError):
    """A comparison that has no baseline."""

    exit_status = 4


@dataclass(frozen=True)
class Baseline:
    """A run kept for comparisons."""

    suite: str
    run: Run
    size: int
    "Bytes."


def set_baseline(store: Store, run: Run) -> Baseline:
    """Copy what a comparison needs of a run to `baselines/SUITE/`, and replace an earlier baseline as a whole.

    The copy holds `run.json`, environments, records, summaries and the predictions on the test split, but no weights,
    pictures or other predictions.

    Raises:
        StoreError: It is a smoke run, no cell ended well, or the folder cannot be written.
    """
    if run.info.get("smoke"):
        raise StoreError(f"{run.name} is a smoke run, which is never compared\n  run it without --smoke")
    records = run.records()
    if not any(record.status == "ok" for record in records):
        raise StoreError(f"{run.name} has no cell that ended well: there is nothing to compare with")
    suite = str(run.info["suite"])
    target = store.root / FOLDER / safe_name(suite, 40)
    new = target.with_name(f".{target.name}.{os.getpid()}-{secrets.token_hex(3)}")
    try:
        write_file(new / "run.json", dumps(run.info, indent=2).encode())
        (new / "records").mkdir()
        with Writer(new) as writer:
            for record in records:
                writer.write(replace(record, artifacts=tuple(_copy_predictions(run, record, Run(new)))))
        for source in [*sorted((run.path / "environments").glob("*.json")), run.path / "summaries.json"]:
            if source.is_file():
                write_file(new / source.relative_to(run.path), source.read_bytes())
        old = target.with_name(f"{new.name}-old")
        if target.exists():
            target.rename(old)
        new.rename(target)
        shutil.rmtree(old, ignore_errors=True)
    except OSError as error:
        raise writing_error(error, target) from error
    finally:
        shutil.rmtree(new, ignore_errors=True)
    return _baseline(target)


def _copy_predictions(run: Run, record: Record, new: Run) -> Iterator[ArtifactRow]:
    """Copy a cell's predictions on the test split; damaged ones are left out, and intervals are compared instead."""
    for row in record.artifacts:
        if row.name == ARTIFACT:
            with suppress(StoreError):
                yield new.write_predictions(record.id, "test", run.read_predictions(row))


def baselines(store: Store) -> list[Baseline]:
    """Return all baselines, sorted by suite."""
    folder = store.root / FOLDER
    paths = sorted(path.parent for path in folder.glob("*/run.json"))
    return [_baseline(path) for path in paths if not path.name.startswith(".")]  # a dot: not completely written


def base_run(store: Store, name: str, suite: str, before: Run | None = None) -> Run:
    """Return the run that `suite` is compared with.

    Args:
        store: the runs and baselines.
        name: `baseline` (that of the suite), the name of a baseline, `latest` (the newest earlier run of the suite
            that is no smoke run), or a run as `Store.open` takes it.
        suite: the suite's name.
        before: the run that `latest` must precede.

    Raises:
        NoBaseline: There is no baseline or earlier run yet.
        StoreError: The name matches nothing.
    """
    known = {baseline.suite: baseline.run for baseline in baselines(store)}
    if name == WORD:
        if suite not in known:
            raise NoBaseline(
                f"{suite} has no baseline in {store.root / FOLDER}\n  set one with: bench baseline set RUN"
            )
        return known[suite]
    if name == "latest":
        end = "~" if before is None else str(before.info["started"])  # "~" sorts after every time
        earlier = (info for info in store.runs() if info.suite == suite and not info.smoke and info.started < end)
        newest = next(earlier, None)
        if newest is None:
            raise NoBaseline(f"there is no earlier run of {suite} in {store.root}\n  make one with: bench run {suite}")
        return Run(newest.path)
    if name in known and not exists(Path(name) / "run.json"):
        return known[name]
    try:
        return store.open(name)
    except StoreError as error:
        near = nearest(name, [WORD, *known]) if known else ""
        raise StoreError(f"{error}{near}") from None


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
