"""Device health: clock, power, energy and throttling of an NVIDIA GPU, by NVML (optional package `pynvml`)."""

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


class SensorError(OSError):
    """The energy of a device cannot be read; the message says why, and what to do if something can be done."""


class EnergySensor:
    """The energy counter and the power of one NVIDIA GPU. NVML stays open until `close`."""

    def __init__(self, nvml: Any, identifier: str) -> None:
        """Open NVML.

        Args:
            nvml: the module `pynvml`.
            identifier: of the device, such as `GPU-…`.

        Raises:
            SensorError: the device has neither a counter nor a power reading.
        """
        self._nvml = nvml
        self.has_counter = True
        "Whether `joules` can be read; it needs a GPU since Volta. If not, `watts` can."
        try:
            nvml.nvmlInit()
        except nvml.NVMLError as error:
            raise SensorError(f"NVML, which reads the energy of a GPU, does not start: {error}") from error
        try:
            self._device = nvml.nvmlDeviceGetHandleByUUID(identifier)
            try:
                self.joules()
            except SensorError:
                self.has_counter = False
                self.watts()
        except (nvml.NVMLError, SensorError) as error:
            self.close()
            raise SensorError(f"the GPU reports neither its energy nor its power: {error}") from error

    def joules(self) -> float:
        """Return the energy since the driver was loaded. Raises SensorError if it cannot be read."""
        try:
            return float(self._nvml.nvmlDeviceGetTotalEnergyConsumption(self._device)) / 1000
        except self._nvml.NVMLError as error:
            raise SensorError(str(error)) from error

    def watts(self) -> float:
        """Return the power. Raises SensorError if it cannot be read."""
        try:
            return float(self._nvml.nvmlDeviceGetPowerUsage(self._device)) / 1000
        except self._nvml.NVMLError as error:
            raise SensorError(str(error)) from error

    def close(self) -> None:
        """Close NVML."""
        self._nvml.nvmlShutdown()


def energy_sensor(kind: str, index: int | None = None) -> EnergySensor:
    """Return the sensor of a device, of the current one by default.

    Raises:
        SensorError: the device is no NVIDIA GPU, NVML is not installed, or the GPU reports no energy.
    """
    identifier = devices.uuid(kind, index) if kind == "cuda" else None
    if identifier is None:
        raise SensorError(f"only NVIDIA GPUs report their energy here, and this is {devices.name(kind, index)}")
    try:
        import pynvml  # type: ignore[import-not-found,import-untyped,unused-ignore]  # optional, and without types
    except ImportError as error:
        raise SensorError("NVML reads the energy of a GPU; to get it: pip install nvidia-ml-py") from error
    return EnergySensor(pynvml, identifier)


def reasons(ends: Sequence[Health]) -> tuple[str, ...]:
    """Return what held the clock down at any of some readings; empty if nothing did."""
    return tuple(dict.fromkeys(reason for health in ends for reason in health.throttled))


def throttled_share(ends: Sequence[Health]) -> float:
    """Return the share of readings, such as those at both ends of a block, at which something held the clock down."""
    return sum(bool(health.throttled) for health in ends) / len(ends)
