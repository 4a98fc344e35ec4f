"""Optimisers: which parameters decay, and the quickest implementation that the device has."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Protocol

import torch

from bench_suite.contracts import BenchError, Placement
from bench_suite.training.options import TrainOptions


class Optimiser(Protocol):
    """What an engine asks of an optimiser: PyTorch's own, or `Together`."""

    @property
    def param_groups(self) -> list[dict[str, Any]]:
        """Groups of parameters, each with its learning rate `lr`."""

    def step(self) -> Any:
        """Update the parameters from their gradients."""

    def state_dict(self) -> dict[str, Any]: ...
    def load_state_dict(self, state_dict: dict[str, Any]) -> None: ...


class Together:
    """Several optimisers, each of its own parameters, that step as one."""

    def __init__(self, parts: Sequence[torch.optim.Optimizer]) -> None:
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


def optimiser(module: torch.nn.Module, options: TrainOptions, place: Placement) -> Optimiser:
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
        return _adamw(parameters, options, place)
    if options.optimizer == "sgd":
        if options.nesterov and options.momentum == 0.0:
            raise BenchError("nesterov = true needs a momentum above 0: set momentum = 0.9, or nesterov = false")
        groups = _groups(parameters, options.weight_decay)
        return torch.optim.SGD(
            groups, lr=options.learning_rate, momentum=options.momentum, nesterov=options.nesterov, fused=_fused(place)
        )
    if options.optimizer == "muon":
        return _muon(module, parameters, options, place)
    raise BenchError(f"no optimiser {options.optimizer!r}: there are sgd, adamw and muon")


def _fused(place: Placement) -> bool:
    return place.device in ("cpu", "cuda")


def _groups(parameters: Sequence[torch.nn.Parameter], weight_decay: float) -> list[dict[str, Any]]:
    """One group, or those that decay and those that do not."""
    if weight_decay == 0.0:  # a second group costs 30 µs a step on a CPU, so only where it decides something
        return [{"params": list(parameters), "weight_decay": 0.0}]
    groups: list[dict[str, Any]] = [
        {"params": [p for p in parameters if p.ndim >= 2], "weight_decay": weight_decay},
        {"params": [p for p in parameters if p.ndim < 2], "weight_decay": 0.0},
    ]
    return [group for group in groups if group["params"]]


def _adamw(parameters: Sequence[torch.nn.Parameter], options: TrainOptions, place: Placement) -> torch.optim.Optimizer:
    groups = _groups(parameters, options.weight_decay)
    return torch.optim.AdamW(groups, lr=options.learning_rate, fused=_fused(place))


def _muon(
    module: torch.nn.Module, parameters: Sequence[torch.nn.Parameter], options: TrainOptions, place: Placement
) -> Optimiser:
    """Muon (Jordan 2024) for the matrices between the first and the last layer, AdamW for all else.

    Steps of a matrix are scaled to the root mean square that AdamW's have (Liu et al. 2025, arXiv 2502.16982), so that
    one learning rate serves both.
    """
    kind: Any = getattr(torch.optim, "Muon", None)
    if kind is None:
        raise BenchError(
            f"optimizer = 'muon' needs PyTorch 2.9 or later, and this is {torch.__version__}; use adamw or sgd"
        )
    hidden = hidden_matrices(module)
    rest = [parameter for parameter in parameters if parameter not in hidden]
    if not hidden:
        raise BenchError(
            "optimizer = 'muon' is for weight matrices between the first and the last layer, and this model has none; "
            "use adamw or sgd"
        )
    parts = [
        kind(list(hidden), lr=options.learning_rate, weight_decay=options.weight_decay, adjust_lr_fn="match_rms_adamw")
    ]
    return Together([*parts, *([_adamw(rest, options, place)] if rest else [])])


def hidden_matrices(module: torch.nn.Module) -> dict[torch.nn.Parameter, None]:
    """Trainable matrices (two dimensions) but for embeddings, the first and the last one, in the module's order."""
    tables = {
        id(part.weight) for part in module.modules() if isinstance(part, torch.nn.Embedding | torch.nn.EmbeddingBag)
    }
    every = [p for p in module.parameters() if p.ndim >= 2 and p.requires_grad]
    inner = [p for p in every[1:-1] if p.ndim == 2 and id(p) not in tables]
    return dict.fromkeys(inner)
