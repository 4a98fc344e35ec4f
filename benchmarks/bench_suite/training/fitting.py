"""Fitting: what every engine's loop shares, so that engines take the same steps and differ only in who runs the loop.

A `Fitting` has the module, its optimiser and loss, and the batches in their order. A loop calls its methods in this
order: `begin_epoch`; for each batch `load`, a step of the optimiser, `end_step`; `end_epoch`; and `history` at the end.
`engines/native.py` writes some of them out, since a call in each step costs time.
"""

from __future__ import annotations

import math
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from typing import Literal

import numpy as np
import torch

from bench_suite.contracts import (
    Batch,
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
from bench_suite.training import devices, distributed
from bench_suite.training.augmentation import changes_of
from bench_suite.training.batching import batch_count, needs_several_rows, poisson, rows_by_class, shuffled
from bench_suite.training.checkpoints import Timer, generator_state, restore_generators
from bench_suite.training.clock import Clock
from bench_suite.training.compiling import CompileTime, begin_step, record_compilations
from bench_suite.training.distributed import Part
from bench_suite.training.input_checks import nonfinite_inputs
from bench_suite.training.losses import training_loss
from bench_suite.training.optimisers import Optimizer, TorchOptimizer, make_optimizer, torch_optimizer_of
from bench_suite.training.precision import autocast, computing, move_to_placement
from bench_suite.training.prediction import mean_loss
from bench_suite.training.rank_agreement import agree_with_first
from bench_suite.training.schedules import factor
from bench_suite.training.seeding import seed_everything
from bench_suite.training.state import BestWeights, TrainingState
from bench_suite.training.targets import Target


@contextmanager
def fitting(
    model: Network,
    data: Data,
    problem: Problem,
    options: TrainOptions,
    placement: Placement,
    report: Report,
    encoded: Callable[[str], Encoded],
    checkpoints: Checkpoints | None,
    update: Optimizer | None = None,
) -> Iterator[Fitting]:
    """Yield the `Fitting` of a training, within the placement's threads, kernels and precision.

    The arguments are those of an engine's `train`. The seed of the examples' order is drawn from PyTorch's global
    generator, and a checkpoint is loaded if there is one.

    Args:
        update: optimiser of the module's trainable parameters; None makes the one that the options state.

    Raises:
        BenchError: `placement` or `options` cannot be honoured on this machine or with these data.
    """
    began, clock = devices.perf_counter(), Clock(report, device=placement.device)
    for option in ("patience", "target"):
        if getattr(options, option) is not None and "validation" not in data.splits:
            raise BenchError(f"{option} needs a validation split: set validation above 0, or leave {option} out")
    examples = encoded("train")
    validation = encoded("validation") if "validation" in data.splits else None
    timer = Timer(checkpoints, options.checkpoint)
    with computing(placement), record_compilations(placement, clock.exclude) as compiling:
        run = Fitting(model, data, problem, options, placement, clock, timer, examples, validation, update)
        run.began, run.compiling = began, compiling
        run.report_epoch = getattr(report, "epoch", None)
        run.has_own_optimizer = update is not None
        run.state.load_state_dict(timer.load())
        yield run


class Fitting:
    """One training of a network: its parts, and what happens before and after a step and an epoch."""

    def __init__(
        self,
        model: Network,
        data: Data,
        problem: Problem,
        options: TrainOptions,
        placement: Placement,
        clock: Clock,
        timer: Timer,
        examples: Encoded,
        validation: Encoded | None,
        update: Optimizer | None,
    ) -> None:
        self.model, self.data, self.problem = model, data, problem
        self.options, self.placement = options, placement
        self.examples, self.validation = examples, validation
        self.clock, self.timer = clock, timer
        self.compiling: CompileTime | None = None
        self.began = devices.perf_counter()
        "When the engine's `train` was called."
        self.first_step_seconds: float | None = None
        self.report_epoch: Callable[[Mapping[str, float]], None] | None = None
        "Called with the row of each epoch that has ended."
        self.has_own_optimizer = False
        "Whether the optimiser is not the suite's, so that the options do not state its learning rate."
        self.module = move_to_placement(model.module, placement)
        self.has_ranks = placement.devices > 1
        "Whether other processes compute a part of each batch."
        self.sharded: distributed.Sharded | None = None
        "The network of the steps, if its weights are spread over the ranks."
        self.update: Optimizer
        seed = int(torch.randint(2**62, ()))
        if self.has_ranks:
            seed = agree_with_first(seed, examples, self.module, placement)
        if placement.devices > 1 and placement.strategy == "fsdp":
            self.update = self.sharded = distributed.Sharded(self.module, placement)
            self.sharded.optimizer = torch_optimizer_of(self.sharded.network, options, placement)
        else:
            self.update = make_optimizer(self.module, options, placement) if update is None else update
        stepped = self.module if self.sharded is None else self.sharded.network
        self.weights = [weight for weight in stepped.parameters() if weight.requires_grad]
        self.loss_of = training_loss(model, data, problem, options, placement)
        self.join_last = needs_several_rows(self.module)
        self.steps_in_epoch = batch_count(len(examples), options.batch_size, join_last=self.join_last)
        self.feed = Feed(examples, placement.threads)
        self.scheduled = options.schedule != "constant" or options.warmup > 0.0
        order = torch.Generator().manual_seed(seed)
        self._seed = order.initial_seed()
        self.state = TrainingState(
            module=self.module,
            update=self.update,
            order=order,
            changes=devices.new_generator(placement.device).manual_seed(order.initial_seed() + 1),
            loss_sum=torch.zeros((), device=placement.device),
            clock=clock,
            best=BestWeights(options.patience),
            target=Target(options.target, problem, data) if options.target else None,
        )
        self.change = changes_of(model.augment, options.augment, self.state.changes)
        self._classes = rows_by_class(_class_numbers(data)) if options.sampler == "balanced" else ()
        self._stopped: str | None = None
        self._reached = False

    # ── an epoch ────────────────────────────────────────────────────────────────────────────────

    def epochs(self) -> range:
        """Return the numbers of the epochs that are not complete; the first one may have begun."""
        return range(self.state.epoch, self.options.epochs + 1)

    def begin_epoch(self) -> list[Part]:
        """Draw the order of an epoch, and return what this process computes of each batch that is still to do."""
        (self.module if self.sharded is None else self.sharded.network).train()
        state = self.state
        if self.placement.rank > 0:
            # Dropout and changes of examples differ from rank 0's, and are the same after a resume.
            seed_everything((self._seed + 1_000_003 * state.epoch + self.placement.rank) % 2**32)
            state.changes.manual_seed(self._seed + 1_000_003 * state.epoch + self.placement.rank)
        state.epoch_order = state.order.get_state()
        if self.options.privacy is not None:
            count, steps = len(self.examples), self.steps_in_epoch
            drawn = [rows.to(self.examples.device) for rows in poisson(count, steps, state.order)]
        else:
            drawn = shuffled(
                self.examples,
                self.options.batch_size,
                state.order,
                self.model.padded,
                join_last=self.join_last,
                classes=self._classes,
            )
        return distributed.parts_of(drawn[state.batch :], self.placement, 2 if self.join_last else 1)

    def end_epoch(self) -> bool:
        """Evaluate the network and stop the clock; return whether the training ends before its last epoch."""
        state, clock = self.state, self.clock
        clock.pause()
        if self.has_ranks:
            distributed.add_up(state.loss_sum)
        mean = self.finite(state.loss_sum) / len(self.examples)
        epoch = state.epoch
        if self.sharded is not None:
            self.sharded.gather()
        evaluated, due = (self._evaluate(), self.timer.due()) if self.placement.rank == 0 else ({}, False)
        if self.has_ranks:  # all decide by the same values, so that they stop and save together
            evaluated, due = distributed.from_first((evaluated, due))
        rate = self.last_learning_rate()
        row = {"epoch": float(epoch), "loss": mean, **({} if rate is None else {"learning_rate": rate}), **evaluated}
        state.end_epoch(row)
        if self.report_epoch is not None and self.placement.rank == 0:
            self.report_epoch(row)
        target = state.target
        if target is not None and target.reaches(row[f"validation_{target.name}"]):
            # The weights that reached the target stay, whichever epoch had the lowest loss.
            self._stopped, self._reached = f"{target.metric} reached", True
        elif state.best.is_exhausted(epoch, row.get("validation_loss"), self.module):
            self._stopped = f"no lower validation loss in {self.options.patience} epochs"
        if self.has_ranks and due and self._stopped is None:
            saved = state.state_dict()
            if self.placement.rank == 0:
                self.timer.save(saved)
        if self.sharded is not None and self._goes_on():
            self.sharded.release()
        return self._stopped is not None

    def _goes_on(self) -> bool:
        """Return whether another epoch follows."""
        return self._stopped is None and bool(self.epochs())

    def _evaluate(self) -> dict[str, float]:
        """Return `validation_loss` and `validation_METRIC` of the target; nothing if there is no validation split.

        A metric that is not defined on the validation split is NaN, which reaches no target.
        """
        validation, target, placement = self.validation, self.state.target, self.placement
        if validation is None:
            return {}
        model, size, spec = self.model, self.options.batch_size, self.data.spec
        row = {"validation_loss": mean_loss(model, self.problem, validation, size, spec, placement)}
        finite = math.isfinite(row["validation_loss"])
        if not finite and (cause := nonfinite_inputs(validation, "validation", spec)) is not None:
            raise TrainingFailed(f"the validation loss is not a finite number: {cause}")
        if target is not None:
            value = target.value(model, validation, size, placement)
            row[f"validation_{target.name}"] = math.nan if value is None else value
        return row

    def network(self) -> torch.nn.Module:
        """Return what a loop calls with a batch: the module, or what averages its gradients over the ranks."""
        if not self.has_ranks:
            return self.module
        if self.sharded is not None:
            return self.sharded.network
        return distributed.replicate(self.module, self.placement, has_unused=self.has_unused_parameters())

    def has_unused_parameters(self) -> bool:
        """Return whether a step leaves a trainable parameter without a gradient, in any rank.

        A step over the first two examples decides; generators and buffers are then those from before it.
        """
        buffers, changes = [buffer.clone() for buffer in self.module.buffers()], self.state.changes.get_state()
        generators = generator_state()
        self.module.train()
        batch = self.load(self.model.collate(self.examples.take(torch.arange(min(2, len(self.examples))))))
        with autocast(self.placement):
            loss = self.loss_of(self.module(**batch.inputs), batch)
        gradients = torch.autograd.grad(loss, self.weights, allow_unused=True)
        with torch.no_grad():
            for buffer, value in zip(self.module.buffers(), buffers):
                buffer.copy_(value)
        self.state.changes.set_state(changes)
        restore_generators(generators)
        unused = torch.tensor(float(any(gradient is None for gradient in gradients)))
        distributed.add_up(unused)
        return bool(unused)

    # ── a step ──────────────────────────────────────────────────────────────────────────────────

    def load(self, batch: Batch) -> Batch:
        """Return the collated batch of a new step on the device of the training, with the changes of `augment`."""
        begin_step(self.placement)
        batch = devices.move(batch, self.placement.device)
        return batch if self.change is None else self.change(batch)

    def learning_rate(self, step: int) -> float:
        """Return the learning rate of a step, counted from 0."""
        options, steps = self.options, self.options.epochs * self.steps_in_epoch
        return options.learning_rate * factor(step, steps, options.schedule, options.warmup)

    def last_learning_rate(self) -> float | None:
        """Return the learning rate of the last step; of the first group of parameters if the optimiser is not ours."""
        if self.has_own_optimizer:
            rate = float(self.update.param_groups[0]["lr"])
            return rate if math.isfinite(rate) else None
        return self.learning_rate(max(0, self.clock.steps - 1))

    def shared(self, loss: torch.Tensor, part: Part) -> torch.Tensor:
        """Return the loss whose gradients, averaged over the ranks, are those of the whole batch."""
        return loss * part.share(self.placement.devices) if self.has_ranks else loss

    def end_step(self, loss: torch.Tensor, part: Part, waited: float) -> bool:
        """Count a step; return False if the training is to end at once.

        Args:
            loss: mean loss of what this process has computed of the batch, a scalar.
            part: that part; the last batch of an epoch may be smaller.
            waited: seconds that the step waited for its batch.
        """
        self.state.loss_sum.add_(loss.detach(), alpha=part.own)
        self.state.batch += 1
        if self.clock.steps == 0:
            self.end_first_step(loss)
        return not self.clock.step(part.samples, waited) or self.close_window(loss)

    def end_first_step(self, loss: torch.Tensor) -> None:
        """Wait for the first step and note when it ended; to be called before the clock counts it."""
        loss.item()
        self.first_step_seconds = devices.perf_counter() - self.began

    def close_window(self, loss: torch.Tensor) -> bool:
        """Report a window and save a checkpoint if one is due; return False if the training is to end at once.

        A window lasts 50 ms or longer. At its end the losses are read, which waits for the device. Of several ranks,
        rank 0 judges them: a loss that is not finite makes all gradients so. Their state is saved after an epoch only,
        when they have all taken the same steps.
        """
        clock, timer = self.clock, self.timer
        if self.placement.rank == 0:
            self.finite(self.state.loss_sum)
        proceed = clock.close(loss.item(), self.last_learning_rate())
        if timer.due() and not self.has_ranks:
            clock.pause()
            timer.save(self.state.state_dict())
            clock.resume()
        if not proceed:
            clock.pause()
            self._stopped = "interrupted"
        return proceed

    def finite(self, loss_sum: torch.Tensor) -> float:
        """Return the value of the sum of an epoch's losses; raise `TrainingFailed` if it is not finite.

        Once a loss is not finite, neither is the sum. If inputs are not finite, they are the cause, and no learning
        rate helps.
        """
        value = loss_sum.item()
        if not math.isfinite(value):
            if (cause := nonfinite_inputs(self.examples, "train", self.data.spec)) is not None:
                raise TrainingFailed(f"the loss is not a finite number: {cause}")
            rate = self.update.param_groups[0]["lr"]
            raise TrainingFailed(
                f"the loss is no longer a finite number at step {self.clock.steps}, where the learning rate is "
                f"{rate:g}; try a lower learning_rate, warmup = 0.1 or gradient_clip = 1.0"
            )
        return value

    # ── for frameworks ──────────────────────────────────────────────────────────────────────────

    def has_steps(self) -> bool:
        """Return whether there are steps to take; end an epoch first of which a resume has only the end to do."""
        if self.state.batch < self.steps_in_epoch:
            return bool(self.epochs())
        self.begin_epoch()
        self.clock.resume()
        return not self.end_epoch() and bool(self.epochs())

    def largest_norm(self) -> float | None:
        """Return the option `gradient_clip`; the smallest number for 0, which frameworks take for no clipping."""
        clip = self.options.gradient_clip
        return None if clip is None else max(clip, sys.float_info.min)

    def torch_optimizer(self) -> torch.optim.Optimizer:
        """Return the optimiser as an instance of PyTorch's class, which frameworks require."""
        update = self.update
        return update if isinstance(update, torch.optim.Optimizer) else TorchOptimizer(update, self.weights)

    def scheduler(self, optimizer: torch.optim.Optimizer) -> torch.optim.lr_scheduler.LambdaLR:
        """Return the schedule of an optimiser's learning rate, to be stepped after each step that is still to do."""
        for group in optimizer.param_groups:
            group["lr"] = group["initial_lr"] = self.options.learning_rate
        options, done, steps = self.options, self.clock.steps, self.options.epochs * self.steps_in_epoch
        return torch.optim.lr_scheduler.LambdaLR(
            optimizer, lambda step: factor(done + step, steps, options.schedule, options.warmup)
        )

    # ── the end ─────────────────────────────────────────────────────────────────────────────────

    @property
    def interrupted(self) -> bool:
        """Whether the report of a window ended the training."""
        return self._stopped == "interrupted"

    def history(self) -> History:
        """Restore the weights of the best epoch, if early stopping kept them, and return the training's history."""
        for weight in self.weights:
            weight.grad = None
        best_epoch = None if self._reached else self.state.best.restore(self.module)
        history = self.state.history(best_epoch, self._stopped, reached=self._reached)
        loss_of: Literal["problem", "model"] = "problem" if self.model.loss is None else "model"
        history = replace(history, loss_of=loss_of, first_step_seconds=self.first_step_seconds)
        return history if self.compiling is None else replace(history, compile_seconds=self.compiling.seconds)


def _class_numbers(data: Data) -> np.ndarray:
    """Return the class of each training example, (n,) int64; raise BenchError if the data have no classes."""
    if "classes" not in data.spec:
        raise BenchError(f"sampler needs classes, and {data.source.name} is {data.problem}: leave sampler out")
    return np.asarray(column(data.splits["train"], "target"), dtype=np.int64)
