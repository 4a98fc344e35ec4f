"""Known answers of energy: planted counters, whose joules are known, in place of those of the machine.

The counters are files in a temporary folder, as Linux shows them, or numbers in memory. Nothing of the machine is read:
whether its own counters are right cannot be known from within it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory

from bench_suite.probes import energy
from bench_suite.probes.energy import powercap, results
from bench_suite.probes.energy.meter import EnergyMeter, Spent
from bench_suite.probes.energy.sources import Counter, Hardware, SampledPower
from bench_suite.selftest.checks import Check, Measured, NotMeasured, exactly
from bench_suite.suite.plan import Cell

TASK = "energy"
RANGE = 65_532_610_987
"Microjoules at which the planted counters begin again: 65.5 kJ, as those of many processors."
WATTS, SECONDS = 400.0, 3600
"A constant power, and how long it lasts: the counter begins again 21 times."
LAPTOP: Mapping[str, tuple[str, float]] = {
    "intel-rapl:0": ("package-0", 300.0),
    "intel-rapl:0:0": ("core", 200.0),
    "intel-rapl:0:1": ("uncore", 50.0),
    "intel-rapl:0:2": ("dram", 40.0),
    "intel-rapl:1": ("psys", 500.0),
    "intel-rapl-mmio:0": ("package-0", 300.0),
}
"Domains of a laptop, which overlap, with the joules that each counts."
DIES: Mapping[str, tuple[str, float]] = {
    "intel-rapl:0": ("package-0-die-0", 100.0),
    "intel-rapl:1": ("package-0-die-1", 100.0),
}
"Two dies that show the counter of their package."
BATCH, JOULES_OF_A_CALL, CALLS = 64, 36.0, 3
INTENSITY = 400.0
"Grams of CO2 equivalent for each kWh."


def energy_checks(cell: Cell) -> Iterator[Check]:
    """Yield the checks, none of which needs a run.

    Args:
        cell: any cell of the suite; the checks show its copy with the task `energy`.
    """
    shown = replace(
        cell, id=TASK, fraction=1.0, task=replace(cell.task, label=TASK), model=replace(cell.model, label="planted"),
        labels={"task": TASK, "model": "planted"},
    )  # fmt: skip
    for name, known, read in (
        ("joules over 21 wraps", WATTS * SECONDS, _wraps),
        ("joules of overlapping packages", 300.0, lambda: _of_tree(LAPTOP, "cpu")),
        ("joules of memory", 40.0, lambda: _of_tree(LAPTOP, "memory")),
        ("joules of dies with one counter", 100.0, lambda: _of_tree(DIES, "cpu")),
        ("joules of a ramp of power", 2000.0, _ramp),
        ("energies without a counter", 0.0, _after_a_loss),
        ("energy/training", 1200.0, lambda: _of_training("training")),
        ("energy/emissions", 1200.0 / 3.6e6 * INTENSITY, lambda: _of_training("emissions")),
        ("energy/inference", 1000 * JOULES_OF_A_CALL / 3600 / BATCH, _predictions),
    ):
        yield exactly(name, shown, known, _without_run(read), needs_run=False)


def _without_run(read: Callable[[], float | None]) -> Callable[[Measured], float]:
    def measure(measured: Measured) -> float:
        try:
            value = read()
        except powercap.NoCounter as absent:
            raise NotMeasured(str(absent)) from absent
        if value is None:
            raise NotMeasured("no energy was measured")
        return value

    return measure


def _wraps() -> float:
    """Return the joules of a constant power, read once a second."""
    shown = iter([WATTS * second % (RANGE / 1e6) for second in range(SECONDS + 1)])
    counter = Counter("cpu", "planted", lambda: next(shown), RANGE / 1e6)
    return sum(counter.advance(float(second)) for second in range(SECONDS + 1))


def _ramp() -> float:
    """Return the joules of a power that rises from 100 to 300 W in 10 s."""
    times = [step / 8 for step in range(81)]  # without rounding
    shown = iter([100.0 + 20.0 * time for time in times])
    power = SampledPower("accelerator", "planted", lambda: next(shown))
    return sum(power.advance(time) for time in times)


def _of_tree(tree: Mapping[str, tuple[str, float]], hardware: Hardware) -> float | None:
    """Return the joules of a kind of hardware while each domain of a tree counts its own."""
    with TemporaryDirectory(prefix="bench-energy-") as folder:
        root = Path(folder)
        _write(root, tree, 0.0)
        meter = EnergyMeter([domain.counter() for domain in powercap.domains(root)])
        before = meter.read()
        _write(root, tree, 1.0)
        return {part.hardware: part.joules for part in meter.between(before, meter.read())}.get(hardware)


def _write(root: Path, tree: Mapping[str, tuple[str, float]], share: float) -> None:
    """Write the counters of a tree after a share of its joules; each is close to its wrap at first."""
    for name, (label, joules) in tree.items():
        folder = root / name
        folder.mkdir(exist_ok=True)
        (folder / "name").write_text(label)
        (folder / "max_energy_range_uj").write_text(str(RANGE))
        (folder / "energy_uj").write_text(str((RANGE - 10_000_000 + round(1e6 * share * joules)) % RANGE))


def _after_a_loss() -> float:
    """Return how many energies there are after the only package has disappeared."""
    with TemporaryDirectory(prefix="bench-energy-") as folder:
        root = Path(folder)
        _write(root, {"intel-rapl:0": ("package-0", 5.0)}, 0.0)
        meter = EnergyMeter([domain.counter() for domain in powercap.domains(root)])
        before = meter.read()
        (root / "intel-rapl:0" / "energy_uj").unlink()
        return float(sum(part.joules is not None for part in meter.between(before, meter.read())))


def _of_training(name: str) -> float | None:
    """Return a metric of a training with planted energies of an accelerator and of the processor."""
    spent = (Spent("accelerator", 900.0, 3.0, "counter"), Spent("cpu", 300.0, 3.0, "counter"))
    metrics = results.of_training(results.Training(spent), INTENSITY)
    return next((metric.value for metric in metrics if metric.name == name and not metric.at), None)


def _predictions() -> float | None:
    """Return the watt-hours of 1,000 predictions by calls that each count the same joules."""
    counted = [0.0]

    def call() -> None:
        counted[0] += JOULES_OF_A_CALL

    meter = EnergyMeter([Counter("cpu", "planted", lambda: counted[0])])
    options = energy.Options(batch_size=BATCH, blocks=CALLS, seconds=0.0)
    blocks = list(energy.predict_in_blocks(call, BATCH, meter, options))
    metrics = results.of_blocks(blocks)
    return next((metric.value for metric in metrics if metric.name == "inference" and not metric.at), None)
