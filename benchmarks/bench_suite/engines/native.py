"""The default engine: a plain PyTorch loop over splits that are already encoded."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from time import perf_counter

import torch

from bench_suite.contracts import BenchError, Data, History, Network, Placement, Problem, Report, TrainingFailed
from bench_suite.data.encoded import Encoded
from bench_suite.training.clock import Clock
from bench_suite.training.optimisers import optimiser
from bench_suite.training.options import TrainOptions
from bench_suite.training.precision import autocast, computing, placed
from bench_suite.training.predicting import mean_loss
from bench_suite.training.schedules import factor

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
    "patience",
    "validation",
    "keep",
    "deterministic",
)


def train(
    model: Network,
    data: Data,
    problem: Problem,
    options: TrainOptions,
    place: Placement,
    report: Report,
    encoded: Callable[[str], Encoded],
) -> History:
    """Train `model.module` in place on the train split; `encoded` gives a split's columns by its name.

    The order of examples is drawn from PyTorch's global generator, which the caller seeds. Where there is a validation
    split, its mean loss is taken after each epoch; with `patience` it decides when to stop and which epoch's weights
    are kept. Ends early, with `History.stopped = "interrupted"`, when `report` says so. Raises `TrainingFailed` where
    the loss is no longer finite, and `BenchError` where `place` or `options` cannot be had.
    """
    examples = encoded("train")
    validation = encoded("validation") if "validation" in data.splits else None
    if options.patience is not None and validation is None:
        raise BenchError("patience needs a validation split: set validation above 0, or leave patience out")
    with computing(place):
        return _fit(model, problem, options, place, Clock(report), examples, validation, data.spec)


def _fit(
    model: Network,
    problem: Problem,
    options: TrainOptions,
    place: Placement,
    clock: Clock,
    examples: Encoded,
    validation: Encoded | None,
    spec: Mapping[str, object],
) -> History:
    """The epochs: order, the loop, validation, early stopping."""
    module = placed(model.module, place)
    update = optimiser(module, options, place)
    weights = [weight for group in update.param_groups for weight in group["params"]]
    collate, take, loss_of, moves = model.collate, examples.take, problem.loss, place.device != "cpu"
    mixed = place.precision != "32-true"
    scheduled = options.schedule != "constant" or options.warmup > 0.0
    steps = options.epochs * math.ceil(len(examples) / options.batch_size)
    order = torch.Generator().manual_seed(int(torch.randint(2**62, ())))
    total = torch.zeros((), device=place.device)  # of the epoch's losses; one that is not finite stays in it
    epochs: list[Mapping[str, float]] = []
    best = _Best(options.patience)

    for epoch in range(1, options.epochs + 1):
        module.train()
        total.zero_()
        going = True
        clock.resume()
        for rows in torch.randperm(len(examples), generator=order).to(examples.device).split(options.batch_size):
            asked = perf_counter()
            batch = collate(take(rows))
            if moves:
                batch = batch.to(place.device)
            waited = perf_counter() - asked
            if scheduled:
                rate = options.learning_rate * factor(clock.steps, steps, options.schedule, options.warmup)
                for group in update.param_groups:
                    group["lr"] = rate
            if mixed:  # entering even an empty context costs 1 µs
                with autocast(place):
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
            if clock.step(len(rows), waited):  # once in 50 ms: one value is read, and with it the device awaited
                going = clock.close(_finite(loss, total, clock.steps, update))
                if not going:
                    break
        seen = _finite(total, total, clock.steps, update) / len(examples)
        clock.pause()
        if not going:
            return _history(clock, epochs, best.restore(module), "interrupted")
        row = {"epoch": float(epoch), "loss": seen}
        if validation is not None:
            row["validation_loss"] = mean_loss(model, problem, validation, options.batch_size, spec, place)
        epochs.append(row)
        if best.enough(epoch, row.get("validation_loss"), module):
            return _history(clock, epochs, best.restore(module), f"no lower validation loss in {best.patience} epochs")
    return _history(clock, epochs, best.restore(module), None)


class _Best:
    """The weights of the epoch with the lowest validation loss, kept only where early stopping is asked for."""

    def __init__(self, patience: int | None) -> None:
        self.patience = patience
        self.epoch: int | None = None
        self._loss = math.inf
        self._weights: dict[str, torch.Tensor] = {}

    def enough(self, epoch: int, loss: float | None, module: torch.nn.Module) -> bool:
        """Take note of an epoch; True where `patience` epochs have passed since the best."""
        if self.patience is None or loss is None:
            return False
        if loss < self._loss:
            self.epoch, self._loss = epoch, loss
            self._weights = {name: value.detach().clone() for name, value in module.state_dict().items()}
        return self.epoch is not None and epoch - self.epoch >= self.patience

    def restore(self, module: torch.nn.Module) -> int | None:
        """Put the best weights back and say of which epoch they are; None where none were kept."""
        if self.epoch is not None:
            module.load_state_dict(self._weights)
        return self.epoch


def _finite(loss: torch.Tensor, total: torch.Tensor, step: int, update: torch.optim.Optimizer) -> float:
    """The value of `loss`, or `TrainingFailed` where a loss of this epoch, up to this one, was not finite."""
    if not math.isfinite(total.item()):
        rate = update.param_groups[0]["lr"]
        raise TrainingFailed(
            f"the loss is no longer a finite number at step {step}, where the learning rate is {rate:g}; "
            "try a lower learning_rate, warmup = 0.1 or gradient_clip = 1.0"
        )
    return loss.item()


def _history(clock: Clock, epochs: list[Mapping[str, float]], best: int | None, stopped: str | None) -> History:
    return History(
        epochs=tuple(epochs),
        windows=tuple(clock.windows),
        steps=clock.steps,
        samples=clock.samples,
        seconds=clock.total_seconds(),
        best_epoch=best,
        stopped=stopped,
    )
