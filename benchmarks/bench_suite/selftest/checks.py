"""Checks: the known value of a measurement of a planted cell, the measured value, and the allowed difference."""

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
"Probability that a correct measurement exceeds a tolerance that allows for chance."
ROUNDING = 1e-6
"Relative; scores are stored in 32 bits, of which 24 are significant."


class NotMeasured(Exception):
    """There is no number to compare; the message is the reason."""


@dataclass(frozen=True)
class Measured:
    """The records of a run."""

    run: Run
    records: Mapping[str, Record]
    "By cell id."
    again: Measured | None = None
    "The records of a second run of the cells that are repeated."

    def record(self, cell: Cell) -> Record:
        """Return the cell's record. Raises NotMeasured if the cell did not end well."""
        record = self.records.get(cell.id)
        if record is None:
            raise NotMeasured("the cell was not run")
        if record.status != "ok":
            raise NotMeasured(f"the cell {record.status}: {record.reason}")
        return record

    def row(self, cell: Cell, name: str, at: Mapping[str, Any]) -> MetricRow:
        """Return the row of a metric at its coordinates. Raises NotMeasured if it is absent."""
        record = self.record(cell)
        probe = record.probes.get(name.partition("/")[0])
        if probe is not None and probe.status == "failed":
            raise NotMeasured(f"the probe failed: {probe.reason}")
        rows = [row for row in record.metrics if row.name == name and dict(row.at) == dict(at)]
        if len(rows) != 1:
            raise NotMeasured(f"the record has {len(rows)} metrics of this name and these coordinates, not one")
        return rows[0]

    def artifact(self, cell: Cell, name: str) -> Any:
        """Return the data of an artifact of a cell. Raises NotMeasured if there is none."""
        return self._artifact(self.record(cell).artifacts, name)

    def summary(self, name: str) -> Any:
        """Return the data of an artifact of the whole run. Raises NotMeasured if there is none."""
        return self._artifact(self.run.summaries()[1], name)

    def predictions(self, cell: Cell) -> Predictions:
        """Return the stored predictions of the test split. Raises NotMeasured if there are none."""
        rows = [row for row in self.record(cell).artifacts if row.name == "predictions/test"]
        if not rows:
            raise NotMeasured("no predictions were stored")
        return self.run.read_predictions(rows[0])

    def _artifact(self, rows: Sequence[Any], name: str) -> Any:
        rows = [row for row in rows if row.name == name]
        if not rows:
            raise NotMeasured(f"there is no artifact {name}")
        return self.run.read_artifact(rows[0]).data


NOTHING = Measured(None, {})  # type: ignore[arg-type]  # for checks that need no run
"What checks without a run are judged on."


@dataclass(frozen=True)
class Check:
    """A number that is known before it is measured."""

    instrument: str
    "`probe/metric`, or another description of what is checked."
    cell: Cell
    known: float
    least: float
    "Least allowed value."
    most: float
    "Greatest allowed value."
    basis: str
    "The source of the tolerance, as text."
    read: Callable[[Measured], float]
    "Returns the measured value, or raises NotMeasured."
    others: tuple[str, ...] = ()
    "Ids of further cells that it reads."
    repeated: bool = False
    "Whether its cell is run twice."
    exact: bool = False
    "Whether nothing but rounding is allowed."
    needs_run: bool = True
    "Whether its cell is run; False if it reads data that it makes itself."


@dataclass(frozen=True)
class Finding:
    """The result of a check."""

    check: Check
    measured: float | None
    reason: str | None = None
    "Why there is no measured value."

    @property
    def holds(self) -> bool:
        """Whether the measured value is allowed; False if there is none."""
        return self.measured is not None and bool(self.check.least <= self.measured <= self.check.most)


def judge(check: Check, measured: Measured) -> Finding:
    """Compare a known number with the measured one."""
    try:
        value = float(check.read(measured))
    except NotMeasured as absent:
        return Finding(check, None, str(absent))
    return Finding(check, value) if math.isfinite(value) else Finding(check, None, f"the value is {value}")


def read_metric(name: str, cell: Cell, **at: Any) -> Callable[[Measured], float]:
    """Return a function that reads the value of a metric."""

    def read(measured: Measured) -> float:
        row = measured.row(cell, name, at)
        if row.value is None:
            raise NotMeasured(row.reason or "no value")
        return row.value

    return read


def read_interval(
    name: str, cell: Cell, function: Callable[[Interval], float], **at: Any
) -> Callable[[Measured], float]:
    """Return a function that reads a number from the interval of a metric, such as its width."""

    def read(measured: Measured) -> float:
        row = measured.row(cell, name, at)
        if row.interval is None:
            raise NotMeasured(row.reason or "no interval")
        return function(row.interval)

    return read


def exactly(
    instrument: str, cell: Cell, known: float, read: Callable[[Measured], float] | None = None, **more: Any
) -> Check:
    """Return a check that allows only the rounding of 32 bits."""
    slack = ROUNDING * max(1.0, abs(known))
    least, most = (known, known) if float(known).is_integer() else (known - slack, known + slack)
    return Check(
        instrument, cell, known, least, most, "exact", read or read_metric(instrument, cell), exact=True, **more
    )


def around(instrument: str, cell: Cell, known: float, tolerance: float, basis: str, **more: Any) -> Check:
    """Return a check that allows a difference of `tolerance` in either direction."""
    read = more.pop("read", None) or read_metric(instrument, cell)
    return Check(instrument, cell, known, known - tolerance, known + tolerance, basis, read, **more)


def between(instrument: str, cell: Cell, known: float, least: float, most: float, basis: str, **more: Any) -> Check:
    """Return a check that allows any value between `least` and `most`."""
    read = more.pop("read", None) or read_metric(instrument, cell)
    return Check(instrument, cell, known, least, most, basis, read, **more)


def options_of(cell: Cell, family: Literal["task", "model"]) -> Any:
    """Return the options of a cell's task or model, including defaults."""
    component = cell.task.component if family == "task" else cell.model.component
    return discovery.make_options(component, cell.options[family])
