"""The meter: adds up the joules of all sources, while a thread reads them often enough."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial

from bench_suite.contracts import Placement
from bench_suite.probes.energy import powercap
from bench_suite.probes.energy.sources import Component, Counter, Method, SampledPower, Source, SourceLost
from bench_suite.training import device_health, devices


@dataclass(frozen=True)
class Spent:
    """The energy of one component, or of all together, between two readings."""

    component: Component | None
    "None: all components together."
    joules: float | None
    "None if it is not known."
    seconds: float
    method: Method | None = None
    "None if nothing was measured."
    reason: str | None = None
    "Why it is not known; of a sum that is known, what it is of."


@dataclass(frozen=True)
class Reading:
    """What the sources have yielded up to one moment."""

    seconds: float
    "Time of the clock."
    joules: Mapping[Component, float]
    "Since the first reading, by component."


@dataclass
class EnergyMeter:
    """The sum of the joules of each component, from the first reading on."""

    sources: Sequence[Source]
    absent: dict[Component, str] = field(default_factory=dict)
    "Why components have no energy, of those that should have one."
    device: str = devices.CPU
    "Kind of the device that is waited for before a reading, so that its work is in it."
    _sums: dict[Component, float] = field(default_factory=dict)
    _methods: dict[Component, Method] = field(default_factory=dict)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def __post_init__(self) -> None:
        for source in self.sources:
            self._sums.setdefault(source.component, 0.0)
            if self._methods.get(source.component) != "sampled power":  # a part that is sampled decides
                self._methods[source.component] = source.method

    @property
    def measures(self) -> bool:
        """Whether there is anything to read."""
        return any(source.component not in self.absent for source in self.sources)

    @property
    def components(self) -> tuple[Component, ...]:
        """The components that have an energy, or a reason for which they have none."""
        return tuple(dict.fromkeys([*(source.component for source in self.sources), *self.absent]))

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
        """Read each source; a component whose source is lost has a reason from then on."""
        with self._lock:
            for source in self.sources:
                if source.component in self.absent:
                    continue
                try:
                    self._sums[source.component] += source.advance(devices.perf_counter())
                except SourceLost as lost:
                    self.absent[source.component] = str(lost)

    def between(self, first: Reading, second: Reading) -> list[Spent]:
        """Return the energy of each component between two readings, or why it is not known."""
        seconds = second.seconds - first.seconds
        spent = []
        for component in self.components:
            method = self._methods.get(component)
            if component in self.absent:
                spent.append(Spent(component, None, seconds, None, self.absent[component]))
                continue
            joules = second.joules[component] - first.joules[component]
            if joules > 0:
                spent.append(Spent(component, joules, seconds, method))
            else:
                reason = f"its counter did not move in {seconds:.2g} s, which is too short for it"
                spent.append(Spent(component, None, seconds, method, reason))
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


def sources_of(placement: Placement, several: bool) -> tuple[list[Source], dict[Component, str]]:
    """Return the sources of a placement, and why a component has none."""
    sources: list[Source] = []
    absent: dict[Component, str] = {}
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
