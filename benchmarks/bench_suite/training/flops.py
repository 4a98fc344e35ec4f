"""FLOPs: floating-point operations and parameters of a network, independent of the machine.

Matrix products, convolutions, recurrent layers and attention count, with two operations a multiply-add. Sums,
normalisation, activations, embeddings and pooling do not count, as in the tables of papers: on usual networks they are
below one per cent. An operation that a kernel repeats to save memory (the scores of fused attention in its backward
pass) counts once: the count is a property of the model, not of the kernel.

PyTorch's counter (`torch.utils.flop_counter`) sees the operators as they are dispatched. `FORMULAS` adds operators that
it lacks, and replaces those that it counts differently.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from math import prod
from typing import Any

import torch
from torch import nn
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils.flop_counter import FlopCounterMode

from bench_suite.contracts import Batch, Placement
from bench_suite.training import devices
from bench_suite.training.precision import autocast

Shape = Sequence[int]
aten = torch.ops.aten

HEAVY = re.compile(
    r"(?<![a-z])(\w*mm|mv|dot|matmul|linear|conv\w*|attention|rnn|lstm|gru|trilinear|cdist|fft|linalg)(?![a-z])"
)
"Words in the names of operators that need more than a few operations for each number."
LIGHT = re.compile(r"thnn_fused|vector_norm|autocast|is_\w+|weight_norm|_batch_norm")
"Names with such a word of cheap operators: fused cells follow the products, which are counted on their own."
PLUMBING = ("aten", "prim", "prims", "profiler", "c10d", "_c10d_functional", "inductor")
"Namespaces of PyTorch; an operator of any other namespace is a third party's kernel."


@dataclass
class Count:
    """Operations that were counted."""

    flops: int = 0
    uncounted: tuple[str, ...] = ()
    "Names of operators whose operations are unknown, such as a library's own kernels."


# ── formulas that PyTorch's counter lacks ───────────────────────────────────────────────────────


def _vector(matrix: Shape, *_: Any, **__: Any) -> int:
    """(m, k) · (k,), or (k,) · (k,): 2·m·k."""
    return 2 * prod(matrix)


def _added_vector(_: Shape, matrix: Shape, *__: Any, **___: Any) -> int:
    """c + (m, k) · (k,)."""
    return 2 * prod(matrix)


def _added_batches(_: Shape, first: Shape, second: Shape, *__: Any, **___: Any) -> int:
    """c + Σ (b, m, k) · (b, k, n)."""
    return 2 * prod(first) * second[-1]


def _attention(query: Shape, key: Shape, value: Shape, *_: Any, **__: Any) -> int:
    """(…, h, s, d) queries on (…, t, d) keys and (…, t, e) values: 2·h·s·t·(d + e), masked positions included."""
    return 2 * prod(query[:-1]) * key[-2] * (query[-1] + value[-1])


def _attention_backward(_: Shape, query: Shape, key: Shape, value: Shape, *__: Any, **___: Any) -> int:
    """Each of the two products has two gradients. PyTorch's formula also counts the scores that its kernels repeat."""
    return 2 * _attention(query, key, value)


def _convolution_backward(gradient: Shape, inputs: Shape, weight: Shape, *rest: Any, **__: Any) -> int:
    """The gradients of input and weight each cost as much as the forward pass: 2·b·positions·|weight|.

    PyTorch's formula treats a grouped convolution as a dense one, and counts too much.
    """
    transposed, mask = rest[4], rest[7]
    positions = prod((inputs if transposed else gradient)[2:])
    return 2 * inputs[0] * positions * prod(weight) * (bool(mask[0]) + bool(mask[1]))


def _recurrent(inputs: Shape, of_inputs: Shape, of_hidden: Shape, *_: Any, **__: Any) -> int:
    """(t, b, d) inputs, all gates of one layer and direction: 2·t·b·(|W of inputs| + |W of hidden|)."""
    return 2 * inputs[0] * inputs[1] * (prod(of_inputs) + prod(of_hidden))


def _recurrent_backward(*arguments: Any, **_: Any) -> int:
    """The gradients of inputs and hidden state, and those of the weights."""
    return 2 * _recurrent(*arguments)


_FORMULAS: dict[str, Callable[..., int]] = {
    "mv": _vector,
    "dot": _vector,
    "vdot": _vector,
    "addmv": _added_vector,
    "addbmm": _added_batches,
    "convolution_backward": _convolution_backward,
    "mkldnn_rnn_layer": _recurrent,
    "mkldnn_rnn_layer_backward": _recurrent_backward,
    "_scaled_dot_product_flash_attention_for_cpu": _attention,
    "_scaled_dot_product_flash_attention_for_cpu_backward": _attention_backward,
    "_scaled_dot_product_flash_attention_backward": _attention_backward,
    "_scaled_dot_product_efficient_attention_backward": _attention_backward,
    "_scaled_dot_product_cudnn_attention_backward": _attention_backward,
    "_scaled_dot_product_attention_math_for_mps": _attention,
}
FORMULAS = {getattr(aten, name): formula for name, formula in _FORMULAS.items() if hasattr(aten, name)}
"By operator: its FLOP as a function of the shapes of its arguments. Operators that this PyTorch lacks are left out."


