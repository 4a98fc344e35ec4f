"""Execute a plan, from its checks to its last record: lock, resume, Ctrl-C, summaries."""

from __future__ import annotations

import shlex
from collections.abc import Iterator, Mapping, Sequence, Set
from contextlib import closing, contextmanager
from dataclasses import dataclass, field, replace
from typing import Any, Literal

from bench_suite import environment
from bench_suite._version import __version__
from bench_suite.components import discovery
from bench_suite.contracts import (
    Artifact,
    ArtifactRow,
    BenchError,
    Finding,
    Metric,
    MetricRow,
    Placement,
    Record,
    describe_error,
    error_text,
)
from bench_suite.execution.callbacks import RunCallback
from bench_suite.execution.component_checks import check_components, check_executor, check_trust
from bench_suite.execution.context import RunContext, weights_key
from bench_suite.execution.data_findings import check_results, gate_data
from bench_suite.execution.early_checks import check_early
from bench_suite.execution.endings import noted_endings
from bench_suite.execution.left_running import check_left_running, tasks_left
from bench_suite.execution.process_state import ProcessState, all_settings
from bench_suite.execution.record_builder import metric_row
from bench_suite.execution.run_facts import metric_files, plan_facts, resume_facts
from bench_suite.execution.selection import has_failed
from bench_suite.execution.sharing import load_executor, sharing_of
from bench_suite.execution.sources import source_of_program, sources_of
from bench_suite.execution.trackers import Trackers
from bench_suite.execution.work import Work
from bench_suite.store.atomic import RecordsLost, StoreError
from bench_suite.store.runs import Run, Store
from bench_suite.store.unfinished import UnfinishedCells
from bench_suite.suite.credentials import mask_words
from bench_suite.suite.option_checks import check_plan_options
from bench_suite.suite.packages import check_packages
from bench_suite.suite.plan import Cell, Plan, name
from bench_suite.training import machine

Stale = Literal["keep", "redo"]


@dataclass(frozen=True)
class Outcome:
    """The result of executing a plan."""

    run: Run
    records: tuple[Record, ...]
    "Records of the whole run, earlier ones included."
    cells: int
    "Number of cells of the plan."
    resumed: bool
    "Whether an earlier run was continued."
    done_before: int
    "Number of cells that were complete already."
    interrupted: bool
    "Whether Ctrl-C ended the run."
    summary_errors: tuple[str, ...] = ()
    "Errors of the probes' summaries, for the reader."
    stopped: bool = False
    "Whether the run stopped at the first cell that failed, as requested, before all cells were done."
    findings: tuple[Finding, ...] = ()
    "Findings on the data and the results."
    logged: Mapping[str, str] = field(default_factory=dict)
    "By tracker: where it has written, and how to open it."
    tracker_errors: tuple[str, ...] = ()
    "What the user should know about trackers that have failed."

    @property
    def failed(self) -> tuple[Record, ...]:
        """Records of cells that failed, or in which a probe failed."""
        return tuple(record for record in self.records if has_failed(record))


@dataclass(frozen=True)
class Request:
    """How to execute a plan."""

    smoke: bool = False
    "Use few examples and one epoch, to find errors only."
    offline: bool = False
    "Use no network."
    trust: bool = False
    "Run the Python files that the suite names."
    resume: str | None = None
    "`newest`, or a run's id; None starts a new run."
    stale: Stale | None = None
    "What a resume does with cells whose source or data have changed; None reports an error."
    command: Sequence[str] = ()
    "The command line, to be stored."
    stop_at_first: bool = False
    "Stop at the first cell that fails, is unavailable, or in which a probe fails."

    def __post_init__(self) -> None:
        if self.smoke and self.resume is not None:
            raise BenchError("a smoke run is never resumed: leave out --resume or --smoke")
        if self.stale is not None and self.resume is None:
            raise BenchError("--stale decides what --resume does with changed cells: give --resume too")


def execute(plan: Plan, store: Store, request: Request, callback: RunCallback) -> Outcome:
    """Execute a plan; an error in a cell becomes the cell's record.

    Args:
        plan: the plan.
        store: where the run is created or found.
        request: how to execute it.
        callback: called at each step.

    Raises:
        SuiteError: a component of the plan does not load, or its `check` refuses the options; or the executor cannot
            work here.
        NeedsTrust: the suite names files that are not trusted.
        PackagesMissing: a component of the plan imports a package that is not installed.
        StoreError: the run cannot be written, found or locked.
    """
    check_trust(plan, trust=request.trust)
    check_plan_options(plan)
    check_packages(plan)
    check_executor(plan)  # before components import PyTorch, which takes seconds
    executor = plan.suite.executor
    waits = executor is None or executor.component.name == "inline"
    with Trackers(callback, plan.suite.log, waits=waits) as trackers:
        undone = check_components(plan)
        sharing_of(plan)  # this machine may have too few devices
        trackers.wait_until_ready()
        outcome = _execute(plan, store, request, trackers, undone)
        trackers.end(complete=not (outcome.interrupted or outcome.stopped))
    return replace(outcome, logged=trackers.where, tracker_errors=trackers.warnings)


