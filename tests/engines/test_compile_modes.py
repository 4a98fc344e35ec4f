"""Claims about the values of the axis `compile`: each trains to the same losses with every engine, and keeps no output.

CUDA graphs write a module's outputs into the same memory at each call. Where there is no GPU, a backend that does the
same on the processor takes their place.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import pytest
import torch
from torch._dynamo.backends.common import aot_autograd
from torch._functorch.aot_autograd import make_boxed_func

from bench_suite.contracts import COMPILE_MODES, CUDA_GRAPHS, Data, Placement, TrainOptions
from bench_suite.engines import native as native_engine
from bench_suite.training import compiling

OPTIONS = TrainOptions(epochs=2, batch_size=64, patience=5)
ENGINES = ("native", "lightning", "hf")
AS_COMPILED = Placement("cpu", 1, "32-true", compiled=True)


def losses(ended: Any) -> list[dict[str, float]]:
    return [dict(row) for row in ended.history.epochs]


@pytest.mark.slow
@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("mode", [True, *(mode for mode in COMPILE_MODES if mode != CUDA_GRAPHS)])
def test_every_mode_trains_to_the_losses_without_it(engine: str, mode: bool | str, pictures: Data, run: Any) -> None:
    plain = run("native", pictures, OPTIONS)
    ended = run(engine, pictures, OPTIONS, placement=Placement("cpu", 1, "32-true", compiled=mode))
    assert plain.history.compile_seconds is None
    assert ended.history.compile_seconds > 0
    for row, expected in zip(losses(ended), losses(plain), strict=True):
        assert row == pytest.approx(expected, abs=1e-4)
    assert np.abs(ended.scores - plain.scores).max() < 1e-3


# ── outputs in memory that is used again ────────────────────────────────────────────────────────


def reusing_memory(graph: Any, inputs: Sequence[Any]) -> Callable[..., Any]:
    """Return the graph as a function that writes its outputs into the same tensors at each call, as a CUDA graph."""
    held: list[Any] = []

    def call(*arguments: Any) -> Any:
        results = graph(*arguments)
        if not held or any(isinstance(old, torch.Tensor) and old.shape != new.shape for old, new in zip(held, results)):
            held[:] = [value.clone() if isinstance(value, torch.Tensor) else value for value in results]
        else:
            for old, new in zip(held, results):
                if isinstance(old, torch.Tensor):
                    old.copy_(new)
        return tuple(held)

    boxed: Callable[..., Any] = make_boxed_func(call)
    return boxed


@pytest.fixture
def as_graphs(monkeypatch: pytest.MonkeyPatch) -> list[None]:
    """Let a compiled module reuse the memory of its outputs; return a list that grows with each step that begins."""
    backend = aot_autograd(fw_compiler=reusing_memory, bw_compiler=reusing_memory)
    monkeypatch.setattr(compiling, "arguments_of", lambda compiled: {"backend": backend})
    for module in (compiling, native_engine):
        monkeypatch.setattr(module, "records_graphs", lambda placement: True)
    begun: list[None] = []
    monkeypatch.setattr(torch.compiler, "cudagraph_mark_step_begin", lambda: begun.append(None))
    return begun


@pytest.mark.parametrize("engine", ENGINES)
def test_nothing_keeps_an_output_until_the_next_step(
    engine: str, pictures: Data, run: Any, as_graphs: list[None]
) -> None:
    plain = run("native", pictures, OPTIONS)
    as_graphs.clear()
    ended = run(engine, pictures, OPTIONS, placement=AS_COMPILED)
    for row, expected in zip(losses(ended), losses(plain), strict=True):
        assert row == pytest.approx(expected, abs=1e-5)
    assert np.abs(ended.scores - plain.scores).max() < 1e-5
    steps, validation, test = 2 * 10, 2 * 2, 4  # batches of 64 of 640, 100 and 200 examples
    assert len(as_graphs) == steps + validation + test, "each step and each batch of predictions begins with a mark"


def test_the_memory_of_outputs_is_really_used_again_in_these_tests(as_graphs: list[None]) -> None:
    module = torch.nn.Sequential(torch.nn.Linear(2, 3))
    compiling.compile_module(module)
    with torch.inference_mode():
        first = module(torch.zeros(4, 2))
        before = first.clone()
        module(torch.ones(4, 2))
    assert not torch.equal(first, before)


# ── how it is compiled ──────────────────────────────────────────────────────────────────────────


def test_the_value_decides_how_pytorch_compiles() -> None:
    assert compiling.arguments_of(True) == {}
    assert compiling.arguments_of("max-autotune-no-cudagraphs") == {"mode": "max-autotune-no-cudagraphs"}
    assert compiling.arguments_of(CUDA_GRAPHS) == {"backend": "cudagraphs"}
    named = {mode for mode in COMPILE_MODES if mode != CUDA_GRAPHS}
    assert named == set(torch._inductor.list_mode_options()) - {"default", "lite"}
    assert CUDA_GRAPHS in torch._dynamo.list_backends(exclude_tags=())


def test_graphs_are_recorded_on_cuda_only() -> None:
    recorded = {
        (kind, mode)
        for kind in ("cpu", "cuda", "mps")
        for mode in (False, True, *COMPILE_MODES)
        if compiling.records_graphs(Placement(kind, 1, "32-true", compiled=mode))
    }
    assert recorded == {("cuda", mode) for mode in ("reduce-overhead", "max-autotune", "cudagraphs")}
