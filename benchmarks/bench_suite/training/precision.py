"""Where and how numbers are computed: device, threads, precision, memory format, deterministic kernels."""

from __future__ import annotations

import functools
import os
import shutil
import sys
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from time import perf_counter

import torch
from threadpoolctl import ThreadpoolController

from bench_suite.contracts import BenchError, Placement

PRECISIONS = ("32-true", "bf16-mixed")
DEVICES = ("cpu", "cuda", "mps")


def check(placement: Placement) -> None:
    """Raise `BenchError`, with what to do, where this machine cannot compute as `placement` asks."""
    if placement.device not in DEVICES:
        raise BenchError(f"no device {placement.device!r}: there are {', '.join(DEVICES)}, and auto, which picks one")
    if placement.device == "cuda" and not torch.cuda.is_available():
        raise BenchError(f"no CUDA device: this PyTorch is {torch.__version__}; set device = 'auto' or 'cpu'")
    if placement.device == "mps" and not torch.backends.mps.is_available():
        raise BenchError("no Metal device (mps) here; set device = 'auto' or 'cpu'")
    if placement.precision not in PRECISIONS:
        raise BenchError(f"no precision {placement.precision!r}: there are {', '.join(PRECISIONS)}")
    if placement.precision == "bf16-mixed" and placement.device == "cuda" and not torch.cuda.is_bf16_supported():
        raise BenchError(f"{torch.cuda.get_device_name()} has no bfloat16; set precision = '32-true'")
    if placement.compiled and placement.device == "cpu" and not _has_compiler():
        raise BenchError("compile = true on a CPU needs a C++ compiler, and none is found: install g++ or clang++")


def _has_compiler() -> bool:
    named = os.environ.get("CXX")
    return any(shutil.which(command) for command in ([named] if named else ["g++", "clang++", "cl", "c++"]))


def fastest_precision(device: str, threads: int) -> str:
    """The precision that `auto` stands for on a device: the one in which a convolution trains faster here.

    Forward and backward pass of a 3×3 convolution, 64 channels on 32×32 pictures in `channels_last`, once in 32 bits
    and once under bfloat16 autocast, interleaved. `bf16-mixed` where it takes less than `WORTHWHILE` of the time, as
    on processors with matrix instructions for it (AMX, AVX512-BF16) and GPUs since Ampere; where it is only emulated
    it takes longer. Measured once a process: 0.1 s on two cores.
    """
    return _measure_fastest(device, threads)


WORTHWHILE = 0.8
"Share of the time in 32 bits below which bfloat16 is worth its fewer digits."


@functools.cache
def _measure_fastest(device: str, threads: int) -> str:
    if device == "cuda" and not torch.cuda.is_bf16_supported():
        return "32-true"
    times: dict[str, list[float]] = {precision: [] for precision in PRECISIONS}
    # Drawn by a generator of its own: what models draw must not depend on whether anything was measured.
    generator = torch.Generator().manual_seed(0)
    image = torch.randn(16, 64, 32, 32, generator=generator).to(device, memory_format=torch.channels_last)
    kernel = torch.randn(64, 64, 3, 3, generator=generator).to(device, memory_format=torch.channels_last)
    kernel.requires_grad_()
    for turn in range(4):
        for precision in PRECISIONS:
            placement = Placement(device, threads, precision)
            with computing(placement):
                began = perf_counter()
                with autocast(placement):
                    value = torch.nn.functional.conv2d(image, kernel, padding=1).square().mean()
                (slope,) = torch.autograd.grad(value, kernel)
                float(slope[0, 0, 0, 0])  # on a GPU, the end of the work
                if turn:  # the first one chooses kernels
                    times[precision].append(perf_counter() - began)
    return "bf16-mixed" if min(times["bf16-mixed"]) < WORTHWHILE * min(times["32-true"]) else "32-true"


@contextmanager
def computing(placement: Placement) -> Iterator[None]:
    """Within it, PyTorch and scikit-learn have the place's threads, its kernels, and no precision but the one named.

    TF32 is a lower precision that cuDNN takes for float32 by default, so it is off: `32-true` means 32 bits.
    What was set before is set again afterwards. Raises `BenchError` like `check`.
    """
    check(placement)
    threads, deterministic = torch.get_num_threads(), torch.are_deterministic_algorithms_enabled()
    tf32 = torch.backends.cudnn.allow_tf32
    if threads != placement.threads:
        torch.set_num_threads(placement.threads)
    if placement.deterministic != deterministic:
        # Read by cuBLAS when it is first used; without it, PyTorch refuses matrix products under this flag.
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
    """Limits the thread pools of BLAS and OpenMP too, once scikit-learn has brought its own.

    The controller is made once: looking for the libraries takes 1 ms, setting their limits 20 µs.
    """
    return _controller().limit(limits=threads) if "sklearn" in sys.modules else nullcontext()


@functools.cache
def _controller() -> ThreadpoolController:
    return ThreadpoolController()


def autocast(placement: Placement) -> AbstractContextManager[object]:
    """A context for forward pass and loss: bfloat16 where it is safe under `bf16-mixed`, else nothing.

    It may be entered many times, one after another.
    """
    if placement.precision == "bf16-mixed":
        return torch.autocast(placement.device, dtype=torch.bfloat16)
    return nullcontext()


def has_bfloat16_lstm() -> bool:
    """Whether an LSTM computes in bfloat16 on this processor: oneDNN emulates other layers there, and not this one."""
    return not torch.backends.mkldnn.is_available() or bool(torch.ops.mkldnn._is_mkldnn_bf16_supported())


def move_to_placement(module: torch.nn.Module, placement: Placement) -> torch.nn.Module:
    """`module` itself, its parameters on the device, and channels last where it convolves.

    The format changes speed and never the result's meaning: 1.5 times the samples/s of a small residual network on
    CIFAR-10 and 2 cores. Metal has no gain from it. Raises `BenchError` where a part of it cannot compute here in the
    precision of the place.
    """
    recurrent = any(isinstance(part, torch.nn.LSTM) for part in module.modules())
    if recurrent and placement.precision == "bf16-mixed" and placement.device == "cpu" and not has_bfloat16_lstm():
        raise BenchError("this processor has no bfloat16 kernel for an LSTM; set precision = '32-true' or 'auto'")
    module.to(placement.device)
    if placement.device != "mps" and any(isinstance(part, torch.nn.Conv2d) for part in module.modules()):
        module.to(memory_format=torch.channels_last)  # type: ignore[call-overload]  # not in torch's stubs
    return module
