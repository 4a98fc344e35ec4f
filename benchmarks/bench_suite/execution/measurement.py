"""Measure a trained cell: the meters around its training, and each of its probes after it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Any

from bench_suite.components import discovery
from bench_suite.contracts import Artifact, ArtifactRow, MetricRow, Placement, ProbeRow
from bench_suite.execution.context import RunContext
from bench_suite.execution.process_ends import ProcessEnded, process_ended
from bench_suite.execution.record_builder import (
    RecordBuilder,
    Stopwatch,
    TrainingOutcome,
    metric_row,
    reason_of,
    release,
    traceback_of,
)
from bench_suite.suite.needs import met_needs, unmet_needs
from bench_suite.suite.plan import Cell
from bench_suite.suite.spec import ComponentUse, metrics_of

if TYPE_CHECKING:
    from bench_suite.execution.trained import Trained


class ProbeMeter(AbstractContextManager["ProbeMeter"]):
    """A probe's `during`; an error in it is stored for that probe and affects neither the training nor other probes."""

    def __init__(self, during: Callable[[], AbstractContextManager[Any]]) -> None:
        self.value: Any = None
        self.error: BaseException | None = None
        self._during = during
        self._manager: AbstractContextManager[Any] | None = None

    def __enter__(self) -> ProbeMeter:
        try:
            manager = self._during()
            self.value = manager.__enter__()
            self._manager = manager
        except KeyboardInterrupt:
            raise
        except BaseException as error:  # noqa: BLE001 - becomes the probe's own row
            self.error = error
        return self

    def __exit__(self, kind: Any, raised: BaseException | None, trace: Any) -> None:
        try:
            if self._manager is not None:
                self._manager.__exit__(kind, raised, trace)
        except KeyboardInterrupt:
            raise
        except BaseException as error:  # noqa: BLE001 - becomes the probe's own row; an error of the training is raised on
            self.error = error


def meters_of(todo: list[Cell], placement: Placement, context: RunContext) -> dict[str, ProbeMeter]:
    """Return a context manager for each probe that measures during the training and is still to do."""
    meters = {}
    for probe in context.plan.suite.probes:
        if is_wanted(probe, todo, context) and "during" in probe.component.functions:
            during = discovery.load(probe.component).during
            meters[probe.label] = ProbeMeter(partial(during, placement, _probe_options(probe, context)))
    return meters


def is_wanted(probe: ComponentUse, todo: list[Cell], context: RunContext) -> bool:
    """Return whether a probe is still to be applied to one of these cells."""
    return any(probe.label in context.missing(cell) and cell.probes[probe.label] is None for cell in todo)


def _probe_options(probe: ComponentUse, context: RunContext) -> Any:
    smoke_values = probe.component.facts.get("SMOKE", {}) if context.smoke else {}
    return discovery.make_options(probe.component, {**probe.stated, **smoke_values})


def measure(builder: RecordBuilder, outcome: TrainingOutcome) -> None:
    """Apply each probe that is still to do; an error in a probe affects its own metrics only."""
    cell, context = builder.cell, builder.context
    assert outcome.trained is not None
    earlier = outcome.state.left_running() if outcome.state is not None else {}
    trained = outcome.trained.for_cell(cell, builder.keep)
    _ = trained.threshold  # chosen here, so that an error is the cell's, and not that of the first probe
    with Stopwatch(builder.seconds)("probes"):
        for probe in context.plan.suite.probes:
            if probe.label not in context.missing(cell):
                continue
            reason = cell.probes[probe.label] or _unmet_here(probe, cell, trained)
            if reason:
                builder.probes[probe.label] = ProbeRow("not applicable", context.plan.probe_keys[probe.label], reason)
                continue
            context.step(cell, probe.label, probe=True)
            meter = outcome.meters.get(probe.label)
            _apply(probe, trained.for_probe(meter.value if meter else None), builder, meter.error if meter else None)
            if outcome.state is not None:
                unrestored = outcome.state.restore().unrestored
                _note_unrestored(probe.label, builder, dict(unrestored.items() - earlier.items()))
                earlier |= unrestored


def _note_unrestored(label: str, builder: RecordBuilder, unrestored: Mapping[str, str]) -> None:
    """Note in the record what a probe changed for later probes and could not be restored."""
    if unrestored:
        builder.probes[label] = replace(builder.probes[label], unrestored=unrestored)
        builder.notes.append(
            f"later probes of this cell may be affected by the probe {label}, because this could not be restored: "
            + "; ".join(f"{kind} ({text})" for kind, text in unrestored.items())
        )


def _unmet_here(probe: ComponentUse, cell: Cell, trained: Trained) -> str | None:
    """Return an unmet need that the plan could not know: the device that `auto` chose, what the data decided."""
    splits = trained.data.splits
    available = met_needs(
        cell,
        problems=[trained.data.problem],
        groups=any(split.groups for split in splits.values()),
        shift=any(name.startswith("shift:") for name in splits),
        cuda=trained.placement.device == "cuda",
    )
    return unmet_needs(probe, available, [trained.data.problem], cell.task)


def _apply(probe: ComponentUse, trained: Trained, builder: RecordBuilder, during: BaseException | None) -> None:
    """Apply one probe; `during` is the error that its `during` raised around the training, if any."""
    cell, context = builder.cell, builder.context
    key = context.plan.probe_keys[probe.label]
    metrics: list[MetricRow] = []
    known_coordinates: set[tuple[str, frozenset[tuple[str, Any]]]] = set()
    artifacts: list[ArtifactRow] = []
    try:
        earlier = context.repeated_end(cell)
        if earlier is not None and earlier.probe and earlier.step == probe.label:
            raise process_ended(earlier, builder)
        if during is not None:
            raise during
        problem = next(p for p in cell.problems if p.name == trained.data.problem)
        known = metrics_of(probe, [problem])
        measure = getattr(discovery.load(probe.component), "probe", None)
        for item in measure(trained, _probe_options(probe, context)) if measure else ():
            if isinstance(item, Artifact):
                with context.storing():
                    artifacts.append(context.run.write_artifact(cell.id, probe.label, item))
            else:
                row = metric_row(item, probe.label, known)
                coordinates = (row.name, frozenset(row.at.items()))
                if coordinates in known_coordinates:
                    raise ValueError(f"yielded `{item.name}` twice at {dict(row.at) or 'no coordinates'}")
                known_coordinates.add(coordinates)
                metrics.append(row)
    except BaseException as error:  # noqa: BLE001 - an error of a probe affects that probe only
        context.raise_if_run_ends(error)
        builder.probes[probe.label] = ProbeRow("failed", key, reason_of(error))
        if not isinstance(error, ProcessEnded):
            builder.write_traceback(probe.label, traceback_of(error))
        release(error)
        return
    builder.metrics += metrics
    builder.artifacts += artifacts
    builder.probes[probe.label] = ProbeRow("ok", key)
