"""Building and training: the model of a cell from its options and a seed, and its training by the cell's engine."""

from __future__ import annotations

import time
from collections.abc import Mapping
from contextlib import ExitStack
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Any, cast

from bench_suite.components import discovery
from bench_suite.contracts import (
    BenchError,
    Checkpoints,
    Data,
    Estimator,
    History,
    Network,
    Placement,
    Problem,
    Report,
    Window,
)
from bench_suite.execution.trained import Trained
from bench_suite.suite.checks import MODEL_FUNCTIONS
from bench_suite.suite.plan import Cell

if TYPE_CHECKING:
    from bench_suite.contracts import TrainOptions
    from bench_suite.data.cache import Cache


def build(
    cell: Cell,
    data: Data,
    placement: Placement,
    seed: int,
    train: Mapping[str, Any],
    *,
    smoke: bool = False,
    cache: Cache | None = None,
) -> Trained:
    """Return the cell with its model built from `seed` and not trained.

    Raises:
        BenchError: the model's `build` returned neither a Network nor an Estimator.
    """
    import torch

    from bench_suite.training.seeding import seed_everything

    problem = cast(Problem, discovery.load(next(p for p in cell.problems if p.name == data.problem)))
    torch.set_num_threads(placement.threads)
    complete = getattr(problem, "fit_spec", None)
    if complete is not None:
        data = replace(data, spec={**data.spec, **complete(data.spec, data)})
    seed_everything(seed)
    module = discovery.load(cell.model.component)
    options = discovery.make_options(cell.model.component, cell.options["model"])
    model = module.build(data, options)
    from bench_suite.training import lightning_modules

    if lightning_modules.package_of(model) is not None:
        model = lightning_modules.network_of(model, data)
    if isinstance(model, Network):
        _check_engine(model, cell, train)
        _set_own_functions(model, cell, module, options)
    if isinstance(model, Network) and model.frozen is not None:
        model.frozen.to(placement.device)  # `encode` runs it on the device of its parameters
    if isinstance(model, Network):
        from bench_suite.training.first_batch import initialise_lazy_layers

        initialise_lazy_layers(model, data)
    if train.get("privacy") is not None and train["epochs"] and isinstance(model, Network):
        from bench_suite.training.example_gradients import check_module

        check_module(model.module, cell.model.label)
    if placement.compiled and isinstance(model, Network):
        from bench_suite.training.compiling import compile_module

        compile_module(model.module, placement.compiled)
    if not isinstance(model, Network | Estimator):
        if isinstance(model, type):
            raise BenchError(f"{cell.model.label}: build returned the class {model.__name__}: return an object of it")
        raise BenchError(
            f"{cell.model.label}: build returned {type(model).__name__}, which is neither a Network nor an Estimator"
        )
    return Trained(cell, data, problem, placement, model, dict(train), seed, smoke=smoke, cache=cache)


def _check_engine(network: Network, cell: Cell, train: Mapping[str, Any]) -> None:
    """Raise BenchError if no engine trains a network, or if its engine does not call its own `training_step`."""
    from bench_suite.training.lightning_modules import has_own_step

    if train["epochs"] == 0:
        return
    if cell.engine is None:
        raise BenchError(
            f"{cell.model.label}: build returned a network, and the file does not state that it has gradients, as an "
            'estimator does not: add PROVIDES = ("gradients",)'
        )
    if has_own_step(network) and "training_step" not in cell.engine.words("MODEL_FUNCTIONS"):
        raise BenchError(
            f"{cell.model.label} is a LightningModule with a training_step, which the engine {cell.engine.name} does "
            'not call: set engine = "lightning"'
        )


def _set_own_functions(network: Network, cell: Cell, module: Any, options: Any) -> None:
    """Set the network's `loss` and `augment` to the functions of those names in the model's file, if it has them."""
    component = cell.model.component
    for name in MODEL_FUNCTIONS:
        if name in component.functions:
            bound = {"options": options} if "options" in component.parameters[name] else {}
            setattr(network, name, partial(getattr(module, name), **bound))


def fit(
    trained: Trained,
    report: Report,
    meters: Mapping[str, Any] | None = None,
    checkpoints: Checkpoints | None = None,
) -> dict[str, Any]:
    """Train a cell in place.

    Args:
        trained: the cell, with its model built.
        report: called with each window of the training.
        meters: context managers by probe label, entered around the training.
        checkpoints: where an engine that accepts `checkpoint` saves the training, if the options say so.

    Returns:
        What each of `meters` yielded, by probe label.
    """
    from bench_suite.execution.ranks import further_ranks
    from bench_suite.training.seeding import seed_everything

    options = train_options(trained.train)
    yielded: dict[str, Any] = {}
    with ExitStack() as stack:
        if trained.placement.devices > 1 and trained.placement.rank == 0 and trained.network is not None:
            stack.enter_context(further_ranks(trained, checkpoints if options.checkpoint is not None else None))
        seed_everything((trained.seed + 0x9E3779B9) % 2**32)
        for label, meter in (meters or {}).items():
            yielded[label] = stack.enter_context(meter)
        if isinstance(trained.model, Network):
            assert trained.cell.engine is not None
            started = time.perf_counter()
            engine = discovery.load(trained.cell.engine)
            loaded = time.perf_counter() - started
            saved = {"checkpoints": checkpoints} if options.checkpoint is not None else {}
            trained.history = engine.train(
                trained.model,
                trained.data,
                trained.problem,
                options,
                trained.placement,
                report,
                trained.encoded,
                **saved,
            )
            if not isinstance(trained.history, History):
                name, kind = trained.cell.engine.use, type(trained.history).__name__
                raise BenchError(f"the engine {name} returned {kind} from train; it must return a History")
            first = trained.history.first_step_seconds
            if first is not None:
                trained.history = replace(trained.history, first_step_seconds=loaded + first)
        else:
            from bench_suite.training.precision import computing

            started = time.perf_counter()
            with computing(trained.placement):
                trained.model.fit(trained.data, options, report)
            seconds = time.perf_counter() - started
            trained.history = History(seconds=seconds, samples=len(trained.data.splits["train"]))
    return yielded


def train_options(values: Mapping[str, Any]) -> TrainOptions:
    """Return `TrainOptions` with these values."""
    from bench_suite.contracts import TrainOptions

    return TrainOptions(**values)


def ignore_window(window: Window) -> bool:
    """Continue a training whose windows nobody reads."""
    return True
