"""run_unit: the one place that knows the order data → model → train → probes, and that turns faults into records."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from functools import partial
from typing import TYPE_CHECKING, Any

from bench_suite.components import discovery
from bench_suite.contracts import (
    Artifact,
    ArtifactRow,
    BenchError,
    Data,
    MetricRow,
    Network,
    Placement,
    ProbeRow,
    Record,
    Window,
)
from bench_suite.execution.context import Workplace, place_of, reuse
from bench_suite.execution.record_builder import Attempt, Draft, Stopwatch, metric_row, reason_of, release, traceback_of
from bench_suite.store.atomic import StoreError
from bench_suite.suite.plan import Cell, Unit, digest, stated_needs, unmet
from bench_suite.suite.spec import Choice, metrics_of, strange_classes

if TYPE_CHECKING:
    from bench_suite.execution.trained import Trained


def run_unit(unit: Unit, work: Workplace) -> Iterator[Record]:
    """Train once and measure each cell of the unit; one record a cell, whatever happens.

    A fault costs the cell it happens in, a probe's fault only that probe. KeyboardInterrupt ends the cell in progress
    with a record and goes on up; so does StoreError, because then there is nowhere to write a record.
    """
    todo = [cell for cell in unit.cells if work.missing(cell)]
    attempt: Attempt | None = None
    for cell in todo:
        work.watcher.cell(cell)
        draft = Draft(cell, work)
        try:
            attempt = attempt or _train(unit, todo, work, draft)
            record = _finish(draft, attempt)
        except KeyboardInterrupt:
            yield draft.record("interrupted", "Ctrl-C")
            raise
        yield record
    if attempt is not None and attempt.fault is not None:
        # The traceback holds the frames, and they the model: without this its memory stays for the cells to come.
        release(attempt.fault)
        attempt.fault = attempt.trained = None


def _finish(draft: Draft, attempt: Attempt) -> Record:
    """Measure a cell whose training is over, and draw up its record."""
    draft.attempt = attempt
    if attempt.fault is not None:
        return draft.failed(attempt.fault)
    try:
        _measure(draft, attempt)
    except (StoreError, KeyboardInterrupt):
        raise
    except BaseException as fault:  # noqa: BLE001 - the one place that turns a cell's failure, `sys.exit` included, into a record
        return draft.failed(fault)
    return draft.record("ok")


# ── training ────────────────────────────────────────────────────────────────────────────────────


def _train(unit: Unit, todo: list[Cell], work: Workplace, draft: Draft) -> Attempt:
    from bench_suite.execution.trained import build, fit

    cell = todo[0]
    attempt = draft.attempt
    clock = Stopwatch(attempt.seconds)
    try:
        place = place_of(cell, work.jobs)
        attempt.place = place
        work.watcher.step(cell, "data")
        with clock("data"):
            data = work.load(cell)
        _fits(cell, data)
        _has_classes([probe for probe in work.plan.suite.probes if _is_wanted(probe, todo, work)], cell, data)
        attempt.data = data
        attempt.reuse = reuse(cell, data.source.fingerprint, place, work.code, smoke=work.smoke)
        train = {**cell.options["train"], **({"epochs": min(1, cell.options["train"]["epochs"])} if work.smoke else {})}
        work.watcher.step(cell, "building")
        with clock("build"):
            attempt.trained = trained = build(cell, data, place, cell.seed, train, smoke=work.smoke, cache=work.cache)
        trained.told = partial(work.watcher.step, cell)
        weights = attempt.reuse
        if isinstance(trained.model, Network):
            attempt.notes += [f"{name}: {value}" for name, value in trained.model.notes.items()]
            # What the model began with, such as pretrained weights, is known to it alone.
            weights = digest([attempt.reuse, repr(trained.model.encoding)])
        if train["epochs"] == 0 and isinstance(trained.model, Network):
            attempt.notes.append("evaluated only: epochs = 0")
            return attempt
        if "validation" not in data.splits:
            attempt.notes.append("trained on everything: no validation split")
        meters = _meters(todo, place, work)
        if (
            not meters
            and (kept := work.run.kept_weights(unit.id, weights)) is not None
            and isinstance(trained.model, Network)
        ):
            trained.model.module.load_state_dict(kept[0])
            trained.history = kept[1]
            attempt.notes.append("weights kept from the earlier training of this run")
            return attempt
        if isinstance(trained.model, Network):
            work.watcher.step(cell, "encoding")
            with clock("encode"):
                for split in ("train", "validation"):
                    if split in data.splits:
                        trained.encoded(split)
        work.watcher.step(cell, "training")
        checkpoint = work.run.checkpoint(unit.id, weights)
        if train["checkpoint"] is not None and checkpoint.is_there():
            attempt.notes.append("went on from a checkpoint of the same training, which had been cut off")
        with clock("train"):
            attempt.meters = fit(trained, partial(_report, cell, work), meters, checkpoint)
        work.watcher.trained(cell, trained.history)
        if train["keep"] and isinstance(trained.model, Network):
            work.run.keep_weights(unit.id, weights, trained.model.module.state_dict(), trained.history)
        checkpoint.remove()
    except (StoreError, KeyboardInterrupt):
        raise
    except BaseException as fault:  # noqa: BLE001 - becomes the record of each cell of the unit
        attempt.fault = fault
    return attempt


def _report(cell: Cell, work: Workplace, window: Window) -> bool:
    work.watcher.window(cell, window)
    return True


def _fits(cell: Cell, data: Data) -> None:
    """What only the data decide."""
    if data.problem not in [p.name for p in cell.problems]:
        raise BenchError(
            f"the task {cell.task.label} turned out to be {data.problem}, which it does not state as its PROBLEM"
        )
    if data.problem not in cell.model.component.words("PROBLEMS"):
        raise BenchError(
            f"the task {cell.task.label} turned out to be {data.problem}, which {cell.model.label} does not do; state "
            "what the task is (of `hub`: problem, modality), and such pairs are left out of the plan"
        )
    modalities = cell.task.component.words("MODALITY")
    if len(modalities) > 1:
        import numpy as np

        found = [name for name in modalities if name in data.splits["train"].take(np.arange(1))]
        takes = cell.model.component.words("MODALITIES")
        if not set(found) & set(takes):
            what = " and ".join(found) or "of no modality"
            raise BenchError(
                f"the examples of the task {cell.task.label} turned out to be {what}, "
                f"and {cell.model.label} takes {' or '.join(takes)}; state what the task is (of `hub`: modality, "
                "problem), and such pairs are left out of the plan"
            )


def _has_classes(probes: list[Choice], cell: Cell, data: Data) -> None:
    """What only the data tell of a task that does not state its classes: whether it has those that options name."""
    classes = [str(name) for name in data.spec.get("classes", ())]
    for probe in probes:
        if not classes or data.problem not in (probe.component.words("PROBLEMS") or (data.problem,)):
            continue
        for option, fault in strange_classes(probe, cell.task.label, classes):
            raise BenchError(f"probes.{probe.label}.{option}: {fault}")


class _Meter(AbstractContextManager["_Meter"]):
    """A probe's `during`. What it raises is kept for that probe, and costs neither the training nor another probe."""

    def __init__(self, during: Callable[[], AbstractContextManager[Any]]) -> None:
        self.value: Any = None
        self.fault: BaseException | None = None
        self._during = during
        self._entered: AbstractContextManager[Any] | None = None

    def __enter__(self) -> _Meter:
        try:
            entered = self._during()
            self.value = entered.__enter__()
            self._entered = entered
        except KeyboardInterrupt:
            raise
        except BaseException as fault:  # noqa: BLE001 - told in the probe's own row
            self.fault = fault
        return self

    def __exit__(self, kind: Any, raised: BaseException | None, trace: Any) -> None:
        try:
            if self._entered is not None:
                self._entered.__exit__(kind, raised, trace)
        except KeyboardInterrupt:
            raise
        except BaseException as fault:  # noqa: BLE001 - told in the probe's own row; what the training raised goes on
            self.fault = fault


