"""Losses: what a training minimises, from the problem's loss or the model's own and the options that change it."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

import torch

from bench_suite.contracts import Batch, BenchError, Data, Network, Placement, Problem, TrainOptions
from bench_suite.training.augmentation import mixup_loss
from bench_suite.training.class_weights import class_weights
from bench_suite.training.first_batch import CheckedLoss

TrainingLoss = Callable[[Any, Batch], torch.Tensor]
"Returns the loss of a batch, a scalar, from the module's outputs and the batch."


def training_loss(
    model: Network, data: Data, problem: Problem, options: TrainOptions, placement: Placement
) -> TrainingLoss:
    """Return the loss that a training minimises: the model's own if it has one, else the problem's.

    It has `class_weights`, `label_smoothing` and `mixup` applied. At the first batch, `Problem.check_outputs` checks
    the outputs for the problem's loss; a model's own loss may read any outputs, and its value must be a scalar.

    Args:
        model: whose `loss` is used if it is set.
        data: the splits and their `spec`.
        problem: whose loss is used otherwise.
        options: training options.
        placement: where the weights of classes are put.

    Raises:
        BenchError: an option does not fit the problem, or the model's own loss does not take what an option needs.
    """
    weights = class_weights(options.class_weights, data, options.sampler)
    changes: dict[str, Any] = {}
    if weights is not None:
        changes["weights"] = torch.from_numpy(weights).to(torch.float32).to(placement.device)
    if options.label_smoothing > 0.0:
        changes["smoothing"] = options.label_smoothing
    loss = _own_loss(model.loss, data.spec, changes) if model.loss else _loss_of_problem(problem, data.spec, changes)
    if "mixup" in options.augment:
        loss = mixup_loss(loss)
    return lambda outputs, batch: loss(outputs, batch.targets, batch.inputs)


def _loss_of_problem(problem: Problem, spec: Mapping[str, Any], changes: Mapping[str, Any]) -> Callable[..., Any]:
    loss: Callable[..., Any] = problem.loss
    if changes:
        name = "weighted_loss" if "weights" in changes else "smoothed_loss"
        changed = getattr(problem, name, None)
        if changed is None:
            option = "class_weights" if "weights" in changes else "label_smoothing"
            raise BenchError(f"{option} needs classes, and this problem has no {name}: leave {option} out")
        loss = partial(changed, **changes)
    checked = CheckedLoss(loss, problem)
    return lambda outputs, targets, inputs: checked(outputs, targets, spec)


OPTION_OF_ARGUMENT = {"weights": "class_weights", "smoothing": "label_smoothing"}
"Arguments that a model's own loss may take, and the training options that they come from."


def _own_loss(
    own: Callable[..., torch.Tensor], spec: Mapping[str, Any], changes: Mapping[str, Any]
) -> Callable[..., Any]:
    """Return the model's own loss with the arguments that its parameters name."""
    names = inspect.signature(own).parameters
    for argument in changes:
        if argument not in names:
            option = OPTION_OF_ARGUMENT[argument]
            raise BenchError(
                f"the model's own loss has no parameter `{argument}`, so {option} would have no effect: "
                f"add the parameter, or leave {option} out"
            )
    constants = {"spec": spec, "weights": None, "smoothing": 0.0, **changes}
    bound = partial(own, **{name: value for name, value in constants.items() if name in names})
    takes_inputs = "inputs" in names
    first = True

    def loss(outputs: Any, targets: Any, inputs: Mapping[str, torch.Tensor]) -> torch.Tensor:
        nonlocal first
        more = {"inputs": inputs} if takes_inputs else {}
        value = bound(outputs=outputs, targets=targets, **more)
        if first:
            first = False
            _check_scalar(value)
        return value

    return loss


def _check_scalar(value: Any) -> None:
    """Raise BenchError unless a model's own loss returned one number that has gradients."""
    if isinstance(value, torch.Tensor) and value.ndim == 0 and value.is_floating_point():
        return
    returned = f"a tensor of shape {tuple(value.shape)}" if isinstance(value, torch.Tensor) else type(value).__name__
    raise BenchError(
        f"the model's own loss must return the mean over the batch, a floating-point tensor without dimensions; it "
        f"returned {returned}"
    )
