"""The default engine: a plain PyTorch loop over splits that are already encoded."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from functools import partial
from time import perf_counter
from typing import Any

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
from bench_suite.training.augmentation import Loss, augment, mixup_loss
from bench_suite.training.batching import shuffled
from bench_suite.training.checkpoints import Timer
from bench_suite.training.clock import Clock
from bench_suite.training.compiling import record_compilations
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
    "patience",
    "validation",
    "target",
    "checkpoint",
    "keep",
    "deterministic",
)


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
    """Train `model.module` in place on the train split; `encoded` gives a split's columns by its name.

    The order of examples is drawn from PyTorch's global generator, which the caller seeds. Where there is a validation
    split, its mean loss is taken after each epoch; with `patience` it decides when to stop and which epoch's weights
    are kept, and with `target` its metric decides when to stop. With `checkpoints` and `options.checkpoint` all that
    the training needs to go on is saved now and then, and found again. Ends early, with `History.stopped =
    "interrupted"`, when `report` says so. Raises `TrainingFailed` where the loss is no longer finite, and `BenchError`
    where `placement` or `options` cannot be had.
    """
    examples = encoded("train")
    validation = encoded("validation") if "validation" in data.splits else None
    for option in ("patience", "target"):
        if getattr(options, option) is not None and validation is None:
            raise BenchError(f"{option} needs a validation split: set validation above 0, or leave {option} out")
    timer = Timer(checkpoints, options.checkpoint)
    clock = Clock(report)
    with computing(placement), record_compilations(placement, clock.exclude) as compiling:
        history = _fit(model, data, problem, options, placement, clock, timer, examples, validation)
    return history if compiling is None else replace(history, compile_seconds=compiling.seconds)


@dataclass
class _Progress:
    """How far a training has come, but for its weights."""

    epoch: int = 1
    batch: int = 0
    "Batches of this epoch that are done."
    epochs: list[dict[str, float]] = field(default_factory=list)


def _fit(
    model: Network,
    data: Data,
    problem: Problem,
    options: TrainOptions,
    placement: Placement,
    clock: Clock,
    timer: Timer,
    examples: Encoded,
    validation: Encoded | None,
) -> History:
    """The epochs: order, the loop, validation, early stopping."""
    spec = data.spec
    module = move_to_placement(model.module, placement)
    update = make_optimizer(module, options, placement)
    weights = [weight for weight in module.parameters() if weight.requires_grad]
    collate, changes = model.collate, tuple(options.augment)
    loss_of, moves, mixed = _loss(problem, options), placement.device != "cpu", placement.precision != "32-true"
    scheduled = options.schedule != "constant" or options.warmup > 0.0
    steps = options.epochs * math.ceil(len(examples) / options.batch_size)
    feed = Feed(examples, placement.threads)
    order = torch.Generator().manual_seed(int(torch.randint(2**62, ())))
    total = torch.zeros((), device=placement.device)  # of the epoch's losses; one that is not finite stays in it
    best, target = _Best(options.patience), Target(options.target, problem, data) if options.target else None
    done = _Progress()
    restore(timer.load(), done, module, update, order, total, best, clock)

    for epoch in range(done.epoch, options.epochs + 1):
        module.train()
        started_from = order.get_state()
        batches = shuffled(examples, options.batch_size, order, model.padded)[done.batch :]
        if done.batch == 0:
            total.zero_()
        going = True
        columns = feed.batches(batches)
        clock.resume()
        for rows in batches:
            asked = perf_counter()
            batch = collate(next(columns))
            if moves:
                batch = batch.to(placement.device)
            if changes:
                batch = augment(batch, changes)
            waited = perf_counter() - asked
            if scheduled:
                rate = options.learning_rate * factor(clock.steps, steps, options.schedule, options.warmup)
                for group in update.param_groups:
                    group["lr"] = rate
            if mixed:  # entering even an empty context costs 1 µs
                with autocast(placement):
                    loss = loss_of(module(**batch.inputs), batch.targets, spec)
            else:
                loss = loss_of(module(**batch.inputs), batch.targets, spec)
            loss.backward()
            if options.gradient_clip is not None:
                torch.nn.utils.clip_grad_norm_(weights, options.gradient_clip)
            update.step()
            for weight in weights:  # what `zero_grad` does, without the 10 µs of its profiling hooks
                weight.grad = None
            total.add_(loss.detach(), alpha=len(rows))
            done.batch += 1
            if clock.step(len(rows), waited):  # once in 50 ms: one value is read, and with it the device awaited
                going = clock.close(_finite(loss, total, clock.steps, update))
                if timer.due():
                    clock.pause()
                    timer.save(_state(done, module, update, started_from, total, best, clock))
                    clock.resume()
                if not going:
                    break
        seen = _finite(total, total, clock.steps, update) / len(examples)
        clock.pause()
        if not going:
            return _history(clock, done.epochs, best.restore(module), "interrupted", target)
        row = {"epoch": float(epoch), "loss": seen}
        if validation is not None:
            row["validation_loss"] = mean_loss(model, problem, validation, options.batch_size, spec, placement)
        if target is not None and validation is not None:
            value = target.value(model, validation, options.batch_size, placement)
            row[f"validation_{target.name}"] = math.nan if value is None else value
            if value is not None and target.reaches(value):
                done.epochs.append(row)
                reached = {"seconds": clock.total_seconds(), "epochs": float(epoch), "samples": float(clock.samples)}
                return _history(clock, done.epochs, None, f"{target.metric} reached", target, reached)
        done.epochs.append(row)
        if best.enough(epoch, row.get("validation_loss"), module):
            stopped = f"no lower validation loss in {best.patience} epochs"
            return _history(clock, done.epochs, best.restore(module), stopped, target)
        done.epoch, done.batch = epoch + 1, 0
    return _history(clock, done.epochs, best.restore(module), None, target)


def _loss(problem: Problem, options: TrainOptions) -> Loss:
    """The problem's loss, as `label_smoothing` and `mixup` change it in training."""
    loss: Loss = problem.loss
    if options.label_smoothing > 0.0:
        smoothed = getattr(problem, "smoothed_loss", None)
        if smoothed is None:
            raise BenchError("label_smoothing is for classes, which this problem has not: leave it out")
        loss = partial(smoothed, smoothing=options.label_smoothing)
    return mixup_loss(loss) if "mixup" in options.augment else loss


