"""Results: metrics from the energy of the hardware, each kind by itself and all together."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace

from bench_suite.contracts import Metric
from bench_suite.probes.energy.meter import Spent
from bench_suite.probes.energy.sources import Hardware

JOULES_PER_WATT_HOUR = 3600.0
THOUSAND = 1000.0
"Number of predictions whose energy is reported, and of watt-hours in a kilowatt-hour."
SHARED = "of the whole machine: other programs and idling are included"

Value = Callable[[float, float, int], float]
"The value of a metric from joules, seconds and predictions."


@dataclass
class Training:
    """What is measured around a training."""

    spent: Sequence[Spent] = ()
    "The energy of each kind of hardware during the training; empty until its end."
    idle: Sequence[Spent] = field(default=())
    "The energy of each kind of hardware before the training, while nothing is computed; empty if it is not measured."


@dataclass(frozen=True)
class Block:
    """A block of predictions."""

    predictions: int
    spent: Sequence[Spent]


def of_training(training: Training, grams_per_kilowatt_hour: float | None = None) -> Iterator[Metric]:
    """Yield the energy of a training, its power, the power of the idle machine, and emissions if they can be known.

    Args:
        training: what was measured.
        grams_per_kilowatt_hour: carbon intensity of the electricity; None for no emissions.
    """
    yield from _observed("training", training.spent, lambda joules, seconds, n: joules)
    if any(part.joules is not None for part in training.spent):
        yield from _observed("training_power", training.spent, lambda joules, seconds, n: joules / seconds)
        yield from _observed("idle_power", training.idle, lambda joules, seconds, n: joules / seconds)
    if grams_per_kilowatt_hour is not None:
        intensity = grams_per_kilowatt_hour
        yield from _observed("emissions", training.spent, lambda joules, seconds, n: grams(joules, intensity))


def of_blocks(blocks: Sequence[Block], grams_per_kilowatt_hour: float | None = None) -> Iterator[Metric]:
    """Yield the energy of 1,000 predictions over all blocks, with the blocks as samples, the power, and emissions.

    Args:
        blocks: at least one.
        grams_per_kilowatt_hour: as in `of_training`.
    """
    yield from _sampled("inference", blocks, lambda joules, seconds, n: watt_hours(joules) * THOUSAND / n)
    if any(part.joules is not None for part in _over_blocks(blocks)):
        yield from _sampled("inference_power", blocks, lambda joules, seconds, n: joules / seconds)
    if grams_per_kilowatt_hour is not None:
        intensity = grams_per_kilowatt_hour
        yield from _sampled(
            "inference_emissions", blocks, lambda joules, seconds, n: grams(joules, intensity) * THOUSAND / n
        )


def watt_hours(joules: float) -> float:
    """Return an energy in Wh."""
    return joules / JOULES_PER_WATT_HOUR


def grams(joules: float, grams_per_kilowatt_hour: float) -> float:
    """Return the grams of CO2 equivalent of an energy."""
    return watt_hours(joules) / THOUSAND * grams_per_kilowatt_hour


def together(parts: Sequence[Spent]) -> Spent:
    """Return the sum over all hardware; if one kind has no value, the sum has none."""
    unknown = [part for part in parts if part.joules is None]
    sampled = any(part.method == "sampled power" for part in parts)
    whole = Spent(None, None, parts[0].seconds, "sampled power" if sampled else "counter")
    if unknown:
        return replace(whole, reason="; ".join(f"{part.hardware}: {part.reason}" for part in unknown))
    note = " + ".join(str(part.hardware) for part in parts)
    return replace(whole, joules=sum(part.joules for part in parts if part.joules is not None), reason=note)


def _observed(name: str, parts: Sequence[Spent], value: Value) -> Iterator[Metric]:
    """Yield a metric that was observed once; nothing if nothing was measured."""
    for spent in _rows(parts):
        known = None if spent.joules is None else value(spent.joules, spent.seconds, 1)
        yield Metric(name, known, _note(spent), at=_coordinates(spent), kind="single")


def _sampled(name: str, blocks: Sequence[Block], value: Value) -> Iterator[Metric]:
    """Yield a metric of all blocks. If one block has no value, the metric has none."""
    predictions = [block.predictions for block in blocks]
    for whole in _rows(_over_blocks(blocks)):
        if whole.joules is None:
            yield Metric(name, None, whole.reason, at=_coordinates(whole))
            continue
        parts = [_of_hardware(block, whole.hardware) for block in blocks]
        samples = tuple(
            value(spent.joules, spent.seconds, n) for spent, n in zip(parts, predictions) if spent.joules is not None
        )
        total = value(whole.joules, whole.seconds, sum(predictions))
        yield Metric(name, total, _note(whole), at=_coordinates(whole), samples=samples, n=sum(predictions))


def _rows(parts: Sequence[Spent]) -> list[Spent]:
    """Return the rows to report: the sum, and each kind of hardware.

    If only some kinds have a value, there is no sum, and the others have their reasons. If none has, there is one row
    with all reasons.
    """
    known = [part.joules is not None for part in parts]
    if not any(known):
        return [together(parts)] if parts else []
    return [*([together(parts)] if all(known) else []), *parts]


def _over_blocks(blocks: Sequence[Block]) -> list[Spent]:
    """Return the energy of each kind of hardware in all blocks; one that a block does not know is not known."""
    wholes = []
    for column in zip(*(block.spent for block in blocks)):
        seconds = sum(spent.seconds for spent in column)
        unknown = [spent for spent in column if spent.joules is None]
        joules = None if unknown else sum(spent.joules for spent in column if spent.joules is not None)
        last = unknown[-1] if unknown else column[-1]
        wholes.append(replace(last, joules=joules, seconds=seconds))
    return wholes


def _of_hardware(block: Block, hardware: Hardware | None) -> Spent:
    """Return the energy of a kind of hardware in a block; None stands for all together."""
    if hardware is None:
        return together(block.spent)
    return next(spent for spent in block.spent if spent.hardware == hardware)


def _coordinates(spent: Spent) -> dict[str, str | float]:
    at: dict[str, str | float] = {} if spent.hardware is None else {"hardware": spent.hardware}
    return {**at, "method": spent.method} if spent.joules is not None and spent.method == "sampled power" else at


def _note(spent: Spent) -> str | None:
    """Return why an energy is not known, or what it contains."""
    if spent.joules is None:
        return spent.reason
    if spent.hardware == "accelerator":
        return None if spent.method == "counter" else "integrated from its power, which was read ten times a second"
    return SHARED if spent.reason is None else f"{spent.reason}, {SHARED}"
