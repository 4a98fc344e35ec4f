"""Devices: which ones this machine has and what they can do; the one module that calls `torch.cuda` and its like.

A device is named by its kind, as PyTorch names it: `cpu`, `cuda`, `mps`, or any other that this PyTorch has, such as
`xpu` or the name of a registered backend. PyTorch gives each kind a module of the same interface (`torch.cuda`,
`torch.xpu`); a function that a kind's module lacks is one that the kind lacks, and the functions here say so. On the
processor nothing has to be awaited, and there is nothing to set.
"""

from __future__ import annotations

import platform
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from typing import Any

import torch

from bench_suite.contracts import Batch

CPU = "cpu"
perf_counter: Callable[[], float] = time.perf_counter
"""The clock of everything that is measured on a device, in seconds. Call it as `devices.perf_counter()`: a simulated
device replaces it by its own."""
sleep: Callable[[float], None] = time.sleep
"Waits for some seconds of that clock, during which this process computes nothing."
_NAMED = ("cuda", "mps", "xpu", "mtia")
"Kinds of accelerator that PyTorch itself brings, in the order in which `auto` prefers them."


# ── which devices there are ─────────────────────────────────────────────────────────────────────


def kinds() -> tuple[str, ...]:
    """Return the kinds of device that this machine has, in the order of preference of `auto`; `cpu` is the last."""
    return (*(kind for kind in _registered() if is_available(kind)), CPU)


def is_available(kind: str) -> bool:
    """Return whether this machine has a device of a kind."""
    if kind == CPU:
        return True
    if kind == "mps":
        return bool(torch.backends.mps.is_available())
    available = getattr(_module(kind), "is_available", None)
    return available is not None and bool(available())


def unavailable(kind: str) -> str | None:
    """Return why this machine has no device of a kind, with advice; None if it has one."""
    if is_available(kind):
        return None
    if kind == "cuda":
        return f"no CUDA device: this PyTorch is {torch.__version__}; set device = 'auto' or 'cpu'"
    if kind == "mps":
        return "no Metal device (mps) here; set device = 'auto' or 'cpu'"
    known = ", ".join(dict.fromkeys([*kinds()[::-1], "cuda", "mps"]))
    return f"no device {kind!r}: choose {known}, or auto, which picks one"


def count(kind: str) -> int:
    """Return the number of devices of a kind that this machine has."""
    counted = getattr(_module(kind), "device_count", None) if kind != CPU else None
    return int(counted()) if counted is not None and is_available(kind) else int(is_available(kind))


def accelerators() -> list[Mapping[str, Any]]:
    """Return `name` and, if it is known, `memory_bytes` of each accelerator of the kind that `auto` prefers."""
    kind = kinds()[0]
    if kind == CPU:
        return []
    rows: list[Mapping[str, Any]] = []
    for index in range(count(kind)):
        memory = total_memory(kind, index)
        rows.append({"name": name(kind, index), **({} if memory is None else {"memory_bytes": memory})})
    return rows


def name(kind: str, index: int | None = None) -> str:
    """Return the name of a device; of the current one if no index is given."""
    if kind == "mps":
        return f"Apple {platform.machine()}"
    named = getattr(_module(kind), "get_device_name", None)
    return str(named(index)) if named is not None else kind


def capability(kind: str) -> tuple[int, int] | None:
    """Return the compute capability of the current CUDA device; None for other kinds."""
    if kind != "cuda":
        return None
    major, minor = torch.cuda.get_device_capability()
    return major, minor


def uuid(kind: str, index: int | None = None) -> str | None:
    """Return the identifier of a device, such as `GPU-…`, of the current one by default; None if it has none."""
    properties = getattr(_module(kind), "get_device_properties", None) if kind != CPU else None
    number = current(kind) if index is None else index
    identifier = getattr(properties(number), "uuid", None) if properties is not None else None
    return None if identifier is None else f"GPU-{identifier}"


def current(kind: str) -> int:
    """Return the index of the current device of a kind."""
    index = getattr(_module(kind), "current_device", None) if is_initialized(kind) else None
    return int(index()) if index is not None else 0


def set_current(kind: str, index: int) -> None:
    """Make a device the current one of its kind."""
    _module(kind).set_device(index)


def has_several(kind: str) -> bool:
    """Return whether devices of a kind are numbered, so that one of them is the current one."""
    return hasattr(_module(kind), "set_device")


def is_initialized(kind: str) -> bool:
    """Return whether this process uses a device of a kind already, so that asking for its state starts nothing."""
    if not is_available(kind) or kind == CPU:
        return False
    initialized = getattr(_module(kind), "is_initialized", None)
    return initialized is None or bool(initialized())


def _registered() -> tuple[str, ...]:
    """Return the kinds of accelerator that PyTorch knows, whether or not this machine has them."""
    accelerator = getattr(torch, "accelerator", None)
    present = accelerator.current_accelerator() if accelerator is not None else None
    own = torch._C._get_privateuse1_backend_name()
    others = [*([present.type] if present is not None else []), *([own] if hasattr(torch, own) else [])]
    return tuple(dict.fromkeys([*_NAMED, *others]))


def _module(kind: str) -> Any:
    """Return PyTorch's module of a kind, such as `torch.cuda`; None if PyTorch knows no such kind."""
    try:
        return torch.get_device_module(kind)
    except RuntimeError:
        return None


# ── time ────────────────────────────────────────────────────────────────────────────────────────


