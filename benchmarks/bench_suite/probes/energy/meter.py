"""The meter: adds up the joules of all sources, while a thread reads them often enough."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial

from bench_suite.contracts import Placement
from bench_suite.probes.energy import powercap
from bench_suite.probes.energy.sources import Counter, Hardware, Method, SampledPower, Source, SourceLost
from bench_suite.training import device_health, devices


@dataclass(frozen=True)
class Spent:
    """The energy of one kind of hardware, or of all together, between two readings."""

    hardware: Hardware | None
    "None: all hardware together."
    joules: float | None
    "None if it is not known."
    seconds: float
    method: Method | None = None
    "None if nothing was measured."
    reason: str | None = None
    "Why the energy is not known; for a known sum, the parts that it contains."


@dataclass(frozen=True)
class Reading:
    """The energy that the sources have yielded up to one moment."""

    seconds: float
    "Time of the clock."
    joules: Mapping[Hardware, float]
    "Since the first reading, by hardware."


@dataclass
class EnergyMeter:
    """The sum of the joules of each kind of hardware, from the first reading on."""

    sources: Sequence[Source]
    absent: dict[Hardware, str] = field(default_factory=dict)
    "Why a kind of hardware that the placement uses has no energy."
    device: str = devices.CPU
    "Kind of the device. A reading waits until it has done its work, so that the energy of this work is included."
    _sums: dict[Hardware, float] = field(default_factory=dict)
    _methods: dict[Hardware, Method] = field(default_factory=dict)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def __post_init__(self) -> None:
        for source in self.sources:
            self._sums.setdefault(source.hardware, 0.0)
            if self._methods.get(source.hardware) != "sampled power":  # a part that is sampled decides
                self._methods[source.hardware] = source.method

    @property
    def measures(self) -> bool:
        """Whether there is anything to read."""
        return any(source.hardware not in self.absent for source in self.sources)

    @property
    def measured_hardware(self) -> tuple[Hardware, ...]:
        """The hardware that has an energy, or a reason for which it has none."""
        return tuple(dict.fromkeys([*(source.hardware for source in self.sources), *self.absent]))

    @property
    def interval(self) -> float:
        """Most seconds between two readings."""
        return min(source.interval for source in self.sources)

    def read(self) -> Reading:
        """Wait until the device has done what is queued, and return what the sources have yielded up to now."""
        devices.synchronize(self.device)
        self.update()
        with self._lock:
            return Reading(devices.perf_counter(), dict(self._sums))

    def update(self) -> None:
        """Read each source; a kind of hardware whose source is lost has a reason from then on."""
        with self._lock:
            for source in self.sources:
                if source.hardware in self.absent:
                    continue
                try:
                    self._sums[source.hardware] += source.advance(devices.perf_counter())
                except SourceLost as lost:
                    self.absent[source.hardware] = str(lost)

    def between(self, first: Reading, second: Reading) -> list[Spent]:
        """Return the energy of each kind of hardware between two readings, or why it is not known."""
        seconds = second.seconds - first.seconds
        spent = []
        for hardware in self.measured_hardware:
            method = self._methods.get(hardware)
            if hardware in self.absent:
                spent.append(Spent(hardware, None, seconds, None, self.absent[hardware]))
                continue
            joules = second.joules[hardware] - first.joules[hardware]
            if joules > 0:
                spent.append(Spent(hardware, joules, seconds, method))
            else:
                reason = f"its counter did not move in {seconds:.2g} s, which is too short for it"
                spent.append(Spent(hardware, None, seconds, method, reason))
        return spent


@contextmanager
def open_meter(placement: Placement, several: bool = True) -> Iterator[EnergyMeter]:
    """Yield the meter of what a placement computes on: its accelerators, if it has any, the processor and the memory.

    A thread reads the sources until the end of the context.

    Args:
        placement: of the cell.
        several: whether all devices of the placement compute, as in its training, or the current one only.
    """
    sources, absent = sources_of(placement, several)
    meter = EnergyMeter(sources, absent, placement.device)
    try:
        with _reading(meter) if meter.measures else _nothing():
            yield meter
    finally:
        for source in sources:
            source.close()


def sources_of(placement: Placement, several: bool) -> tuple[list[Source], dict[Hardware, str]]:
    """Return the sources of a placement, and why a kind of hardware has none."""
    sources: list[Source] = []
    absent: dict[Hardware, str] = {}
    if placement.device != devices.CPU:
        numbers = range(placement.devices) if several and placement.devices > 1 else [None]
        try:
            for number in numbers:
                sources.append(_accelerator(placement.device, number))
        except device_health.SensorError as error:
            for source in sources:
                source.close()
            sources, absent = [], {"accelerator": str(error)}
    try:
        sources += [domain.counter() for domain in powercap.domains(powercap.ROOT)]
    except powercap.NoCounter as error:
        absent["cpu"] = str(error)
    return sources, absent


def _accelerator(kind: str, number: int | None) -> Source:
    """Return the source of a device; `number` is None for the current one. Raises SensorError if it has none."""
    sensor = device_health.energy_sensor(kind, number)
    if sensor.has_counter:
        return Counter("accelerator", "the energy counter of the GPU", sensor.joules, close=sensor.close)
    return SampledPower("accelerator", "the power of the GPU", sensor.watts, sensor.close)


@contextmanager
def _nothing() -> Iterator[None]:
    yield


@contextmanager
def _reading(meter: EnergyMeter) -> Iterator[None]:
    """Let a thread read the sources of a meter at its interval."""
    ended = threading.Event()
    thread = threading.Thread(target=partial(_read_until, meter, ended.wait), daemon=True, name="energy")
    thread.start()
    try:
        yield
    finally:
        ended.set()
        thread.join()


def _read_until(meter: EnergyMeter, wait: Callable[[float], bool]) -> None:
    while not wait(meter.interval):
        meter.update()
