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
from bench_suite.execution.context import RunContext, placement_of, weights_key
from bench_suite.execution.record_builder import (
    RecordBuilder,
    Stopwatch,
    TrainingOutcome,
    metric_row,
    reason_of,
    release,
    traceback_of,
)
from bench_suite.store.atomic import StoreError
from bench_suite.suite.needs import met_needs, unmet_needs
from bench_suite.suite.plan import Cell, Unit, digest
from bench_suite.suite.spec import ComponentUse, metrics_of, unknown_classes

if TYPE_CHECKING:
    from bench_suite.execution.trained import Trained


def run_unit(unit: Unit, context: RunContext) -> Iterator[Record]:
    """Train once and measure each cell of the unit; one record a cell, whatever happens.

    A fault costs the cell it happens in, a probe's fault only that probe. KeyboardInterrupt ends the cell in progress
    with a record and goes on up; so does StoreError, because then there is nowhere to write a record.
    """
    todo = [cell for cell in unit.cells if context.missing(cell)]
    outcome: TrainingOutcome | None = None
    for cell in todo:
        context.callback.cell(cell)
        builder = RecordBuilder(cell, context)
        try:
            outcome = outcome or _train(unit, todo, context, builder)
            record = _finish(builder, outcome)
        except KeyboardInterrupt:
            yield builder.record("interrupted", "Ctrl-C")
            raise
        yield record
    if outcome is not None and outcome.error is not None:
        # The traceback holds the frames, and they the model: without this its memory stays for the cells to come.
        release(outcome.error)
        outcome.error = outcome.trained = None


def _finish(builder: RecordBuilder, outcome: TrainingOutcome) -> Record:
    """Measure a cell whose training is over, and draw up its record."""
    builder.outcome = outcome
    if outcome.error is not None:
        return builder.failed(outcome.error)
    try:
        _measure(builder, outcome)
    except (StoreError, KeyboardInterrupt):
        raise
    except BaseException as error:  # noqa: BLE001 - the one place that turns a cell's failure, `sys.exit` included, into a record
        return builder.failed(error)
    return builder.record("ok")


# ── training ────────────────────────────────────────────────────────────────────────────────────


def _train(unit: Unit, todo: list[Cell], context: RunContext, builder: RecordBuilder) -> TrainingOutcome:
    from bench_suite.execution.trained import build, fit

    cell = todo[0]
    outcome = builder.outcome
    clock = Stopwatch(outcome.seconds)
    try:
        placement = placement_of(cell, context.jobs)
        outcome.placement = placement
        context.callback.step(cell, "data")
        with clock("data"):
            data = context.load(cell)
        _fits(cell, data)
        _has_classes([probe for probe in context.plan.suite.probes if _is_wanted(probe, todo, context)], cell, data)
        outcome.data = data
        outcome.weights_key = weights_key(cell, data.source.fingerprint, placement, context.code, smoke=context.smoke)
        train = {
            **cell.options["train"],
            **({"epochs": min(1, cell.options["train"]["epochs"])} if context.smoke else {}),
        }
        context.callback.step(cell, "building")
        with clock("build"):
            outcome.trained = trained = build(
                cell, data, placement, cell.seed, train, smoke=context.smoke, cache=context.cache
            )
        trained.told = partial(context.callback.step, cell)
        weights = outcome.weights_key
        if isinstance(trained.model, Network):
            outcome.notes += [f"{name}: {value}" for name, value in trained.model.notes.items()]
            # What the model began with, such as pretrained weights, is known to it alone.
            weights = digest([outcome.weights_key, repr(trained.model.encoding)])
        if train["epochs"] == 0 and isinstance(trained.model, Network):
            outcome.notes.append("evaluated only: epochs = 0")
            return outcome
        if "validation" not in data.splits:
            outcome.notes.append("trained on everything: no validation split")
        meters = _meters(todo, placement, context)
        if (
            not meters
            and (kept := context.run.kept_weights(unit.id, weights)) is not None
            and isinstance(trained.model, Network)
        ):
            trained.model.module.load_state_dict(kept[0])
            trained.history = kept[1]
            outcome.weights_reused = True
            outcome.notes.append("weights kept from the earlier training of this run")
            return outcome
        if isinstance(trained.model, Network):
            context.callback.step(cell, "encoding")
            with clock("encode"):
                for split in ("train", "validation"):
                    if split in data.splits:
                        trained.encoded(split)
        context.callback.step(cell, "training")
        checkpoint = context.run.checkpoint(unit.id, weights)
        if train["checkpoint"] is not None and checkpoint.is_there():
            outcome.notes.append("went on from a checkpoint of the same training, which had been cut off")
        with clock("train"):
            outcome.meters = fit(trained, partial(_report, cell, context), meters, checkpoint)
        context.callback.trained(cell, trained.history)
        if train["keep"] and isinstance(trained.model, Network):
            context.run.keep_weights(unit.id, weights, trained.model.module.state_dict(), trained.history)
        checkpoint.remove()
    except (StoreError, KeyboardInterrupt):
        raise
    except BaseException as error:  # noqa: BLE001 - becomes the record of each cell of the unit
        outcome.error = error
    return outcome


def _report(cell: Cell, context: RunContext, window: Window) -> bool:
    context.callback.window(cell, window)
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


