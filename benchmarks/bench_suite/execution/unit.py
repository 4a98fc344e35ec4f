"""Run one unit: data, model, training, probes, in this order; an error becomes the record of its cell."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager
from dataclasses import replace
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
from bench_suite.execution.context import RunContext, weights_key
from bench_suite.execution.data_findings import check_loaded
from bench_suite.execution.record_builder import (
    RecordBuilder,
    Stopwatch,
    TrainingOutcome,
    data_facts,
    metric_row,
    reason_of,
    release,
    traceback_of,
    without_folders,
)
from bench_suite.execution.sources import sources_of
from bench_suite.store.unfinished import Unfinished
from bench_suite.suite.needs import met_needs, unmet_needs
from bench_suite.suite.plan import Cell, Unit, digest
from bench_suite.suite.spec import MAX_NAMED_CLASSES, ComponentUse, metrics_of, unknown_classes

if TYPE_CHECKING:
    from bench_suite.execution.process_state import ProcessState
    from bench_suite.execution.trained import Trained


def run_unit(unit: Unit, context: RunContext) -> Iterator[Record]:
    """Train once, measure each cell of the unit, and yield one record for each cell.

    An error affects only the cell in which it is raised, and an error in a probe only that probe. After each probe and
    each cell, the state of the process is restored to what it was after the training; after the last cell, to what it
    was before the run.

    Raises:
        KeyboardInterrupt: after the record of the current cell.
        StoreError: without a record, because the run's files cannot be written.
    """
    todo = [cell for cell in unit.cells if context.missing(cell)]
    outcome: TrainingOutcome | None = None
    for cell in todo:
        context.begin(cell)
        builder = RecordBuilder(cell, context)
        earlier = context.ended_in.get(cell.id)
        if earlier is not None:
            builder.notes.append(f"an earlier process of this run ended while {_step_of(earlier)}{_cause_of(earlier)}")
        try:
            outcome = outcome or _train(unit, todo, context, builder)
            if outcome.state is None and context.state is not None:
                outcome.state = _state_after_training(outcome, context.state)
            record = _finish(builder, outcome)
        except KeyboardInterrupt:
            yield builder.record("interrupted", "Ctrl-C")
            raise
        yield _restored(record, context.state if cell is todo[-1] or outcome is None else outcome.state)
    if outcome is not None and outcome.error is not None:
        # The traceback references the frames, and these the model, whose memory the next cells need.
        release(outcome.error)
        outcome.error = outcome.trained = outcome.state = None


def _state_after_training(outcome: TrainingOutcome, before: ProcessState) -> ProcessState:
    """Return the state of the process, and of the network if one was trained, to restore it after each probe."""
    from bench_suite.execution.model_state import model_settings

    network = outcome.trained.network if outcome.trained is not None and outcome.error is None else None
    try:
        return before.capture_again(model_settings(network) if network is not None else ())
    except Exception:  # noqa: BLE001 - the module is foreign code, and may hide its parts
        return before.capture_again()


def _restored(record: Record, state: ProcessState | None) -> Record:
    """Restore the state of the process, and return the record with what could not be restored."""
    unrestored = state.restore().unrestored if state is not None else {}
    if not unrestored:
        return record
    listed = "; ".join(f"{kind} ({text})" for kind, text in unrestored.items())
    note = f"later cells may be affected, because this could not be restored: {listed}"
    return replace(record, unrestored=unrestored, notes=(*record.notes, note))


def _finish(builder: RecordBuilder, outcome: TrainingOutcome) -> Record:
    """Measure a cell whose training has ended, and return its record."""
    builder.outcome = outcome
    if outcome.error is not None:
        return builder.failed(outcome.error)
    try:
        _measure(builder, outcome)
    except BaseException as error:  # noqa: BLE001 - the one place that turns any error of a cell, `sys.exit` included, into a record
        builder.context.raise_if_run_ends(error)
        return builder.failed(error)
    builder.context.raise_if_run_ends()
    return builder.record("ok")


class ProcessEnded(BenchError):
    """A step that is not tried again, because earlier processes of the run ended in it."""


def _process_ended(earlier: Unfinished, builder: RecordBuilder) -> ProcessEnded:
    """Return the error of a step in which processes ended, after writing the stacks that are known."""
    if earlier.stacks:
        builder.write_traceback(earlier.step if earlier.probe else "cell", without_folders(earlier.stacks))
    cause = _cause_of(earlier) or " (killed, out of memory, or ended by a library)"
    return ProcessEnded(
        f"the process ended while {_step_of(earlier)}{cause}, {earlier.ends} times; "
        "when the cause is removed, --resume tries it again"
    )


def _step_of(earlier: Unfinished) -> str:
    if earlier.probe:
        return f"the probe {earlier.step} measured this cell"
    return _STEPS.get(earlier.step, f"this cell was at {earlier.step}")


def _cause_of(earlier: Unfinished) -> str:
    return f" ({earlier.cause})" if earlier.cause else ""


_STEPS = {
    "": "this cell began",
    "data": "the data were loaded",
    "building": "the model was built",
    "encoding": "the data were encoded",
    "training": "the model was trained",
}


# ── training ────────────────────────────────────────────────────────────────────────────────────


def _train(unit: Unit, todo: list[Cell], context: RunContext, builder: RecordBuilder) -> TrainingOutcome:
    from bench_suite.execution.restoring import restore
    from bench_suite.execution.trained import fit

    cell = todo[0]
    outcome = builder.outcome
    clock = Stopwatch(outcome.seconds)
    try:
        earlier = context.repeated_end(cell)
        if earlier is not None and not earlier.probe:
            raise _process_ended(earlier, builder)
        placement = context.placement(cell)
        outcome.placement = placement
        context.step(cell, "data")
        with clock("data"):
            data = context.load(cell)
        check_loaded(context)
        _check_data(cell, data)
        _check_classes([probe for probe in context.plan.suite.probes if _is_wanted(probe, todo, context)], cell, data)
        _check_training(cell, data)
        outcome.data_facts = data_facts(data)
        outcome.sources = sources_of(cell, context.sources)
        outcome.weights_key = weights_key(
            cell, data.source.fingerprint, placement, outcome.sources, context.code, smoke=context.smoke
        )
        train = {
            **cell.options["train"],
            **({"epochs": min(1, cell.options["train"]["epochs"])} if context.smoke else {}),
        }
        context.step(cell, "building")
        with clock("build"):
            outcome.trained = trained = _build(cell, data, placement, train, context)
        weights = outcome.weights_key
        if isinstance(trained.model, Network):
            outcome.notes += [f"{name}: {value}" for name, value in trained.model.notes.items()]
            # Only the model knows what it starts from, such as pretrained weights.
            weights = digest([outcome.weights_key, repr(trained.model.encoding)])
        if train["epochs"] == 0 and isinstance(trained.model, Network):
            _check_trained(cell, trained.model)
            outcome.notes.append("evaluated only: epochs = 0")
            return outcome
        outcome.notes += _training_notes(cell, data, trained.model)
        if "validation" not in data.splits:
            outcome.notes.append("trained on all training examples: there is no validation split")
        meters = _meters(todo, placement, context)
        restored = "none" if meters else restore(trained, unit, weights, context)
        if restored == "restored":
            outcome.weights_reused = True
            outcome.notes.append("weights reused from an earlier training in this run")
            return outcome
        if restored == "differs":
            outcome.notes.append("trained again: with the weights that were kept, the test predictions differ")
            with clock("build"):
                outcome.trained = trained = _build(cell, data, placement, train, context)
        if isinstance(trained.model, Network):
            context.step(cell, "encoding")
            with clock("encode"):
                for split in ("train", "validation"):
                    if split in data.splits:
                        trained.encoded(split)
        context.step(cell, "training")
        checkpoint = context.checkpoint(cell, weights)
        if train["checkpoint"] is not None and checkpoint.file.exists():
            outcome.notes.append("resumed from a checkpoint of the same training, which was interrupted")
        with clock("train"):
            outcome.meters = fit(trained, partial(_report, cell, context), meters, checkpoint)
        context.callback.trained(cell, trained.history)
        if train["keep"] and isinstance(trained.model, Network):
            _keep_weights(unit, weights, trained, outcome, context)
        checkpoint.file.remove()
    except BaseException as error:  # noqa: BLE001 - becomes the record of each cell of the unit
        context.raise_if_run_ends(error)
        outcome.error = error
    return outcome


def _build(cell: Cell, data: Data, placement: Placement, train: Mapping[str, Any], context: RunContext) -> Trained:
    """Return the cell with its model built and not trained."""
    from bench_suite.execution.trained import build

    trained = build(cell, data, placement, cell.seed, train, smoke=context.smoke, cache=context.cache)
    trained.on_progress = partial(context.callback.step, cell)
    return trained


def _keep_weights(unit: Unit, weights: str, trained: Trained, outcome: TrainingOutcome, context: RunContext) -> None:
    """Write the state of the trained network for a resume; a note says so if a part of it is no tensor."""
    import torch

    from bench_suite.training.checkpoints import module_state

    assert isinstance(trained.model, Network)
    state = module_state(trained.model.module)
    if all(isinstance(value, torch.Tensor) for value in state.values()):
        with context.storing():
            context.run.write_weights(unit.id, weights, state, trained.history)
    else:
        outcome.notes.append("weights not kept: a part of the module's state is no tensor")


def _check_trained(cell: Cell, network: Network) -> None:
    """Raise BenchError if a part of a pretrained network would be scored at random, since `epochs = 0`."""
    if network.untrained is not None:
        raise BenchError(
            f"{cell.model.label}: {network.untrained} begins at random, and epochs = 0 does not train it: set epochs, "
            "or choose weights that were saved with a head for this problem"
        )


def _report(cell: Cell, context: RunContext, window: Window) -> bool:
    context.callback.window(cell, window)
    return True


def _check_data(cell: Cell, data: Data) -> None:
    """Raise BenchError if the loaded data do not fit the cell: a task may state several problems or modalities."""
    if data.problem not in [p.name for p in cell.problems]:
        raise BenchError(
            f"the data of the task {cell.task.label} are for {data.problem}, which its PROBLEM does not name"
        )
    if data.problem not in cell.model.component.words("PROBLEMS"):
        raise BenchError(
            f"the data of the task {cell.task.label} are for {data.problem}, but {cell.model.label} cannot do it; "
            "state the task's problem (with `files` or `hub`: the options problem, modality), and the plan leaves such "
            "pairs out"
        )
    modalities = cell.task.component.words("MODALITY")
    if len(modalities) > 1:
        import numpy as np

        present = [name for name in modalities if name in data.splits["train"].take(np.arange(1))]
        supported = cell.model.component.words("MODALITIES")
        if not set(present) & set(supported):
            raise BenchError(
                f"the examples of the task {cell.task.label} are of the modality {' and '.join(present) or 'none'}, "
                f"and {cell.model.label} supports {' or '.join(supported)}; state the task's modality (with `files` or "
                "`hub`: the options modality, problem), and the plan leaves such pairs out"
            )


def _check_classes(probes: list[ComponentUse], cell: Cell, data: Data) -> None:
    """Raise BenchError if an option of a probe names a class that the data do not have.

    The plan checks this for tasks that state their classes; for others, only the data have them.
    """
    classes = [str(name) for name in data.spec.get("classes", ())]
    for probe in probes:
        if not classes or data.problem not in (probe.component.words("PROBLEMS") or (data.problem,)):
            continue
        for option, error in unknown_classes(probe, cell.task.label, classes):
            raise BenchError(f"probes.{probe.label}.{option}: {error}")


def _check_training(cell: Cell, data: Data) -> None:
    """Raise BenchError if a training option for classes does not fit the data: the plan may not know the classes."""
    from bench_suite.training.class_weights import check_class_options

    train = cell.options["train"]
    check_class_options(train["class_weights"], train["sampler"], data, cell.task.label)


def _training_notes(cell: Cell, data: Data, model: Any) -> Iterator[str]:
    """Yield how the training loss differs from the problem's, for the reader of the record."""
    from bench_suite.training.class_weights import class_weights

    train = cell.options["train"]
    if isinstance(model, Network) and model.loss is not None:
        yield f"the training loss is the model's own; the validation loss is that of {data.problem}"
    weights = class_weights(train["class_weights"], data, train["sampler"])
    if weights is not None:
        stated = sorted(zip(weights.tolist(), map(str, data.spec["classes"])), reverse=True)[:MAX_NAMED_CLASSES]
        listed = ", ".join(f"{name} {weight:.4g}" for weight, name in stated)
        more = f" and {len(weights) - len(stated)} more" if len(weights) > len(stated) else ""
        yield f"weights of the classes in the training loss: {listed}{more}"


