"""Optimisers: which parameters decay, and the quickest implementation that the device has."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any, Protocol

import torch

from bench_suite.contracts import BenchError, Placement, TrainOptions
from bench_suite.suite.checks import nesterov_error

TABLES = (torch.nn.Embedding, torch.nn.EmbeddingBag)
CONVOLUTIONS = (
    *(torch.nn.Conv1d, torch.nn.Conv2d, torch.nn.Conv3d),
    *(torch.nn.ConvTranspose1d, torch.nn.ConvTranspose2d, torch.nn.ConvTranspose3d),
)


class Optimiser(Protocol):
    """What an engine asks of an optimiser: PyTorch's own, `MatrixViewOptimizer`, or `ChainedOptimizer`."""

    @property
    def param_groups(self) -> list[dict[str, Any]]:
        """Groups of parameters, or of views of them, each with its learning rate `lr`."""

    def step(self) -> Any:
        """Update the parameters from their gradients."""

    def state_dict(self) -> dict[str, Any]: ...
    def load_state_dict(self, state_dict: dict[str, Any]) -> None: ...


class ChainedOptimizer:
    """Several optimisers, each of its own parameters, that step as one."""

    def __init__(self, parts: Sequence[Optimiser]) -> None:
        self.parts = tuple(parts)

    @property
    def param_groups(self) -> list[dict[str, Any]]:
        """The groups of all parts."""
        return [group for part in self.parts for group in part.param_groups]

    def step(self) -> None:
        """Each part's step."""
        for part in self.parts:
            part.step()

    def state_dict(self) -> dict[str, Any]:
        """The state of each part, by its position."""
        return {str(position): part.state_dict() for position, part in enumerate(self.parts)}

    def load_state_dict(self, state_dict: Mapping[str, Any]) -> None:
        """Put back what `state_dict` gave."""
        for position, part in enumerate(self.parts):
            part.load_state_dict(state_dict[str(position)])


def optimiser(module: torch.nn.Module, options: TrainOptions, placement: Placement) -> Optimiser:
    """SGD, AdamW or Muon over the trainable parameters of `module`.

    Weight decay goes to parameters of two or more dimensions only: matrices, kernels, embeddings. Biases and the
    scales and shifts of norms never decay, as is usual (He et al. 2019, arXiv 1812.01187). The fused kernels are
    used on `cpu` and `cuda`: on a CPU, AdamW's step over an MLP of 100,000 parameters takes a third of the time of
    the loop over tensors that is the default there. Raises `BenchError` where nothing can be trained.
    """
    parameters = [parameter for parameter in module.parameters() if parameter.requires_grad]
    if not parameters:
        raise BenchError("the model has no trainable parameter; to evaluate it as it is, set epochs = 0")
    if options.optimizer == "adamw":
        return _adamw(parameters, options, placement)
    if options.optimizer == "sgd":
        if message := nesterov_error(options.optimizer, options.momentum, nesterov=options.nesterov):
            raise BenchError(message)
        groups = _groups(parameters, options.weight_decay)
        return torch.optim.SGD(
            groups,
            lr=options.learning_rate,
            momentum=options.momentum,
            nesterov=options.nesterov,
            fused=_fused(placement),
        )
    if options.optimizer == "muon":
        return _muon(module, parameters, options, placement)
    raise BenchError(f"no optimiser {options.optimizer!r}: there are sgd, adamw and muon")


def _fused(placement: Placement) -> bool:
    return placement.device in ("cpu", "cuda")


def _groups(parameters: Sequence[torch.nn.Parameter], weight_decay: float) -> list[dict[str, Any]]:
    """One group, or those that decay and those that do not."""
    if weight_decay == 0.0:  # a second group costs 30 µs a step on a CPU, so only where it decides something
        return [{"params": list(parameters), "weight_decay": 0.0}]
    groups: list[dict[str, Any]] = [
        {"params": [p for p in parameters if p.ndim >= 2], "weight_decay": weight_decay},
        {"params": [p for p in parameters if p.ndim < 2], "weight_decay": 0.0},
    ]
    return [group for group in groups if group["params"]]


