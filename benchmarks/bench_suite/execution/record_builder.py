"""A record in the making: whatever is known of a cell when it ends, wherever it ends."""

from __future__ import annotations

import gc
import sys
import time
import traceback
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, get_args

from bench_suite.contracts import (
    ArtifactRow,
    BenchError,
    Data,
    DataUnavailable,
    Interval,
    Metric,
    MetricKind,
    MetricRow,
    Placement,
    Predictions,
    ProbeRow,
    Record,
    Status,
)
from bench_suite.execution.context import RunContext
from bench_suite.suite.plan import Cell

if TYPE_CHECKING:
    from bench_suite.execution.trained import Trained


@dataclass
class TrainingOutcome:
    """What came of a unit's training."""

    cell: Cell
    "The first one to do, whose record says how long it took."
    data: Data | None = None
    placement: Placement | None = None
    trained: Trained | None = None
    error: BaseException | None = None
    weights_key: str = ""
    weights_reused: bool = False
    "Whether weights that an earlier training of this run kept were used again."
    seconds: dict[str, float] = field(default_factory=dict)
    meters: dict[str, Any] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)


class RecordBuilder:
    """A record in the making: whatever is known of the cell when it ends, wherever it ends."""

    def __init__(self, cell: Cell, context: RunContext) -> None:
        self.cell = cell
        self.context = context
        self.outcome = TrainingOutcome(cell)
        self.started = datetime.now(UTC)
        self.begun = time.perf_counter()
        self.seconds: dict[str, float] = {}
        self.probes: dict[str, ProbeRow] = {}
        self.metrics: list[MetricRow] = []
        self.artifacts: list[ArtifactRow] = []

    def keep(self, split: str, predictions: Predictions) -> None:
        """Store predictions and name them in the record."""
        self.artifacts.append(self.context.run.write_predictions(self.cell.id, split, predictions))

    def failed(self, error: BaseException) -> Record:
        """The record of a cell that a fault ended."""
        status: Status = "unavailable" if isinstance(error, DataUnavailable) else "failed"
        if not isinstance(error, BenchError):
            self.context.run.write_traceback(self.cell.id, "cell", traceback_of(error))
        return self.record(status, reason_of(error))

    def record(self, status: Status, reason: str | None = None) -> Record:
        """The record, whatever has come of each probe."""
        cell, context = self.cell, self.context
        for label in context.missing(cell):
            if label not in self.probes:
                why = cell.probes[label]
                row = (
                    ProbeRow("not applicable", context.plan.probe_keys[label], why)
                    if why
                    else ProbeRow("skipped", context.plan.probe_keys[label], f"the cell is {status}")
                )
                self.probes[label] = row
        outcome = self.outcome
        placement = (
            vars(outcome.placement)
            if outcome.placement
            else {a: cell.labels.get(a) for a in ("device", "threads", "precision")}
        )
        shared = outcome.cell is not cell
        notes = (*context.notes, *outcome.notes, *(("shares the training of another cell",) if shared else ()))
        seconds = {**({} if shared else outcome.seconds), **self.seconds, "total": time.perf_counter() - self.begun}
        return Record(
            run=context.run.name, suite=context.plan.suite.name, id=cell.id, weights_key=outcome.weights_key,
            cell=cell.labels, options={**cell.options, "place": placement}, status=status, reason=reason,
            probes=self.probes, data=_described(outcome.data), metrics=tuple(self.metrics),
            artifacts=tuple(self.artifacts), environment=context.environment,
            started=f"{self.started:%Y-%m-%dT%H:%M:%S}Z",
            seconds={key: round(value, 4) for key, value in seconds.items()}, notes=notes, smoke=context.smoke,
            weights_reused=outcome.weights_reused, shared_training=shared, machine_busy=context.machine_busy,
        )  # fmt: skip


def _described(data: Data | None) -> dict[str, Any]:
    if data is None:
        return {}
    source = data.source
    known = {
        "source": source.origin,
        "name": source.name,
        "fingerprint": source.fingerprint,
        "revision": source.revision,
        "licence": source.licence,
    }
    sizes = {name: len(split) for name, split in data.splits.items()}
    return {
        **{k: v for k, v in known.items() if v is not None},
        "problem": data.problem,
        **sizes,
        **({"notes": dict(source.notes)} if source.notes else {}),
    }


