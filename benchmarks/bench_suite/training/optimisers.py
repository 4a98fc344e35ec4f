"""Optimisers: which parameters have weight decay, and the fastest implementation of the device."""

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


class Optimizer(Protocol):
    """The interface of an optimiser: PyTorch's own, `MatrixViewOptimizer` or `ChainedOptimizer`."""

    @property
    def param_groups(self) -> list[dict[str, Any]]:
        """Return groups of parameters, or of views of them, each with its learning rate `lr`."""

    def step(self) -> Any:
        """Update the parameters from their gradients."""

    def state_dict(self) -> dict[str, Any]: ...
    def load_state_dict(self, state_dict: dict[str, Any]) -> None: ...


class ChainedOptimizer:
    """Several optimisers of disjoint parameters that step together."""

    def __init__(self, parts: Sequence[Optimizer]) -> None:
        self.parts = tuple(parts)

    @property
    def param_groups(self) -> list[dict[str, Any]]:
        """Return the groups of all parts."""
        return [group for part in self.parts for group in part.param_groups]

    def step(self) -> None:
        """Step each part."""
        for part in self.parts:
            part.step()

    def state_dict(self) -> dict[str, Any]:
        """Return the state of each part, by its position."""
        return {str(position): part.state_dict() for position, part in enumerate(self.parts)}

    def load_state_dict(self, state_dict: Mapping[str, Any]) -> None:
        """Restore the state from `state_dict`."""
        for position, part in enumerate(self.parts):
            part.load_state_dict(state_dict[str(position)])


