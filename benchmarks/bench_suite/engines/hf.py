"""Transformers' Trainer, over the same batches, optimiser, schedule and loss as the engine `native`.

It trains models of Transformers and any other module: `compute_loss` calls the module and the suite's loss. Windows,
checkpoints, early stopping and targets are a callback's work; the Trainer writes no file and logs nothing.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from tempfile import TemporaryDirectory
from typing import Any

import torch
from torch.utils.data import DataLoader
from transformers import PrinterCallback, Trainer, TrainerCallback, TrainingArguments
from transformers.utils import logging

from bench_suite.contracts import (
    Checkpoints,
    Data,
    History,
    Network,
    Placement,
    Problem,
    Report,
    TrainOptions,
)
from bench_suite.data.encoded import Encoded
from bench_suite.training.checkpoints import generator_state, restore_generators
from bench_suite.training.fitting import Fitting, fitting
from bench_suite.training.frameworks import Batches, loader_of
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
)
IMPORTS = ("transformers", "accelerate")
MODEL_FUNCTIONS = ("loss", "augment")
PRECISIONS = ("32-true", "bf16-mixed")
DEVICES = ("cpu", "cuda", "mps")
COMPILE = True
DETERMINISTIC = True

_OTHER_PROCESSES = ("LOCAL_RANK", "RANK", "WORLD_SIZE", "PMI_SIZE", "MV2_COMM_WORLD_SIZE", "OMPI_COMM_WORLD_SIZE")
"Variables by which a launcher says that there are more processes, which Accelerate would wait for."


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
    """Train `model.module` in place on the train split with Transformers' `Trainer`.

    Arguments, result and errors are those of the engine `native`.
    """
    with (
        fitting(model, data, problem, options, placement, report, encoded, checkpoints) as run,
        _alone(),
        _restored_forward(run.module),
        TemporaryDirectory(prefix="bench-hf-") as folder,
    ):
        if run.has_steps():
            generators = generator_state()
            optimizer = run.torch_optimizer()
            trainer = SuiteTrainer(Batches(run), _arguments(run, folder), (optimizer, run.scheduler(optimizer)))
            trainer.remove_callback(PrinterCallback)
            trainer.add_callback(Hooks(trainer, generators))
            trainer.train()
        return run.history()


def _arguments(run: Fitting, folder: str) -> TrainingArguments:
    """Return the Trainer's arguments: the epochs that are not complete, the batch size, clipping, precision, device."""
    options, placement = run.options, run.placement
    arguments = TrainingArguments(
        output_dir=folder,
        num_train_epochs=len(run.epochs()),
        per_device_train_batch_size=options.batch_size,
        max_grad_norm=run.largest_norm() or 0.0,
        bf16=placement.precision == "bf16-mixed",
        use_cpu=placement.device == "cpu",
        disable_tqdm=True,
        report_to="none",
        logging_strategy="no",
        logging_nan_inf_filter=False,  # it reads each loss, which waits for the device
        save_strategy="no",
        eval_strategy="no",
    )
    if placement.device == "cuda":
        _ = arguments.device  # counts the GPUs
        arguments._n_gpu = 1  # with more, the Trainer would split each batch among all visible ones
    return arguments


class SuiteTrainer(Trainer):
    """The Trainer with the suite's batches and loss."""

    def __init__(self, batches: Batches, arguments: TrainingArguments, optimizers: Any) -> None:
        super().__init__(model=batches.run.module, args=arguments, optimizers=optimizers)
        self.batches = batches
        self.model_accepts_loss_kwargs = False  # `compute_loss` returns the mean over a batch
        self.last_loss = torch.zeros(())
        "Loss of the last step, detached."

    def get_train_dataloader(self) -> DataLoader[Any]:
        """Return the loader of whole batches."""
        return loader_of(Inputs(self.batches))

    def compute_loss(self, model: Any, inputs: Any, *_: Any, **__: Any) -> torch.Tensor:
        """Return the loss of a batch, which is moved to the device and changed by `augment` here."""
        run = self.batches.run
        batch = self.batches.load(inputs["batch"])
        with autocast(run.placement):  # around the loss too, as in the engine `native`
            loss = run.loss_of(model(**batch.inputs), batch)
        self.last_loss = loss.detach()
        return loss

    def floating_point_ops(self, inputs: Any) -> int:
        """Return 0: a model of Transformers would count tokens in each step."""
        return 0


class Hooks(TrainerCallback):
    """The callback that seeds, counts, reports, evaluates, saves and stops."""

    def __init__(self, trainer: SuiteTrainer, generators: Any) -> None:
        self._trainer, self._batches, self._run = trainer, trainer.batches, trainer.batches.run
        self._generators = generators

    def on_step_begin(self, args: Any, state: Any, control: Any, **_: Any) -> None:
        """Undo, before the first step, what the Trainer drew of the global generators and how it seeded them."""
        if self._generators is not None:
            restore_generators(self._generators)
            self._generators = None

    def on_step_end(self, args: Any, state: Any, control: Any, **_: Any) -> None:
        """Count the step; stop the training if the report of a window says so."""
        if not self._batches.end_step(self._trainer.last_loss):
            control.should_training_stop = True

    def on_epoch_end(self, args: Any, state: Any, control: Any, **_: Any) -> None:
        """Evaluate; stop the training if its target is reached or the patience is exhausted."""
        if not self._run.interrupted and self._run.end_epoch():
            control.should_training_stop = True


class Inputs:
    """The batches as the Trainer takes them: mappings."""

    def __init__(self, batches: Batches) -> None:
        self._batches = batches

    def __iter__(self) -> Iterator[Any]:
        for batch in self._batches:
            yield {"batch": batch}

    def __len__(self) -> int:
        """Return the batches of a whole epoch: the Trainer asks once, and after a resume the first one has fewer."""
        return self._batches.run.steps_in_epoch


@contextmanager
def _alone() -> Iterator[None]:
    """Keep the Trainer quiet and in one process, and restore the state of the process that it changes."""
    from accelerate.state import AcceleratorState

    variables, verbosity = dict(os.environ), logging.get_verbosity()
    logging.set_verbosity_error()
    for name in _OTHER_PROCESSES:
        os.environ.pop(name, None)
    try:
        yield
    finally:
        AcceleratorState._reset_state(reset_partial_state=True)  # else the next cell could have no other precision
        logging.set_verbosity(verbosity)
        os.environ.update(variables)
        for name in set(os.environ) - set(variables):
            del os.environ[name]


@contextmanager
def _restored_forward(module: torch.nn.Module) -> Iterator[None]:
    """Remove the function that Accelerate puts around `forward` in mixed precision."""
    names = ("forward", "_original_forward")
    before = {name: vars(module)[name] for name in names if name in vars(module)}
    try:
        yield
    finally:
        for name in names:
            vars(module).pop(name, None)
        vars(module).update(before)
