"""Compiling: compile a module, and measure the time of that, at any step, apart from the steps themselves.

CUDA graphs, which some modes record, write what a module returns into the same memory in each step. Nothing may keep an
output of a module until the next step, unless it is a copy: losses are computed from outputs without the graphs, and
predictions are copied to the host. Each step begins with `begin_step`, so that PyTorch may reuse the memory.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import Any

import torch

from bench_suite.contracts import CUDA_GRAPHS, Placement
from bench_suite.training import devices


@dataclass
class CompileTime:
    """The time of the compilations so far."""

    seconds: float = 0.0
    "Time of all compilations: of the first step, of a batch of another size, of evaluation."


@contextmanager
def record_compilations(placement: Placement, exclude: Callable[[float], None]) -> Iterator[CompileTime | None]:
    """Measure each compilation within the context and report its seconds to `exclude`; yield None if nothing compiles.

    The callbacks of PyTorch's compiler (`torch._dynamo.callback`) also report recompilations, the backward pass, which
    is compiled when it first runs, and each recording of a CUDA graph.
    """
    if not placement.compiled:
        yield None
        return
    from torch._dynamo.callback import callback_handler

    total, began = CompileTime(), 0.0

    def start(*_: Any) -> None:
        nonlocal began
        began = devices.perf_counter()

    def end(*_: Any) -> None:
        seconds = devices.perf_counter() - began
        total.seconds += seconds
        exclude(seconds)

    callback_handler.register_start_callback(start)
    callback_handler.register_end_callback(end)
    try:
        yield total
    finally:
        with suppress(ValueError):  # a reset of the compiler within the context removes the callbacks
            callback_handler.remove_start_callback(start)
            callback_handler.remove_end_callback(end)


def records_graphs(placement: Placement) -> bool:
    """Return whether the calls of a compiled module are recorded as CUDA graphs."""
    return placement.device == "cuda" and placement.compiled in ("reduce-overhead", "max-autotune", CUDA_GRAPHS)


def begin_step(placement: Placement) -> None:
    """Note that a step of training or of prediction begins: the outputs of the one before are no longer used."""
    if records_graphs(placement):
        torch.compiler.cudagraph_mark_step_begin()


def arguments_of(compiled: bool | str) -> dict[str, Any]:
    """Return the arguments of `torch.compile` for a value of the axis `compile`, which is not false."""
    if compiled is True:
        return {}
    return {"backend": CUDA_GRAPHS} if compiled == CUDA_GRAPHS else {"mode": compiled}


def compile_module(module: torch.nn.Module, compiled: bool | str = True) -> None:
    """Compile a module in place at its first call; its class and the names in its state do not change.

    The compiled code of earlier modules is dropped. Modules of one class share their code, and PyTorch silently stops
    compiling after eight variants of it (`torch._dynamo.config.recompile_limit`).

    Args:
        module: the module.
        compiled: true, or one of `contracts.COMPILE_MODES`.
    """
    torch.compiler.reset()
    how = arguments_of(compiled)
    module.compile(**how)
    if type(module).__module__.startswith("torch."):
        # The compiler skips a call whose first frame is PyTorch's own, such as that of a bare `nn.Sequential`. With a
        # frame of this module first, it compiles everything.
        call = module._call_impl

        def call_module(*arguments: Any, **named: Any) -> Any:
            return call(*arguments, **named)

        module._compiled_call_impl = torch.compile(call_module, **how)
