"""Compiling: what `torch.compile` takes, at whatever step it does so, told apart from the steps themselves."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from time import perf_counter
from typing import Any

import torch

from bench_suite.contracts import Placement


@dataclass
class CompileTime:
    """Compiling that was seen."""

    seconds: float = 0.0
    "Of all compilations so far: the first step's, and those for a batch of another size or in evaluation."


@contextmanager
def record_compilations(placement: Placement, exclude: Callable[[float], None]) -> Iterator[CompileTime | None]:
    """Count each compilation within the context and report its seconds to `exclude`; yield None if none is asked for.

    By the callbacks of PyTorch's compiler (`torch._dynamo.callback`), which tell of recompilations and of the backward
    pass, compiled when it is first run, too.
    """
    if not placement.compiled:
        yield None
        return
    from torch._dynamo.callback import callback_handler

    seen, began = CompileTime(), 0.0

    def start(*_: Any) -> None:
        nonlocal began
        began = perf_counter()

    def end(*_: Any) -> None:
        seconds = perf_counter() - began
        seen.seconds += seconds
        exclude(seconds)

    callback_handler.register_start_callback(start)
    callback_handler.register_end_callback(end)
    try:
        yield seen
    finally:
        with suppress(ValueError):  # someone has reset the compiler in between, and with it the callbacks
            callback_handler.remove_start_callback(start)
            callback_handler.remove_end_callback(end)


def compile_module(module: torch.nn.Module) -> None:
    """Have a module compiled when it is first called, in place: names in its state, and what it is, stay as they are.

    What was compiled for earlier modules is forgotten: modules of one class share their code, and PyTorch gives up
    compiling it, without an error, after eight variants (`torch._dynamo.config.recompile_limit`).
    """
    torch.compiler.reset()
    module.compile()
    if type(module).__module__.startswith("torch."):
        # The compiler leaves PyTorch's own frames as they are where a call begins with one, as it does for a bare
        # `nn.Sequential`: begun by a frame that is not PyTorch's, all is compiled.
        call = module._call_impl

        def begun(*arguments: Any, **named: Any) -> Any:
            return call(*arguments, **named)

        module._compiled_call_impl = torch.compile(begun)