def _execute(plan: Plan, store: Store, request: Request, callback: Trackers, undone: tuple[str, ...]) -> Outcome:
    """Execute a plan whose components are checked; `undone`: a note about settings that were restored after that."""
    run, resumed = _open(plan, store, request)
    callback.follow(str(run.path))
    was_killed = run.names_driver
    with run.lock():
        if resumed:
            use = plan.suite.executor
            check_left_running(run.path, "inline" if use is None else use.component.name)
            if was_killed and not tasks_left(run.path):  # its workers on other machines may not have noticed yet
                run.seal_records()
        earlier = {record.id: record for record in run.records()} if resumed else {}
        context = _context(plan, run, request, callback, earlier, undone)
        if resumed:
            run.update(resume_facts(plan, run, request.command))
        cells = {cell.id: cell for cell in plan.cells}
        before = sum(set(cell.probes) <= context.done.get(cell.id, frozenset()) for cell in cells.values())
        callback.begin(
            run.name, resumed=resumed, wanted=request.resume is not None, done=before, notes=context.notes,
            busy=context.machine_busy,
        )  # fmt: skip
        executor, options = load_executor(plan)
        written: set[str] = set()
        interrupted = stopped = False
        unfinished = UnfinishedCells(run.path)
        work = Work(context, run.writer, offline=request.offline)
        with _partial_status(written), closing(work), noted_endings(unfinished):
            context.unfinished, context.ended_in = unfinished, unfinished.read()
            context.state = ProcessState.capture(all_settings())
            try:
                gate_data(context)
                check_early(context)
                context.state.restore()
                for record in executor.execute(work, options):
                    written.add(record.id)
                    callback.record(cells[record.id], record)
                    if request.stop_at_first and has_failed(record):
                        stopped = True
                        break
            except KeyboardInterrupt:
                interrupted = True
        with _partial_status(cells.keys()):
            records = tuple(record for record in run.records() if record.id in cells)
            _check_on_disk(run, records, written if interrupted or stopped else written | cells.keys())
            errors = () if interrupted else tuple(_summarise(plan, run, context))
            if written:
                check_results(context, records)
    stopped = stopped and len(written) < len(cells) - before  # not if the last cell was the one that failed
    return Outcome(
        run, records, len(cells), resumed, before, interrupted, errors, stopped, tuple(context.findings)
    )  # fmt: skip


@contextmanager
def _partial_status(written: Set[str]) -> Iterator[None]:
    """Let a StoreError end the command with 3 instead of 2 if there are records that were written before it."""
    try:
        yield
    except StoreError as error:
        if written:
            error.exit_status = 3
        raise


def _check_on_disk(run: Run, records: Sequence[Record], ids: Set[str]) -> None:
    """Check that each announced cell has a record on disk; write `run.json` again if it was removed.

    Args:
        run: the run.
        records: the records that were read from disk after the last cell.
        ids: the cells that must have a record.

    Raises:
        RecordsLost: a record is missing.
    """
    if not (run.path / "run.json").is_file():
        run.update({})  # without it nobody can read the records
    if lost := ids - {record.id for record in records}:
        raise RecordsLost(
            f"{len(lost)} of {len(ids)} cells have no record in {run.path / 'records'}: something else removed or "
            "changed files of the run while it ran\n"
            "  run these cells again with: bench run … --resume; if the folder is gone, start a new run"
            + "".join(f"\n  {damage}" for damage in run.damages[:3])
        )


def _open(plan: Plan, store: Store, request: Request) -> tuple[Run, bool]:
    """Return the run to continue and True, or a new run and False."""
    run = _run_to_resume(plan, store, request.resume)
    if run is not None:
        return run, True
    facts = {
        "command": shlex.join(mask_words(request.command)),
        "version": __version__,
        "git": environment.git_state(plan.suite.folder.resolve()),
        "smoke": request.smoke,
        "trust": request.trust,
    }
    return store.create(plan.suite.name, {**plan_facts(plan), **metric_files(plan, store.root), **facts}), False


def _run_to_resume(plan: Plan, store: Store, resume: str | None) -> Run | None:
    """Return the run to resume; None if a new one is requested, or if `newest` is and there is none."""
    if resume is None:
        return None
    suite = plan.suite
    run = store.newest(suite.name, suite.overrides) if resume == "newest" else store.open(resume)
    if run is not None and run.info.get("smoke"):
        raise StoreError(f"{run.name} is a smoke run, which is never resumed; leave out --resume to start a new run")
    if run is not None and run.info["suite"] != suite.name:
        raise StoreError(f"{run.name} is a run of {run.info['suite']}, not of {suite.name}")
    return run


