"""The cells that tests are about: those of a gate, and the part of a plan that some tests need."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import dataclass, replace

from bench_suite.comparison.gates import applies
from bench_suite.comparison.model_pairs import compatible
from bench_suite.execution.selection import filter_cells
from bench_suite.suite.cell import POOLED, Cell, group_name, name, word_of
from bench_suite.suite.plan import Plan
from bench_suite.suite.spec import Gate, metrics_of


@dataclass(frozen=True)
class Group:
    """The cells that a gate judges together: they differ only in seed and fold."""

    gate: Gate
    where: str
    "Their name, by which judgements and comparisons state them too; empty if no cell can have the metric."
    word: str
    "The same as one word: `digits-mlp`, or `digits-mlp-to-cnn` for a ratio."
    cells: tuple[str, ...]
    "Their ids, and those of the cells of the reference that a ratio is to."


def groups_of(plan: Plan, rules: Collection[str] = ("min", "max", "tolerance")) -> Iterator[Group]:
    """Yield the groups of each gate with one of these rules.

    A gate that no cell can be judged by has one group without a name and cells, so that it does not pass unseen.
    """
    for gate in plan.suite.gates:
        if not {*rules} & gate.rules.keys():
            continue
        groups: dict[str, list[Cell]] = {}
        for cell in plan.cells:
            if applies(gate, cell.labels) and can_have(gate.metric, cell, plan):
                groups.setdefault(group_name(cell.labels), []).append(cell)
        for where, cells in groups.items():
            labels = {axis: value for axis, value in cells[0].labels.items() if axis not in POOLED}
            word = word_of(labels) + (f"-{word_of({'task': 'to', 'model': gate.ratio_to})}" if gate.ratio_to else "")
            yield Group(gate, where, word, tuple(cell.id for cell in (*cells, *_references(gate, cells, plan))))
        if not groups:
            yield Group(gate, "", "no-cell", ())


def _references(gate: Gate, cells: Collection[Cell], plan: Plan) -> Iterator[Cell]:
    """Yield the cells of the reference of a ratio that differ from these in the model only."""
    for cell in plan.cells if gate.ratio_to else ():
        if cell.labels["model"] == gate.ratio_to and any(compatible(cell.labels, other.labels) for other in cells):
            yield cell


def can_have(metric: str, cell: Cell, plan: Plan) -> bool:
    """Return whether a probe that applies to a cell can emit a metric for one of the problems that it may have."""
    label, _, plain = metric.partition("/")
    if cell.probes.get(label, "the suite does not ask for it") is not None:
        return False
    return any(plain in metrics_of(probe, cell.problems) for probe in plan.suite.probes if probe.label == label)


def is_timed(cell: Cell, plan: Plan) -> bool:
    """Return whether a probe that applies to a cell can measure a time or a rate of the machine."""
    probes = [probe for probe in plan.suite.probes if cell.probes.get(probe.label, "not asked for") is None]
    return any(facts.get("timing") for probe in probes for facts in metrics_of(probe, cell.problems).values())


def narrow(plan: Plan, ids: Collection[str]) -> tuple[Plan, str]:
    """Return the part of a plan with these cells, and the expression for `-k` that selects it; all if there are none.

    The part states the ids of the other cells, since a name may be the beginning of another one.
    """
    others = tuple(cell.id for cell in plan.cells if cell.id not in ids)
    if not ids or not others:
        return plan, ""
    names = [name(cell) for cell in plan.cells if cell.id in ids]
    expression = " or ".join(f"'{text}'" if '"' in text else f'"{text}"' for text in names)
    part = filter_cells(plan, lambda cell: cell.id in ids, f"-k {expression}")
    return replace(part, passed=(*plan.passed, *others)), expression
