"""Cells and units: one point of the matrix, the points that share one training, and what people call them."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from bench_suite.components.discovery import Component
from bench_suite.components.options import show
from bench_suite.suite.spec import AXES, ComponentUse
from bench_suite.suite.toml_positions import Path as KeyPath

POOLED = ("seed", "fold")
"Axes over which a gate and a comparison take the mean."


@dataclass(frozen=True)
class Cell:
    """One point of the matrix."""

    id: str
    "Pairs cells across runs, commits and machines."
    unit: str
    "Identity of the training that it shares."
    labels: Mapping[str, Any]
    "`task`, `model`, `engine`, `precision`, `seed`, and each further axis by its name."
    task: ComponentUse
    model: ComponentUse
    problems: tuple[Component, ...]
    "The task's problem; several if only the data can decide."
    engine: Component | None
    "None for an estimator, which fits itself."
    seed: int
    precision: str
    device: str
    threads: int | str
    fraction: float
    compile: bool | str
    devices: int
    strategy: str
    options: Mapping[str, Mapping[str, Any]]
    "Resolved, by family: `task`, `model`, `train`, `evaluate`."
    probes: Mapping[str, str | None]
    "By probe label: None if the probe applies, else the reason why it does not."
    unfit: Mapping[str, Mapping[str, Mapping[Any, str]]] = field(default_factory=dict)
    "For probes that apply: by label and option, the choices that do not apply, each with the reason."


@dataclass(frozen=True)
class Unit:
    """The cells that share one training."""

    id: str
    cells: tuple[Cell, ...]


def name(cell: Cell) -> str:
    """Return a cell's name, such as `mnist, mlp, seed 0`; engine and precision appear only if they are unusual."""
    return name_of(cell.labels)


def name_of(labels: Mapping[str, Any]) -> str:
    """Return the name of a cell with these labels, which a record has too."""
    coordinates = [f"{axis} {show(value)}" for axis, value in _unusual(labels).items()]
    return ", ".join([str(labels["task"]), str(labels["model"]), *coordinates])


def group_name(labels: Mapping[str, Any]) -> str:
    """Return the name of the cells that differ from one with these labels only in seed and fold: `imdb, minilm`."""
    shared = {axis: value for axis, value in labels.items() if axis not in POOLED}
    return name_of({"task": "?", "model": "?", **shared})


def word_of(labels: Mapping[str, Any]) -> str:
    """Return the name of a cell with these labels as one word, for other tools: `mnist-mlp-seed0`.

    It consists of letters, digits and `_ . + -`; two cells may have the same word.
    """
    coordinates = [f"{axis}{show(value)}" for axis, value in _unusual(labels).items()]
    parts = [str(labels["task"]), str(labels["model"]), *coordinates]
    return "-".join(re.sub(r"[^\w.+-]+", "-", part).strip("-") for part in parts)


def words_of(cells: Mapping[str, Mapping[str, Any]]) -> dict[str, str]:
    """Return a word of its own for each cell, by id: `mnist-mlp-seed0`, with 8 characters of the id if others have it.

    Args:
        cells: labels by id.
    """
    words = {id: word_of(labels) for id, labels in cells.items()}
    numbers = Counter(words.values())
    return {id: word if numbers[word] == 1 else f"{word}-{id[:8]}" for id, word in words.items()}


def _unusual(labels: Mapping[str, Any]) -> dict[str, Any]:
    """Return the labels that a name states beside task and model: the seed, and all that differ from the default."""
    return {
        axis: value
        for axis, value in labels.items()
        if axis not in ("task", "model")
        and (axis == "seed" or value not in (None, AXES[axis].default if axis in AXES else None))
    }


def matches(labels: Mapping[str, Any], selector: Mapping[str, tuple[Any, ...]]) -> bool:
    """Return whether a cell with these labels has, on each axis of the selector, one of the selector's values."""
    return all(axis in labels and labels[axis] in values for axis, values in selector.items())


def modalities_of(task: ComponentUse) -> tuple[str, ...]:
    """Return the modality of a task's examples; several words if only the data can decide."""
    possible = task.component.words("MODALITY")
    return tuple(word for word in possible if word == task.stated.get("modality")) or possible


def is_network(model: Component) -> bool:
    """Return whether an engine trains the model; an estimator fits itself."""
    return "gradients" in model.words("PROVIDES")


def train_key(cell: Cell, option: str) -> KeyPath:
    """Return the key under which the file states a training option of a cell."""
    if f"train.{option}" in cell.labels:
        return ("matrix", f"train.{option}")
    return (*cell.model.key, "train", option) if option in cell.model.train else ("train", option)
