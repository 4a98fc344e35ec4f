"""Claims about the meter: the sources of a kind of hardware are summed, and one that is lost costs that kind only."""

from __future__ import annotations

import threading
import time

import pytest

from bench_suite.contracts import Placement
from bench_suite.probes.energy import meter as meters
from bench_suite.probes.energy.meter import EnergyMeter, Spent, open_meter
from bench_suite.probes.energy.sources import Counter, SampledPower
from bench_suite.training import device_health
from bench_suite.training.device_health import SensorError

CPU = Placement("cpu", 1, "32-true")
CUDA = Placement("cuda", 1, "32-true")


def spent_of(meter, between):
    """Return the energy by hardware of what `between` does."""
    before = meter.read()
    between()
    return {spent.hardware: spent for spent in meter.between(before, meter.read())}


def test_a_planted_tree_has_the_planted_joules_of_packages_and_memory(laptop, clock):
    tree = laptop()

    def work():
        clock.now += 10.0
        planted = {"intel-rapl:0": 300.0, "intel-rapl:0:0": 200.0, "intel-rapl:0:1": 50.0, "intel-rapl:0:2": 40.0}
        for folder, joules in {**planted, "intel-rapl:1": 500.0, "intel-rapl-mmio:0": 300.0}.items():
            tree.spend(folder, joules)

    with open_meter(CPU) as meter:
        spent = spent_of(meter, work)
    assert spent["cpu"].joules == pytest.approx(300.0, abs=1e-6)
    assert spent["memory"].joules == pytest.approx(40.0, abs=1e-6)
    assert spent["cpu"].seconds == 10.0
    assert {part.method for part in spent.values()} == {"counter"}
    assert set(spent) == {"cpu", "memory"}


def test_several_wraps_are_seen_since_the_meter_reads_in_between(tree, clock):
    tree.add("intel-rapl:0", "package-0", microjoules=49_000_000, wraps_at=50_000_000)
    with open_meter(CPU) as meter:

        def work():
            for _ in range(1000):  # 400 W for 10 s are 80 wraps of 50 J
                clock.now += 0.01
                tree.spend("intel-rapl:0", 4.0)
                meter.update()

        assert spent_of(meter, work)["cpu"].joules == pytest.approx(4000.0, abs=1e-6)


def test_a_package_that_disappears_costs_the_processor_and_not_the_memory(laptop, clock):
    tree = laptop()

    def work():
        clock.now += 1.0
        tree.spend("intel-rapl:0:2", 3.0)
        (tree.root / "intel-rapl:0" / "energy_uj").unlink()

    with open_meter(CPU) as meter:
        spent = spent_of(meter, work)
        assert meter.measures
    assert spent["cpu"].joules is None
    assert "the counter intel-rapl:0 (package-0) could no longer be read" in spent["cpu"].reason
    assert spent["memory"].joules == pytest.approx(3.0)


def test_a_counter_that_does_not_move_is_no_zero(tree, clock):
    tree.add("intel-rapl:0", "package-0")
    with open_meter(CPU) as meter:
        (spent,) = spent_of(meter, lambda: None).values()
    assert spent.joules is None
    assert "did not move" in spent.reason


def test_a_thread_reads_while_the_work_runs_and_ends_with_the_context(tree):
    tree.add("intel-rapl:0", "package-0", wraps_at=20_000_000)  # read every 5 ms
    reads = []
    with open_meter(CPU) as meter:
        update = meter.update
        meter.update = lambda: (reads.append(threading.current_thread().name), update())
        deadline = time.monotonic() + 10
        while "energy" not in reads and time.monotonic() < deadline:
            time.sleep(0.01)
        assert "energy" in reads
        assert meter.interval == pytest.approx(0.005)
    assert "energy" not in {thread.name for thread in threading.enumerate()}


def test_without_any_counter_no_thread_runs_and_each_kind_of_hardware_has_its_reason(tree):
    with open_meter(CPU) as meter:
        assert "energy" not in {thread.name for thread in threading.enumerate()}
        assert not meter.measures
        (spent,) = spent_of(meter, lambda: None).values()
    assert (spent.hardware, spent.joules) == ("cpu", None)
    assert "shows no package" in spent.reason


