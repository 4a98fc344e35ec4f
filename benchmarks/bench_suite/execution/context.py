"""The run context: what the units of one run share, and the key that decides whether weights are reused."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from bench_suite.components import discovery
from bench_suite.contracts import Data, Placement, Record
from bench_suite.execution.callbacks import RunCallback
from bench_suite.store.runs import Run
from bench_suite.suite.plan import Cell, Plan, digest

if TYPE_CHECKING:
    from bench_suite.data.cache import Cache
    from bench_suite.data.sources import Sources


@dataclass
class RunContext:
    """The objects and settings that the units of one run share."""

    plan: Plan
    run: Run
    sources: Sources
    callback: RunCallback
    environment: str
    "Hash of the environment, as `Run.add_environment` returned it."
    code: str
    "Hash of the program's own source that decides the result of a training."
    smoke: bool = False
    notes: tuple[str, ...] = ()
    "Notes that every record contains, such as that `--trust` was given."
    machine_busy: bool = False
    "Whether the machine's load was above its number of cores when the run began."
    jobs: int = 1
    "Number of units that run at the same time."
    cache: Cache | None = None
    done: Mapping[str, frozenset[str]] = field(default_factory=dict)
    "Labels of the probes that are complete, by cell id: a resume does not repeat them."
    earlier: Mapping[str, Record] = field(default_factory=dict)
    "The records that a resume found, by cell id."
    _loaded: dict[str, Data] = field(default_factory=dict)

    def load(self, cell: Cell) -> Data:
        """Return the prepared data of a cell; they are kept for the next cell, which often has the same task."""
        key = digest([cell.task.label, cell.options["task"], cell.options["train"]["validation"]])
        if key not in self._loaded:
            from bench_suite.data.preparation import prepare

            self._loaded.clear()
            module = discovery.load(cell.task.component)
            options = discovery.make_options(cell.task.component, cell.options["task"])
            data = prepare(module.load(options, self.sources), cell.options["train"]["validation"])
            self._loaded[key] = data
        data = self._loaded[key]
        if cell.fraction != 1.0:
            from bench_suite.data.fractions import subsample

            data = subsample(data, cell.fraction)
        if self.smoke:
            from bench_suite.data.preparation import smoke_part

            data = smoke_part(data)
        return data

    def missing(self, cell: Cell) -> list[str]:
        """Return the labels of the cell's probes that are still to do, inapplicable ones included."""
        return [label for label in cell.probes if label not in self.done.get(cell.id, frozenset())]


def weights_key(
    cell: Cell, fingerprint: str, placement: Placement, sources: Mapping[str, str], code: str, *, smoke: bool
) -> str:
    """Return a hash of everything that decides the trained weights: weights are reused under the same key only.

    It covers the training's options, data, source, version of PyTorch, kind of device, threads and precision.

    Args:
        cell: the cell.
        fingerprint: of its data.
        placement: where and how it computes.
        sources: hashes of its components and of the files that its model reads, as `sources_of` returned them.
        code: hash of the program's own source, as `source_of_program` returned it.
        smoke: whether the run is a smoke run.
    """
    import torch

    hardware = [placement.device, placement.threads, placement.precision]
    return digest([cell.unit, fingerprint, sources, code, torch.__version__, *hardware, smoke])


def placement_of(cell: Cell, jobs: int) -> Placement:
    """Return where and how a cell computes on this machine.

    Raises:
        BenchError: this machine lacks the device or precision.
    """
    from bench_suite.training.placement import resolve_placement

    deterministic = bool(cell.options["train"]["deterministic"])
    return resolve_placement(
        cell.device,
        cell.precision,
        cell.threads,
        jobs=jobs,
        deterministic=deterministic,
        compiled=cell.compile,
        devices=cell.engine.words("DEVICES") if cell.engine else None,
        precisions=cell.engine.words("PRECISIONS") if cell.engine else None,
    )