def _adamw(
    parameters: Sequence[torch.nn.Parameter], options: TrainOptions, placement: Placement
) -> torch.optim.Optimizer:
    groups = _groups(parameters, options.weight_decay)
    return torch.optim.AdamW(groups, lr=options.learning_rate, fused=_fused(placement))


def _muon(
    module: torch.nn.Module, parameters: Sequence[torch.nn.Parameter], options: TrainOptions, placement: Placement
) -> Optimiser:
    """Muon (Jordan 2024) for the matrices and kernels between the first and the last layer, AdamW for all else.

    Steps of a matrix are scaled to the root mean square that AdamW's have (Liu et al. 2025, arXiv 2502.16982), so that
    one learning rate serves both.
    """
    kind: Any = getattr(torch.optim, "Muon", None)
    if kind is None:
        raise BenchError(
            f"optimizer = 'muon' needs PyTorch 2.9 or later, and this is {torch.__version__}; use adamw or sgd"
        )
    hidden = hidden_weights(module)
    rest = [parameter for parameter in parameters if parameter not in hidden]
    if not hidden:
        raise BenchError(
            "optimizer = 'muon' is for matrices and convolution kernels between the first and the last layer, and this "
            "model has none; use adamw or sgd"
        )
    made = partial(kind, lr=options.learning_rate, weight_decay=options.weight_decay, adjust_lr_fn="match_rms_adamw")
    return ChainedOptimizer(
        [MatrixViewOptimizer(list(hidden), made), *([_adamw(rest, options, placement)] if rest else [])]
    )


class MatrixViewOptimizer:
    """An optimiser that takes nothing but matrices, and sees each weight of more dimensions as one: outputs × the rest.

    So Jordan's own implementation does it with kernels. The matrices are views: they share their numbers with the
    weights, and its state is of the matrices.
    """

    def __init__(
        self,
        weights: Sequence[torch.nn.Parameter],
        made: Callable[[list[torch.nn.Parameter]], torch.optim.Optimizer],
    ) -> None:
        self.weights = tuple(weights)
        self.orders = [_order(weight) for weight in weights]
        matrices = [weight.detach().permute(order) for weight, order in zip(weights, self.orders)]
        self.matrices = [torch.nn.Parameter(each.view(len(each), -1)) for each in matrices]
        self.inner = made(self.matrices)

    @property
    def param_groups(self) -> list[dict[str, Any]]:
        """The groups of the optimiser, whose parameters are the matrices."""
        return self.inner.param_groups

    def step(self) -> None:
        """Its step, by the gradients that the weights have."""
        for weight, order, matrix in zip(self.weights, self.orders, self.matrices):
            slope = weight.grad
            matrix.grad = None if slope is None else slope.permute(order).reshape(matrix.shape)
        self.inner.step()

    def state_dict(self) -> dict[str, Any]:
        """The state of the optimiser."""
        return self.inner.state_dict()

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Put back what `state_dict` gave."""
        self.inner.load_state_dict(state_dict)


def _order(weight: torch.Tensor) -> list[int]:
    """Dimensions of a weight, the first one first and the others as they lie in memory, so that it can be viewed.

    In `channels_last` channels come last; in which order a matrix has its columns is nothing to Muon.
    """
    return [0, *sorted(range(1, weight.ndim), key=lambda dimension: -weight.stride()[dimension])]


def hidden_weights(module: torch.nn.Module) -> dict[torch.nn.Parameter, None]:
    """Trainable matrices and convolution kernels but for embeddings, the first and the last one, in module order."""
    tables, kernels = (
        {id(part.weight) for part in module.modules() if isinstance(part, kinds)} for kinds in (TABLES, CONVOLUTIONS)
    )
    every = [p for p in module.parameters() if p.requires_grad and (p.ndim == 2 or id(p) in kernels)]
    return dict.fromkeys(p for p in every[1:-1] if id(p) not in tables)
