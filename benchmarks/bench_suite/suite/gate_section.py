"""The section `[gate]`: the rules of each metric, for all cells or for those that `only` chooses."""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from bench_suite.components.evaluate_uri import PREFIX
from bench_suite.components.options import show
from bench_suite.components.suggestions import nearest
from bench_suite.suite.cell import Cell, matches, name_of
from bench_suite.suite.gate_ratio import check_ratio_cells, read_ratio
from bench_suite.suite.matrix import Scope, read_only
from bench_suite.suite.section_reader import Sections
from bench_suite.suite.spec import (
    GATE_OPTIONS,
    GATE_SEEDS,
    RULES,
    TIMING_PROCESSES,
    ComponentUse,
    Gate,
    Suite,
    metrics_of,
)
from bench_suite.suite.toml_positions import Path as KeyPath

NO_RULES = "must be a table with min, max or tolerance: { min = 0.85 }"


def read_gates(
    sections: Sections, metrics: Mapping[str, Mapping[str, Any]], probes: Sequence[ComponentUse], scope: Scope
) -> Iterator[Gate]:
    """Yield the gates of the section `[gate]`: one for each table, of which a metric may have a list.

    Args:
        sections: the sections of the suite; errors are added to them.
        metrics: all metrics that the probes can emit, as `probe/metric`, with unit and direction.
        probes: the probes of the suite.
        scope: what `only` can name.
    """
    for metric, stated in sections.section("gate").items():
        if metric in GATE_OPTIONS or metric == GATE_SEEDS:
            continue
        path: KeyPath = ("gate", metric)
        if isinstance(stated, dict) and f"{metric}/{next(iter(stated), None)}" in metrics:
            wanted = f"{metric}/{next(iter(stated))}"
            sections.error(path, f'a metric\'s name is one key with a slash, in quotes: "{wanted}" = {{ min = … }}')
            continue
        check_metric(sections, metric, path, metrics)
        probe = next((probe for probe in probes if probe.label == metric.partition("/")[0]), None)
        listed = isinstance(stated, list)
        if listed and not stated:
            sections.error(path, "is a list without rules; give one table or more, or leave it out")
        for index, rules in enumerate(stated if listed else [stated]):
            key = (*path, index) if listed else path
            if not isinstance(rules, dict) or not rules.keys() - {"only", "ratio_to"}:
                sections.error(key, NO_RULES)
                continue
            sections.check_keys(rules, [*RULES, "ratio_to", "only"], key)
            accepted = sections.take(rules, RULES, key)
            ratio_to, facts = read_ratio(sections, rules, key, scope.models, metrics.get(metric, {}))
            _check_rules(sections, accepted, key, facts)
            _check_metric_can_be_gated(sections, metric, rules, key, metrics, probe)
            yield Gate(metric, accepted, key, read_only(sections, rules, key, scope), ratio_to)


def check_metric(sections: Sections, name: Any, path: KeyPath, metrics: Mapping[str, Any]) -> None:
    """Add an error if no probe emits the metric, unless an unreadable entry may be the cause."""
    if name not in metrics and not sections.incomplete & {"tasks", "probes", "metrics"}:
        near = nearest(str(name), metrics)
        sections.error(path, f"no probe of this suite emits {show(name)}{near} (there are: {', '.join(metrics)})")


def check_scope(suite: Suite, gate: Gate, cells: Sequence[Cell]) -> None:
    """Add an error if `only` of a gate chooses no cell of the suite, or none that measures the metric.

    A gate of a ratio must have a cell of its reference on each task that it judges.

    Args:
        suite: the suite of the gate.
        gate: one of its gates.
        cells: all cells of the suite.
    """
    if not (gate.only or gate.ratio_to) or not cells:
        return
    chosen = [cell for cell in cells if matches(cell.labels, gate.only) and cell.labels["model"] != gate.ratio_to]
    label, _, name = gate.metric.partition("/")
    probe = next((probe for probe in suite.probes if probe.label == label), None)

    def measures(cell: Cell) -> bool:
        return probe is not None and cell.probes.get(label, "") is None and name in metrics_of(probe, cell.problems)

    measured = [cell for cell in chosen if measures(cell)]
    if gate.ratio_to and (measured or not gate.only):
        references = [cell for cell in cells if cell.labels["model"] == gate.ratio_to and measures(cell)]
        check_ratio_cells(suite, gate, measured, references)
    elif not chosen:
        others = " other than those of its reference" if gate.ratio_to else ""
        suite.document.error((*gate.key, "only"), f"chooses no cell of this suite{others}")
    elif not measured:
        suite.document.error((*gate.key, "only"), f"chooses no cell of this suite that measures {gate.metric}")


@dataclass(frozen=True)
class GateWarning:
    """What a user should know about the gates of a suite before they rely on them."""

    code: Literal["one seed"]
    metrics: tuple[str, ...]
    "The gated metrics that it is about."
    message: str
    "For people, in one line."


