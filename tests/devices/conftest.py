"""Which device the tests in `on_device/` use: the one that BENCH_TEST_DEVICE names, such as `sim` or `cuda`.

Without it they are not collected here: `test_simulated.py` runs them in a process of their own, since a simulated
device is registered for a whole process.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest

HERE = Path(__file__).parent
DEVICE = os.environ.get("BENCH_TEST_DEVICE")
collect_ignore = ["test_simulated.py"] if DEVICE else ["on_device"]

if DEVICE == "sim":
    sys.path.insert(0, str(HERE))
    import simulated_device


@pytest.fixture(scope="session")
def device():
    """The kind of device under test."""
    return DEVICE


@pytest.fixture
def sim(monkeypatch):
    """The simulation, with nothing planted and its clock in place of the machine's; needs the device `sim`."""
    if DEVICE != "sim":
        pytest.skip("planted times need the simulated device")
    from bench_suite.training import devices

    simulated_device.SIM.reset()
    monkeypatch.setattr(devices, "perf_counter", simulated_device.SIM.perf_counter)
    yield simulated_device.SIM
    simulated_device.SIM.reset()
    simulated_device.Memory.capacity = float("inf")