class _Best:
    """The weights of the epoch with the lowest validation loss, kept only where early stopping is asked for."""

    def __init__(self, patience: int | None) -> None:
        self.patience = patience
        self.epoch: int | None = None
        self.loss = math.inf
        self.weights: dict[str, torch.Tensor] = {}

    def enough(self, epoch: int, loss: float | None, module: torch.nn.Module) -> bool:
        """Take note of an epoch; True where `patience` epochs have passed since the best."""
        if self.patience is None or loss is None:
            return False
        if loss < self.loss:
            self.epoch, self.loss = epoch, loss
            self.weights = {name: value.detach().clone() for name, value in module.state_dict().items()}
        return self.epoch is not None and epoch - self.epoch >= self.patience

    def restore(self, module: torch.nn.Module) -> int | None:
        """Put the best weights back and say of which epoch they are; None where none were kept."""
        if self.epoch is not None:
            module.load_state_dict(self.weights)
        return self.epoch


# ── going on after a kill ───────────────────────────────────────────────────────────────────────


def _state(
    done: _Progress,
    module: torch.nn.Module,
    update: Optimizer,
    order: torch.Tensor,
    total: torch.Tensor,
    best: _Best,
    clock: Clock,
) -> dict[str, Any]:
    """All that the training needs to go on bit for bit; `order` is the state that the epoch's order was drawn from."""
    return {
        "module": module.state_dict(),
        "update": update.state_dict(),
        "order": order,
        "total": total,
        "best": {"epoch": best.epoch, "loss": best.loss, "weights": best.weights},
        "clock": clock.state(),
        "epoch": done.epoch,
        "batch": done.batch,
        "epochs": [dict(row) for row in done.epochs],
    }


def restore(
    state: Mapping[str, Any] | None,
    done: _Progress,
    module: torch.nn.Module,
    update: Optimizer,
    order: torch.Generator,
    total: torch.Tensor,
    best: _Best,
    clock: Clock,
) -> None:
    """Put back what `_state` gave; nothing where there was no checkpoint."""
    if state is None:
        return
    module.load_state_dict(state["module"])
    update.load_state_dict(state["update"])
    order.set_state(state["order"])
    total.copy_(state["total"])
    best.epoch, best.loss, best.weights = (state["best"][key] for key in ("epoch", "loss", "weights"))
    done.epoch, done.batch, done.epochs = state["epoch"], state["batch"], list(state["epochs"])
    clock.restore(state["clock"])


# ── what came of it ─────────────────────────────────────────────────────────────────────────────


def _finite(loss: torch.Tensor, total: torch.Tensor, step: int, update: Optimizer) -> float:
    """The value of `loss`, or `TrainingFailed` where a loss of this epoch, up to this one, was not finite."""
    if not math.isfinite(total.item()):
        rate = update.param_groups[0]["lr"]
        raise TrainingFailed(
            f"the loss is no longer a finite number at step {step}, where the learning rate is {rate:g}; "
            "try a lower learning_rate, warmup = 0.1 or gradient_clip = 1.0"
        )
    return loss.item()


def _history(
    clock: Clock,
    epochs: list[dict[str, float]],
    best: int | None,
    stopped: str | None,
    target: Target | None,
    reached: Mapping[str, float] | None = None,
) -> History:
    return History(
        epochs=tuple(epochs),
        windows=tuple(clock.windows),
        steps=clock.steps,
        samples=clock.samples,
        seconds=clock.total_seconds(),
        best_epoch=best,
        stopped=stopped,
        target=target.outcome(reached) if target is not None else None,
    )
