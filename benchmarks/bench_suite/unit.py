"""run_unit: the one place that knows the order data → model → train → probes, and that turns faults into records."""

from __future__ import annotations

import time
import traceback
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import partial
from typing import TYPE_CHECKING, Any, Protocol

from bench_suite import components
from bench_suite.contracts import (
    Artifact,
    ArtifactRow,
    BenchError,
    Data,
    DataUnavailable,
    Metric,
    MetricRow,
    Network,
    Placement,
    Predictions,
    ProbeRow,
    Record,
    Status,
    Window,
)
from bench_suite.plan import Cell, Plan, Unit, digest, unmet
from bench_suite.store import Run, StoreError
from bench_suite.suite import Choice, metrics_of

if TYPE_CHECKING:
    from bench_suite.data.cache import Cache
    from bench_suite.data.sources import Sources
    from bench_suite.trained import Trained

class Watcher(Protocol):
    """Told what happens, to show it; nothing here waits for it."""

    def cell(self, cell: Cell) -> None:
        """A cell begins."""

    def step(self, cell: Cell, what: str) -> None:
        """A cell comes to its data, its training, or a probe."""

    def window(self, cell: Cell, window: Window) -> None:
        """A window of training has closed."""

    def record(self, cell: Cell, record: Record) -> None:
        """A cell has ended."""


@dataclass
class Workplace:
    """What the units of one run share."""

    plan: Plan
    run: Run
    sources: Sources
    watcher: Watcher
    environment: str
    "Hash of the environment, as the run keeps it."
    code: str
    "Hash of the program's own source that trains."
    smoke: bool = False
    notes: tuple[str, ...] = ()
    "Said in every record, such as that `--trust` was given."
    jobs: int = 1
    cache: Cache | None = None
    done: Mapping[str, frozenset[str]] = field(default_factory=dict)
    "By cell id: labels of the probes that a resume need not do again."
    _loaded: dict[str, Data] = field(default_factory=dict)

    def load(self, cell: Cell) -> Data:
        """The cell's data, prepared. Those of one task stay for the next cell: units come task by task."""
        key = digest([cell.task.label, cell.options["task"], cell.options["train"]["validation"]])
        if key not in self._loaded:
            from bench_suite.data.splits import prepare

            self._loaded.clear()
            module = components.load(cell.task.component)
            options = components.make_options(cell.task.component, cell.options["task"])
            data = prepare(module.load(options, self.sources), cell.options["train"]["validation"], self.smoke)
            self._loaded[key] = data
        return self._loaded[key]


def run_unit(unit: Unit, work: Workplace) -> Iterator[Record]:
    """Train once and measure each cell of the unit; one record a cell, whatever happens.

    A fault costs the cell it happens in, a probe's fault only that probe. KeyboardInterrupt ends the cell in progress
    with a record and goes on up; so does StoreError, because then there is nowhere to write a record.
    """
    todo = [cell for cell in unit.cells if _missing(cell, work)]
    attempt: _Attempt | None = None
    for cell in todo:
        work.watcher.cell(cell)
        draft = _Draft(cell, work)
        try:
            attempt = attempt or _train(unit, todo, work, draft)
            record = _finish(draft, attempt)
        except KeyboardInterrupt:
            yield draft.record("interrupted", "Ctrl-C")
            raise
        yield record


def _finish(draft: _Draft, attempt: _Attempt) -> Record:
    """Measure a cell whose training is over, and draw up its record."""
    draft.attempt = attempt
    if attempt.fault is not None:
        return draft.failed(attempt.fault)
    try:
        _measure(draft, attempt)
    except StoreError:
        raise
    except Exception as fault:  # noqa: BLE001 - the one place that turns a cell's failure into a record
        return draft.failed(fault)
    return draft.record("ok")


def _missing(cell: Cell, work: Workplace) -> list[str]:
    """Labels of the cell's probes that are still to do; not applicable ones count, so that the record names them."""
    return [label for label in cell.probes if label not in work.done.get(cell.id, frozenset())]


# ── training ────────────────────────────────────────────────────────────────────────────────────


