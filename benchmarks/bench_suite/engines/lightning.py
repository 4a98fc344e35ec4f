"""PyTorch Lightning's Trainer, over the same batches, optimiser, schedule and loss as the engine `native`.

A network becomes a `LightningModule` whose `training_step` returns the loss of a batch. A user's own `LightningModule`
runs as it is: its `training_step`, `validation_step` and `configure_optimizers` take the place of ours. Windows,
checkpoints, early stopping and targets are a callback's work; Lightning writes no file and logs nothing.
"""

from __future__ import annotations

import logging
import math
import signal
import warnings
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from importlib import import_module
from tempfile import TemporaryDirectory
from typing import Any

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
    TrainOptions,
)
from bench_suite.data.encoded import Encoded
from bench_suite.suite.packages import is_installed
from bench_suite.training.batching import prediction_batches
from bench_suite.training.checkpoints import generator_state, restore_generators
from bench_suite.training.fitting import Fitting, fitting
from bench_suite.training.frameworks import Batches, loader_of
from bench_suite.training.lightning_modules import (
    PACKAGES,
    PlainInputs,
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
        strategy=_strategy(package, run),
        precision=placement.precision,
        max_epochs=options.epochs,
        # A network clips in `configure_gradient_clipping`: Lightning would take the optimiser's parameters.
        gradient_clip_val=None if own is None else run.largest_norm(),
        deterministic=placement.deterministic or None,
        callbacks=[hooks],
        plugins=[_environment(package, placement)],
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
    with _suite_optimizer(module, run, enabled=own is not None and own_optimizers is None):
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


def _environment(package: Any, placement: Placement) -> Any:
    """Return the plugin that tells Lightning which process this is, so that it takes no task of a Slurm job for one."""
    local = import_module(f"{package.__name__}.plugins.environments").LightningEnvironment
    if placement.devices == 1:
        return local()
    environment = type(RanksOfSuite.__name__, (RanksOfSuite, local), {})()
    environment.placement = placement
    return environment


class RanksOfSuite:
    """The environment of a training whose ranks the suite has started and joined; a mixin of Lightning's own."""

    placement: Placement
    creates_processes_externally = True

    def world_size(self) -> int:
        """Return the number of ranks."""
        return self.placement.devices

    def global_rank(self) -> int:
        """Return the rank of this process."""
        return self.placement.rank

    def local_rank(self) -> int:
        """Return the rank of this process on this machine, which has all of them."""
        return self.placement.rank

    def node_rank(self) -> int:
        """Return 0: there is one machine."""
        return 0


def _strategy(package: Any, run: Fitting) -> Any:
    """Return how Lightning trains on the devices of a placement."""
    if run.placement.devices == 1:
        return "auto"
    strategies = import_module(f"{package.__name__}.strategies")
    own = has_own_step(run.model)
    # A user's step cannot be tried before the training, so PyTorch looks for unused parameters in each step.
    return strategies.DDPStrategy(find_unused_parameters=own or run.has_unused_parameters())


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


# ── callback and module ─────────────────────────────────────────────────────────────────────────


class Interrupted(Exception):
    """The report of a window ended a training on several devices."""


class Hooks:
    """The callback that seeds, counts, reports, evaluates, saves and stops; a mixin of Lightning's `Callback`."""

    def __init__(self, batches: Batches, own_optimizers: OwnOptimizers | None) -> None:
        super().__init__()
        self.batches, self.run = batches, batches.run
        self.error: BaseException | None = None
        "The error that ended the training."
        self._own_optimizers = own_optimizers
        self._generators = generator_state()

    def on_train_start(self, trainer: Any, module: Any) -> None:
        """Undo what Lightning drew of the global generators, and load the state of a user's optimisers."""
        if self._own_optimizers is not None:
            schedulers = [config.scheduler for config in trainer.lr_scheduler_configs]
            self._own_optimizers.attach(trainer.optimizers, schedulers)
        restore_generators(self._generators)

    def on_before_backward(self, trainer: Any, module: Any, loss: torch.Tensor) -> None:
        """Weight the gradients of a user's step by the rank's share of the batch, as `Fitting.shared` does."""
        if self.run.has_ranks and has_own_step(self.run.model) and loss.requires_grad:
            share = self.batches.parts[0].share(self.run.placement.devices)
            loss.register_hook(lambda gradient: gradient * share)

    def on_train_batch_end(self, trainer: Any, module: Any, outputs: Any, batch: Any, batch_idx: int) -> None:
        """Count the step; stop the training if the report of a window says so."""
        loss = outputs.get("own_loss", outputs.get("loss")) if isinstance(outputs, Mapping) else outputs
        if not isinstance(loss, torch.Tensor):
            raise BenchError(
                f"the training_step of {type(module).__name__} returned no loss: return a tensor without dimensions, "
                'or a dict with it as "loss", in each step and with manual optimisation too'
            )
        if not self.batches.end_step(loss):
            trainer.should_stop = True
            if self.run.has_ranks:
                raise Interrupted  # other ranks are still in their step, and Lightning would wait for them

    def on_validation_start(self, trainer: Any, module: Any) -> None:
        """Stop the clock: a user's `validation_step` is no part of the training's time."""
        self.run.clock.pause()

    def on_validation_end(self, trainer: Any, module: Any) -> None:
        """Continue the clock."""
        self.run.clock.resume()

    def on_train_epoch_end(self, trainer: Any, module: Any) -> None:
        """Evaluate; stop the training if its target is reached or the patience is exhausted."""
        if not self.run.interrupted and self.run.end_epoch():
            trainer.should_stop = True

    def on_exception(self, trainer: Any, module: Any, exception: BaseException) -> None:
        """Note the error, since Lightning raises another one after Ctrl-C."""
        self.error = exception


class NetworkModule:
    """Any network as a `LightningModule`, of which this class is a mixin."""

    def __init__(self, batches: Batches) -> None:
        super().__init__()
        self.network = batches.run.module
        self._batches, self._run = batches, batches.run

    def on_after_batch_transfer(self, batch: Batch, dataloader_idx: int) -> Batch:
        """Return the batch with the changes of `augment`, which are drawn in the order of the steps."""
        return self._batches.load(batch)

    def training_step(self, batch: Batch, batch_idx: int) -> Any:
        """Return the loss of a batch, or of what this process computes of it."""
        loss = self._run.loss_of(self.network(**batch.inputs), batch)
        if not self._run.has_ranks:
            return loss
        return {"loss": self._run.shared(loss, self._batches.parts[0]), "own_loss": loss.detach()}

    def configure_gradient_clipping(self, optimizer: Any, *_: Any, **__: Any) -> None:
        """Clip the norm of all gradients together."""
        if self._run.options.gradient_clip is not None:
            torch.nn.utils.clip_grad_norm_(self._run.weights, self._run.options.gradient_clip)

    def configure_optimizers(self) -> Any:
        """Return the suite's optimiser, and its schedule by steps."""
        return _optimizers(self._run)


def _optimizers(run: Fitting) -> Any:
    """Return the suite's optimiser and schedule in the form that `configure_optimizers` returns."""
    optimizer = run.torch_optimizer()
    if not run.scheduled:
        return optimizer
    return {"optimizer": optimizer, "lr_scheduler": {"scheduler": run.scheduler(optimizer), "interval": "step"}}


# ── a user's own module ─────────────────────────────────────────────────────────────────────────


class OwnOptimizers:
    """The optimisers and schedulers of a user's `configure_optimizers`, as one optimiser with a state to be saved."""

    def __init__(self) -> None:
        self._parts: list[Any] = []
        self._optimizers: list[Any] = []
        self._saved: Mapping[str, Any] | None = None

    def attach(self, optimizers: list[Any], schedulers: list[Any]) -> None:
        """Take the objects that Lightning made, and load the state of a checkpoint into them."""
        self._parts = [*optimizers, *schedulers]
        self._optimizers = optimizers
        if self._saved is not None:
            for position, part in enumerate(self._parts):
                part.load_state_dict(self._saved[str(position)])

    @property
    def param_groups(self) -> list[dict[str, Any]]:
        """Return the groups of all optimisers; one without a learning rate while there are none."""
        return [group for optimizer in self._optimizers for group in optimizer.param_groups] or [{"lr": math.nan}]

    def step(self) -> None:
        """Do nothing: Lightning steps the optimisers."""

    def state_dict(self) -> dict[str, Any]:
        """Return the state of each optimiser and scheduler, by its position."""
        return {str(position): part.state_dict() for position, part in enumerate(self._parts)}

    def load_state_dict(self, state_dict: Mapping[str, Any]) -> None:
        """Keep a state until the optimisers exist."""
        self._saved = state_dict


@contextmanager
def _suite_optimizer(module: Any, run: Fitting, *, enabled: bool) -> Iterator[None]:
    """Give a user's module without `configure_optimizers` the suite's optimiser for the time of the training."""
    if not enabled:
        yield
        return
    module.configure_optimizers = lambda: _optimizers(run)
    try:
        yield
    finally:
        del module.configure_optimizers


class OwnBatches:
    """The batches as a user's step receives them: `(x, y)`, or the `Batch` if `build` returned a `Network`."""

    def __init__(self, batches: Batches) -> None:
        self._batches = batches

    def __len__(self) -> int:
        return len(self._batches)

    def __iter__(self) -> Iterator[Any]:
        for batch in self._batches:
            yield _step_input(self._batches.run, self._batches.load(batch))


class ValidationBatches:
    """The batches of the validation split for a user's `validation_step`."""

    def __init__(self, run: Fitting) -> None:
        assert run.validation is not None
        self._run, self._examples = run, run.validation
        rows = torch.arange(len(run.validation))
        self._rows, _ = prediction_batches(run.validation, rows, run.options.batch_size, run.model.padded)

    def __len__(self) -> int:
        return len(self._rows)

    def __iter__(self) -> Iterator[Any]:
        for rows in self._rows:
            batch = self._run.model.collate(self._examples.take(rows))
            yield _step_input(self._run, batch.to(self._run.placement.device))


def _step_input(run: Fitting, batch: Batch) -> Any:
    return run.module.pair(batch) if isinstance(run.module, PlainInputs) else batch
