"""PyTorch Lightning's Trainer, over the same batches, optimiser, schedule and loss as the engine `native`.

A network becomes a `LightningModule` whose `training_step` returns the loss of a batch. A user's own `LightningModule`
runs as it is: its `training_step`, `validation_step` and `configure_optimizers` take the place of ours. Windows,
checkpoints, early stopping and targets are a callback's work; Lightning writes no file and logs nothing.
"""

from __future__ import annotations

import logging
import signal
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from importlib import import_module
from tempfile import TemporaryDirectory
from typing import Any

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
from bench_suite.engines.lightning.callback import Hooks, Interrupted
from bench_suite.engines.lightning.module import NetworkModule
from bench_suite.engines.lightning.own_module import OwnBatches, OwnOptimizers, ValidationBatches, suite_optimizer
from bench_suite.engines.lightning.ranks import environment, strategy
from bench_suite.suite.packages import is_installed
from bench_suite.training.fitting import Fitting, fitting
from bench_suite.training.frameworks import Batches, loader_of
from bench_suite.training.lightning_modules import (
    PACKAGES,
    check_own_step,
    has_own_step,
    lightning_module_of,
    overrides,
    package_of,
)

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
IMPORTS = ("lightning|pytorch_lightning",)
MODEL_FUNCTIONS = ("loss", "augment", "training_step")
PRECISIONS = ("32-true", "bf16-mixed")
DEVICES = ("cpu", "cuda", "mps")
COMPILE = True
STRATEGIES = ("ddp",)
DETERMINISTIC = True

_LOGGERS = ("lightning", "lightning.pytorch", "lightning.fabric", "pytorch_lightning", "lightning_fabric")


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
    """Train `model.module` in place on the train split with Lightning's `Trainer`.

    Arguments, result and errors are those of the engine `native`. With a user's `training_step`, the loss of the
    history is what it returns.
    """
    module = lightning_module_of(model)
    own_step = has_own_step(model)
    own_optimizers = OwnOptimizers() if own_step and overrides(module, "configure_optimizers") else None
    if own_step:
        check_own_step(model, options)
    with (
        fitting(model, data, problem, options, placement, report, encoded, checkpoints, own_optimizers) as run,
        _quiet(),
        TemporaryDirectory(prefix="bench-lightning-") as folder,
    ):
        if run.has_steps():
            # Imported here, so that the time to the first step contains it.
            package = import_module(package_of(module) or _installed_package())
            with _quiet():  # again: the import sets the levels of Lightning's loggers
                _run_trainer(package, module if own_step else None, run, own_optimizers, folder)
        history = run.history()
    return replace(history, loss_of="model") if own_step else history


def _run_trainer(package: Any, own: Any, run: Fitting, own_optimizers: OwnOptimizers | None, folder: str) -> None:
    """Run the steps of a training with the `Trainer` of a package.

    Args:
        package: `lightning.pytorch` or `pytorch_lightning`.
        own: the user's Lightning module; None if the module has no `training_step` of its own.
        run: the training.
        own_optimizers: what the user's `configure_optimizers` returns; None if the suite's optimiser is used.
        folder: a temporary one, for files that a user's module may write.
    """
    options, placement, batches = run.options, run.placement, Batches(run)
    if own is None:
        module, loader, checked = _with_base(NetworkModule, package.LightningModule)(batches), loader_of(batches), None
    else:
        module, loader = own, loader_of(OwnBatches(batches))
        checked = loader_of(ValidationBatches(run)) if run.validation is not None else None
    hooks = _with_base(Hooks, package.Callback)(batches, own_optimizers)
    trainer = package.Trainer(
        accelerator=placement.device,
        devices=placement.devices,
        strategy=strategy(package, run),
        precision=placement.precision,
        max_epochs=options.epochs,
        # A network clips in `configure_gradient_clipping`: Lightning would take the optimiser's parameters.
        gradient_clip_val=None if own is None else run.largest_norm(),
        deterministic=placement.deterministic or None,
        callbacks=[hooks],
        plugins=[environment(package, placement)],
        default_root_dir=folder,
        logger=False,
        enable_checkpointing=own is not None and overrides(own, "configure_callbacks"),
        enable_progress_bar=False,
        enable_model_summary=False,
        num_sanity_val_steps=0,
        use_distributed_sampler=False,
        # After a resume, the first epoch has fewer batches than those that follow.
        reload_dataloaders_every_n_epochs=1 if run.state.batch else 0,
    )
    _count_earlier_steps(trainer, run)
    with suite_optimizer(module, run, enabled=own is not None and own_optimizers is None):
        _fit(trainer, module, loader, checked, hooks)


def _fit(trainer: Any, module: Any, loader: Any, checked: Any, hooks: Hooks) -> None:
    """Run the `Trainer`. It ends the process after Ctrl-C, and ignores another one; here Ctrl-C stays Ctrl-C."""
    handler = signal.getsignal(signal.SIGINT)
    try:
        trainer.fit(module, train_dataloaders=loader, val_dataloaders=checked)
    except Interrupted:
        pass
    except SystemExit:
        if not isinstance(hooks.error, KeyboardInterrupt):
            raise
    finally:
        module.trainer = None  # it holds the batches and the optimiser
        if isinstance(hooks.error, KeyboardInterrupt):
            signal.signal(signal.SIGINT, handler)
    if hooks.error is not None and not isinstance(hooks.error, Interrupted):
        raise hooks.error


def _installed_package() -> str:
    """Return the package whose `Trainer` trains a module that is of neither package."""
    return next((PACKAGES[name] for name in PACKAGES if is_installed(name)), "lightning.pytorch")


def _with_base(mixin: type, base: type) -> Any:
    """Return a class of our methods on one of Lightning's, which is imported only when a cell needs it."""
    return type(mixin.__name__, (mixin, base), {})


def _count_earlier_steps(trainer: Any, run: Fitting) -> None:
    """Set the counters of a resumed training: `current_epoch` and `global_step` of a user's module depend on them."""
    loop, steps = trainer.fit_loop, run.clock.steps
    epochs = loop.epoch_progress.current
    epochs.ready = epochs.started = epochs.processed = epochs.completed = run.state.epoch - 1
    automatic, manual = loop.epoch_loop.automatic_optimization, loop.epoch_loop.manual_optimization
    for counted in (automatic.optim_progress.optimizer.step.total, manual.optim_step_progress.total):
        counted.ready = counted.completed = steps
    loop.epoch_loop._batches_that_stepped = steps


@contextmanager
def _quiet() -> Iterator[None]:
    """Keep Lightning's advice off the terminal: the number of workers, devices, loggers that are not installed."""
    levels = {name: logging.getLogger(name).level for name in _LOGGERS}
    for name in levels:
        logging.getLogger(name).setLevel(logging.ERROR)
    try:
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", module=r"(lightning|pytorch_lightning|lightning_fabric)\b")
            warnings.filterwarnings("ignore", message="find_unused_parameters=True was specified")
            yield
    finally:
        for name, level in levels.items():
            logging.getLogger(name).setLevel(level)
