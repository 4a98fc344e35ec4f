"""A run from its plan to its last record: checks, lock, resume, Ctrl-C, and what the whole run comes to."""

from __future__ import annotations

import hashlib
import os
import shlex
import signal
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from typing import Any, Literal

from bench_suite import environment
from bench_suite._version import __version__
from bench_suite.components import discovery
from bench_suite.components.discovery import PACKAGE
from bench_suite.contracts import Artifact, ArtifactRow, BenchError, ComponentError, MetricRow, Record
from bench_suite.execution.callbacks import RunCallback
from bench_suite.execution.context import RunContext, placement_of, weights_key
from bench_suite.execution.record_builder import metric_row
from bench_suite.execution.selection import has_failed
from bench_suite.execution.unit import run_unit
from bench_suite.store.atomic import StoreError, uninterrupted
from bench_suite.store.runs import Run, Store
from bench_suite.suite.packages import check_packages
from bench_suite.suite.plan import Cell, Plan, name

Stale = Literal["keep", "redo"]


class NeedsTrust(BenchError):
    """A suite that names files to be run."""


@dataclass(frozen=True)
class Outcome:
    """What an execution came to."""

    run: Run
    records: tuple[Record, ...]
    "Of the whole run, earlier ones included."
    cells: int
    "Cells of the plan."
    resumed: bool
    done_before: int
    "Cells that a resume found done."
    interrupted: bool
    summary_errors: tuple[str, ...] = ()
    stopped: bool = False
    "Whether it stopped at the first cell that failed, as was asked, with others still to do."

    @property
    def failed(self) -> tuple[Record, ...]:
        """Records of cells, or of probes in them, that did not come to an end."""
        return tuple(record for record in self.records if has_failed(record))


@dataclass(frozen=True)
class Request:
    """How a plan is to be executed."""

    smoke: bool = False
    offline: bool = False
    trust: bool = False
    resume: str | None = None
    "`newest`, or a run's id; None starts a new run."
    stale: Stale | None = None
    command: Sequence[str] = ()
    stop_at_first: bool = False
    "Stop at the first cell that fails, is unavailable, or in which a probe fails."

    def __post_init__(self) -> None:
        if self.smoke and self.resume is not None:
            raise BenchError("a smoke run is never resumed: leave out --resume or --smoke")
        if self.stale is not None and self.resume is None:
            raise BenchError("--stale says what a --resume does with changed cells: give --resume too")


def execute(plan: Plan, store: Store, request: Request, callback: RunCallback) -> Outcome:
    """Run a plan; faults after the first cell has begun are records.

    Raises:
        SuiteError, NeedsTrust, PackagesMissing, StoreError: before the first cell.
    """
    check_trust(plan, trust=request.trust)
    check_packages(plan)
    check_components(plan)
    run, resumed = _open(plan, store, request)
    with run.lock():
        earlier = {record.id: record for record in run.records()} if resumed else {}
        context = _context(plan, run, request, callback, earlier)
        if resumed:
            now = stated(plan)
            if plan.only:
                del now["cells"], now["only"], now["passed"]
                others = {id: where for id, where in run.planned.items() if where not in now["planned"].values()}
                now["planned"] = {**others, **now["planned"]} if run.planned else {}
            began = run.info.get("git")
            codes = [*run.info.get("resumed_git", ()), environment.git_state(plan.suite.folder.resolve())]
            codes = [code for at, code in enumerate(codes) if code != began and code not in codes[:at]]
            commands = [*run.info.get("resumed", ()), shlex.join(request.command)]
            run.update({**now, "resumed": commands, "resumed_git": codes})
        cells = {cell.id: cell for cell in plan.cells}
        before = sum(set(cell.probes) <= context.done.get(cell.id, frozenset()) for cell in cells.values())
        callback.begin(
            run.name, resumed=resumed, wanted=request.resume is not None, done=before, notes=context.notes,
            busy=context.machine_busy,
        )  # fmt: skip
        executor = discovery.load(discovery.find("executors", "inline", PACKAGE))
        finished = 0
        interrupted = stopped = False
        with run.writer() as writer, two_stage_interrupt():
            try:
                for record in executor.execute(plan.units, partial(run_unit, context=context)):
                    with uninterrupted():
                        writer.write(record)
                        finished += 1
                    callback.record(cells[record.id], record)
                    if request.stop_at_first and has_failed(record):
                        stopped = True
                        break
            except KeyboardInterrupt:
                interrupted = True
            except StoreError as error:
                error.exit_status = 3 if finished else 2
                raise
        errors = () if interrupted else tuple(_summarise(plan, run))
        records = tuple(record for record in run.records() if record.id in cells)
    stopped = stopped and finished < len(cells) - before  # not where the last cell was the one that failed
    return Outcome(run, records, len(cells), resumed, before, interrupted, errors, stopped)


