"""Checks: what an instrument must say of a planted cell, what it said, and what may lie between the two."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from bench_suite.components import discovery
from bench_suite.contracts import Interval, MetricRow, Predictions, Record
from bench_suite.store.runs import Run
from bench_suite.suite.plan import Cell

CHANCE = 1e-6
"How often a tolerance that is one of chance may be left where all is well."
ROUNDING = 1e-6
"Relative; scores are kept in 32 bits, of which 24 are digits."


class NotMeasured(Exception):
    """There is no number to compare, and why."""


@dataclass(frozen=True)
class Measured:
    """What the cells of a run came to."""

    run: Run
    records: Mapping[str, Record]
    "By cell id."
    again: Measured | None = None
    "The same of a second run of those cells that are to be repeated."

    def record(self, cell: Cell) -> Record:
        """The cell's record. Raises NotMeasured where it did not come to its end."""
        record = self.records.get(cell.id)
        if record is None:
            raise NotMeasured("the cell was not reached")
        if record.status != "ok":
            raise NotMeasured(f"the cell {record.status}: {record.reason}")
        return record

    def row(self, cell: Cell, name: str, at: Mapping[str, Any]) -> MetricRow:
        """One metric of a cell. Raises NotMeasured where it is absent."""
        record = self.record(cell)
        probe = record.probes.get(name.partition("/")[0])
        if probe is not None and probe.status == "failed":
            raise NotMeasured(f"the probe failed: {probe.reason}")
        found = [row for row in record.metrics if row.name == name and dict(row.at) == dict(at)]
        if len(found) != 1:
            raise NotMeasured(f"{len(found)} metrics of that name")
        return found[0]

    def artifact(self, cell: Cell, name: str) -> Any:
        """The data of one artifact of a cell. Raises NotMeasured where there is none."""
        return self._artifact(self.record(cell).artifacts, name)

    def summary(self, name: str) -> Any:
        """The data of one artifact of the run as a whole. Raises NotMeasured where there is none."""
        return self._artifact(self.run.summaries()[1], name)

    def predictions(self, cell: Cell) -> Predictions:
        """What the cell's model said of the test split, as it was stored. Raises NotMeasured."""
        rows = [row for row in self.record(cell).artifacts if row.name == "predictions/test"]
        if not rows:
            raise NotMeasured("no predictions were stored")
        return self.run.read_predictions(rows[0])

    def _artifact(self, rows: Sequence[Any], name: str) -> Any:
        rows = [row for row in rows if row.name == name]
        if not rows:
            raise NotMeasured(f"there is no {name}")
        return self.run.read_artifact(rows[0]).data


@dataclass(frozen=True)
class Check:
    """One number that is known before it is measured."""

    instrument: str
    "`probe/metric`, or what else is looked at."
    cell: Cell
    known: float
    least: float
    "The measured value may not be below it."
    most: float
    "Nor above it."
    basis: str
    "Where the tolerance comes from, in words."
    read: Callable[[Measured], float]
    "Raises NotMeasured."
    others: tuple[str, ...] = ()
    "Ids of further cells that it looks at."
    repeated: bool = False
    "Whether its cell is run twice."


@dataclass(frozen=True)
class Finding:
    """How a check ended."""

    check: Check
    measured: float | None
    reason: str | None = None
    "Why nothing was measured."

    @property
    def holds(self) -> bool:
        """Whether the measured value is one that is allowed; never where there is none."""
        return self.measured is not None and bool(self.check.least <= self.measured <= self.check.most)


def judge(check: Check, measured: Measured) -> Finding:
    """Compare one known number with what was measured."""
    try:
        value = float(check.read(measured))
    except NotMeasured as absent:
        return Finding(check, None, str(absent))
    return Finding(check, value) if math.isfinite(value) else Finding(check, None, f"it is {value}")


def metric(name: str, cell: Cell, **at: Any) -> Callable[[Measured], float]:
    """Reads the value of a metric."""

    def read(measured: Measured) -> float:
        row = measured.row(cell, name, at)
        if row.value is None:
            raise NotMeasured(row.reason or "no value")
        return row.value

    return read


def bound(name: str, cell: Cell, of: Callable[[Interval], float], **at: Any) -> Callable[[Measured], float]:
    """Reads a number off the interval of a metric, such as its width."""

    def read(measured: Measured) -> float:
        row = measured.row(cell, name, at)
        if row.interval is None:
            raise NotMeasured(row.reason or "no interval")
        return of(row.interval)

    return read


def exactly(
    instrument: str, cell: Cell, known: float, read: Callable[[Measured], float] | None = None, **more: Any
) -> Check:
    """A number that may differ by the rounding of 32 bits only."""
    slack = ROUNDING * max(1.0, abs(known))
    least, most = (known, known) if float(known).is_integer() else (known - slack, known + slack)
    return Check(instrument, cell, known, least, most, "exact", read or metric(instrument, cell), **more)


def around(instrument: str, cell: Cell, known: float, reach: float, basis: str, **more: Any) -> Check:
    """A number that may differ by `reach` in either direction."""
    read = more.pop("read", None) or metric(instrument, cell)
    return Check(instrument, cell, known, known - reach, known + reach, basis, read, **more)


def between(instrument: str, cell: Cell, known: float, least: float, most: float, basis: str, **more: Any) -> Check:
    """A number that may lie anywhere between two."""
    read = more.pop("read", None) or metric(instrument, cell)
    return Check(instrument, cell, known, least, most, basis, read, **more)


def options_of(cell: Cell, family: Literal["task", "model"]) -> Any:
    """The options of a cell's task or model, those that were left out included."""
    component = cell.task.component if family == "task" else cell.model.component
    return discovery.make_options(component, cell.options[family])