class TorchOptimizer(torch.optim.Optimizer):
    """An optimiser of this module as an instance of PyTorch's class, for frameworks and schedulers that require one."""

    def __init__(self, inner: Optimizer, weights: Sequence[torch.nn.Parameter]) -> None:
        # PyTorch's own `__init__` would make groups of its own.
        self.inner, self.weights = inner, tuple(weights)
        self.defaults: dict[str, Any] = {}
        self.state: Any = {}

    @property
    def param_groups(self) -> list[dict[str, Any]]:  # type: ignore[override]  # an attribute of PyTorch's class
        """Return the groups of the inner optimiser."""
        return self.inner.param_groups

    def step(self, closure: Callable[[], Any] | None = None) -> Any:
        """Step after `closure`, which computes loss and gradients, and return what it returns."""
        loss = None
        if closure is not None:
            with torch.enable_grad():
                loss = closure()
        self.inner.step()
        return loss

    def zero_grad(self, set_to_none: bool = True) -> None:
        """Remove the gradients of the weights; of matrices that view them, there is nothing to remove."""
        for weight in self.weights:
            weight.grad = None

    def state_dict(self) -> dict[str, Any]:
        """Return the state of the inner optimiser."""
        return self.inner.state_dict()

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Restore the state from `state_dict`."""
        self.inner.load_state_dict(state_dict)


def make_optimizer(module: torch.nn.Module, options: TrainOptions, placement: Placement) -> Optimizer:
    """Return SGD, AdamW or Muon over the trainable parameters of a module.

    Weight decay applies to parameters of two or more dimensions only: matrices, kernels, embeddings. Biases and the
    scales and shifts of norms do not decay, as is usual (He et al. 2019, arXiv 1812.01187). `cpu` and `cuda` use the
    fused kernels: on a CPU, AdamW's step over an MLP of 100,000 parameters takes a third of the time of the default,
    a loop over tensors.

    Args:
        module: network, already on the device.
        options: of the training.
        placement: device, threads and precision.

    Raises:
        BenchError: no parameter is trainable, or the optimiser does not fit the module or the installed PyTorch.
    """
    parameters = [parameter for parameter in module.parameters() if parameter.requires_grad]
    if not parameters:
        raise BenchError("the model has no trainable parameter; to evaluate it unchanged, set epochs = 0")
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
            # PyTorch's fused kernel of SGD takes no sharded weights.
            fused=_fused(placement) and not (placement.devices > 1 and placement.strategy == "fsdp"),
        )
    if options.optimizer == "muon":
        return _muon(module, parameters, options, placement)
    raise BenchError(f"no optimiser {options.optimizer!r}: there are sgd, adamw and muon")


def torch_optimizer_of(module: torch.nn.Module, options: TrainOptions, placement: Placement) -> torch.optim.Optimizer:
    """Return `make_optimizer`'s optimiser if it is one of PyTorch's own classes; raise BenchError if it is not."""
    optimizer = make_optimizer(module, options, placement)
    if not isinstance(optimizer, torch.optim.Optimizer):
        raise BenchError(f"optimizer = {options.optimizer!r} cannot be sharded: use adamw or sgd, or strategy = 'ddp'")
    return optimizer


def _fused(placement: Placement) -> bool:
    return placement.device in ("cpu", "cuda")


def _groups(parameters: Sequence[torch.nn.Parameter], weight_decay: float) -> list[dict[str, Any]]:
    """Return one group of all parameters, or one with and one without weight decay."""
    if weight_decay == 0.0:  # a second group costs 30 µs a step on a CPU
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
) -> Optimizer:
    """Return Muon (Jordan 2024) for the matrices and kernels between the first and last layer, and AdamW for the rest.

    The steps of a matrix are scaled to the root mean square of AdamW's (Liu et al. 2025, arXiv 2502.16982), so one
    learning rate fits both.
    """
    muon: Any = getattr(torch.optim, "Muon", None)
    if muon is None:
        raise BenchError(
            f"optimizer = 'muon' needs PyTorch 2.9 or later, but this is {torch.__version__}; use adamw or sgd"
        )
    hidden = hidden_weights(module)
    rest = [parameter for parameter in parameters if parameter not in hidden]
    if not hidden:
        raise BenchError(
            "optimizer = 'muon' is for matrices and convolution kernels between the first and the last layer, and this "
            "model has none; use adamw or sgd"
        )
    make_inner = partial(
        muon, lr=options.learning_rate, weight_decay=options.weight_decay, adjust_lr_fn="match_rms_adamw"
    )
    return ChainedOptimizer(
        [MatrixViewOptimizer(list(hidden), make_inner), *([_adamw(rest, options, placement)] if rest else [])]
    )


class MatrixViewOptimizer:
    """An optimiser for matrices, applied to weights of any dimensions: each is viewed as outputs × the rest.

    Jordan's own implementation treats kernels in this way. The matrices share memory with the weights, and the state is
    that of the matrices.
    """

    def __init__(
        self,
        weights: Sequence[torch.nn.Parameter],
        make_inner: Callable[[list[torch.nn.Parameter]], torch.optim.Optimizer],
    ) -> None:
        self.weights = tuple(weights)
        self.orders = [_order(weight) for weight in weights]
        matrices = [weight.detach().permute(order) for weight, order in zip(weights, self.orders)]
        self.matrices = [torch.nn.Parameter(matrix.view(len(matrix), -1)) for matrix in matrices]
        self.inner = make_inner(self.matrices)

    @property
    def param_groups(self) -> list[dict[str, Any]]:
        """Return the groups of the inner optimiser, whose parameters are the matrices."""
        return self.inner.param_groups

    def step(self) -> None:
        """Step the inner optimiser with the gradients of the weights."""
        for weight, order, matrix in zip(self.weights, self.orders, self.matrices):
            gradient = weight.grad
            matrix.grad = None if gradient is None else gradient.permute(order).reshape(matrix.shape)
        self.inner.step()

    def state_dict(self) -> dict[str, Any]:
        """Return the state of the inner optimiser."""
        return self.inner.state_dict()

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Restore the state from `state_dict`."""
        self.inner.load_state_dict(state_dict)


def _order(weight: torch.Tensor) -> list[int]:
    """Return a weight's dimensions: the first one, then the others in the order of memory, so that a view is possible.

    In `channels_last`, channels come last. Muon does not depend on the order of a matrix's columns.
    """
    return [0, *sorted(range(1, weight.ndim), key=lambda dimension: -weight.stride()[dimension])]


def hidden_weights(module: torch.nn.Module) -> dict[torch.nn.Parameter, None]:
    """Return the trainable matrices and convolution kernels without embeddings, the first and the last weight.

    The dictionary is an ordered set, in module order: its values are None.
    """
    tables, kernels = (
        {id(part.weight) for part in module.modules() if isinstance(part, kinds)} for kinds in (TABLES, CONVOLUTIONS)
    )
    weights = [p for p in module.parameters() if p.requires_grad and (p.ndim == 2 or id(p) in kernels)]
    return dict.fromkeys(p for p in weights[1:-1] if id(p) not in tables)