class _Meter(AbstractContextManager["_Meter"]):
    """A probe's `during`; an error in it is stored for that probe and affects neither the training nor other probes."""

    def __init__(self, during: Callable[[], AbstractContextManager[Any]]) -> None:
        self.value: Any = None
        self.error: BaseException | None = None
        self._during = during
        self._manager: AbstractContextManager[Any] | None = None

    def __enter__(self) -> _Meter:
        try:
            manager = self._during()
            self.value = manager.__enter__()
            self._manager = manager
        except KeyboardInterrupt:
            raise
        except BaseException as error:  # noqa: BLE001 - becomes the probe's own row
            self.error = error
        return self

    def __exit__(self, kind: Any, raised: BaseException | None, trace: Any) -> None:
        try:
            if self._manager is not None:
                self._manager.__exit__(kind, raised, trace)
        except KeyboardInterrupt:
            raise
        except BaseException as error:  # noqa: BLE001 - becomes the probe's own row; an error of the training is raised on
            self.error = error


def _meters(todo: list[Cell], placement: Placement, context: RunContext) -> dict[str, _Meter]:
    """Return a context manager for each probe that measures during the training and is still to do."""
    meters = {}
    for probe in context.plan.suite.probes:
        if _is_wanted(probe, todo, context) and "during" in probe.component.functions:
            during = discovery.load(probe.component).during
            meters[probe.label] = _Meter(partial(during, placement, _probe_options(probe, context)))
    return meters


