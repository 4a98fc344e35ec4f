"""The run context: what the units of one run share, and the key that decides whether weights are reused."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from bench_suite.components import discovery
from bench_suite.contracts import Data, Placement
from bench_suite.execution.callbacks import RunCallback
from bench_suite.store.runs import Run
from bench_suite.suite.plan import Cell, Plan, digest

if TYPE_CHECKING:
    from bench_suite.data.cache import Cache
    from bench_suite.data.sources import Sources


@dataclass
class RunContext:
    """What the units of one run share."""

    plan: Plan
    run: Run
    sources: Sources
    callback: RunCallback
    environment: str
    "Hash of the environment, as the run keeps it."
    code: str
    "Hash of the program's own source that trains."
    smoke: bool = False
    notes: tuple[str, ...] = ()
    "Said in every record, such as that `--trust` was given."
    machine_busy: bool = False
    jobs: int = 1
    cache: Cache | None = None
    done: Mapping[str, frozenset[str]] = field(default_factory=dict)
    "By cell id: labels of the probes that a resume need not do again."
    _loaded: dict[str, Data] = field(default_factory=dict)

    def load(self, cell: Cell) -> Data:
        """The cell's data, prepared. Those of one task stay for the next cell: units come task by task."""
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
        """Labels of the cell's probes that are still to do; inapplicable ones count, so that the record names them."""
        return [label for label in cell.probes if label not in self.done.get(cell.id, frozenset())]


def weights_key(cell: Cell, fingerprint: str, placement: Placement, code: str, *, smoke: bool) -> str:
    """Whether kept weights may be used again: training, data, source, PyTorch, device kind, threads."""
    import torch

    parts = [cell.task.component, cell.model.component, *cell.problems, *([cell.engine] if cell.engine else [])]
    sources = [part.source_hash for part in parts]
    where = [placement.device, placement.threads, placement.precision]
    return digest([cell.unit, fingerprint, sources, code, torch.__version__, *where, smoke])


def placement_of(cell: Cell, jobs: int) -> Placement:
    """Where a cell computes on this machine. Raises BenchError."""
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