def check_trust(plan: Plan, *, trust: bool) -> None:
    """Raise NeedsTrust where the suite names files that have not been trusted."""
    external = plan.suite.external
    if external and not trust:
        listed = "".join(f"\n  {component.kind[:-1]:8} {component.use}" for component in external)
        raise NeedsTrust(f"this suite runs code from files of its own:{listed}\nread them, then say so with --trust")


def check_components(plan: Plan) -> None:
    """Import all that the plan names and call each optional `check(options)`; raises SuiteError with every fault."""
    document = plan.suite.document
    seen: set[Any] = set()
    for cell in plan.cells:
        chosen = [(cell.task, cell.options["task"]), (cell.model, cell.options["model"])]
        for choice, options in chosen:
            _check(choice.component, options, choice.key, document, seen)
        for part in (*cell.problems, *([cell.engine] if cell.engine else [])):
            _check(part, None, cell.task.key, document, seen)
    for probe in plan.suite.probes:
        _check(probe.component, probe.stated, probe.key, document, seen)
    document.raise_errors()


def _check(
    component: discovery.Component, options: Mapping[str, Any] | None, key: Any, document: Any, seen: set[Any]
) -> None:
    identity = (component.path, repr(options))
    if identity in seen:
        return
    seen.add(identity)
    try:
        module = discovery.load(component)
        if options is not None and "check" in component.functions:
            module.check(discovery.make_options(component, options))
    except (ComponentError, ValueError, SystemExit) as error:
        document.error((*key, "use"), str(error) or f"its check ends with {type(error).__name__}")


def _open(plan: Plan, store: Store, request: Request) -> tuple[Run, bool]:
    """The run to go on with and True, or a new one and False."""
    run = _resumed(plan, store, request.resume)
    if run is not None:
        return run, True
    made = {
        "command": shlex.join(request.command),
        "version": __version__,
        "git": environment.git_state(plan.suite.folder.resolve()),
        "smoke": request.smoke,
        "trust": request.trust,
    }
    return store.create(plan.suite.name, {**stated(plan), **made}), False


def stated(plan: Plan) -> dict[str, Any]:
    """What `run.json` says of the suite: of the newest one where a resume has changed it."""
    suite = plan.suite
    return {
        "title": suite.title,
        "description": suite.description,
        "text": suite.document.text,
        "overrides": list(suite.overrides),
        "cells": len(plan.cells),
        "planned": {cell.id: name(cell) for cell in plan.cells},
        "only": list(plan.only),
        "passed": list(plan.passed),
        "left_out": [list(pair) for pair in plan.left_out],
        "report": {"columns": list(suite.columns), "sort": suite.sort},
        "gate": {gate.metric: dict(gate.rules) for gate in suite.gates},
    }


def _resumed(plan: Plan, store: Store, resume: str | None) -> Run | None:
    """The run that is to be resumed; None where a new one is wanted, or `newest` and there is none."""
    if resume is None:
        return None
    suite = plan.suite
    run = store.newest(suite.name, suite.overrides) if resume == "newest" else store.open(resume)
    if run is not None and run.info.get("smoke"):
        raise StoreError(f"{run.name} is a smoke run, which is never resumed; start a new run without --resume")
    if run is not None and run.info["suite"] != suite.name:
        raise StoreError(f"{run.name} is a run of {run.info['suite']}, not of {suite.name}")
    return run