def _is_wanted(probe: ComponentUse, todo: list[Cell], context: RunContext) -> bool:
    """Return whether a probe is still to be applied to one of these cells."""
    return any(probe.label in context.missing(cell) and cell.probes[probe.label] is None for cell in todo)


def _probe_options(probe: ComponentUse, context: RunContext) -> Any:
    smoke_values = probe.component.facts.get("SMOKE", {}) if context.smoke else {}
    return discovery.make_options(probe.component, {**probe.stated, **smoke_values})


# ── measuring ───────────────────────────────────────────────────────────────────────────────────


def _measure(builder: RecordBuilder, outcome: TrainingOutcome) -> None:
    """Apply each probe that is still to do; an error in a probe affects its own metrics only."""
    cell, context = builder.cell, builder.context
    assert outcome.trained is not None
    earlier = outcome.state.left_running() if outcome.state is not None else {}
    trained = outcome.trained.for_cell(cell, builder.keep)
    _ = trained.threshold  # chosen here, so that an error is the cell's, and not that of the first probe
    with Stopwatch(builder.seconds)("probes"):
        for probe in context.plan.suite.probes:
            if probe.label not in context.missing(cell):
                continue
            reason = cell.probes[probe.label] or _unmet_here(probe, cell, trained)
            if reason:
                builder.probes[probe.label] = ProbeRow("not applicable", context.plan.probe_keys[probe.label], reason)
                continue
            context.step(cell, probe.label, probe=True)
            meter = outcome.meters.get(probe.label)
            _apply(probe, trained.for_probe(meter.value if meter else None), builder, meter.error if meter else None)
            if outcome.state is not None:
                unrestored = outcome.state.restore().unrestored
                _note_unrestored(probe.label, builder, dict(unrestored.items() - earlier.items()))
                earlier |= unrestored


