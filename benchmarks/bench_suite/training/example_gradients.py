"""Gradients of single examples, by Opacus: of which networks they are known, and a check that they are right.

They decide about the guarantee of a private training, since each is clipped to the same length. A gradient that depends
on other examples of the batch would break it unnoticed.
"""

from __future__ import annotations

import logging
import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from typing import Any

import torch
from opacus import GradSampleModule
from opacus.validators import ModuleValidator
from torch import nn

from bench_suite.contracts import Batch, BenchError, Network
from bench_suite.data.encoded import Encoded
from bench_suite.training import devices
from bench_suite.training.checkpoints import generator_state, restore_generators

CHECKED = 3
"Examples whose gradients are compared with those of batches of one, before the first step."
TOLERANCE = 1e-3
"Largest difference of two gradients that are the same but for rounding, relative to the larger norm."
UNSUPPORTED = (nn.EmbeddingBag,)
"Layers for which Opacus has a rule that takes the arguments of `forward` for something else."


class NotPrivate(BenchError):
    """A training that cannot have the guarantee that its options state; nothing was trained."""


def check_module(module: nn.Module, label: str) -> None:
    """Raise NotPrivate, naming the layers, if a network cannot be trained privately."""
    leaves = [part for part in module.modules() if not any(part.children())]
    layers = [type(leaf).__name__ for leaf in leaves if isinstance(leaf, UNSUPPORTED) or _errors(leaf)]
    messages = (
        [f"single examples have no gradients of their own in {', '.join(dict.fromkeys(layers))}"] if layers else []
    )
    messages = messages or [str(error).strip().split(". ")[0].rstrip(".") for error in _errors(module)]
    if messages:
        batch = any(isinstance(part, nn.modules.batchnorm._BatchNorm) for part in module.modules())
        instead = ", such as one with group normalisation in place of batch normalisation" if batch else ""
        raise NotPrivate(
            f"{label} cannot be trained with privacy: {'; '.join(dict.fromkeys(messages))}. Leave privacy out, or "
            f"choose a model without these layers{instead}"
        )


def _errors(part: nn.Module) -> list[Exception]:
    """Return what Opacus reports about a module, with its parts."""
    mode, logger = part.training, logging.getLogger("opacus")
    level = logger.level
    part.train()
    logger.setLevel(logging.ERROR)
    try:
        errors = [*ModuleValidator.validate(part, strict=False), *GradSampleModule.validate(part, strict=False)]
    finally:
        logger.setLevel(level)
        part.train(mode)
    return errors


@contextmanager
def gradients_of_examples(module: nn.Module) -> Iterator[nn.Module]:
    """Yield the module so that a backward pass computes `grad_sample` of each weight; undo that at the end.

    Convolutions get contiguous inputs: Opacus 1.6 reads others, such as those in `channels_last`, in the wrong order,
    so that the gradient of an example has parts of others in it.
    """
    with ExitStack() as stack:
        stack.enter_context(warnings.catch_warnings())
        warnings.simplefilter("ignore")  # of PyTorch, about the kind of hooks that Opacus uses
        for part in module.modules():
            if isinstance(part, nn.Conv2d | nn.Conv3d):
                stack.callback(part.register_forward_pre_hook(_contiguous).remove)
        wrapped = GradSampleModule(module, batch_first=True, loss_reduction="mean", strict=True)
        try:
            yield wrapped
        finally:
            wrapped.to_standard_module()
            for weight in module.parameters():
                _forget(weight, "grad_sample", "summed_grad")
            for part in module.modules():
                _forget(part, "activations", "max_batch_len")


def _contiguous(module: nn.Module, inputs: tuple[torch.Tensor, ...]) -> tuple[torch.Tensor, ...]:
    return tuple(values.contiguous() for values in inputs)


def _forget(owner: Any, *names: str) -> None:
    for name in names:
        if hasattr(owner, name):
            delattr(owner, name)


def check_complete(weights: Sequence[nn.Parameter], examples: int) -> None:
    """Raise NotPrivate if a trainable weight has no gradient of each of the batch's examples."""
    for weight in weights:
        gradients = getattr(weight, "grad_sample", None)
        if not isinstance(gradients, torch.Tensor) or len(gradients) != examples:
            raise NotPrivate(
                f"privacy needs the gradient of each example, and a weight of shape {tuple(weight.shape)} has none: it "
                "is unused, or its layer is used in a way that Opacus does not know; leave privacy out, or choose "
                "another model"
            )


def check_gradients(
    network: Network, wrapped: nn.Module, examples: Encoded, loss_of: Callable[[Any, Batch], torch.Tensor], device: str
) -> None:
    """Raise NotPrivate unless the gradients of a few examples equal those of batches of one.

    Dropout is off meanwhile. A network that is random nevertheless is not checked. Generators are then as before.

    Args:
        network: encoding and collation.
        wrapped: the module within `gradients_of_examples`.
        examples: of train.
        loss_of: the loss of a batch, a mean over its examples.
        device: where the module is.
    """
    weights = [weight for weight in network.module.parameters() if weight.requires_grad]
    rows = torch.arange(min(CHECKED, len(examples)), device=examples.device)
    generators = generator_state()
    dropout = [part for part in network.module.modules() if isinstance(part, nn.modules.dropout._DropoutNd)]
    modes = [part.training for part in dropout]
    wrapped.train()
    for part in dropout:
        part.eval()
    try:
        together = _gradients(network, wrapped, examples, rows, loss_of, weights, device)
        again = _gradients(network, wrapped, examples, rows, loss_of, weights, device)
        if not _equal(together, again):
            return
        for position in range(len(rows)):
            alone = _gradients(network, wrapped, examples, rows[position : position + 1], loss_of, weights, device)
            if not _equal([values[position : position + 1] for values in together], alone):
                raise NotPrivate(
                    "privacy needs the gradient of each example, and those of a batch differ from those of its "
                    "examples alone: a layer or the loss mixes examples, or Opacus computes them wrongly; leave "
                    "privacy out, or choose another model"
                )
    finally:
        for part, mode in zip(dropout, modes):
            part.train(mode)
        restore_generators(generators)


def _gradients(
    network: Network,
    wrapped: nn.Module,
    examples: Encoded,
    rows: torch.Tensor,
    loss_of: Callable[[Any, Batch], torch.Tensor],
    weights: Sequence[nn.Parameter],
    device: str,
) -> list[torch.Tensor]:
    """Return the gradients of the examples at `rows`, one tensor a weight; nothing of them stays in the module."""
    batch = devices.move(network.collate(examples.take(rows)), device)
    loss_of(wrapped(**batch.inputs), batch).backward()
    check_complete(weights, len(rows))
    gradients: list[torch.Tensor] = [weight.grad_sample for weight in weights]  # type: ignore[attr-defined]  # Opacus adds it
    for weight in weights:
        weight.grad = None
        weight.grad_sample = None  # type: ignore[attr-defined]  # as above
    return gradients


def _equal(first: Sequence[torch.Tensor], second: Sequence[torch.Tensor]) -> bool:
    """Return whether two lists of gradients differ by no more than rounding."""
    difference = sum(float((one - other).square().sum()) for one, other in zip(first, second))
    largest = max(sum(float(values.square().sum()) for values in side) for side in (first, second))
    return difference <= TOLERANCE**2 * largest
