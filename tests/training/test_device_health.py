"""Claims about the health of a GPU: what NVML says, on a library that answers as NVML does."""

from __future__ import annotations

import sys
from types import SimpleNamespace

import pytest

from bench_suite.training import device_health, devices
from bench_suite.training.device_health import Health, SensorError, energy_sensor, read, throttled_share


class NvmlError(Exception):
    pass


@pytest.fixture
def nvml(monkeypatch):
    """A library of the interface of `pynvml` with one device, and that device as the current one of PyTorch."""
    library = SimpleNamespace(
        open=0, bits=0x01, watts=300_000, NVMLError=NvmlError, NVML_CLOCK_SM=1,
        nvmlDeviceGetHandleByUUID=lambda uuid: uuid, nvmlDeviceGetClockInfo=lambda device, which: 1980,
        nvmlDeviceGetPowerUsage=lambda device: library.watts,
        nvmlDeviceGetCurrentClocksThrottleReasons=lambda device: library.bits,
    )  # fmt: skip
    library.nvmlInit = lambda: setattr(library, "open", library.open + 1)
    library.nvmlShutdown = lambda: setattr(library, "open", library.open - 1)
    monkeypatch.setitem(sys.modules, "pynvml", library)
    monkeypatch.setattr(devices, "uuid", lambda kind, index=None: f"GPU-{1 if index is None else index}")
    return library


@pytest.mark.parametrize(
    ("bits", "reasons"),
    [(0x00, ()), (0x01, ()), (0x02, ()), (0x100, ()), (0x04, ("power cap",)), (0x21, ("temperature",)),
     (0x48, ("hardware slowdown", "temperature, by hardware")), (0x80, ("power brake",))],
)  # fmt: skip
def test_what_holds_the_clock_down_is_named(nvml, bits, reasons):
    nvml.bits = bits
    assert read("cuda") == Health(1980.0, 300.0, reasons)
    assert nvml.open == 0


def test_the_name_of_the_function_since_driver_535_comes_first(nvml):
    nvml.nvmlDeviceGetCurrentClocksEventReasons = lambda device: 0x04
    assert read("cuda").throttled == ("power cap",)


def test_what_cannot_be_asked_is_absent(nvml, monkeypatch):
    def refuse(*arguments):
        raise NvmlError("not supported")

    nvml.nvmlDeviceGetPowerUsage = refuse
    assert read("cuda") == Health(1980.0, None)
    nvml.nvmlDeviceGetClockInfo = refuse
    assert read("cuda") is None
    assert nvml.open == 0
    assert read("cpu") is None
    monkeypatch.setitem(sys.modules, "pynvml", None)  # as if it were not installed
    assert read("cuda") is None
    monkeypatch.setattr(devices, "uuid", lambda kind: None)
    assert device_health.read("cuda") is None


def test_a_block_is_throttled_by_the_share_of_its_ends():
    fast, slow = Health(1980.0, 1.0), Health(1200.0, 1.0, ("power cap",))
    assert [throttled_share(ends) for ends in ((fast, fast), (fast, slow), (slow, slow))] == [0.0, 0.5, 1.0]


# ── energy ──────────────────────────────────────────────────────────────────────────────────────


def refuse(*arguments):
    raise NvmlError("not supported")


def test_the_counter_is_read_in_joules_of_the_device_that_was_named(nvml):
    counted = {"GPU-1": 5_000, "GPU-3": 123_456}
    nvml.nvmlDeviceGetTotalEnergyConsumption = counted.__getitem__
    sensor, other = energy_sensor("cuda"), energy_sensor("cuda", 3)
    assert (sensor.has_counter, sensor.joules(), other.joules()) == (True, 5.0, 123.456)
    assert nvml.open == 2
    sensor.close()
    other.close()
    assert nvml.open == 0


def test_an_older_gpu_has_a_power_in_place_of_a_counter(nvml):
    nvml.nvmlDeviceGetTotalEnergyConsumption = refuse
    sensor = energy_sensor("cuda")
    assert (sensor.has_counter, sensor.watts()) == (False, 300.0)
    with pytest.raises(SensorError, match="not supported"):
        sensor.joules()


def test_a_sensor_that_cannot_be_read_has_a_reason_and_leaves_nothing_open(nvml, monkeypatch):
    nvml.nvmlDeviceGetTotalEnergyConsumption = nvml.nvmlDeviceGetPowerUsage = refuse
    with pytest.raises(SensorError, match="the GPU reports neither its energy nor its power: not supported"):
        energy_sensor("cuda")
    assert nvml.open == 0
    nvml.nvmlDeviceGetHandleByUUID = refuse
    with pytest.raises(SensorError, match="neither"):
        energy_sensor("cuda")
    assert nvml.open == 0
    nvml.nvmlInit = refuse
    with pytest.raises(SensorError, match="does not start"):
        energy_sensor("cuda")
    monkeypatch.setitem(sys.modules, "pynvml", None)  # as if it were not installed
    with pytest.raises(SensorError, match="pip install nvidia-ml-py"):
        energy_sensor("cuda")
    with pytest.raises(SensorError, match="only NVIDIA GPUs report their energy here"):
        energy_sensor("cpu")