def _meters(todo: list[Cell], place: Placement, work: Workplace) -> dict[str, _Meter]:
    """A context manager for each probe that measures during training and is still to do."""
    meters = {}
    for probe in work.plan.suite.probes:
        if _is_wanted(probe, todo, work) and "during" in probe.component.functions:
            during = discovery.load(probe.component).during
            meters[probe.label] = _Meter(partial(during, place, _probe_options(probe, work)))
    return meters


def _is_wanted(probe: Choice, todo: list[Cell], work: Workplace) -> bool:
    """Whether a probe is still to be applied to one of these cells."""
    return any(probe.label in work.missing(cell) and cell.probes[probe.label] is None for cell in todo)


def _probe_options(probe: Choice, work: Workplace) -> Any:
    least = probe.component.facts.get("SMOKE", {}) if work.smoke else {}
    return discovery.make_options(probe.component, {**probe.stated, **least})


# ── measuring ───────────────────────────────────────────────────────────────────────────────────


def _measure(draft: Draft, attempt: Attempt) -> None:
    """Apply each missing probe; what one raises costs its own metrics only."""
    cell, work = draft.cell, draft.work
    assert attempt.trained is not None
    trained = attempt.trained.for_cell(cell, draft.keep)
    with Stopwatch(draft.seconds)("probes"):
        for probe in work.plan.suite.probes:
            if probe.label not in work.missing(cell):
                continue
            reason = cell.probes[probe.label] or _unmet_here(probe, cell, trained)
            if reason:
                draft.probes[probe.label] = ProbeRow("not applicable", work.plan.probe_keys[probe.label], reason)
                continue
            work.watcher.step(cell, probe.label)
            meter = attempt.meters.get(probe.label)
            _apply(probe, trained.for_probe(meter.value if meter else None), draft, meter.fault if meter else None)


