"""Compiling: measure the time of `torch.compile`, at any step, apart from the steps themselves."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import Any

import torch

from bench_suite.contracts import Placement
from bench_suite.training import devices


@dataclass
class CompileTime:
    """The time of the compilations so far."""

    seconds: float = 0.0
    "Time of all compilations: of the first step, of a batch of another size, of evaluation."


@contextmanager
def record_compilations(placement: Placement, exclude: Callable[[float], None]) -> Iterator[CompileTime | None]:
    """Measure each compilation within the context and report its seconds to `exclude`; yield None if nothing compiles.

    The callbacks of PyTorch's compiler (`torch._dynamo.callback`) also report recompilations, and the backward pass,
    which is compiled when it first runs.
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


def compile_module(module: torch.nn.Module) -> None:
    """Compile a module in place at its first call; its class and the names in its state do not change.

    The compiled code of earlier modules is dropped. Modules of one class share their code, and PyTorch silently stops
    compiling after eight variants of it (`torch._dynamo.config.recompile_limit`).
    """
    torch.compiler.reset()
    module.compile()
    if type(module).__module__.startswith("torch."):
        # The compiler skips a call whose first frame is PyTorch's own, such as that of a bare `nn.Sequential`. With a
        # frame of this module first, it compiles everything.
        call = module._call_impl

        def call_module(*arguments: Any, **named: Any) -> Any:
            return call(*arguments, **named)

        module._compiled_call_impl = torch.compile(call_module)
