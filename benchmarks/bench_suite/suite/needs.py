"""Needs of probes: the words that a probe's `NEEDS` may hold, what meets them, and why a probe does not apply."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from bench_suite.contracts import ANY_DEVICE
from bench_suite.suite.cell import Cell, modalities_of
from bench_suite.suite.identity import resolve
from bench_suite.suite.spec import ComponentUse


def planned_needs(cell: Cell) -> frozenset[str]:
    """Return the needs that a cell meets as far as the suite tells; `auto` may turn out to be a GPU."""
    groups = cell.options["task"].get("groups")  # `hub` has no attributes of its own, only those that the suite names
    may_be_cuda = cell.engine is None or bool({"cuda", ANY_DEVICE} & {*cell.engine.words("DEVICES")})
    return met_needs(
        cell,
        groups=bool(groups or (groups is None and cell.task.component.words("GROUPS"))),
        shift=bool(cell.task.component.words("SHIFTS")),
        cuda=cell.device == "cuda" or (cell.device == "auto" and may_be_cuda),
    )


def met_needs(cell: Cell, *, groups: bool, shift: bool, cuda: bool) -> frozenset[str]:
    """Return the needs that a cell meets.

    Args:
        cell: states its model's `PROVIDES`, its modality, the axis `fraction` and a training `target`.
        groups: whether a split has sensitive attributes.
        shift: whether there is a split `shift:NAME`.
        cuda: whether the cell computes on a CUDA device.
    """
    conditions = {
        "groups": groups,
        "shift": shift,
        "cuda": cuda,
        "fraction": "fraction" in cell.labels,
        "target": cell.options["train"].get("target") is not None,
    }
    met = {need for need, holds in conditions.items() if holds}
    examples = {f"{modality}s" for modality in modalities_of(cell.task)}  # `images`, `tables`, `texts`
    return frozenset(met | examples | {*cell.model.component.words("PROVIDES")})


def unmet_needs(probe: ComponentUse, available: Iterable[str], problems: Iterable[str]) -> str | None:
    """Return why a probe does not apply if only these needs are met; None if it applies.

    A list option may name choices whose needs are unmet (`inapplicable_choices`), as long as another choice applies.
    """
    solves, met = probe.component.words("PROBLEMS"), set(available)
    if solves and not set(solves) & set(problems):
        return f"measures {' or '.join(solves)}"
    listed, needs = [], list(probe.component.words("NEEDS"))
    for value, by_choice in _choices(probe).values():
        if isinstance(value, tuple):
            listed += [by_choice.get(choice, ()) for choice in value]
        else:
            needs += by_choice.get(value, ())
    if listed and not any(met.issuperset(choice_needs) for choice_needs in listed):
        needs += [need for choice_needs in listed for need in choice_needs]
    return _reason(needs, met) or _reason_without_tasks(probe, met)


def inapplicable_choices(probe: ComponentUse, available: Iterable[str]) -> dict[str, dict[Any, str]]:
    """Return, by list option, the choices that do not apply if only these needs are met, each with the reason."""
    met = set(available)
    reasons: dict[str, dict[Any, str]] = {}
    for option, (value, by_choice) in _choices(probe).items():
        for choice in value if isinstance(value, tuple) else ():
            if reason := _reason(by_choice.get(choice, ()), met):
                reasons.setdefault(option, {})[choice] = reason
    return reasons


def _reason_without_tasks(probe: ComponentUse, met: set[str]) -> str | None:
    """Return why a probe does not apply if it needs something unless an option names a task of the cell's modality."""
    for option, needs in probe.component.facts.get("NEEDS_UNLESS", {}).items():
        named = [part for part in probe.named if part.kind == "tasks"]
        fits = any(f"{modality}s" in met for part in named for modality in part.words("MODALITY"))
        if not fits and (reason := _reason(needs, met)):
            return f"{reason}, or a task of the same modality in `{option}`"
    return None


def _choices(probe: ComponentUse) -> dict[str, tuple[Any, Mapping[Any, tuple[str, ...]]]]:
    """Return the value of each option in `NEEDS_BY`, and the needs of its choices."""
    options = resolve(probe.component.options, probe.stated)
    by_option = probe.component.facts.get("NEEDS_BY", {})
    return {option: (options.get(option), by_choice) for option, by_choice in by_option.items()}


def _reason(needs: Iterable[str], met: set[str]) -> str | None:
    """Return the reason that names the needs that are not met; None if all are."""
    missing = [need for need in dict.fromkeys(needs) if need not in met]
    return f"needs {' and '.join(missing)}" if missing else None
