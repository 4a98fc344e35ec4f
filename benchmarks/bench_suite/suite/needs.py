"""Needs of probes: the words that a probe's `NEEDS` may hold, what meets them, and why a probe does not apply."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from bench_suite.contracts import ANY_DEVICE
from bench_suite.suite.cell import Cell, modalities_of
from bench_suite.suite.identity import resolve
from bench_suite.suite.spec import ComponentUse


def planned_needs(cell: Cell) -> frozenset[str]:
    """Return the needs that a cell meets as far as the suite tells; `auto` may turn out to be a GPU."""
    problems = [problem.name for problem in cell.problems]
    groups = cell.options["task"].get("groups")  # `hub` has no attributes of its own, only those that the suite names
    may_be_cuda = cell.engine is None or bool({"cuda", ANY_DEVICE} & {*cell.engine.words("DEVICES")})
    return met_needs(
        cell,
        problems=problems,
        groups=bool(groups or (groups is None and cell.task.component.words("GROUPS"))),
        shift=bool(cell.task.component.words("SHIFTS")),
        cuda=cell.device == "cuda" or (cell.device == "auto" and may_be_cuda),
    )


def met_needs(cell: Cell, *, problems: Iterable[str], groups: bool, shift: bool, cuda: bool) -> frozenset[str]:
    """Return the needs that a cell meets.

    Args:
        cell: states its model's `PROVIDES`, its modality, the axis `fraction` and its training options.
        problems: what is learnt; several if only the data can decide.
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
        "validation": cell.options["train"]["validation"] > 0,  # 0 joins a validation split of the task to train
        "training": cell.engine is None or cell.options["train"]["epochs"] > 0,
    }
    met = {need for need, holds in conditions.items() if holds}
    examples = {f"{modality}s" for modality in modalities_of(cell.task)}  # `images`, `tables`, `texts`
    return frozenset(met | examples | {*problems} | {*cell.model.component.words("PROVIDES")})


def unmet_needs(
    probe: ComponentUse, available: Iterable[str], problems: Iterable[str], task: ComponentUse
) -> str | None:
    """Return why a probe does not apply to a cell if only these needs are met; None if it applies.

    A list option may name choices whose needs are unmet (`inapplicable_choices`), as long as another choice applies.

    Args:
        probe: the probe.
        available: the needs that are met.
        problems: names of the problems of the cell.
        task: of the cell.
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
    return _reason(needs, met) or _reason_without_tasks(probe, met, task)


_OF_THE_SUITE = frozenset({"validation", "training"})
"Needs that every task and model can meet if the suite says so."
_ADVICE = {
    "validation": "validation = 0 leaves none: set validation above 0 in [train]",
    "training": "epochs = 0 trains nothing: set epochs above 0 in [train]",
}
"By need: why it is not met, and what to write."


def inapplicable_choices(
    probe: ComponentUse, available: Iterable[str], task: ComponentUse
) -> dict[str, dict[Any, str]]:
    """Return, by option, the values that do not apply if only these needs are met, each with the reason.

    They are choices of `NEEDS_BY` in a list, values of `OPTION_NEEDS`, and tasks that the cell's model cannot be tested
    on. A default of an option of `OPTION_NEEDS` is reported only if the suite could meet the need, whatever its tasks
    and models are.
    """
    met = set(available)
    reasons: dict[str, dict[Any, str]] = {}
    for option, (value, by_choice) in _choices(probe).items():
        for choice in value if isinstance(value, tuple) else ():
            if reason := _reason(by_choice.get(choice, ()), met):
                reasons.setdefault(option, {})[choice] = reason
    for option, choice, needs in _option_needs(probe):
        missing = _missing(needs, met)
        if missing and (option in probe.stated or _OF_THE_SUITE.issuperset(missing)):
            reasons.setdefault(option, {})[choice] = str(_reason(needs, met))
    for option in probe.component.facts.get("NEEDS_UNLESS", {}):
        for use, incompatibility in _unfit_tasks(probe, option, task).items():
            if incompatibility is not None:
                reasons.setdefault(option, {})[use] = incompatibility
    return reasons


def _option_needs(probe: ComponentUse) -> Iterator[tuple[str, Any, tuple[str, ...]]]:
    """Yield each value of an option in `OPTION_NEEDS` that asks for something, with the option and the needs."""
    options = resolve(probe.component.options, probe.stated)
    for option, needs in probe.component.facts.get("OPTION_NEEDS", {}).items():
        value = options[option]
        for choice in value if isinstance(value, tuple) else (value,):
            if isinstance(needs, Mapping):
                yield option, choice, needs.get(choice, ())
            elif choice not in (None, False, 0, "", "none"):
                yield option, choice, needs


def _unfit_tasks(probe: ComponentUse, option: str, task: ComponentUse) -> dict[str, str | None]:
    """Return, for each task that an option names, why a model of a cell's task cannot be tested on it; None if it can.

    Args:
        probe: has the option.
        option: names tasks.
        task: of the cell.
    """
    reasons: dict[str, str | None] = {}
    mine = modalities_of(task)
    named = [part for part in probe.named if part.kind == "tasks"]
    for use, other in zip(probe.stated.get(option, ()), named):
        theirs = other.words("MODALITY")
        reasons[use] = None
        if other.path == task.component.path:
            reasons[use] = "it is the task that the model is trained on"
        elif not set(mine) & set(theirs):
            words = " or ".join(f"{modality}s" for modality in theirs)
            reasons[use] = f"its examples are {words}, and the model takes {' or '.join(f'{one}s' for one in mine)}"
    return reasons


def _reason_without_tasks(probe: ComponentUse, met: set[str], task: ComponentUse) -> str | None:
    """Return why a probe does not apply if it needs something unless an option names a task for the cell's model."""
    for option, needs in probe.component.facts.get("NEEDS_UNLESS", {}).items():
        fits = None in _unfit_tasks(probe, option, task).values()
        if not fits and (reason := _reason(needs, met)):
            return f"{reason}, or another task of the same modality in `{option}`"
    return None


def _choices(probe: ComponentUse) -> dict[str, tuple[Any, Mapping[Any, tuple[str, ...]]]]:
    """Return the value of each option in `NEEDS_BY`, and the needs of its choices."""
    options = resolve(probe.component.options, probe.stated)
    by_option = probe.component.facts.get("NEEDS_BY", {})
    return {option: (options.get(option), by_choice) for option, by_choice in by_option.items()}


def _missing(needs: Iterable[str], met: set[str]) -> list[str]:
    """Return the needs that are not met; one of `a or b` is enough."""
    return [need for need in dict.fromkeys(needs) if not met.intersection(need.split(" or "))]


def _reason(needs: Iterable[str], met: set[str]) -> str | None:
    """Return the reason that names the needs that are not met; None if all are."""
    missing = _missing(needs, met)
    advice = [_ADVICE[need] for need in missing if need in _ADVICE]
    return f"needs {' and '.join(missing)}{''.join(f'; {text}' for text in advice)}" if missing else None
