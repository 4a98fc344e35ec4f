"""Build the record of a cell, wherever the cell ends: its results, its errors and its times."""

from __future__ import annotations

import gc
import sys
import time
import traceback
from collections.abc import Mapping
from contextlib import suppress
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
    MetricMark,
    MetricRow,
    Placement,
    Predictions,
    ProbeRow,
    Record,
    Status,
    describe_error,
    error_text,
)
from bench_suite.execution.context import RunContext
from bench_suite.store.records import is_time_unit, plain
from bench_suite.suite import credentials
from bench_suite.suite.plan import Cell

if TYPE_CHECKING:
    from bench_suite.execution.process_state import ProcessState
    from bench_suite.execution.trained import Trained


@dataclass
class TrainingOutcome:
    """The result of a unit's training."""

    cell: Cell
    "The first cell to do: its record contains the time of the training."
    data_facts: Mapping[str, Any] = field(default_factory=dict)
    "What the records contain about the data; empty if none were loaded."
    placement: Placement | None = None
    trained: Trained | None = None
    "The trained cell; None if an error came first."
    error: BaseException | None = None
    "The error that ended the training."
    sources: Mapping[str, str] = field(default_factory=dict)
    "Hashes of the components and of the files that the model reads."
    weights_key: str = ""
    weights_reused: bool = False
    "Whether the weights are those that an earlier training of this run kept."
    seconds: dict[str, float] = field(default_factory=dict)
    "Seconds by part."
    meters: dict[str, Any] = field(default_factory=dict)
    "The meters of the probes that measure during the training, by probe label."
    notes: list[str] = field(default_factory=list)
    "Remarks for the reader of the records."
    state: ProcessState | None = None
    "The state of the process and of the network after the training, restored after each probe; None restores nothing."


class RecordBuilder:
    """Everything that is known of a cell so far, from which its record is made."""

    def __init__(self, cell: Cell, context: RunContext) -> None:
        self.cell = cell
        self.context = context
        self.outcome = TrainingOutcome(cell)
        self.started = datetime.now(UTC)
        self.start = time.perf_counter()
        self.seconds: dict[str, float] = {}
        self.probes: dict[str, ProbeRow] = {}
        self.metrics: list[MetricRow] = []
        self.artifacts: list[ArtifactRow] = []
        self.notes: list[str] = []
        "Remarks about this cell alone."

    def keep(self, split: str, predictions: Predictions) -> None:
        """Write predictions and name their file in the record."""
        with self.context.storing():
            self.artifacts.append(self.context.run.write_predictions(self.cell.id, split, predictions))

    def write_traceback(self, name: str, text: str) -> None:
        """Write the traceback of the cell, or of one of its probes."""
        with self.context.storing():
            self.context.run.write_traceback(self.cell.id, name, text)

    def failed(self, error: BaseException) -> Record:
        """Return the record of a cell that an error ended."""
        status: Status = "unavailable" if issubclass(type(error), DataUnavailable) else "failed"
        if not issubclass(type(error), BenchError):
            self.write_traceback("cell", traceback_of(error))
        return self.record(status, reason_of(error))

    def record(self, status: Status, reason: str | None = None) -> Record:
        """Return the record; probes without a result are skipped or not applicable."""
        cell, context = self.cell, self.context
        for label in context.missing(cell):
            if label not in self.probes:
                key, inapplicable = context.plan.probe_keys[label], cell.probes[label]
                skipped = ProbeRow("skipped", key, f"the cell is {status}")
                self.probes[label] = ProbeRow("not applicable", key, inapplicable) if inapplicable else skipped
        outcome = self.outcome
        placement = (
            vars(outcome.placement)
            if outcome.placement
            else {axis: cell.labels.get(axis) for axis in ("device", "threads", "precision")}
        )
        shared = outcome.cell is not cell
        notes = (
            *context.notes,
            *self.notes,
            *outcome.notes,
            *(("shares the training of another cell",) if shared else ()),
        )
        seconds = {**({} if shared else outcome.seconds), **self.seconds, "total": time.perf_counter() - self.start}
        options = {**credentials.mask(cell.options), "placement": placement}
        return Record(
            run=context.run.name, suite=context.plan.suite.name, id=cell.id, weights_key=outcome.weights_key,
            cell=cell.labels, options=options, status=status, reason=reason,
            probes=self.probes, data=outcome.data_facts, sources=outcome.sources, metrics=tuple(self.metrics),
            artifacts=tuple(self.artifacts), environment=context.environment,
            started=f"{self.started:%Y-%m-%dT%H:%M:%S}Z",
            seconds={key: round(value, 4) for key, value in seconds.items()}, notes=notes, smoke=context.smoke,
            weights_reused=outcome.weights_reused, shared_training=shared, machine_busy=context.machine_busy,
        )  # fmt: skip


def data_facts(data: Data) -> dict[str, Any]:
    """Return what a record contains about the data: origin, problem and number of examples of each split.

    The values are plain ones, so that an error of a task's own objects is raised here, and not when the record is
    written.
    """
    source = data.source
    facts = {
        "source": source.origin,
        "name": source.name,
        "fingerprint": source.fingerprint,
        "revision": source.revision,
        "licence": source.licence,
    }
    sizes = {name: len(split) for name, split in data.splits.items()}
    whole = {
        **{k: v for k, v in facts.items() if v is not None},
        "problem": data.problem,
        **sizes,
        **({"fingerprints": dict(source.fingerprints)} if source.fingerprints else {}),
        **({"folds": dict(source.folds)} if source.folds else {}),
        **({"positive": data.spec["positive"]} if "positive" in data.spec else {}),
        **({"notes": dict(source.notes)} if source.notes else {}),
        **({"prominent": list(source.prominent)} if source.prominent else {}),
    }
    return dict(plain(whole))


