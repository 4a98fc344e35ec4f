"""Contradictions: training options of a network that cannot hold together, or not with the task of a cell."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from bench_suite.components.discovery import Component, builtin, find
from bench_suite.components.options import show
from bench_suite.components.suggestions import nearest
from bench_suite.suite.durations import seconds_of
from bench_suite.suite.spec import ComponentUse


def contradictions(
    train: Mapping[str, Any], task: ComponentUse, problems: Sequence[Component]
) -> Iterator[tuple[str, str]]:
    """The option of each contradiction, and why it is one.

    Arguments: `train`, all training options of a cell; `problems`, what its task is, or may be.
    """
    for option in ("patience", "target"):
        if train[option] is not None and train["validation"] == 0:
            yield option, f"{option} decides on validation data, and validation = 0 leaves none"
    if train["nesterov"] and train["optimizer"] == "sgd" and train["momentum"] == 0:
        yield "nesterov", "nesterov is a variant of momentum, and momentum = 0 leaves none"
    if train["augment"] and "image" not in task.component.words("MODALITY"):
        yield "augment", f"augment changes images, and {task.label} has none: state it with the models of images"
    if train["label_smoothing"] and not any("smoothed_loss" in problem.functions for problem in problems):
        named = " or ".join(problem.name for problem in problems)
        yield "label_smoothing", f"label_smoothing is for classes, and {task.label} is {named}"
    if train["target"] is not None:
        yield from (("target", error) for error in _of_target(train["target"], problems))
    if train["checkpoint"] is not None:
        try:
            seconds_of(train["checkpoint"])
        except ValueError as error:
            yield "checkpoint", str(error)


def _of_target(target: Mapping[str, float], problems: Sequence[Component]) -> Iterator[str]:
    """What is wrong with a target: more than one, no metric, one of another problem, a value that none can reach."""
    if len(target) != 1:
        yield f"target names one metric and its value, not {len(target)}"
        return
    ((metric, wanted),) = target.items()
    probe, _, name = metric.rpartition("/")
    here = {own: facts for problem in problems for own, facts in problem.facts["METRICS"].items()}
    others = [find("problems", other, Path()) for other in builtin("problems")]
    elsewhere = {own: other.name for other in others for own in other.facts["METRICS"]}
    free = {own: find("metrics", own, Path()).facts for own in builtin("metrics") if own not in elsewhere}
    known = sorted({*here, *free})
    if probe not in ("", "quality"):
        yield f'target: a metric of validation, as "quality/{name}" or "{name}", not of {show(probe)}'
    elif name not in known and name in elsewhere:
        yield f"target: {name} is of {elsewhere[name]}, and the task is {' or '.join(p.name for p in problems)}"
    elif name not in known:
        yield f"target: there is no metric {show(name)}{nearest(name, known)} (there are: {', '.join(known)})"
    else:
        facts = {fact.lower(): value for fact, value in (here[name] if name in here else free[name]).items()}
        ideal, lower = facts.get("ideal"), facts.get("better") == "lower"
        if ideal is not None and (wanted < ideal if lower else wanted > ideal):
            yield f"target: {name} is never {'under' if lower else 'over'} {ideal:g}, and {wanted:g} is asked for"