class _OperatorRecorder(TorchDispatchMode):
    """A recorder of the operators below the counter that compute something and have no formula."""

    supports_higher_order_operators = True

    def __init__(self, known: Iterable[Any]) -> None:
        super().__init__()
        self.known = set(known)
        self.seen: dict[str, None] = {}

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        packet = getattr(func, "overloadpacket", func)
        if packet not in self.known:
            space, _, name = str(packet).rpartition(".")
            if space not in PLUMBING or (HEAVY.search(name) and not LIGHT.search(name)):
                self.seen[str(packet)] = None
        return func(*args, **(kwargs or {}))


@contextmanager
def count_flops() -> Iterator[Count]:
    """Count the operations of PyTorch within the context; the count is complete after its end."""
    count = Count()
    counter = FlopCounterMode(display=False, custom_mapping=FORMULAS)
    witness = _OperatorRecorder(counter.flop_registry)
    with witness, counter:
        yield count
    count.flops = int(counter.get_total_flops())
    count.uncounted = tuple(witness.seen)


# ── a network ───────────────────────────────────────────────────────────────────────────────────


def forward(module: nn.Module, batch: Batch, placement: Placement) -> Count:
    """Count the forward pass of a batch in evaluation mode; the module's state is restored."""
    with _restore_state(module), _without_fused_layers(module, placement), torch.no_grad(), autocast(placement):
        module.eval()
        inputs = _clone_batch(batch).inputs
        with count_flops() as count:
            module(**inputs)
    return count


def training(module: nn.Module, batch: Batch, loss: Callable[[Any, Any], torch.Tensor], placement: Placement) -> Count:
    """Count the forward and backward pass of a batch in training mode, without the optimiser's step.

    The module's state is restored.

    Args:
        module: network; called with the inputs of the batch.
        batch: k examples with targets.
        loss: function of the module's outputs and the batch's targets that returns a scalar.
        placement: device, threads and precision.
    """
    with _restore_state(module), _without_fused_layers(module, placement), torch.enable_grad():
        module.train()
        own = _clone_batch(batch)
        with count_flops() as count:
            with autocast(placement):
                value = loss(module(**own.inputs), own.targets)
            if value.requires_grad:  # False if everything is frozen
                value.backward()
    return count


@contextmanager
def _without_fused_layers(module: nn.Module, placement: Placement) -> Iterator[None]:
    """Turn off kernels that compute a whole layer, since they hide its products from the counter."""
    with ExitStack() as stack:
        if placement.compiled:
            stack.enter_context(torch.compiler.set_stance("force_eager"))
        if placement.device == "cuda" and any(isinstance(part, nn.RNNBase) for part in module.modules()):
            stack.enter_context(torch.backends.cudnn.flags(enabled=False))
        quick = torch.backends.mha.get_fastpath_enabled()
        torch.backends.mha.set_fastpath_enabled(False)
        stack.callback(torch.backends.mha.set_fastpath_enabled, quick)
        yield


@contextmanager
def _restore_state(module: nn.Module) -> Iterator[None]:
    """Restore modes, buffers (running statistics), gradients and PyTorch's random generators at the end."""
    modes = [(part, part.training) for part in module.modules()]
    buffers = [(buffer, buffer.clone()) for buffer in module.buffers()]
    gradients = [(weight, weight.grad) for weight in module.parameters()]
    for weight, _ in gradients:
        weight.grad = None  # else the backward pass would add to it in place
    try:
        with devices.fork_generators():
            yield
    finally:
        for part, mode in modes:
            part.training = mode
        with torch.no_grad():
            for buffer, value in buffers:
                buffer.copy_(value)
        for weight, gradient in gradients:
            weight.grad = gradient


def _clone_batch(batch: Batch) -> Batch:
    """Copy the tensors of a batch, since autograd does not accept tensors from inference mode."""
    inputs = {name: value.clone() for name, value in batch.inputs.items()}
    targets = batch.targets
    return Batch(inputs, targets.clone() if isinstance(targets, torch.Tensor) else targets)


# ── size ────────────────────────────────────────────────────────────────────────────────────────


def parameters(*modules: nn.Module | None) -> int:
    """Return the number of parameters; shared ones count once."""
    return sum(weight.numel() for weight in _distinct(modules, nn.Module.parameters))


def trainable_parameters(module: nn.Module) -> int:
    """Return the number of parameters that training changes; shared ones count once."""
    return sum(weight.numel() for weight in module.parameters() if weight.requires_grad)


def state_bytes(*modules: nn.Module | None) -> int:
    """Return the bytes of all parameters and buffers in memory; shared ones count once."""
    return sum(value.nbytes for take in (nn.Module.parameters, nn.Module.buffers) for value in _distinct(modules, take))


def _distinct(modules: Iterable[nn.Module | None], take: Callable[..., Iterator[Any]]) -> list[Any]:
    return list({id(value): value for module in modules if module is not None for value in take(module)}.values())