_NO_MEMORY = ("out of memory", "can't allocate memory", "not enough memory")
"How PyTorch says it on a GPU, on Linux and on Windows."


def reason_of(error: BaseException) -> str:
    """What happened, for the person who reads the record."""
    if isinstance(error, BenchError):
        return str(error)
    if isinstance(error, MemoryError) or any(words in str(error).lower() for words in _NO_MEMORY):
        return f"out of memory: {error or type(error).__name__}; try a smaller batch_size"
    text = str(error).strip()
    return f"{type(error).__name__}: {text}" if text else type(error).__name__


def traceback_of(error: BaseException) -> str:
    """The traceback as text, files named from the folder of their installation or from the working folder."""
    text = "".join(traceback.format_exception(error))
    for folder in sorted({str(Path(folder).resolve()) for folder in (*sys.path, ".")}, key=len, reverse=True):
        text = text.replace(f'File "{folder}/', 'File "')
    return text


def release(error: BaseException) -> None:
    """Let go of all that the frames of a fault hold: a model may be among it, and the next cell needs the memory."""
    traceback.clear_frames(error.__traceback__)
    error.__traceback__ = None
    gc.collect()


class Stopwatch:
    """Adds up the seconds of named parts: `with clock("train"): …`."""

    def __init__(self, seconds: dict[str, float]) -> None:
        self.seconds = seconds
        self.name = ""
        self.since = 0.0

    def __call__(self, name: str) -> Stopwatch:
        """The part that the next `with` block is counted to."""
        self.name = name
        return self

    def __enter__(self) -> None:
        self.since = time.perf_counter()

    def __exit__(self, *_: object) -> None:
        self.seconds[self.name] = self.seconds.get(self.name, 0.0) + time.perf_counter() - self.since


def metric_row(metric: Metric, label: str, known: Mapping[str, Mapping[str, Any]]) -> MetricRow:
    """The metric as a record holds it. Raises TypeError or ValueError where the probe broke its word."""
    if not isinstance(metric, Metric):
        raise TypeError(f"a probe yields Metric or Artifact, not {type(metric).__name__}")
    name, interval = metric.name, metric.interval
    if name not in known:
        raise ValueError(f"emitted `{name}`, which its METRICS do not state")
    if metric.kind not in get_args(MetricKind):
        raise ValueError(f"`{name}`: its kind is none of {', '.join(get_args(MetricKind))}: {metric.kind!r}")
    unsupported = metric.kind == "estimate" and interval is None and not metric.samples
    if metric.reason is None and (metric.value is None or unsupported):
        raise ValueError(f"emitted `{name}` without an interval, samples or a reason for having neither")
    if not isinstance(metric.reason, str | None):
        raise TypeError(f"`{name}`: its reason is no string: {metric.reason!r}")
    if not isinstance(interval, Interval | None):
        raise TypeError(f"`{name}`: its interval is no Interval: {interval!r}")
    at = {str(axis): _coordinate(value, name) for axis, value in metric.at.items()}
    if interval is not None:
        interval = replace(interval, low=float(interval.low), high=float(interval.high), level=float(interval.level))
    facts = known[name]
    return MetricRow(
        f"{label}/{name}",
        None if metric.value is None else float(metric.value),
        str(facts.get("unit", "")),
        facts.get("better", "none"),
        metric.reason,
        at,
        interval,
        tuple(float(sample) for sample in metric.samples),
        None if metric.n is None else int(metric.n),
        facts.get("ideal"),
        bool(facts.get("of_predictions")),
        metric.kind,
    )


def _coordinate(value: Any, name: str) -> str | float:
    """A coordinate as a string or a number; a NumPy scalar becomes Python's."""
    value = value.item() if hasattr(value, "item") else value
    if not isinstance(value, str | int | float):
        raise TypeError(f"`{name}`: a coordinate is a string or a number, not {value!r}")
    return value