_NO_MEMORY = ("out of memory", "can't allocate memory", "not enough memory")
"Words in PyTorch's errors on a GPU, on Linux and on Windows, which are RuntimeErrors without a type of their own."


def reason_of(error: BaseException) -> str:
    """Return the reason of a record: what went wrong, for its reader."""
    text = error_text(error)
    if issubclass(type(error), BenchError):
        return text
    may_be = issubclass(type(error), (RuntimeError, OSError))
    if issubclass(type(error), MemoryError) or (may_be and any(words in text.lower() for words in _NO_MEMORY)):
        return f"out of memory: {text or describe_error(error)}; try a smaller batch_size"
    return describe_error(error)


def traceback_of(error: BaseException) -> str:
    """Return the traceback as text, with paths relative to the folder of installation or the working folder."""
    try:
        text = "".join(traceback.format_exception(error))
    except Exception:  # noqa: BLE001 - the class of the error is foreign code
        lines = traceback.format_tb(_traceback(error))
        text = "".join(["Traceback (most recent call last):\n", *lines, describe_error(error), "\n"])
    return without_folders(text)


def without_folders(text: str) -> str:
    """Return the text of a traceback with paths relative to the folder of installation or the working folder."""
    folders = set()
    for folder in (*sys.path, "."):
        with suppress(OSError, TypeError, ValueError):  # a folder may be removed, and `sys.path` may hold anything
            folders.add(str(Path(folder).resolve()))
    for known in sorted(folders, key=len, reverse=True):
        text = text.replace(f'File "{known}/', 'File "')
    return text


def _traceback(error: BaseException) -> Any:
    """Return the traceback of an error, also of one whose class replaces the attribute."""
    return BaseException.__dict__["__traceback__"].__get__(error)


def release(error: BaseException) -> None:
    """Release everything that the frames of an error hold: a model may be among it, and the next cell needs memory."""
    traceback.clear_frames(_traceback(error))
    BaseException.__dict__["__traceback__"].__set__(error, None)
    gc.collect()


class Stopwatch:
    """A clock that adds up the seconds of named parts: `with stopwatch("train"): …`."""

    def __init__(self, seconds: dict[str, float]) -> None:
        self.seconds = seconds
        self.name = ""
        self.start = 0.0

    def __call__(self, name: str) -> Stopwatch:
        """Set the part to which the next `with` block is counted."""
        self.name = name
        return self

    def __enter__(self) -> None:
        self.start = time.perf_counter()

    def __exit__(self, *_: object) -> None:
        self.seconds[self.name] = self.seconds.get(self.name, 0.0) + time.perf_counter() - self.start


def metric_row(metric: Metric, label: str, known: Mapping[str, Mapping[str, Any]]) -> MetricRow:
    """Return the metric as a record contains it.

    Args:
        metric: what the probe yielded.
        label: the probe's label.
        known: the metrics that the probe states in `METRICS`.

    Raises:
        TypeError: a value has the wrong type.
        ValueError: the metric is not stated, or it has neither an interval, nor samples, nor a reason.
    """
    if not isinstance(metric, Metric):
        raise TypeError(f"a probe must yield Metric or Artifact, not {type(metric).__name__}")
    name, interval = metric.name, metric.interval
    if name not in known:
        raise ValueError(f"yielded `{name}`, which is not in METRICS")
    if metric.kind not in get_args(MetricKind):
        raise ValueError(f"`{name}`: kind must be one of {', '.join(get_args(MetricKind))}, not {metric.kind!r}")
    unsupported = metric.kind == "estimate" and interval is None and not metric.samples
    if metric.reason is None and (metric.value is None or unsupported):
        raise ValueError(f"yielded `{name}` without a value, an interval or samples, and without a reason")
    if not isinstance(metric.reason, str | None):
        raise TypeError(f"`{name}`: reason must be a string, not {metric.reason!r}")
    if not isinstance(interval, Interval | None):
        raise TypeError(f"`{name}`: interval must be an Interval, not {interval!r}")
    at = {str(axis): _coordinate(value, name) for axis, value in metric.at.items()}
    if unknown := set(metric.marks) - set(get_args(MetricMark)):
        known_marks = ", ".join(get_args(MetricMark))
        raise ValueError(f"`{name}`: a mark must be one of {known_marks}, not {sorted(map(str, unknown))[0]!r}")
    if interval is not None:
        interval = replace(interval, low=float(interval.low), high=float(interval.high), level=float(interval.level))
    facts = known[name]
    unit, of_predictions = str(facts.get("unit", "")), bool(facts.get("of_predictions"))
    timing = facts.get("timing")
    if timing is None:
        timing = is_time_unit(unit) and interval is None and not of_predictions
    return MetricRow(
        f"{label}/{name}",
        None if metric.value is None else float(metric.value),
        unit,
        facts.get("better", "none"),
        metric.reason,
        at,
        interval,
        tuple(float(sample) for sample in metric.samples),
        None if metric.n is None else int(metric.n),
        facts.get("ideal"),
        of_predictions,
        metric.kind,
        facts.get("range"),
        timing,
        {str(mark): str(words) for mark, words in metric.marks.items()},
    )


def _coordinate(value: Any, name: str) -> str | float:
    """Return a coordinate as a string or a number; a NumPy scalar becomes a Python number."""
    value = value.item() if hasattr(value, "item") else value
    if not isinstance(value, str | int | float):
        raise TypeError(f"`{name}`: a coordinate must be a string or a number, not {value!r}")
    return value
