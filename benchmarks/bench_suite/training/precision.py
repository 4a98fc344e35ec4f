"""Precision: apply a placement to PyTorch: device, threads, precision, memory format, deterministic kernels."""

from __future__ import annotations

import functools
import os
import shutil
import sys
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext

import torch
from threadpoolctl import ThreadpoolController

from bench_suite.contracts import CUDA_GRAPHS, BenchError, Placement
from bench_suite.training import devices

PRECISIONS = ("32-true", "bf16-mixed")


def check(placement: Placement) -> None:
    """Raise BenchError, with advice, if this machine does not support a placement."""
    if message := devices.unavailable(placement.device):
        raise BenchError(message)
    if placement.precision not in PRECISIONS:
        raise BenchError(f"no precision {placement.precision!r}: choose {' or '.join(PRECISIONS)}")
    if placement.precision == "bf16-mixed" and not devices.supports_bfloat16(placement.device):
        raise BenchError(f"{devices.name(placement.device)} has no bfloat16; set precision = '32-true'")
    if placement.compiled == CUDA_GRAPHS and placement.device != "cuda":
        raise BenchError(
            f"compile = {CUDA_GRAPHS!r} records CUDA graphs, and this cell runs on {placement.device}, which has none; "
            "set compile = true or false"
        )
    if placement.compiled and placement.device == "cpu" and not _has_compiler():
        value = "true" if placement.compiled is True else repr(placement.compiled)
        raise BenchError(f"compile = {value} on a CPU needs a C++ compiler, and there is none: install g++ or clang++")


def _has_compiler() -> bool:
    named = os.environ.get("CXX")
    return any(shutil.which(command) for command in ([named] if named else ["g++", "clang++", "cl", "c++"]))


def fastest_precision(device: str, threads: int) -> str:
    """Return the precision for `auto`: the one in which a convolution trains faster on this machine.

    It measures the forward and backward pass of a 3×3 convolution, 64 channels on 32×32 pictures in `channels_last`,
    alternately in 32 bits and under bfloat16 autocast. The result is `bf16-mixed` if that takes less than `WORTHWHILE`
    of the time, as on processors with matrix instructions for it (AMX, AVX512-BF16) and GPUs since Ampere. An emulated
    bfloat16 takes longer. A process measures once: 0.1 s on two cores.
    """
    return _measure_fastest(device, threads)


WORTHWHILE = 0.8
"Share of the time in 32 bits below which the speed of bfloat16 outweighs its lower precision."


@functools.cache
def _measure_fastest(device: str, threads: int) -> str:
    if not devices.supports_bfloat16(device):
        return "32-true"
    times: dict[str, list[float]] = {precision: [] for precision in PRECISIONS}
    # A generator of its own: a measurement must not change the numbers that models draw.
    generator = torch.Generator().manual_seed(0)
    image = torch.randn(16, 64, 32, 32, generator=generator).to(device, memory_format=torch.channels_last)
    kernel = torch.randn(64, 64, 3, 3, generator=generator).to(device, memory_format=torch.channels_last)
    kernel.requires_grad_()
    for turn in range(4):
        for precision in PRECISIONS:
            placement = Placement(device, threads, precision)
            with computing(placement):
                began = devices.perf_counter()
                with autocast(placement):
                    value = torch.nn.functional.conv2d(image, kernel, padding=1).square().mean()
                torch.autograd.grad(value, kernel)
                devices.synchronize(device)
                if turn:  # the first turn chooses kernels
                    times[precision].append(devices.perf_counter() - began)
    return "bf16-mixed" if min(times["bf16-mixed"]) < WORTHWHILE * min(times["32-true"]) else "32-true"


@contextmanager
def computing(placement: Placement) -> Iterator[None]:
    """Apply a placement's threads, kernels and precision to PyTorch and scikit-learn; restore them at the end.

    By default, cuDNN computes float32 in the lower precision TF32, so it is turned off: `32-true` means 32 bits.

    Raises:
        BenchError: as in `check`.
    """
    check(placement)
    threads, deterministic = torch.get_num_threads(), torch.are_deterministic_algorithms_enabled()
    tf32 = torch.backends.cudnn.allow_tf32
    if threads != placement.threads:
        torch.set_num_threads(placement.threads)
    if placement.deterministic != deterministic:
        # cuBLAS reads it on its first use; without it, PyTorch refuses deterministic matrix products.
        os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")
        torch.use_deterministic_algorithms(placement.deterministic)
    if placement.device == "cuda":
        torch.backends.cudnn.allow_tf32 = False
    try:
        with _limit_thread_pools(placement.threads):
            yield
    finally:
        if placement.device == "cuda":
            torch.backends.cudnn.allow_tf32 = tf32
        if placement.deterministic != deterministic:
            torch.use_deterministic_algorithms(deterministic)
        if threads != placement.threads:
            torch.set_num_threads(threads)


def _limit_thread_pools(threads: int) -> AbstractContextManager[object]:
    """Limit the thread pools of BLAS and OpenMP too if scikit-learn is loaded.

    There is one controller: the search for the libraries takes 1 ms, setting their limits 20 µs.
    """
    return _controller().limit(limits=threads) if "sklearn" in sys.modules else nullcontext()


@functools.cache
def _controller() -> ThreadpoolController:
    return ThreadpoolController()


def autocast(placement: Placement) -> AbstractContextManager[object]:
    """Return a context for forward pass and loss: bfloat16 autocast under `bf16-mixed`, else nothing.

    It can be entered repeatedly.
    """
    if placement.precision == "bf16-mixed":
        return devices.autocast(placement.device)
    return nullcontext()


def has_bfloat16_lstm() -> bool:
    """Return whether this processor runs an LSTM in bfloat16; oneDNN emulates other layers, but not this one."""
    return not torch.backends.mkldnn.is_available() or bool(torch.ops.mkldnn._is_mkldnn_bf16_supported())


def move_to_placement(module: torch.nn.Module, placement: Placement) -> torch.nn.Module:
    """Move a module to the placement's device, to channels last if it has convolutions, and return it.

    The memory format affects speed only: 1.5 times the samples/s of a small residual network on CIFAR-10 and 2 cores.
    It brings no gain on Metal.

    Raises:
        BenchError: a layer does not support the placement's precision on this machine.
    """
    recurrent = any(isinstance(part, torch.nn.LSTM) for part in module.modules())
    if recurrent and placement.precision == "bf16-mixed" and placement.device == "cpu" and not has_bfloat16_lstm():
        raise BenchError("this processor has no bfloat16 kernel for an LSTM; set precision = '32-true' or 'auto'")
    module.to(placement.device)
    if placement.device != "mps" and any(isinstance(part, torch.nn.Conv2d) for part in module.modules()):
        module.to(memory_format=torch.channels_last)  # type: ignore[call-overload]  # not in torch's stubs
    return module
