"""The settings of NumPy, PyTorch and scikit-learn that change the numbers which others compute."""

from __future__ import annotations

import ctypes
import sys
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

import numpy as np
import torch

from bench_suite.execution.setting import Setting
from bench_suite.training import devices


def numeric_settings() -> Iterator[Setting]:
    """Yield the settings that a change at import would alter for all cells."""
    yield from _numpy()
    yield from _of_torch()
    yield from _backends()
    yield _number("settings of scikit-learn", _sklearn, _set_sklearn)


def _number(kind: str, read: Callable[[], Any], write: Callable[[Any], object]) -> Setting:
    return Setting(kind, read, write, numeric=True)


def _numpy() -> Iterator[Setting]:
    yield _number("np.seterr", np.geterr, lambda values: np.seterr(**values))
    yield _number("np.seterrcall", np.geterrcall, np.seterrcall)
    yield _number("np.setbufsize", np.getbufsize, np.setbufsize)
    yield Setting("generator of NumPy", _numpy_generator, _set_numpy_generator, comparable=False, same=_is_unused)


def _numpy_generator() -> tuple[dict[str, Any], bytes | None, Any]:
    """Return the state of NumPy's global generator, its memory, by which a change is noticed at once, and itself."""
    state = dict(np.random.get_state(legacy=False))  # noqa: NPY002 - the global generator is meant
    memory = _memory_of_generator()
    key = state.get("state", {}).get("key") if state.get("bit_generator") == "MT19937" else None
    # A cached second normal number is beside this memory, so that a change of it alone would not be noticed.
    known = key is not None and memory is not None and memory.startswith(key.tobytes()) and not state.get("has_gauss")
    return state, memory if known else None, _bit_generator()


def _set_numpy_generator(value: tuple[dict[str, Any], bytes | None, Any]) -> None:
    if _bit_generator() is not value[2]:
        np.random.set_bit_generator(value[2])  # type: ignore[attr-defined]  # NumPy's stubs leave it out
    np.random.set_state(value[0])  # noqa: NPY002 - the global generator is meant


def _is_unused(value: tuple[dict[str, Any], bytes | None, Any]) -> bool:
    """Return whether NumPy's global generator is the same and has drawn nothing since."""
    return value[1] is not None and _bit_generator() is value[2] and value[1] == _memory_of_generator()


def _bit_generator() -> Any:
    return np.random.get_bit_generator()  # type: ignore[attr-defined]  # NumPy's stubs leave it out


_MEMORY = 624 * 4 + 4
"Bytes of the state of a Mersenne Twister: 624 words and a position."


def _memory_of_generator() -> bytes | None:
    generator = _bit_generator()
    if type(generator) is not np.random.MT19937:
        return None
    return ctypes.string_at(generator.ctypes.state_address, _MEMORY)


def _of_torch() -> Iterator[Setting]:
    yield _number("default dtype", torch.get_default_dtype, torch.set_default_dtype)
    yield _number("default device", _default_device, torch.set_default_device)
    yield _number("grad mode", torch.is_grad_enabled, torch.set_grad_enabled)
    yield _number("inference mode", torch.is_inference_mode_enabled, _cannot)
    yield _number("anomaly mode", torch.is_anomaly_enabled, torch.set_anomaly_enabled)
    for device in dict.fromkeys(["cpu", "cuda", *devices.kinds()]):
        yield _number(
            f"autocast on {device}",
            partial(_autocast, device),
            partial(_set_autocast, device),
        )
    yield _number("deterministic algorithms", torch.get_deterministic_debug_mode, torch.set_deterministic_debug_mode)
    yield _number(
        "precision of matrix products", torch.get_float32_matmul_precision, torch.set_float32_matmul_precision
    )
    yield _number("denormal numbers", _flushes_denormal, torch.set_flush_denormal)
    yield _number("dispatch modes", getattr(torch._C, "_len_torch_dispatch_stack", int), _cannot)
    yield _number("global hooks of modules", _hooks, _set_hooks)
    yield Setting("generator of PyTorch", torch.get_rng_state, torch.set_rng_state, comparable=False)
    yield Setting(
        "generators of accelerators", devices.generator_states, devices.set_generator_states, comparable=False
    )
    for kind in devices.kinds():
        if devices.has_several(kind) and kind != "cpu":
            yield _number(f"device of {kind}", partial(devices.current, kind), partial(devices.set_current, kind))


