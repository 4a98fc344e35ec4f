"""Device health: clock, power and throttling of an NVIDIA GPU, as NVML reports them (optional package `pynvml`)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from bench_suite.training import devices

_THROTTLING = {
    0x04: "power cap",
    0x08: "hardware slowdown",
    0x20: "temperature",
    0x40: "temperature, by hardware",
    0x80: "power brake",
}
"By bit of NVML's clock event reasons: what holds the clock down. An idle device and clocks that somebody set do not."


@dataclass(frozen=True)
class Health:
    """The state of a device at one moment."""

    sm_clock: float
    "MHz of the streaming multiprocessors."
    power: float | None
    "Watts; None if the device does not report it."
    throttled: tuple[str, ...] = ()
    "What holds the clock down; empty if nothing does."


def read(kind: str) -> Health | None:
    """Return the health of the current device; None if it is no NVIDIA GPU, or NVML cannot be asked."""
    identifier = devices.uuid(kind) if kind == "cuda" else None
    if identifier is None:
        return None
    try:
        import pynvml  # type: ignore[import-not-found,import-untyped,unused-ignore]  # optional, and without types
    except ImportError:
        return None
    try:
        pynvml.nvmlInit()
        try:
            return _read(pynvml, identifier)
        finally:
            pynvml.nvmlShutdown()
    except pynvml.NVMLError:
        return None


def _read(nvml: Any, identifier: str) -> Health:
    device = nvml.nvmlDeviceGetHandleByUUID(identifier)
    clock = float(nvml.nvmlDeviceGetClockInfo(device, nvml.NVML_CLOCK_SM))
    try:
        power = nvml.nvmlDeviceGetPowerUsage(device) / 1000
    except nvml.NVMLError:
        power = None
    reasons = getattr(nvml, "nvmlDeviceGetCurrentClocksEventReasons", None)  # its name since driver 535
    bits = (reasons or nvml.nvmlDeviceGetCurrentClocksThrottleReasons)(device)
    return Health(clock, power, tuple(name for bit, name in _THROTTLING.items() if bits & bit))


def reasons(ends: Sequence[Health]) -> tuple[str, ...]:
    """Return what held the clock down at any of some readings; empty if nothing did."""
    return tuple(dict.fromkeys(reason for health in ends for reason in health.throttled))


def throttled_share(ends: Sequence[Health]) -> float:
    """Return the share of readings, such as those at both ends of a block, at which something held the clock down."""
    return sum(bool(health.throttled) for health in ends) / len(ends)
