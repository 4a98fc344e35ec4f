"""The default engine: a plain PyTorch loop over splits that are already encoded.

`train` is what the harness calls; `_fit` is the loop. What other engines share is in `training.fitting`.
"""

from __future__ import annotations

from collections.abc import Callable

import torch

from bench_suite.contracts import Checkpoints, Data, History, Network, Placement, Problem, Report, TrainOptions
from bench_suite.data.encoded import Encoded
from bench_suite.training import devices
from bench_suite.training.compiling import begin_step, records_graphs
from bench_suite.training.fitting import Fitting, fitting
from bench_suite.training.precision import autocast

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
    "privacy",
)
IMPORTS_BY = {"privacy": ("opacus",)}
MODEL_FUNCTIONS = ("loss", "augment")
PRECISIONS = ("32-true", "bf16-mixed")
DEVICES = ("any",)
COMPILE = True
STRATEGIES = ("ddp", "fsdp")
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
    weights are kept; with `target`, a metric of the validation split decides when to stop. With `privacy`, the loop is
    that of `training.private`.

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
    if options.privacy is not None:
        from bench_suite.training.private import train_privately  # Opacus is an extra

        return train_privately(model, data, problem, options, placement, report, encoded, checkpoints)
    with fitting(model, data, problem, options, placement, report, encoded, checkpoints) as run:
        _fit(run)
        return run.history()


def _fit(run: Fitting) -> None:
    """Run the epochs: draw the order, take the steps, evaluate, stop early."""
    options, placement, state, clock = run.options, run.placement, run.state, run.clock
    module, update, weights, alone = run.network(), run.update, run.weights, not run.has_ranks
    collate, change, loss_of, loss_sum = run.model.collate, run.change, run.loss_of, state.loss_sum
    moves, mixed, scheduled = placement.device != "cpu", placement.precision != "32-true", run.scheduled
    graphs = records_graphs(placement)
    for _ in run.epochs():
        parts = run.begin_epoch()
        columns = run.feed.batches([part.rows for part in parts])
        clock.resume()
        for part in parts:
            clock.ask()
            batch = collate(next(columns))
            if graphs:
                begin_step(placement)
            if moves:
                batch = devices.move(batch, placement.device)
            if change is not None:
                batch = change(batch)
            clock.receive()
            if scheduled:
                rate = run.learning_rate(clock.steps)
                for group in update.param_groups:
                    group["lr"] = rate
            if mixed:  # entering even an empty context costs 1 µs
                with autocast(placement):
                    loss = loss_of(module(**batch.inputs), batch)
            else:
                loss = loss_of(module(**batch.inputs), batch)
            (loss if alone else run.shared(loss, part)).backward()
            if options.gradient_clip is not None:
                torch.nn.utils.clip_grad_norm_(weights, options.gradient_clip)
            update.step()
            for weight in weights:  # what `zero_grad` does, without the 10 µs of its profiling hooks
                weight.grad = None
            loss_sum.add_(loss.detach(), alpha=part.own)  # the last batch may be smaller
            state.batch += 1
            if clock.steps == 0:
                run.end_first_step(loss)
            # A window closes once in 50 ms or more rarely, since the clock then waits for the device.
            if clock.step(part.samples) and not run.close_window(loss):
                return
        if run.end_epoch():
            return
