"""Pair the cells of two models, which two runs or one run trained: by everything else that tells their cells apart."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from bench_suite.comparison.gates import by_seed
from bench_suite.comparison.pairing import (
    Pair,
    Pairing,
    UncomparedCell,
    changed_options,
    grouped,
    obstacle_between_models,
    pair_of,
)
from bench_suite.comparison.preconditions import ComparisonError
from bench_suite.comparison.run_differences import run_notes
from bench_suite.components.options import show
from bench_suite.components.suggestions import nearest
from bench_suite.contracts import Record
from bench_suite.store.commands import bench
from bench_suite.store.runs import Run

OPTIONS_OF_MODELS = "models."
"Axes of this prefix are options of one model, which the other one does not have."


def pair_models(base: Run, head: Run, models: tuple[str, str]) -> Pairing:
    """Pair the cells of a model of base with those of a model of head.

    Cells pair if their labels are equal but for the model and for options of models.

    Args:
        base: the run of the first model.
        head: the run of the second model; it may be the same run.
        models: names of the two models.

    Raises:
        ComparisonError: A run has no such model, or several of its cells would pair with one of the other run.
    """
    before, after = (_cells_of(run, model) for run, model in zip((base, head), models))
    pairs: list[Pair] = []
    uncompared: list[UncomparedCell] = []
    matched: set[str] = set()
    for record in after:
        where = next(iter(by_seed([record])))
        twins = [other for other in before if compatible(other.cell, record.cell)]
        if len(twins) > 1 or any(twin.id in matched for twin in twins):
            raise ComparisonError(
                f"a cell of {models[1]} ({where}) fits several cells of {models[0]}: one of the two has an axis that "
                "the other lacks\n  compare all pairs of one run: "
                + bench("compare", head.name, "--between", "model", results=head.path.parent)
            )
        matched |= {twin.id for twin in twins}
        if not twins:
            uncompared.append(UncomparedCell("new", where, f"{models[0]} has no such cell"))
        elif obstacle := obstacle_between_models(twins[0], record):
            uncompared.append(UncomparedCell(obstacle[0], where, obstacle[1]))
        else:
            pairs.append(pair_of(twins[0], record))
    for record in before:
        if record.id not in matched:
            where = next(iter(by_seed([record])))
            uncompared.append(UncomparedCell("missing", where, f"{models[1]} has no such cell"))
    groups = grouped(pairs, base, head, models)
    of_runs = run_notes(base, head, groups) if base.path != head.path else ()
    notes = (f"{models[0]} → {models[1]}", *_training_notes(pairs), *of_runs)
    return Pairing(groups, tuple(dict.fromkeys(uncompared)), notes)


def _cells_of(run: Run, model: str) -> list[Record]:
    """Return the cells of a model. Raise ComparisonError if there is none."""
    records = run.planned_records()
    names = list(dict.fromkeys(str(record.cell.get("model")) for record in records))
    if model not in names:
        known = f"{nearest(model, names)} (its models: {', '.join(names)})"
        raise ComparisonError(f"{run.name} has no model {show(model)}{known}")
    return [record for record in records if str(record.cell.get("model")) == model]


def compatible(first: Mapping[str, Any], second: Mapping[str, Any]) -> bool:
    """Return whether the labels of two cells agree, but for the model, its own options, and what one of them lacks.

    A model that is no network has no engine and no precision, for example.
    """
    return all(
        first[name] == second[name] or None in (first[name], second[name])
        for name in first.keys() & second.keys()
        if name != "model" and not name.startswith(OPTIONS_OF_MODELS)
    )


def _training_notes(pairs: Sequence[Pair]) -> Iterator[str]:
    """Yield how the training options of the two models differ."""
    changes = dict.fromkeys(change for pair in pairs for change in changed_options(pair.base, pair.head, ("train",)))
    if changes:
        yield f"they were trained with different options: {'; '.join(changes)}"