def _context(
    plan: Plan, run: Run, request: Request, callback: RunCallback, earlier: Mapping[str, Record],
    undone: tuple[str, ...],
) -> RunContext:  # fmt: skip
    from bench_suite.data.cache import Cache
    from bench_suite.data.sources import Sources

    cache = Cache()
    shared = sharing_of(plan)
    busy = None if shared.elsewhere else environment.busy()
    if request.smoke:  # its timings mean nothing
        shared = replace(shared, exclusive=frozenset(), notes=())
    trusted = "--trust: the run executed code from files that the suite names" if plan.suite.external else None
    context = RunContext(
        plan=plan, run=run, sources=Sources(offline=request.offline, cache=cache),
        callback=callback, environment=run.add_environment(machine.describe()), code=source_of_program(),
        smoke=request.smoke, notes=tuple(note for note in (trusted, busy, *undone, *shared.notes) if note),
        jobs=shared.jobs, elsewhere=shared.elsewhere, exclusive=shared.exclusive, machine_busy=busy is not None,
        cache=cache, earlier=earlier,
    )  # fmt: skip
    done = {cell.id: done_probes(cell, earlier[cell.id], plan) for cell in plan.cells if cell.id in earlier}
    changed = [cell for cell in plan.cells if done.get(cell.id) and _stale(cell, earlier[cell.id], context)]
    if changed and request.stale is None:
        listed = "".join(f"\n  {name(cell)}" for cell in changed[:20]) + (
            f"\n  and {len(changed) - 20} more" if len(changed) > 20 else ""
        )
        raise StoreError(
            f"source, weights, data, PyTorch, device or threads have changed since these cells of {run.name} were run:"
            f"{listed}\n"
            "keep their records with --stale keep, run them again with --stale redo, or leave out --resume to start a "
            "new run"
        )
    if request.stale == "redo":
        done = {id: probes for id, probes in done.items() if id not in {cell.id for cell in changed}}
    context.done = done
    return context


def done_probes(cell: Cell, record: Record, plan: Plan) -> frozenset[str]:
    """Return the labels of the probes that a resume does not repeat: those that ended well under the same key."""
    ended = ("ok", "not applicable") if record.status == "ok" else ("ok",)
    rows = record.probes
    return frozenset(
        label
        for label in cell.probes
        if label in rows and rows[label].status in ended and rows[label].key == plan.probe_keys[label]
    )


def _stale(cell: Cell, record: Record, context: RunContext) -> bool:
    """Return whether the cell's training would now differ; data are loaded again only if a probe is still to do."""
    fingerprint = str(record.data.get("fingerprint", ""))
    try:
        if not set(cell.probes) <= done_probes(cell, record, context.plan):
            fingerprint = context.load(cell).source.fingerprint
        sources = sources_of(cell, replace(context.sources, offline=True))
        placement = Placement(**record.options["placement"]) if context.elsewhere else context.placement(cell)
        key = weights_key(cell, fingerprint, placement, sources, context.code, smoke=context.smoke)
        return key != record.weights_key
    except Exception:  # noqa: BLE001 - a task may raise anything, and the cell's own record will report it
        return False


def _summary(component: discovery.Component, label: str, run: Run, options: Any) -> Iterator[Metric | Artifact]:
    """Return what a probe says of all records; it gets its label and stored predictions if it has such parameters."""
    offered = {"label": label, "predictions": run.predictions_of}
    wanted = {name: value for name, value in offered.items() if name in component.parameters["summarise"]}
    items: Iterator[Metric | Artifact] = discovery.load(component).summarise(run.records(), options, **wanted)
    return items


def _summarise(plan: Plan, run: Run, context: RunContext) -> Iterator[str]:
    """Let each probe summarise the run's records; yield an error message for each summary that failed."""
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
            items = list(_summary(probe.component, probe.label, run, options))
            metrics += [metric_row(item, probe.label, known) for item in items if not isinstance(item, Artifact)]
            with context.storing():
                artifacts += [
                    run.write_artifact(None, probe.label, item) for item in items if isinstance(item, Artifact)
                ]
        except BaseException as error:  # noqa: BLE001 - a probe's error costs that probe's summary only
            context.raise_if_run_ends(error)
            expected = issubclass(type(error), BenchError)
            yield f"{probe.label}: {error_text(error) if expected else 'its summary failed: ' + describe_error(error)}"
    if summarising:
        run.write_summaries(metrics, artifacts)