@dataclass
class _Attempt:
    """What came of a unit's training."""

    cell: Cell
    "The first one to do, whose record says how long it took."
    data: Data | None = None
    place: Placement | None = None
    trained: Trained | None = None
    fault: Exception | None = None
    reuse: str = ""
    seconds: dict[str, float] = field(default_factory=dict)
    meters: dict[str, Any] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)


def _train(unit: Unit, todo: list[Cell], work: Workplace, draft: _Draft) -> _Attempt:
    from bench_suite.trained import build, fit
    cell = todo[0]
    attempt = draft.attempt
    clock = _Stopwatch(attempt.seconds)
    try:
        place = place_of(cell, work.jobs)
        attempt.place = place
        work.watcher.step(cell, "data")
        with clock("data"):
            data = work.load(cell)
        _fits(cell, data)
        attempt.data = data
        attempt.reuse = reuse(cell, data.source.fingerprint, place, work.code, smoke=work.smoke)
        train = {**cell.options["train"], **({"epochs": min(1, cell.options["train"]["epochs"])} if work.smoke else {})}
        work.watcher.step(cell, "building")
        with clock("build"):
            attempt.trained = trained = build(cell, data, place, cell.seed, train, smoke=work.smoke, cache=work.cache)
        if train["epochs"] == 0 and isinstance(trained.model, Network):
            attempt.notes.append("evaluated only: epochs = 0")
            return attempt
        if "validation" not in data.splits:
            attempt.notes.append("trained on everything: no validation split")
        meters = _meters(todo, place, work)
        if not meters and (kept := work.run.kept_weights(unit.id, attempt.reuse)) is not None and isinstance(trained.model, Network):
            trained.model.module.load_state_dict(kept[0])
            trained.history = kept[1]
            attempt.notes.append("weights kept from the earlier training of this run")
            return attempt
        work.watcher.step(cell, "training")
        with clock("train"):
            attempt.meters = fit(trained, partial(_report, cell, work), meters)
        if train["keep"] and isinstance(trained.model, Network):
            work.run.keep_weights(unit.id, attempt.reuse, trained.model.module.state_dict(), trained.history)
    except StoreError:
        raise
    except Exception as fault:  # noqa: BLE001 - becomes the record of each cell of the unit
        attempt.fault = fault
    return attempt


def _report(cell: Cell, work: Workplace, window: Window) -> bool:
    work.watcher.window(cell, window)
    return True


def _fits(cell: Cell, data: Data) -> None:
    """What only the data decide."""
    if data.problem not in [p.name for p in cell.problems]:
        raise BenchError(f"the task {cell.task.label} turned out to be {data.problem}, which it does not state as its PROBLEM")
    if data.problem not in cell.model.component.words("PROBLEMS"):
        raise BenchError(f"the task {cell.task.label} turned out to be {data.problem}, which {cell.model.label} does not do")


def _meters(todo: list[Cell], place: Placement, work: Workplace) -> dict[str, Any]:
    """A context manager for each probe that measures during training and is still to do."""
    meters = {}
    for probe in work.plan.suite.probes:
        wanted = any(probe.label in _missing(cell, work) and cell.probes[probe.label] is None for cell in todo)
        if wanted and "during" in probe.component.functions:
            meters[probe.label] = components.load(probe.component).during(place, _probe_options(probe, work))
    return meters


def _probe_options(probe: Choice, work: Workplace) -> Any:
    least = probe.component.facts.get("SMOKE", {}) if work.smoke else {}
    return components.make_options(probe.component, {**probe.stated, **least})


def reuse(cell: Cell, fingerprint: str, place: Placement, code: str, *, smoke: bool) -> str:
    """Whether kept weights may be used again: training, data, source, PyTorch, device kind, threads."""
    import torch

    parts = [cell.task.component, cell.model.component, *cell.problems, *([cell.engine] if cell.engine else [])]
    sources = [part.source_hash for part in parts]
    return digest([cell.unit, fingerprint, sources, code, torch.__version__, place.device, place.threads, smoke])