def _context(
    plan: Plan, run: Run, request: Request, callback: RunCallback, earlier: Mapping[str, Record]
) -> RunContext:
    from bench_suite.data.cache import Cache
    from bench_suite.data.sources import Sources

    cache = Cache()
    busy = environment.busy()
    trusted = "--trust: code from files that the suite names was run" if plan.suite.external else None
    context = RunContext(
        plan=plan, run=run, sources=Sources(offline=request.offline, trust=request.trust, cache=cache),
        callback=callback, environment=run.add_environment(environment.describe()), code=source_of_program(),
        smoke=request.smoke, notes=tuple(note for note in (trusted, busy) if note), machine_busy=busy is not None,
        cache=cache,
    )  # fmt: skip
    done = {cell.id: done_probes(cell, earlier[cell.id], plan) for cell in plan.cells if cell.id in earlier}
    changed = [cell for cell in plan.cells if done.get(cell.id) and _stale(cell, earlier[cell.id], context)]
    if changed and request.stale is None:
        listed = "".join(f"\n  {name(cell)}" for cell in changed[:20]) + (
            f"\n  and {len(changed) - 20} more" if len(changed) > 20 else ""
        )
        raise StoreError(
            f"source, data, PyTorch, device or threads have changed since these cells of {run.name} were done:"
            f"{listed}\n"
            "keep their records with --stale keep, do them again with --stale redo, or start a new run without --resume"
        )
    if request.stale == "redo":
        done = {id: probes for id, probes in done.items() if id not in {cell.id for cell in changed}}
    context.done = done
    return context


def done_probes(cell: Cell, record: Record, plan: Plan) -> frozenset[str]:
    """Labels of the cell's probes that need not be done again: those that ended well under the same key."""
    ended = ("ok", "not applicable") if record.status == "ok" else ("ok",)
    rows = record.probes
    return frozenset(
        label
        for label in cell.probes
        if label in rows and rows[label].status in ended and rows[label].key == plan.probe_keys[label]
    )


def _stale(cell: Cell, record: Record, context: RunContext) -> bool:
    """Whether the cell would now be trained otherwise. Data are looked at again only where a probe is still to do."""
    fingerprint = str(record.data.get("fingerprint", ""))
    try:
        if not set(cell.probes) <= done_probes(cell, record, context.plan):
            fingerprint = context.load(cell).source.fingerprint
        return (
            weights_key(cell, fingerprint, placement_of(cell, context.jobs), context.code, smoke=context.smoke)
            != record.weights_key
        )
    except BenchError:
        return False  # the cell itself will say what is wrong


def source_of_program() -> str:
    """Hash of the program's own source that decides what a training gives: the rooms `data` and `training`."""
    digest = hashlib.sha256()
    for room in ("data", "training"):
        for path in sorted((PACKAGE / room).glob("*.py")):
            digest.update(path.read_bytes())
    digest.update((PACKAGE / "execution" / "trained.py").read_bytes())
    return digest.hexdigest()[:16]


def _summarise(plan: Plan, run: Run) -> Iterator[str]:
    """Let each probe look over the run's records; yields what went wrong, in words."""
    metrics: list[MetricRow] = []
    artifacts: list[ArtifactRow] = []
    summarising = [probe for probe in plan.suite.probes if "summarise" in probe.component.functions]
    for probe in summarising:
        options = discovery.make_options(probe.component, probe.stated)
        known = {
            name.partition("/")[2]: facts
            for name, facts in plan.suite.metrics.items()
            if name.startswith(f"{probe.label}/")
        }
        try:
            found = list(discovery.load(probe.component).summarise(run.records(), options))
            metrics += [metric_row(item, probe.label, known) for item in found if not isinstance(item, Artifact)]
            artifacts += [run.write_artifact(None, probe.label, item) for item in found if isinstance(item, Artifact)]
        except (StoreError, KeyboardInterrupt):
            raise
        except BenchError as error:
            yield f"{probe.label}: {error}"
        except BaseException as error:  # noqa: BLE001 - a probe's fault is the probe's, in its summary as in a cell
            yield f"{probe.label}: its summary failed: {type(error).__name__}: {error}"
    if summarising:
        run.write_summaries(metrics, artifacts)


@contextmanager
def two_stage_interrupt() -> Iterator[None]:
    """Within it, the first Ctrl-C raises KeyboardInterrupt and a second one ends the process at once, with 130."""
    import threading

    if threading.current_thread() is not threading.main_thread():
        yield
        return

    def first(number: int, frame: Any) -> None:
        signal.signal(signal.SIGINT, second)
        raise KeyboardInterrupt

    def second(number: int, frame: Any) -> None:
        sys.stderr.write("\nended at once; what had been recorded is safe\n")
        sys.stderr.flush()
        os._exit(130)

    before = signal.signal(signal.SIGINT, first)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)