def _backends() -> Iterator[Setting]:
    cudnn, cuda = torch.backends.cudnn, torch.backends.cuda
    for name in ("enabled", "benchmark", "deterministic", "allow_tf32"):
        yield _attribute(f"cudnn.{name}", cudnn, name)
    yield _attribute("cuda.matmul.allow_tf32", cuda.matmul, "allow_tf32")
    yield _number(
        "fast path of attention", torch.backends.mha.get_fastpath_enabled, torch.backends.mha.set_fastpath_enabled
    )
    yield _attribute("fill_uninitialized_memory", torch.utils.deterministic, "fill_uninitialized_memory")
    for name in ("flash", "mem_efficient", "math"):
        read, write = getattr(cuda, f"{name}_sdp_enabled", None), getattr(cuda, f"enable_{name}_sdp", None)
        if read is not None and write is not None:
            yield _number(f"{name} attention", read, write)


def _attribute(kind: str, owner: Any, name: str) -> Setting:
    return _number(kind, lambda: getattr(owner, name), lambda value: setattr(owner, name, value))


def _cannot(value: Any) -> None:
    """Do nothing: the setting ends only where it began."""


def _default_device() -> str | None:
    """Return the device that `torch.set_default_device` set; None if there is none."""
    context = getattr(getattr(torch, "_GLOBAL_DEVICE_CONTEXT", None), "device_context", None)
    return None if context is None else str(context.device)


def _autocast(device: str) -> tuple[bool, torch.dtype]:
    return torch.is_autocast_enabled(device), torch.get_autocast_dtype(device)


def _set_autocast(device: str, values: tuple[bool, torch.dtype]) -> None:
    enabled, dtype = values
    torch.set_autocast_enabled(device, enabled)
    torch.set_autocast_dtype(device, dtype)


_TINY = 1e-310


def _flushes_denormal() -> bool:
    """Return whether numbers below the smallest normal one become 0: PyTorch sets this mode, but does not report it.

    It is a mode of the processor for this thread, so a product of Python's numbers shows it.
    """
    return _TINY * 1.0 == 0.0


_HOOKS = [
    name
    for name in vars(torch.nn.modules.module)
    if name.startswith("_global_") and isinstance(getattr(torch.nn.modules.module, name), dict)
]
"Registries of hooks that are called for every module of the process."


def _hooks() -> dict[str, list[tuple[Any, Any]]]:
    module = torch.nn.modules.module
    return {name: list(getattr(module, name).items()) for name in _HOOKS}


def _set_hooks(wanted: dict[str, list[tuple[Any, Any]]]) -> None:
    for name, hooks in wanted.items():
        registry = getattr(torch.nn.modules.module, name)
        registry.clear()
        registry.update(hooks)


def _sklearn_defaults() -> dict[str, Any]:
    return dict(getattr(sys.modules.get("sklearn._config"), "_global_config", {}))


def _sklearn() -> dict[str, Any]:
    """Return the settings of scikit-learn that are not the defaults; it may be imported at any time."""
    defaults = _sklearn_defaults()
    if not defaults:
        return {}
    return {name: value for name, value in sys.modules["sklearn"].get_config().items() if value != defaults.get(name)}


def _set_sklearn(values: dict[str, Any]) -> None:
    if defaults := _sklearn_defaults():
        sys.modules["sklearn"].set_config(**defaults | values)