def place_of(cell: Cell, jobs: int) -> Placement:
    """Where a cell computes on this machine. Raises BenchError."""
    from bench_suite.training.placement import placement

    deterministic = bool(cell.options["train"]["deterministic"])
    return placement(cell.device, cell.precision, cell.threads, jobs=jobs, deterministic=deterministic)


# ── measuring ───────────────────────────────────────────────────────────────────────────────────


def _measure(draft: _Draft, attempt: _Attempt) -> None:
    """Apply each missing probe; what one raises costs its own metrics only."""
    cell, work = draft.cell, draft.work
    assert attempt.trained is not None
    trained = attempt.trained.for_cell(cell, draft.keep)
    with _Stopwatch(draft.seconds)("probes"):
        for probe in work.plan.suite.probes:
            if probe.label not in _missing(cell, work):
                continue
            reason = cell.probes[probe.label] or _unmet_here(probe, cell, trained)
            if reason:
                draft.probes[probe.label] = ProbeRow("not applicable", work.plan.probe_keys[probe.label], reason)
                continue
            work.watcher.step(cell, probe.label)
            _apply(probe, trained.for_probe(attempt.meters.get(probe.label)), draft)


def _unmet_here(probe: Choice, cell: Cell, trained: Trained) -> str | None:
    """Needs that the plan could not know: a GPU where the device was `auto`, a problem that the data decided."""
    available = {*cell.model.component.words("PROVIDES")}
    available |= {"groups"} if any(split.groups for split in trained.data.splits.values()) else set()
    available |= {"shift"} if any(name.startswith("shift:") for name in trained.data.splits) else set()
    available |= {"cuda"} if trained.place.device == "cuda" else set()
    return unmet(probe, available, [trained.data.problem])


def _apply(probe: Choice, trained: Trained, draft: _Draft) -> None:
    cell, work = draft.cell, draft.work
    key = work.plan.probe_keys[probe.label]
    metrics: list[MetricRow] = []
    artifacts: list[ArtifactRow] = []
    try:
        problem = next(p for p in cell.problems if p.name == trained.data.problem)
        known = metrics_of(probe, [problem])
        measure = getattr(components.load(probe.component), "probe", None)
        for found in measure(trained, _probe_options(probe, work)) if measure else ():
            if isinstance(found, Artifact):
                artifacts.append(work.run.write_artifact(cell.id, probe.label, found))
            else:
                metrics.append(metric_row(found, probe.label, known))
    except StoreError:
        raise
    except Exception as fault:  # noqa: BLE001 - a probe's fault is the probe's: the cell keeps everything else
        draft.probes[probe.label] = ProbeRow("failed", key, _reason(fault))
        work.run.write_traceback(cell.id, probe.label, _traceback(fault))
        return
    draft.metrics += metrics
    draft.artifacts += artifacts
    draft.probes[probe.label] = ProbeRow("ok", key)


def metric_row(metric: Metric, label: str, known: Mapping[str, Mapping[str, Any]]) -> MetricRow:
    """The metric as a record holds it. Raises ValueError where the probe broke its word."""
    if not isinstance(metric, Metric):
        raise TypeError(f"a probe yields Metric or Artifact, not {type(metric).__name__}")
    if metric.name not in known:
        raise ValueError(f"emitted `{metric.name}`, which its METRICS do not state")
    if metric.reason is None and (metric.value is None or (metric.interval is None and not metric.samples)):
        raise ValueError(f"emitted `{metric.name}` without an interval, samples or a reason for having neither")
    facts = known[metric.name]
    value = None if metric.value is None else float(metric.value)
    return MetricRow(
        f"{label}/{metric.name}", value, str(facts.get("unit", "")), facts.get("better", "none"), metric.reason,
        dict(metric.at), metric.interval, tuple(float(s) for s in metric.samples), metric.n, facts.get("ideal"),
    )  # fmt: skip


# ── a cell's record ─────────────────────────────────────────────────────────────────────────────