def _has_classes(probes: list[ComponentUse], cell: Cell, data: Data) -> None:
    """What only the data tell of a task that does not state its classes: whether it has those that options name."""
    classes = [str(name) for name in data.spec.get("classes", ())]
    for probe in probes:
        if not classes or data.problem not in (probe.component.words("PROBLEMS") or (data.problem,)):
            continue
        for option, error in unknown_classes(probe, cell.task.label, classes):
            raise BenchError(f"probes.{probe.label}.{option}: {error}")


class _Meter(AbstractContextManager["_Meter"]):
    """A probe's `during`. What it raises is kept for that probe, and costs neither the training nor another probe."""

    def __init__(self, during: Callable[[], AbstractContextManager[Any]]) -> None:
        self.value: Any = None
        self.error: BaseException | None = None
        self._during = during
        self._entered: AbstractContextManager[Any] | None = None

    def __enter__(self) -> _Meter:
        try:
            entered = self._during()
            self.value = entered.__enter__()
            self._entered = entered
        except KeyboardInterrupt:
            raise
        except BaseException as error:  # noqa: BLE001 - told in the probe's own row
            self.error = error
        return self

    def __exit__(self, kind: Any, raised: BaseException | None, trace: Any) -> None:
        try:
            if self._entered is not None:
                self._entered.__exit__(kind, raised, trace)
        except KeyboardInterrupt:
            raise
        except BaseException as error:  # noqa: BLE001 - told in the probe's own row; what the training raised goes on
            self.error = error


def _meters(todo: list[Cell], placement: Placement, context: RunContext) -> dict[str, _Meter]:
    """A context manager for each probe that measures during training and is still to do."""
    meters = {}
    for probe in context.plan.suite.probes:
        if _is_wanted(probe, todo, context) and "during" in probe.component.functions:
            during = discovery.load(probe.component).during
            meters[probe.label] = _Meter(partial(during, placement, _probe_options(probe, context)))
    return meters


def _is_wanted(probe: ComponentUse, todo: list[Cell], context: RunContext) -> bool:
    """Whether a probe is still to be applied to one of these cells."""
    return any(probe.label in context.missing(cell) and cell.probes[probe.label] is None for cell in todo)


def _probe_options(probe: ComponentUse, context: RunContext) -> Any:
    least = probe.component.facts.get("SMOKE", {}) if context.smoke else {}
    return discovery.make_options(probe.component, {**probe.stated, **least})


# ── measuring ───────────────────────────────────────────────────────────────────────────────────


def _measure(builder: RecordBuilder, outcome: TrainingOutcome) -> None:
    """Apply each missing probe; what one raises costs its own metrics only."""
    cell, context = builder.cell, builder.context
    assert outcome.trained is not None
    trained = outcome.trained.for_cell(cell, builder.keep)
    with Stopwatch(builder.seconds)("probes"):
        for probe in context.plan.suite.probes:
            if probe.label not in context.missing(cell):
                continue
            reason = cell.probes[probe.label] or _unmet_here(probe, cell, trained)
            if reason:
                builder.probes[probe.label] = ProbeRow("not applicable", context.plan.probe_keys[probe.label], reason)
                continue
            context.callback.step(cell, probe.label)
            meter = outcome.meters.get(probe.label)
            _apply(probe, trained.for_probe(meter.value if meter else None), builder, meter.error if meter else None)


def _unmet_here(probe: ComponentUse, cell: Cell, trained: Trained) -> str | None:
    """Return an unmet need that the plan could not know: the device that `auto` chose, what the data decided."""
    splits = trained.data.splits
    available = met_needs(
        cell,
        groups=any(split.groups for split in splits.values()),
        shift=any(name.startswith("shift:") for name in splits),
        cuda=trained.placement.device == "cuda",
    )
    return unmet_needs(probe, available, [trained.data.problem])


def _apply(probe: ComponentUse, trained: Trained, builder: RecordBuilder, during: BaseException | None) -> None:
    """Let one probe measure; `during` is what it raised around the training."""
    cell, context = builder.cell, builder.context
    key = context.plan.probe_keys[probe.label]
    metrics: list[MetricRow] = []
    artifacts: list[ArtifactRow] = []
    try:
        if during is not None:
            raise during
        problem = next(p for p in cell.problems if p.name == trained.data.problem)
        known = metrics_of(probe, [problem])
        measure = getattr(discovery.load(probe.component), "probe", None)
        for found in measure(trained, _probe_options(probe, context)) if measure else ():
            if isinstance(found, Artifact):
                artifacts.append(context.run.write_artifact(cell.id, probe.label, found))
            else:
                row = metric_row(found, probe.label, known)
                if any((row.name, row.at) == (other.name, other.at) for other in metrics):
                    raise ValueError(f"emitted `{found.name}` twice at {dict(row.at) or 'no coordinates'}")
                metrics.append(row)
    except (StoreError, KeyboardInterrupt):
        raise
    except BaseException as error:  # noqa: BLE001 - a probe's fault is the probe's: the cell keeps everything else
        builder.probes[probe.label] = ProbeRow("failed", key, reason_of(error))
        context.run.write_traceback(cell.id, probe.label, traceback_of(error))
        release(error)
        return
    builder.metrics += metrics
    builder.artifacts += artifacts
    builder.probes[probe.label] = ProbeRow("ok", key)