def _note_unrestored(label: str, builder: RecordBuilder, unrestored: Mapping[str, str]) -> None:
    """Note in the record what a probe changed for later probes and could not be restored."""
    if unrestored:
        builder.probes[label] = replace(builder.probes[label], unrestored=unrestored)
        builder.notes.append(
            f"later probes of this cell may be affected by the probe {label}, because this could not be restored: "
            + "; ".join(f"{kind} ({text})" for kind, text in unrestored.items())
        )


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
    """Apply one probe; `during` is the error that its `during` raised around the training, if any."""
    cell, context = builder.cell, builder.context
    key = context.plan.probe_keys[probe.label]
    metrics: list[MetricRow] = []
    known_coordinates: set[tuple[str, frozenset[tuple[str, Any]]]] = set()
    artifacts: list[ArtifactRow] = []
    try:
        earlier = context.repeated_end(cell)
        if earlier is not None and earlier.probe and earlier.step == probe.label:
            raise _process_ended(earlier, builder)
        if during is not None:
            raise during
        problem = next(p for p in cell.problems if p.name == trained.data.problem)
        known = metrics_of(probe, [problem])
        measure = getattr(discovery.load(probe.component), "probe", None)
        for item in measure(trained, _probe_options(probe, context)) if measure else ():
            if isinstance(item, Artifact):
                with context.storing():
                    artifacts.append(context.run.write_artifact(cell.id, probe.label, item))
            else:
                row = metric_row(item, probe.label, known)
                coordinates = (row.name, frozenset(row.at.items()))
                if coordinates in known_coordinates:
                    raise ValueError(f"yielded `{item.name}` twice at {dict(row.at) or 'no coordinates'}")
                known_coordinates.add(coordinates)
                metrics.append(row)
    except BaseException as error:  # noqa: BLE001 - an error of a probe affects that probe only
        context.raise_if_run_ends(error)
        builder.probes[probe.label] = ProbeRow("failed", key, reason_of(error))
        if not isinstance(error, ProcessEnded):
            builder.write_traceback(probe.label, traceback_of(error))
        release(error)
        return
    builder.metrics += metrics
    builder.artifacts += artifacts
    builder.probes[probe.label] = ProbeRow("ok", key)
