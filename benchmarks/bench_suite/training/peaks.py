"""Peaks: measured peak rates of this machine, FLOP/s of matrix products in each precision and bytes/s of memory.

Utilisation is relative to these rates, never to a data sheet. A measurement of products takes about 0.4 s. It is stored
in the cache folder by hardware, threads and version of PyTorch; `bench doctor` measures all rates again.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any
from uuid import uuid4

import numpy as np
import torch

from bench_suite.contracts import Placement
from bench_suite.data.cache import default_root
from bench_suite.data.fingerprint import hash_of
from bench_suite.training import devices
from bench_suite.training.machine import describe
from bench_suite.training.precision import computing

LAYOUT = 1
"Increase it if the measurement changes; files of other layouts are not read."
SIZES = {"cpu": (512, 1024, 2048), "cuda": (2048, 4096, 8192)}
"Sides of the square matrices; the fastest of those that are `AFFORDABLE` counts."
SIZES_OF_OTHERS = (1024, 2048, 4096)
"The same for any other kind of device."
TYPES = {
    "32-true": torch.float32,
    "bf16-mixed": torch.bfloat16,
    "16-mixed": torch.float16,
    "tf32": torch.float32,
}
"By precision in a suite; `tf32` is float32 with products on a GPU's tensor cores."
WINDOW = 0.01
"Least seconds of a window: short, so that at least one window has the processor to itself."
WINDOWS = 20
COPIES = 6
"Windows of copies, which take longer."
AFFORDABLE = 0.06
"Seconds: larger products that would take longer are not measured."
BLOCK_BYTES = 1 << 28
"Size of the block that is copied: larger than caches, and smaller if memory is scarce."
ABOVE_ONE = (
    "above 1: this network computes faster than a square matrix product did here in the same precision; either the "
    "machine was busy when the peak was measured, or it has faster kernels for other work (run `bench doctor` to "
    "measure the peak again)"
)
"The reason of a utilisation above 1, for the reader."


@dataclass(frozen=True)
class Peak:
    """The best measured rate, and those of all windows of the measurement."""

    rate: float
    "FLOP/s or bytes/s of the best window."
    samples: tuple[float, ...]
    "Rates of the windows, in the same unit."
    size: int
    "Side of the matrices, or bytes of the block."
    device: str
    precision: str | None
    threads: int

    @property
    def median(self) -> float:
        """Return the median rate of the windows."""
        return float(np.median(self.samples))


def peak(device: str, precision: str, threads: int, *, anew: bool = False, root: Path | None = None) -> Peak:
    """Return the FLOP/s of square matrix products, 2·n³ operations each: the best of `WINDOWS` windows.

    Args:
        device: kind of the device.
        precision: a key of `TYPES`.
        threads: of the processor.
        anew: measure even if an earlier measurement of this machine is stored.
        root: folder of stored measurements; None: the cache folder.

    Raises:
        BenchError: this machine does not support the device or the precision.
    """
    folder = (default_root() if root is None else root) / "peaks"
    key = _key(device, precision, threads)
    file = folder / f"{hash_of(json.dumps(key, sort_keys=True))}.json"
    if not anew and (stored := _read_peak(file, key)) is not None:
        return stored
    measured = _measure_products(device, precision, threads)
    _write_peak(file, key, measured)
    return measured


def peak_above(rate: float, placement: Placement) -> Peak:
    """Return the peak of a placement; measured again if a rate in FLOP/s exceeds the stored one.

    The machine may have been busy when the peak was measured.
    """
    stored = peak(placement.device, placement.precision, placement.threads)
    if rate <= stored.rate:
        return stored
    return peak(placement.device, placement.precision, placement.threads, anew=True)


def bandwidth(device: str, threads: int) -> Peak:
    """Return the bytes/s of copying a large block; reads and writes both count, as in STREAM's `copy`."""
    with computing(Placement(device, threads, "32-true")):
        source = torch.ones(_block_bytes(device) // 4, device=device)
        target = torch.empty_like(source).copy_(source)  # the first write also allocates the pages
        windows = _measure_windows(lambda: target.copy_(source), device, COPIES)
    samples = tuple(2 * source.nbytes * calls / seconds for calls, seconds in windows)
    return Peak(max(samples), samples, source.nbytes, device, None, threads)


def precisions(device: str) -> tuple[str, ...]:
    """Return the precisions whose products can be measured on a device of this machine."""
    if device == "cpu":
        return ("32-true", "bf16-mixed")
    if (capability := devices.capability(device)) is not None:
        return ("32-true", *(("tf32", "bf16-mixed") if capability[0] >= 8 else ()), "16-mixed")
    return ("32-true", "16-mixed")


def _measure_products(device: str, precision: str, threads: int) -> Peak:
    dtype = TYPES[precision]
    allowed = torch.backends.cuda.matmul.allow_tf32
    with computing(Placement(device, threads, "32-true")), torch.inference_mode():
        torch.backends.cuda.matmul.allow_tf32 = precision == "tf32"
        try:
            best: tuple[float, int, Callable[[], object]] | None = None
            for size in SIZES.get(device, SIZES_OF_OTHERS):
                call = _product(size, device, dtype)
                # The first call packs, chooses kernels and wakes threads; the others are a rough measure.
                _seconds(call, device)
                seconds = min(_seconds(call, device) for _ in range(2))
                if best is None or 2 * size**3 / seconds > best[0]:
                    best = (2 * size**3 / seconds, size, call)
                if 8 * seconds > AFFORDABLE:  # twice the side is eight times the work
                    break
            assert best is not None
            _, size, call = best
            samples = tuple(2 * size**3 * calls / seconds for calls, seconds in _measure_windows(call, device, WINDOWS))
        finally:
            torch.backends.cuda.matmul.allow_tf32 = allowed
    return Peak(max(samples), samples, size, device, precision, threads)


def _product(size: int, device: str, dtype: torch.dtype) -> Callable[[], object]:
    random = torch.Generator().manual_seed(0)
    first, second = (torch.randn(size, size, generator=random).to(device, dtype) for _ in range(2))
    out = torch.empty_like(first)
    return lambda: torch.mm(first, second, out=out)


def _measure_windows(call: Callable[[], object], device: str, count: int) -> list[tuple[int, float]]:
    """Return calls and seconds of `count` windows after a warm-up; on a GPU, a window ends with a synchronisation."""
    windows = []
    clock = devices.perf_counter
    calls = 1
    for _ in range(count + 1):
        began = clock()
        done = 0
        while not done or (device == "cpu" and clock() - began < WINDOW):
            for _ in range(calls):
                call()
            done += calls
            devices.synchronize(device)
        seconds = clock() - began
        windows.append((done, seconds))
        if device != "cpu":  # fill a window with calls, and wait once for all of them
            calls = max(1, round(WINDOW * done / seconds))
    return windows[1:]


def _seconds(call: Callable[[], object], device: str) -> float:
    began = devices.perf_counter()
    call()
    devices.synchronize(device)
    return devices.perf_counter() - began


def _block_bytes(device: str) -> int:
    total = describe()["hardware"].get("memory_bytes", 4 << 30)
    if device != "cpu":
        total = devices.total_memory(device) or total
    return int(min(BLOCK_BYTES, total // 16)) // 64 * 64


# ── stored measurements ─────────────────────────────────────────────────────────────────────────


def _key(device: str, precision: str, threads: int) -> dict[str, Any]:
    """Return everything that a rate depends on."""
    here = describe()
    return {
        "layout": LAYOUT, "hardware": here["hardware"], "variables": here["threads"], "torch": torch.__version__,
        "cuda": torch.version.cuda, "device": device, "precision": precision, "threads": threads,
    }  # fmt: skip


def _read_peak(file: Path, key: Mapping[str, Any]) -> Peak | None:
    """Return the measurement stored under `key`; None if there is none or it cannot be read."""
    try:
        document = json.loads(file.read_text(encoding="utf-8"))
        if document["key"] != json.loads(json.dumps(key)):
            return None
        stored = Peak(**{**document["peak"], "samples": tuple(document["peak"]["samples"])})
        return stored if stored.rate > 0 else None
    except (OSError, ValueError, KeyError, TypeError):
        return None


def _write_peak(file: Path, key: Mapping[str, Any], measured: Peak) -> None:
    """Store a measurement, by a temporary file and a rename; if the folder is not writable, the next run measures."""
    temporary = file.with_name(f".{uuid4().hex}")
    with suppress(OSError):
        file.parent.mkdir(parents=True, exist_ok=True)
        try:
            temporary.write_text(json.dumps({"key": key, "peak": asdict(measured)}, indent=1), encoding="utf-8")
            os.replace(temporary, file)
        finally:
            temporary.unlink(missing_ok=True)
