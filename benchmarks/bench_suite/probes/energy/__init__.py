"""Energy: joules of a training and watt-hours of predictions, from counters of the hardware."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import numpy as np

from bench_suite.contracts import Metric, OptionError, Placement, Trained
from bench_suite.probes.energy.meter import EnergyMeter, open_meter
from bench_suite.probes.energy.results import Block, Training, of_blocks, of_training
from bench_suite.training import devices
from bench_suite.training.precision import computing

VERSION = 1
QUESTION = "cost"
METRICS = {
    "training": {
        "title": "energy of the training",
        "about": "energy of the machine's counted parts during the training",
        "unit": "J",
        "better": "lower",
        "range": (0.0, None),
        "timing": True,
    },
    "inference": {
        "title": "energy of 1,000 predictions",
        "about": "energy of the machine's counted parts for 1,000 predictions",
        "unit": "Wh/1000 predictions",
        "better": "lower",
        "range": (0.0, None),
        "timing": True,
    },
    "training_power": {
        "about": "mean power during the training",
        "unit": "W",
        "better": "none",
        "range": (0.0, None),
        "timing": True,
    },
    "inference_power": {
        "about": "mean power during prediction",
        "unit": "W",
        "better": "none",
        "range": (0.0, None),
        "timing": True,
    },
    "idle_power": {
        "about": "mean power before the training, while nothing was computed",
        "unit": "W",
        "better": "none",
        "range": (0.0, None),
        "timing": True,
    },
    "emissions": {
        "title": "emissions of the training",
        "about": "greenhouse gases of the electricity for the training, at the stated grams per kWh",
        "unit": "g CO2e",
        "better": "lower",
        "range": (0.0, None),
        "timing": True,
    },
    "inference_emissions": {
        "title": "emissions of 1,000 predictions",
        "about": "greenhouse gases of the electricity for 1,000 predictions, at the stated grams per kWh",
        "unit": "g CO2e/1000 predictions",
        "better": "lower",
        "range": (0.0, None),
        "timing": True,
    },
}
BOUNDS = {
    "batch_size": (1, None),
    "blocks": (1, 60),
    "seconds": (0.0, 600.0),
    "idle_seconds": (0.0, 60.0),
    "grams_per_kilowatt_hour": (0.0, 5000.0),
}
MIN_GRAMS = 1.0
"A smaller intensity, in g/kWh, is a mistake, except for 0: over their lives, even wind and water power cause more."
SMOKE = {"seconds": 0.0, "blocks": 1, "idle_seconds": 0.0}


@dataclass(frozen=True)
class Options:
    batch_size: int = 64
    "Examples in a batch of predictions; the whole test split if it has fewer."
    blocks: int = 5
    "Blocks of predictions, one after another; each is one sample of the energy."
    seconds: float = 1.0
    """Seconds of predictions in each block, after a warm-up; some GPUs update their counter only ten times a second. 0:
    one call, as in a smoke run."""
    idle_seconds: float = 1.0
    "Seconds before the training in which `idle_power` is measured; 0 does not measure it."
    grams_per_kilowatt_hour: float | None = None
    """Grams of CO2 equivalent for each kWh of the electricity that the machine uses, as its supplier or a map of the
    grid states it. Without it there are no `emissions`."""


def check(options: Options) -> None:
    """Check that the carbon intensity is one in grams.

    Raises:
        OptionError: it is below that of any grid, so kilograms are meant.
    """
    intensity = options.grams_per_kilowatt_hour
    if intensity is not None and 0 < intensity < MIN_GRAMS:
        raise OptionError(
            f"{intensity:g} g/kWh is less than any power plant emits; if it is {intensity:g} kg/kWh, state "
            f"{1000 * intensity:g}",
            "grams_per_kilowatt_hour",
        )


@contextmanager
def during(placement: Placement, options: Options) -> Iterator[Training]:
    """Measure the energy during a training, and before it the power of the idle machine."""
    with open_meter(placement) as meter:
        training = Training()
        if meter.measures and options.idle_seconds:
            began = meter.read()
            devices.sleep(options.idle_seconds)
            training.idle = meter.between(began, meter.read())
        before = meter.read()
        yield training
        training.spent = meter.between(before, meter.read())


def probe(trained: Trained, options: Options) -> Iterator[Metric]:
    """Yield the energy of the training and of predictions, by hardware and, without coordinates, of all together.

    The coordinate `hardware` is `accelerator` (all devices of the training; the one that predicts), `cpu` (all packages
    of the machine) or `memory`, if the machine counts it. All energies are gross: they contain what the hardware uses
    while it idles, and `idle_power` shows how much that is. If one of them cannot be measured, there is no sum.
    The coordinate `method` is `sampled power` if the hardware did not count the energy, so that it is integrated from
    power.

        inference = joules of all blocks / 3600 / predictions of all blocks · 1000
        emissions = joules / 3600 / 1000 · grams_per_kilowatt_hour
    """
    training: Training | None = trained.meter
    if training is None:
        yield Metric("training", None, "nothing was trained here")
    else:
        yield from of_training(training, options.grams_per_kilowatt_hour)
    blocks = list(_predictions(trained, options))
    yield from of_blocks(blocks, options.grams_per_kilowatt_hour)


def _predictions(trained: Trained, options: Options) -> Iterator[Block]:
    """Yield blocks of predictions of one batch that is on the device already, as `throughput` times them."""
    size = min(options.batch_size, len(trained.data.splits["test"]))
    with computing(trained.placement), open_meter(trained.placement, several=False) as meter:
        if not meter.measures:
            reading = meter.read()
            yield Block(0, meter.between(reading, reading))
            return
        call = trained.inference("test", np.arange(size))
        if options.seconds:
            call()  # the first call chooses kernels
        on_progress = getattr(trained, "on_progress", None)
        yield from predict_in_blocks(call, size, meter, options, on_progress)


def predict_in_blocks(
    call: Callable[[], object], size: int, meter: EnergyMeter, options: Options,
    on_progress: Callable[[str], None] | None = None,
) -> Iterator[Block]:  # fmt: skip
    """Yield the energy of consecutive blocks of calls; each begins where the one before ended.

    Args:
        call: predicts a batch.
        size: examples of the batch.
        meter: reads the energy.
        options: of the probe.
        on_progress: called at the start of each block, with a text to show.
    """
    before = meter.read()
    for number in range(1, options.blocks + 1):
        if on_progress is not None:
            on_progress(f"energy of predictions, block {number} of {options.blocks}")
        calls = _repeat(call, options.seconds)
        after = meter.read()
        yield Block(calls * size, meter.between(before, after))
        before = after


def _repeat(call: Callable[[], object], seconds: float) -> int:
    """Call a function for some seconds, at least once, and return how often."""
    calls, began = 0, devices.perf_counter()
    while not calls or devices.perf_counter() - began < seconds:
        call()
        calls += 1
    return calls
