"""Put the test split of another task beside the data that a cell was trained on, if its model can read the examples."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from bench_suite.components import discovery
from bench_suite.contracts import BenchError, Data
from bench_suite.suite.plan import Cell

if TYPE_CHECKING:
    from bench_suite.data.sources import Sources


def with_test_of(use: str, cell: Cell, own: Data, sources: Sources | None) -> Data:
    """Return the data of a cell with the test split of another task, and with the source of that task.

    Args:
        use: the other task as a suite names it.
        cell: the cell, whose option `data` the other task shares if it can.
        own: the data that the cell was trained on.
        sources: where data are read from; None for this machine's defaults.

    Raises:
        BenchError: the data are not on this machine or are the cell's own, or the model cannot read the examples.
    """
    from bench_suite.data.sources import Sources
    from bench_suite.data.splits import modalities_in
    from bench_suite.training.seeding import seed_everything

    component = discovery.find("tasks", use, Path())
    modalities, known = modalities_in(own), component.words("MODALITY")
    if modalities and not set(modalities) & set(known):
        theirs = " or ".join(f"{modality}s" for modality in known)
        raise BenchError(f"its examples are {theirs}, and the model takes {modalities[0]}s")
    seed_everything(0)  # a task that draws by a global generator has the same data wherever it is loaded
    shared = {name: value for name, value in cell.options["task"].items() if name == "data"}
    options = discovery.default_options(component, shared)
    other = discovery.load(component).load(options, Sources() if sources is None else sources)
    if (other.source.origin, other.source.name) == (own.source.origin, own.source.name):
        raise BenchError("it is the task that the model was trained on")
    if reason := difference(own, other):
        raise BenchError(reason)
    return replace(own, splits={"train": own.splits["train"], "test": other.splits["test"]}, source=other.source)


def difference(own: Data, other: Data) -> str:
    """Return how the test inputs of two tasks differ; empty if a model for the first can read those of the second."""
    if not len(other.splits["test"]):
        return "it has no test examples"
    mine, theirs = (dict(data.splits["test"].take(np.arange(1))) for data in (own, other))
    for name, values in mine.items():
        if name == "target":
            continue
        if name not in theirs:
            return f"its examples have no {name}, which the model takes"
        if name == "table" and tuple(own.spec.get("columns", ())) != tuple(other.spec.get("columns", ())):
            return "its table has other columns than the one that the model takes"
        shapes = _shape(values), _shape(theirs[name])
        if shapes[0] != shapes[1]:
            words = ["×".join(map(str, shape)) for shape in shapes]
            return f"its {name}s are {words[1]}, and the model takes {words[0]}"
    return ""


def _shape(values: Any) -> tuple[int, ...]:
    """Return the shape of one example of a column; empty for texts."""
    return tuple(values.shape[1:]) if isinstance(values, np.ndarray) else ()