# ── accelerators ────────────────────────────────────────────────────────────────────────────────


class Sensor:
    """A GPU whose counter or power a test plants."""

    def __init__(self, joules=None, watts=0.0):
        self.count, self.power, self.open = joules, watts, True
        self.has_counter = joules is not None

    def joules(self):
        return self.count

    def watts(self):
        return self.power

    def close(self):
        self.open = False


@pytest.fixture
def gpus(monkeypatch):
    """Sensors by number of the device; one that is missing raises."""
    sensors = {}

    def sensor(kind, index=None):
        if index not in sensors:
            raise SensorError(f"no sensor of {kind}:{index}")
        return sensors[index]

    monkeypatch.setattr(device_health, "energy_sensor", sensor)
    monkeypatch.setattr(meters.devices, "synchronize", lambda kind: None)
    return sensors


def test_the_energy_of_a_gpu_is_that_of_its_counter(tree, gpus, clock):
    tree.add("intel-rapl:0", "package-0")
    gpus[None] = Sensor(1e6)
    with open_meter(CUDA) as meter:

        def work():
            clock.now += 2.0
            gpus[None].count += 600.0
            tree.spend("intel-rapl:0", 100.0)

        spent = spent_of(meter, work)
    assert spent["accelerator"] == Spent("accelerator", 600.0, 2.0, "counter")
    assert spent["cpu"].joules == pytest.approx(100.0)
    assert not gpus[None].open


def test_devices_of_all_ranks_are_summed_in_training_and_one_predicts(tree, gpus, clock):
    gpus |= {0: Sensor(10.0), 1: Sensor(20.0), None: Sensor(0.0)}

    def work():
        for number, sensor in gpus.items():
            sensor.count += 5.0 if number is None else 100.0 * (number + 1)

    placement = Placement("cuda", 1, "32-true", devices=2)
    with open_meter(placement) as meter:
        assert spent_of(meter, work)["accelerator"].joules == 300.0
    with open_meter(placement, several=False) as meter:
        assert spent_of(meter, work)["accelerator"].joules == 5.0


def test_one_rank_without_a_sensor_makes_the_sum_unknown(tree, gpus, clock):
    gpus[0] = Sensor(10.0)
    with open_meter(Placement("cuda", 1, "32-true", devices=2)) as meter:
        assert meter.absent["accelerator"] == "no sensor of cuda:1"
    assert not gpus[0].open


def test_without_a_counter_the_power_is_sampled_and_the_method_says_so(tree, gpus, clock):
    gpus[None] = Sensor(None, 100.0)
    with open_meter(CUDA) as meter:
        assert meter.interval == meters.SampledPower.interval

        def work():
            for step in range(1, 101):  # a ramp from 100 to 300 W in 10 s
                clock.now = step * 0.1
                gpus[None].power = 100.0 + 2.0 * step
                meter.update()

        spent = spent_of(meter, work)["accelerator"]
    assert spent.joules == pytest.approx(2000.0)
    assert spent.method == "sampled power"


def test_a_kind_of_hardware_with_one_part_that_is_sampled_is_sampled():
    counted = Counter("accelerator", "a", lambda: 1.0)
    sampled = SampledPower("accelerator", "b", lambda: 1.0)
    for sources in ([counted, sampled], [sampled, counted]):
        assert EnergyMeter(sources)._methods == {"accelerator": "sampled power"}


def test_another_kind_of_accelerator_has_a_reason(tree, monkeypatch):
    monkeypatch.setattr(meters.devices, "synchronize", lambda kind: None)
    monkeypatch.setattr(device_health.devices, "name", lambda kind, index=None: "Apple arm64")
    with open_meter(Placement("mps", 1, "32-true")) as meter:
        assert meter.absent["accelerator"] == "only NVIDIA GPUs report their energy here, and this is Apple arm64"