def _unmet_here(probe: Choice, cell: Cell, trained: Trained) -> str | None:
    """Needs that the plan could not know: a GPU where the device was `auto`, a problem that the data decided."""
    available = {*cell.model.component.words("PROVIDES")}
    available |= {"groups"} if any(split.groups for split in trained.data.splits.values()) else set()
    available |= {"shift"} if any(name.startswith("shift:") for name in trained.data.splits) else set()
    available |= {"cuda"} if trained.place.device == "cuda" else set()
    available |= stated_needs(cell)
    return unmet(probe, available, [trained.data.problem])


def _apply(probe: Choice, trained: Trained, draft: Draft, during: BaseException | None) -> None:
    """Let one probe measure; `during` is what it raised around the training."""
    cell, work = draft.cell, draft.work
    key = work.plan.probe_keys[probe.label]
    metrics: list[MetricRow] = []
    artifacts: list[ArtifactRow] = []
    try:
        if during is not None:
            raise during
        problem = next(p for p in cell.problems if p.name == trained.data.problem)
        known = metrics_of(probe, [problem])
        measure = getattr(discovery.load(probe.component), "probe", None)
        for found in measure(trained, _probe_options(probe, work)) if measure else ():
            if isinstance(found, Artifact):
                artifacts.append(work.run.write_artifact(cell.id, probe.label, found))
            else:
                row = metric_row(found, probe.label, known)
                if any((row.name, row.at) == (other.name, other.at) for other in metrics):
                    raise ValueError(f"emitted `{found.name}` twice at {dict(row.at) or 'no coordinates'}")
                metrics.append(row)
    except (StoreError, KeyboardInterrupt):
        raise
    except BaseException as fault:  # noqa: BLE001 - a probe's fault is the probe's: the cell keeps everything else
        draft.probes[probe.label] = ProbeRow("failed", key, reason_of(fault))
        work.run.write_traceback(cell.id, probe.label, traceback_of(fault))
        release(fault)
        return
    draft.metrics += metrics
    draft.artifacts += artifacts
    draft.probes[probe.label] = ProbeRow("ok", key)