class _Draft:
    """A record in the making: whatever is known of the cell when it ends, wherever it ends."""

    def __init__(self, cell: Cell, work: Workplace) -> None:
        self.cell = cell
        self.work = work
        self.attempt = _Attempt(cell)
        self.started = datetime.now(UTC)
        self.begun = time.perf_counter()
        self.seconds: dict[str, float] = {}
        self.probes: dict[str, ProbeRow] = {}
        self.metrics: list[MetricRow] = []
        self.artifacts: list[ArtifactRow] = []

    def keep(self, split: str, predictions: Predictions) -> None:
        """Store predictions and name them in the record."""
        self.artifacts.append(self.work.run.write_predictions(self.cell.id, split, predictions))

    def failed(self, fault: Exception) -> Record:
        """The record of a cell that a fault ended."""
        status: Status = "unavailable" if isinstance(fault, DataUnavailable) else "failed"
        if not isinstance(fault, BenchError):
            self.work.run.write_traceback(self.cell.id, "cell", _traceback(fault))
        return self.record(status, _reason(fault))

    def record(self, status: Status, reason: str | None = None) -> Record:
        """The record, whatever has come of each probe."""
        cell, work = self.cell, self.work
        for label in _missing(cell, work):
            if label not in self.probes:
                why = cell.probes[label]
                row = ProbeRow("not applicable", work.plan.probe_keys[label], why) if why else ProbeRow("skipped", work.plan.probe_keys[label], f"the cell is {status}")
                self.probes[label] = row
        attempt = self.attempt
        place = vars(attempt.place) if attempt.place else {a: cell.labels.get(a) for a in ("device", "threads", "precision")}
        shared = attempt.cell is not cell
        notes = (*work.notes, *attempt.notes, *(("shares the training of another cell",) if shared else ()))
        seconds = {**({} if shared else attempt.seconds), **self.seconds, "total": time.perf_counter() - self.begun}
        return Record(
            run=work.run.name, suite=work.plan.suite.name, id=cell.id, reuse=attempt.reuse, cell=cell.labels,
            options={**cell.options, "place": place}, status=status, reason=reason, probes=self.probes,
            data=_described(attempt.data), metrics=tuple(self.metrics), artifacts=tuple(self.artifacts),
            environment=work.environment, started=f"{self.started:%Y-%m-%dT%H:%M:%S}Z",
            seconds={key: round(value, 4) for key, value in seconds.items()}, notes=notes, smoke=work.smoke,
        )  # fmt: skip


def _described(data: Data | None) -> dict[str, Any]:
    if data is None:
        return {}
    source = data.source
    known = {"source": source.origin, "name": source.name, "fingerprint": source.fingerprint, "revision": source.revision, "licence": source.licence}
    sizes = {name: len(split) for name, split in data.splits.items()}
    return {**{k: v for k, v in known.items() if v is not None}, "problem": data.problem, **sizes, **({"notes": dict(source.notes)} if source.notes else {})}


_NO_MEMORY = ("out of memory", "can't allocate memory", "not enough memory")
"How PyTorch says it on a GPU, on Linux and on Windows."


def _reason(fault: BaseException) -> str:
    """What happened, for the person who reads the record."""
    if isinstance(fault, BenchError):
        return str(fault)
    if isinstance(fault, MemoryError) or any(words in str(fault).lower() for words in _NO_MEMORY):
        return f"out of memory: {fault or type(fault).__name__}; try a smaller batch_size"
    text = str(fault).strip()
    return f"{type(fault).__name__}: {text}" if text else type(fault).__name__


def _traceback(fault: BaseException) -> str:
    return "".join(traceback.format_exception(fault))


class _Stopwatch:
    """Adds up the seconds of named parts: `with clock("train"): …`."""

    def __init__(self, seconds: dict[str, float]) -> None:
        self.seconds = seconds
        self.name = ""
        self.since = 0.0

    def __call__(self, name: str) -> _Stopwatch:
        self.name = name
        return self

    def __enter__(self) -> None:
        self.since = time.perf_counter()

    def __exit__(self, *_: object) -> None:
        self.seconds[self.name] = self.seconds.get(self.name, 0.0) + time.perf_counter() - self.since
