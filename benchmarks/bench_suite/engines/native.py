"""The default engine: a plain PyTorch loop over splits that are already encoded.

`train` is what the harness calls; `_fit` is the loop; `TrainingState` is everything that a checkpoint contains.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any

import numpy as np
import torch

from bench_suite.contracts import (
    BenchError,
    Checkpoints,
    Data,
    History,
    Network,
    Placement,
    Problem,
    Report,
    TrainingFailed,
    TrainOptions,
)
from bench_suite.data.encoded import Encoded
from bench_suite.data.loader import Feed
from bench_suite.data.splits import column
from bench_suite.training import devices
from bench_suite.training.augmentation import changes_of
from bench_suite.training.batching import batch_count, needs_several_rows, rows_by_class, shuffled
from bench_suite.training.checkpoints import Timer, copy_state, load_module_state, module_state
from bench_suite.training.clock import Clock
from bench_suite.training.compiling import record_compilations
from bench_suite.training.input_checks import nonfinite_inputs
from bench_suite.training.losses import training_loss
from bench_suite.training.optimisers import Optimizer, make_optimizer
from bench_suite.training.precision import autocast, computing, move_to_placement
from bench_suite.training.prediction import mean_loss
from bench_suite.training.schedules import factor
from bench_suite.training.targets import Target

ACCEPTS = (
    "epochs",
    "optimizer",
    "learning_rate",
    "batch_size",
    "weight_decay",
    "momentum",
    "nesterov",
    "schedule",
    "warmup",
    "gradient_clip",
    "label_smoothing",
    "augment",
    "class_weights",
    "sampler",
    "patience",
    "validation",
    "target",
    "checkpoint",
    "keep",
    "deterministic",
)
MODEL_FUNCTIONS = ("loss", "augment")
PRECISIONS = ("32-true", "bf16-mixed")
DEVICES = ("any",)
COMPILE = True
DETERMINISTIC = True


def train(
    model: Network,
    data: Data,
    problem: Problem,
    options: TrainOptions,
    placement: Placement,
    report: Report,
    encoded: Callable[[str], Encoded],
    checkpoints: Checkpoints | None = None,
) -> History:
    """Train `model.module` in place on the train split.

    The order of the examples is drawn from PyTorch's global generator, which the caller seeds. If there is a validation
    split, its mean loss is computed after each epoch. With `patience`, that loss decides when to stop and which epoch's
    weights are kept; with `target`, a metric of the validation split decides when to stop.

    Args:
        model: the network to train.
        data: the splits and their `spec`.
        problem: the problem, whose `loss` is minimised unless the model has its own.
        options: training options; those in `ACCEPTS` are honoured.
        placement: device, threads and precision.
        report: called with each `Window`; if it returns False, the training ends and `History.stopped` is
            "interrupted".
        encoded: returns the encoded columns of a split by the split's name.
        checkpoints: where the state is saved every `options.checkpoint`, and from where an interrupted training is
            resumed; None saves nothing.

    Returns:
        The history of the training.

    Raises:
        TrainingFailed: the loss is no longer finite; the message names inputs that are not finite, if there are any.
        BenchError: `placement` or `options` cannot be honoured on this machine or with these data, or the module
            returns something that the problem's `check_outputs` refuses.
    """
    examples = encoded("train")
    validation = encoded("validation") if "validation" in data.splits else None
    for option in ("patience", "target"):
        if getattr(options, option) is not None and validation is None:
            raise BenchError(f"{option} needs a validation split: set validation above 0, or leave {option} out")
    target = Target(options.target, problem, data) if options.target else None
    evaluate = partial(_evaluate, model, data, problem, options, placement, validation, target)
    timer = Timer(checkpoints, options.checkpoint)
    clock = Clock(report, device=placement.device)
    with computing(placement), record_compilations(placement, clock.exclude) as compiling:
        history = _fit(model, data, problem, options, placement, clock, timer, examples, evaluate, target)
    history = replace(history, loss_of="problem" if model.loss is None else "model")
    return history if compiling is None else replace(history, compile_seconds=compiling.seconds)


def _fit(
    model: Network,
    data: Data,
    problem: Problem,
    options: TrainOptions,
    placement: Placement,
    clock: Clock,
    timer: Timer,
    examples: Encoded,
    evaluate: Callable[[], dict[str, float]],
    target: Target | None,
) -> History:
    """Run the epochs: draw the order, take the steps, evaluate, stop early."""
    spec = data.spec
    module = move_to_placement(model.module, placement)
    update = make_optimizer(module, options, placement)
    weights = [weight for weight in module.parameters() if weight.requires_grad]
    collate = model.collate
    loss_of = training_loss(model, data, problem, options, placement)
    moves, mixed = placement.device != "cpu", placement.precision != "32-true"
    scheduled = options.schedule != "constant" or options.warmup > 0.0
    join_last = needs_several_rows(module)
    steps = options.epochs * batch_count(len(examples), options.batch_size, join_last=join_last)
    finite = partial(_finite, update=update, examples=examples, spec=spec)
    feed = Feed(examples, placement.threads)
    order = torch.Generator().manual_seed(int(torch.randint(2**62, ())))
    state = TrainingState(
        module=module,
        update=update,
        order=order,
        changes=devices.new_generator(placement.device).manual_seed(order.initial_seed() + 1),
        loss_sum=torch.zeros((), device=placement.device),
        clock=clock,
        best=BestWeights(options.patience),
        target=target,
    )
    change = changes_of(model.augment, options.augment, state.changes)
    classes = rows_by_class(_class_numbers(data)) if options.sampler == "balanced" else ()
    state.load_state_dict(timer.load())
    loss_sum = state.loss_sum

    for epoch in range(state.epoch, options.epochs + 1):
        module.train()
        state.epoch_order = order.get_state()
        drawn = shuffled(examples, options.batch_size, order, model.padded, join_last=join_last, classes=classes)
        batches = drawn[state.batch :]
        columns = feed.batches(batches)
        clock.resume()
        for rows in batches:
            clock.ask()
            batch = collate(next(columns))
            if moves:
                batch = batch.to(placement.device)
            if change is not None:
                batch = change(batch)
            clock.receive()
            if scheduled:
                rate = options.learning_rate * factor(clock.steps, steps, options.schedule, options.warmup)
                for group in update.param_groups:
                    group["lr"] = rate
            if mixed:  # entering even an empty context costs 1 µs
                with autocast(placement):
                    loss = loss_of(module(**batch.inputs), batch)
            else:
                loss = loss_of(module(**batch.inputs), batch)
            loss.backward()
            if options.gradient_clip is not None:
                torch.nn.utils.clip_grad_norm_(weights, options.gradient_clip)
            update.step()
            for weight in weights:  # what `zero_grad` does, without the 10 µs of its profiling hooks
                weight.grad = None
            loss_sum.add_(loss.detach(), alpha=len(rows))  # the last batch may be smaller
            state.batch += 1
            if clock.step(len(rows)):  # once in 50 ms, since it waits for the device
                proceed = clock.close(finite(loss, loss_sum, clock.steps))
                if timer.due():
                    clock.pause()
                    timer.save(state.state_dict())
                    clock.resume()
                if not proceed:
                    clock.pause()
                    return state.history(state.best.restore(module), "interrupted")
        clock.pause()
        mean = finite(loss_sum, loss_sum, clock.steps) / len(examples)
        row = {"epoch": float(epoch), "loss": mean, **evaluate()}
        state.end_epoch(row)
        if target is not None and target.reaches(row[f"validation_{target.name}"]):
            # The weights that reached the target stay, whichever epoch had the lowest loss.
            return state.history(None, f"{target.metric} reached", reached=True)
        if state.best.is_exhausted(epoch, row.get("validation_loss"), module):
            stopped = f"no lower validation loss in {options.patience} epochs"
            return state.history(state.best.restore(module), stopped)
    return state.history(state.best.restore(module), None)


def _class_numbers(data: Data) -> np.ndarray:
    """Return the class of each training example, (n,) int64; raise BenchError if the data have no classes."""
    if "classes" not in data.spec:
        raise BenchError(f"sampler needs classes, and {data.source.name} is {data.problem}: leave sampler out")
    return np.asarray(column(data.splits["train"], "target"), dtype=np.int64)


def _evaluate(
    model: Network,
    data: Data,
    problem: Problem,
    options: TrainOptions,
    placement: Placement,
    validation: Encoded | None,
    target: Target | None,
) -> dict[str, float]:
    """Return `validation_loss` and `validation_METRIC` of the target; nothing if there is no validation split.

    A metric that is not defined on the validation split is NaN, which reaches no target.
    """
    if validation is None:
        return {}
    row = {"validation_loss": mean_loss(model, problem, validation, options.batch_size, data.spec, placement)}
    finite = math.isfinite(row["validation_loss"])
    if not finite and (cause := nonfinite_inputs(validation, "validation", data.spec)) is not None:
        raise TrainingFailed(f"the validation loss is not a finite number: {cause}")
    if target is not None:
        value = target.value(model, validation, options.batch_size, placement)
        row[f"validation_{target.name}"] = math.nan if value is None else value
    return row


def _finite(
    loss: torch.Tensor,
    loss_sum: torch.Tensor,
    step: int,
    update: Optimizer,
    examples: Encoded,
    spec: Mapping[str, Any],
) -> float:
    """Return the value of `loss`; raise `TrainingFailed` if any loss of this epoch so far was not finite.

    `loss_sum` is the sum of the epoch's losses: once a loss is not finite, neither is the sum. If inputs are not
    finite, they are the cause, and no learning rate helps.
    """
    if not math.isfinite(loss_sum.item()):
        if (cause := nonfinite_inputs(examples, "train", spec)) is not None:
            raise TrainingFailed(f"the loss is not a finite number: {cause}")
        rate = update.param_groups[0]["lr"]
        raise TrainingFailed(
            f"the loss is no longer a finite number at step {step}, where the learning rate is {rate:g}; "
            "try a lower learning_rate, warmup = 0.1 or gradient_clip = 1.0"
        )
    return loss.item()


# ── the state of a training ─────────────────────────────────────────────────────────────────────


class BestWeights:
    """The weights of the epoch with the lowest validation loss; kept only with early stopping."""

    def __init__(self, patience: int | None) -> None:
        """`patience`: number of epochs without a lower loss after which to stop; None keeps no weights."""
        self.patience = patience
        self.epoch: int | None = None
        self.loss = math.inf
        self.weights: dict[str, Any] = {}

    def is_exhausted(self, epoch: int, loss: float | None, module: torch.nn.Module) -> bool:
        """Record an epoch's validation loss; return whether `patience` epochs have passed since the lowest one."""
        if self.patience is None or loss is None:
            return False
        if loss < self.loss:
            self.epoch, self.loss = epoch, loss
            self.weights = copy_state(module)
        return self.epoch is not None and epoch - self.epoch >= self.patience

    def restore(self, module: torch.nn.Module) -> int | None:
        """Load the best weights into `module`; return their epoch, or None if no weights were kept."""
        if self.epoch is not None:
            load_module_state(module, self.weights)
        return self.epoch

    def state_dict(self) -> dict[str, Any]:
        """Return the best epoch, its loss and its weights."""
        return {"epoch": self.epoch, "loss": self.loss, "weights": self.weights}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Load what `state_dict` returned."""
        self.epoch, self.loss, self.weights = state["epoch"], state["loss"], state["weights"]


@dataclass
class TrainingState:
    """Everything that changes while a network trains: a resumed training continues from it bit for bit.

    The state of the global random generators is not part of it: `training.checkpoints.Timer` saves that beside it.
    """

    module: torch.nn.Module
    update: Optimizer
    order: torch.Generator
    "Draws the order of the examples, once an epoch."
    changes: torch.Generator
    "Draws the changes of a model's own `augment`; on the device of the training."
    loss_sum: torch.Tensor
    "Scalar: sum of the losses of this epoch's examples, so far. A loss that is not finite stays visible in it."
    clock: Clock
    best: BestWeights
    target: Target | None
    epoch: int = 1
    "The current epoch, from 1."
    batch: int = 0
    "Number of batches of this epoch that are done."
    epochs: list[dict[str, float]] = field(default_factory=list)
    "One row for each complete epoch, as in `History.epochs`."
    epoch_order: torch.Tensor = field(default_factory=lambda: torch.empty(0, dtype=torch.uint8))
    "State of `order` before it drew this epoch's order, so that a resumed training draws the same one."

    def end_epoch(self, row: dict[str, float]) -> None:
        """Add the epoch's row and start the next epoch."""
        self.epochs.append(row)
        self.epoch, self.batch = self.epoch + 1, 0
        self.loss_sum.zero_()

    def state_dict(self) -> dict[str, Any]:
        """Return the state as tensors, numbers, strings, and lists and mappings of them."""
        return {
            "module": module_state(self.module),
            "update": self.update.state_dict(),
            "order": self.epoch_order,
            "changes": self.changes.get_state(),
            "loss_sum": self.loss_sum,
            "clock": self.clock.state(),
            "best": self.best.state_dict(),
            "target": self.target.best if self.target is not None else None,
            "epoch": self.epoch,
            "batch": self.batch,
            "epochs": [dict(row) for row in self.epochs],
        }

    def load_state_dict(self, state: Mapping[str, Any] | None) -> None:
        """Load what `state_dict` returned; None changes nothing."""
        if state is None:
            return
        load_module_state(self.module, state["module"])
        self.update.load_state_dict(state["update"])
        self.order.set_state(state["order"])
        self.changes.set_state(state["changes"])
        self.loss_sum.copy_(state["loss_sum"])
        self.clock.restore(state["clock"])
        self.best.load_state_dict(state["best"])
        if self.target is not None:
            self.target.best = state["target"]
        self.epoch, self.batch, self.epochs = state["epoch"], state["batch"], list(state["epochs"])

    def history(self, best_epoch: int | None, stopped: str | None, *, reached: bool = False) -> History:
        """Return the history of the training; `reached`: whether the last complete epoch reached the target."""
        clock = self.clock
        spent = {"seconds": clock.total_seconds(), "epochs": float(len(self.epochs)), "samples": float(clock.samples)}
        return History(
            epochs=tuple(self.epochs),
            windows=tuple(clock.windows),
            steps=clock.steps,
            samples=clock.samples,
            seconds=clock.total_seconds(),
            best_epoch=best_epoch,
            stopped=stopped,
            target=self.target.outcome(spent if reached else None) if self.target is not None else None,
        )
