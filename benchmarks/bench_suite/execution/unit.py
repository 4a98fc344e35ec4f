"""Run one unit: data, model, training, probes, in this order; an error becomes the record of its cell."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING, Any

from bench_suite.contracts import (
    BenchError,
    Data,
    Network,
    Placement,
    Record,
    Window,
)
from bench_suite.execution.context import RunContext, weights_key
from bench_suite.execution.data_findings import check_loaded
from bench_suite.execution.early_checks import unknown_names
from bench_suite.execution.measurement import is_wanted, measure, meters_of
from bench_suite.execution.process_ends import cause_of, process_ended, step_of
from bench_suite.execution.record_builder import (
    RecordBuilder,
    Stopwatch,
    TrainingOutcome,
    data_facts,
    release,
)
from bench_suite.execution.sources import sources_of
from bench_suite.store.histories import write_history
from bench_suite.suite.expansion import models_for
from bench_suite.suite.plan import Cell, Unit, digest
from bench_suite.suite.spec import MAX_NAMED_CLASSES, ComponentUse

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
            builder.notes.append(f"an earlier process of this run ended while {step_of(earlier)}{cause_of(earlier)}")
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
        measure(builder, outcome)
    except BaseException as error:  # noqa: BLE001 - the one place that turns any error of a cell, `sys.exit` included, into a record
        builder.context.raise_if_run_ends(error)
        return builder.failed(error)
    builder.context.raise_if_run_ends()
    return builder.record("ok")


# ── training ────────────────────────────────────────────────────────────────────────────────────


def _train(unit: Unit, todo: list[Cell], context: RunContext, builder: RecordBuilder) -> TrainingOutcome:
    from bench_suite.execution.model_training import fit
    from bench_suite.execution.restoring import restore

    cell = todo[0]
    outcome = builder.outcome
    clock = Stopwatch(outcome.seconds)
    try:
        earlier = context.repeated_end(cell)
        if earlier is not None and not earlier.probe:
            raise process_ended(earlier, builder)
        placement = context.placement(cell)
        outcome.placement = placement
        context.step(cell, "data")
        with clock("data"):
            data = context.load(cell)
        check_loaded(context)
        _check_data(cell, data)
        _check_names([probe for probe in context.plan.suite.probes if is_wanted(probe, todo, context)], cell, data)
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
        meters = meters_of(todo, placement, context)
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
        _announce_training(cell, trained, context)
        checkpoint = context.checkpoint(cell, weights)
        if train["checkpoint"] is not None and checkpoint.file.exists():
            outcome.notes.append("resumed from a checkpoint of the same training, which was interrupted")
        with clock("train"):
            outcome.meters = fit(trained, _Report(cell, context), meters, checkpoint)
        context.callback.trained(cell, trained.history)
        if trained.history is not None and (trained.history.windows or trained.history.epochs):
            with context.storing():
                write_history(context.run.path, cell.id, trained.history)
        if train["keep"] and isinstance(trained.model, Network):
            _keep_weights(unit, weights, trained, outcome, context)
        checkpoint.file.remove()
    except BaseException as error:  # noqa: BLE001 - becomes the record of each cell of the unit
        context.raise_if_run_ends(error)
        outcome.error = error
    return outcome


def _build(cell: Cell, data: Data, placement: Placement, train: Mapping[str, Any], context: RunContext) -> Trained:
    """Return the cell with its model built and not trained."""
    from bench_suite.execution.model_training import build

    trained = build(cell, data, placement, cell.seed, train, smoke=context.smoke, cache=context.cache)
    trained.on_progress = partial(context.callback.step, cell)
    trained.sources = context.sources
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


@dataclass(frozen=True)
class _Report:
    """`contracts.Report` of a cell: passes windows and epochs to the callback of the run."""

    cell: Cell
    context: RunContext

    def __call__(self, window: Window) -> bool:
        self.context.window(self.cell, window)
        return True

    def epoch(self, row: Mapping[str, float]) -> None:
        self.context.callback.epoch(self.cell, row)


def _announce_training(cell: Cell, trained: Trained, context: RunContext) -> None:
    """Report the length of a network's training, before it begins."""
    if isinstance(trained.model, Network):
        epochs, size = trained.train["epochs"], trained.train["batch_size"]
        context.training(cell, epochs, epochs * math.ceil(len(trained.data.splits["train"]) / size))


def _check_data(cell: Cell, data: Data) -> None:
    """Raise BenchError if the loaded data do not fit the cell: a task may state several problems or modalities."""
    from bench_suite.data.splits import modalities_in

    if data.problem not in [p.name for p in cell.problems]:
        raise BenchError(
            f"the data of the task {cell.task.label} are for {data.problem}, which its PROBLEM does not name"
        )
    if data.problem not in cell.model.component.words("PROBLEMS"):
        able = ", ".join(models_for(data.problem, modalities_in(data)))
        raise BenchError(
            f"the data of the task {cell.task.label} are for {data.problem}, but {cell.model.label} cannot do it"
            f"{f' (models that can: {able})' if able else ''}; "
            "state the task's problem (with `files` or `hub`: the options problem, modality), and the plan leaves such "
            "pairs out"
        )
    modalities = cell.task.component.words("MODALITY")
    if len(modalities) > 1:
        present = [name for name in modalities if name in modalities_in(data)]
        supported = cell.model.component.words("MODALITIES")
        if not set(present) & set(supported):
            raise BenchError(
                f"the examples of the task {cell.task.label} are of the modality {' and '.join(present) or 'none'}, "
                f"and {cell.model.label} supports {' or '.join(supported)}; state the task's modality (with `files` or "
                "`hub`: the options modality, problem), and the plan leaves such pairs out"
            )


def _check_names(probes: list[ComponentUse], cell: Cell, data: Data) -> None:
    """Raise BenchError if an option of a probe names a class or a column that the data do not have.

    The plan checks classes for tasks that state them, and `early_checks` has checked both if the data are here.
    """
    for probe in probes:
        for option, error in unknown_names(probe, cell.task.label, data):
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
    if isinstance(model, Network):
        yield from _notes_of_own_step(model, data)
    if isinstance(model, Network) and model.loss is not None:
        yield f"the training loss is the model's own; the validation loss is that of {data.problem}"
    weights = class_weights(train["class_weights"], data, train["sampler"])
    if weights is not None:
        stated = sorted(zip(weights.tolist(), map(str, data.spec["classes"])), reverse=True)[:MAX_NAMED_CLASSES]
        listed = ", ".join(f"{name} {weight:.4g}" for weight, name in stated)
        more = f" and {len(weights) - len(stated)} more" if len(weights) > len(stated) else ""
        yield f"weights of the classes in the training loss: {listed}{more}"


def _notes_of_own_step(model: Network, data: Data) -> Iterator[str]:
    """Yield what a user's own LightningModule replaces: the loss, and perhaps the optimiser."""
    from bench_suite.training.lightning_modules import has_own_step, lightning_module_of, overrides

    if not has_own_step(model):
        return
    yield f"the training loss is that of the model's training_step; the validation loss is that of {data.problem}"
    if overrides(lightning_module_of(model), "configure_optimizers"):
        yield (
            "the model configures its own optimiser: optimizer, learning_rate, weight_decay, momentum, nesterov, "
            "schedule and warmup of the suite have no effect on it"
        )