def synchronize(kind: str) -> None:
    """Wait until the device has done all that was queued; on the processor, nothing is queued."""
    if kind != CPU:
        _module(kind).synchronize()


def new_event(kind: str) -> Any:
    """Return an event with `record()` and `elapsed_time(later)` in ms; None if the kind has none, as the processor."""
    event = getattr(_module(kind), "Event", None) if kind != CPU else None
    return event(enable_timing=True) if event is not None else None


# ── memory ──────────────────────────────────────────────────────────────────────────────────────

OUT_OF_MEMORY = (torch.cuda.OutOfMemoryError, MemoryError)
"What PyTorch raises if an accelerator, of any kind, has too little memory left; and Python, for the machine."


def reset_peak_memory(kind: str) -> bool:
    """Start a new measurement of the peak memory; return False if the kind does not measure it."""
    reset = getattr(_module(kind), "reset_peak_memory_stats", None) if kind != CPU else None
    if reset is None:
        return False
    reset()
    return True


def peak_memory(kind: str) -> int:
    """Return the bytes that PyTorch had allocated at most since `reset_peak_memory`, which must have returned True."""
    return int(_module(kind).max_memory_allocated())


def free_memory(kind: str) -> int | None:
    """Return the free bytes of the current device; None if it does not report them."""
    info = getattr(_module(kind), "mem_get_info", None) if kind != CPU else None
    return int(info()[0]) if info is not None else None


def release_memory(kind: str) -> None:
    """Return to the device what PyTorch keeps of its memory for later, if the kind does so."""
    release = getattr(_module(kind), "empty_cache", None) if kind != CPU else None
    if release is not None:
        release()


def total_memory(kind: str, index: int = 0) -> int | None:
    """Return the bytes of a device's memory; None if it does not report them."""
    properties = getattr(_module(kind), "get_device_properties", None) if kind != CPU else None
    total = getattr(properties(index), "total_memory", None) if properties is not None else None
    return None if total is None else int(total)


# ── batches ─────────────────────────────────────────────────────────────────────────────────────


def move(batch: Batch, kind: str) -> Batch:
    """Return a batch on a device, without a wait for the copies if the kind can copy from pinned memory.

    A copy from pageable memory waits until the device has done all that was queued before it.
    """
    if kind == CPU:
        return batch
    if pins_memory(kind):
        pinned = {name: _pinned(value) for name, value in batch.inputs.items()}
        batch = Batch(pinned, _pinned(batch.targets))
    return batch.to(kind)


def pins_memory(kind: str) -> bool:
    """Return whether copies from pinned memory to a kind of device run behind the host; of PyTorch's own, CUDA's do."""
    return kind in ("cuda", "xpu") or bool(getattr(_module(kind), "pins_memory", False))


def _pinned(value: Any) -> Any:
    """Return a tensor of the host in pinned memory; anything else as it is."""
    return value.pin_memory() if isinstance(value, torch.Tensor) and value.device.type == CPU else value


# ── random numbers ──────────────────────────────────────────────────────────────────────────────


def seed(value: int) -> None:
    """Seed the generators of all accelerators of this machine."""
    for kind in _registered():
        module = _module(kind)
        if module is None or not is_available(kind) or getattr(module, "_is_in_bad_fork", bool)():
            continue
        seed_device = getattr(module, "manual_seed_all", None) or getattr(module, "manual_seed", None)
        if seed_device is not None:
            seed_device(value)


def new_generator(kind: str) -> torch.Generator:
    """Return a generator of random numbers on a device; on the processor if the kind has none of its own."""
    try:
        return torch.Generator(kind)
    except RuntimeError:
        return torch.Generator()


def generator_states() -> dict[str, list[torch.Tensor]]:
    """Return by kind the states of the generators of the accelerators that this process uses."""
    states = {}
    for kind in _registered():
        if is_initialized(kind):
            module = _module(kind)
            if hasattr(module, "get_rng_state_all"):
                states[kind] = list(module.get_rng_state_all())
            elif hasattr(module, "get_rng_state"):
                states[kind] = [module.get_rng_state()]
    return states


def set_generator_states(states: Mapping[str, list[torch.Tensor]]) -> None:
    """Restore what `generator_states` returned."""
    for kind, values in states.items():
        module = _module(kind)
        if hasattr(module, "set_rng_state_all"):
            module.set_rng_state_all(values)
        else:
            module.set_rng_state(values[0])


@contextmanager
def fork_generators() -> Iterator[None]:
    """Restore PyTorch's generators, of the processor and of the accelerators that this process uses, at the end."""
    processor, others = torch.get_rng_state(), generator_states()
    try:
        yield
    finally:
        torch.set_rng_state(processor)
        set_generator_states(others)


# ── arithmetic ──────────────────────────────────────────────────────────────────────────────────


def supports_bfloat16(kind: str) -> bool:
    """Return whether a kind of device computes in bfloat16; True if it does not say."""
    if kind == CPU:
        return True
    module = _module(kind)
    if (asked := getattr(module, "is_bf16_supported", None)) is not None:
        return bool(asked())
    dtypes = getattr(module, "get_amp_supported_dtype", None)
    return dtypes is None or torch.bfloat16 in dtypes()


def supports_float64(kind: str) -> bool:
    """Return whether a kind of device has 64-bit numbers; Metal has none."""
    return kind != "mps"


def autocast(kind: str, dtype: torch.dtype = torch.bfloat16) -> AbstractContextManager[object]:
    """Return PyTorch's context in which products are computed in a shorter type."""
    return torch.autocast(kind, dtype=dtype)