ONE_SEED = "one seed: a comparison judges two trained models, not the method"
LOG_LOSS = "log_loss"
ALARMS_OF_LOG_LOSS = "24 of 45"
"Pairs of runs with one seed, alike but for their random numbers, for which a gate on log loss raised an alarm."


def gate_warnings(gates: Sequence[Gate], cells: Sequence[Cell]) -> list[GateWarning]:
    """Return what to know about the gates of a plan: those that a comparison judges by one seed.

    Args:
        gates: the gates of the suite.
        cells: the cells of the plan.
    """
    metrics: dict[str, None] = {}
    for gate in gates:
        trainings: dict[str, set[tuple[int, Any]]] = {}
        for cell in cells:
            if cell.labels.get("model") == gate.ratio_to:
                continue
            if matches(cell.labels, gate.only) and cell.probes.get(gate.metric.partition("/")[0], "") is None:
                labels = {axis: value for axis, value in cell.labels.items() if axis not in ("seed", "fold")}
                trainings.setdefault(name_of(labels), set()).add((cell.seed, cell.labels.get("fold")))
        if any(len(of_group) == 1 for of_group in trainings.values()):
            metrics[gate.metric] = None
    if not metrics:
        return []
    message = f"{ONE_SEED} (gated: {', '.join(metrics)})"
    if any(name.endswith(f"/{LOG_LOSS}") for name in metrics):
        message += f"; gates on log loss raised an alarm for {ALARMS_OF_LOG_LOSS} pairs of equally good models"
    message += "; better: matrix.seed = [0, 1, 2, 3, 4]"
    return [GateWarning("one seed", tuple(metrics), message)]


# ── rules ───────────────────────────────────────────────────────────────────────────────────────


def _check_rules(sections: Sections, rules: Mapping[str, Any], path: KeyPath, facts: Mapping[str, Any]) -> None:
    """Add an error for bounds that contradict each other, and for a tolerance that is none or that bounds nothing."""
    tolerance = rules.get("tolerance")
    if isinstance(tolerance, str) and not re.fullmatch(r"\d+(\.\d+)? ?%", tolerance):
        sections.error((*path, "tolerance"), f'{show(tolerance)} is neither a number nor a share such as "5%"')
    elif isinstance(tolerance, float) and not 0 <= tolerance < math.inf:
        sections.error((*path, "tolerance"), "must be 0 or more, in the metric's own direction")
    elif isinstance(tolerance, float) and tolerance >= 1 and facts.get("unit") == "fraction":
        hint = f'; did you mean "{tolerance:g}%", or {tolerance / 100:g}?' if tolerance <= 100 else ""
        sections.error((*path, "tolerance"), f"allows any loss: the metric is a fraction, 1 is all of it{hint}")
    elif isinstance(tolerance, str) and _allows_total_loss(tolerance, facts):
        sections.error((*path, "tolerance"), "allows any loss, since nothing can lose more than 100 %")
    if rules.get("min", -math.inf) > rules.get("max", math.inf):
        sections.error(path, f"contradicts itself: min {rules['min']} is above max {rules['max']}")


def _allows_total_loss(share: str, facts: Mapping[str, Any]) -> bool:
    """Return whether a tolerance bounds nothing: a metric above 0 that should be high cannot lose more than 100 %."""
    return float(share.rstrip("% ")) >= 100 and facts.get("better") == "higher"


def _check_metric_can_be_gated(
    sections: Sections, metric: str, rules: Mapping[str, Any], path: KeyPath, metrics: Mapping[str, Mapping[str, Any]],
    probe: ComponentUse | None,
) -> None:  # fmt: skip
    """Add an error for a tolerance on a metric without direction, and for a timing without an interval."""
    if "tolerance" in rules and metric in metrics and metrics[metric].get("better", "none") == "none":
        sections.error((*path, "tolerance"), _no_direction_message(metric, probe))
    timing = metrics.get(metric, {}).get("timing")
    if timing and probe is not None and probe.stated.get("processes", 1) < TIMING_PROCESSES:
        more = "processes" in probe.component.options
        option = f"give its probe processes = {TIMING_PROCESSES}, or " if more else ""
        sections.error(
            path,
            f"a timing has an interval only over {TIMING_PROCESSES} or more fresh processes, "
            f"and this suite measures it in fewer: {option}leave it out of [gate]",
        )


def _no_direction_message(metric: str, probe: ComponentUse | None) -> str:
    """Return why a metric without a better direction has no tolerance, and what to write instead."""
    message = "has no better direction, so nothing is worse: bound it with min and max instead"
    named = {part.name: part.use for part in probe.named if part.use.startswith(PREFIX)} if probe else {}
    use = named.get(metric.partition("/")[2])
    if use is None:
        return message
    return f"{message}, or say which is better: {use}{'&' if '?' in use else '?'}better=higher"
