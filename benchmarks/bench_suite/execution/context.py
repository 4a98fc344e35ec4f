"""The run context: what the units of one run share, and the key that decides whether weights are reused."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from bench_suite.components import discovery
from bench_suite.contracts import Data, Finding, Placement, Record, Window
from bench_suite.execution.callbacks import RunCallback
from bench_suite.store.atomic import StoreError
from bench_suite.store.runs import Checkpoint, Run
from bench_suite.store.unfinished import MAX_ENDS, Unfinished, UnfinishedCells
from bench_suite.suite.folds import AXIS as FOLD
from bench_suite.suite.plan import Cell, Plan, digest

if TYPE_CHECKING:
    from bench_suite.data.cache import Cache
    from bench_suite.data.checks.trivial import Baselines
    from bench_suite.data.sources import Sources
    from bench_suite.execution.events import Event
    from bench_suite.execution.process_state import ProcessState


def prominent_notes(data: Data) -> dict[str, Any]:
    """Return the notes on data that change what a number means."""
    return {key: data.source.notes[key] for key in data.source.prominent if key in data.source.notes}


def data_key(task: str, options: Mapping[str, Any]) -> str:
    """Return a key of the data that a task returns.

    Args:
        task: label of the task.
        options: of the task, the fold among them.
    """
    return digest([task, options])


def check_key(cell: Cell) -> str:
    """Return a key of the data of a cell for their checks: one fold stands for all, since they share the examples."""
    options = {name: value for name, value in cell.options["task"].items() if name != FOLD}
    return data_key(cell.task.label, options)


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
    elsewhere: bool = False
    "Whether the units run on other machines, so that this one's device, threads and load say nothing about them."
    cache: Cache | None = None
    done: Mapping[str, frozenset[str]] = field(default_factory=dict)
    "Labels of the probes that are complete, by cell id: a resume does not repeat them."
    earlier: Mapping[str, Record] = field(default_factory=dict)
    "The records that a resume found, by cell id."
    unfinished: UnfinishedCells | None = None
    "Where the cell that is going on is noted; None notes nothing."
    ended_in: Mapping[str, Unfinished] = field(default_factory=dict)
    "Cells in which an earlier process of this run ended, by id."
    state: ProcessState | None = None
    "The state of the process before the first cell, to which it is restored; None restores nothing."
    unchecked: tuple[Cell, Data] | None = None
    "The data of a task as it returned them, and a cell of the task, until they are checked."
    checked_tasks: set[str] = field(default_factory=set)
    "Keys of the tasks whose data have been checked, or are about to be."
    send: Callable[[Event], None] | None = None
    "In a worker: takes what it finds in the data, which the process that drives the run stores. None stores it here."
    max_ends: int = MAX_ENDS
    "Number of processes that may end in one step of a cell before its record says so."
    exclusive: frozenset[str] = frozenset()
    "Ids of the units beside which no other one runs, whatever `jobs` is."
    findings: list[Finding] = field(default_factory=list)
    "The findings of this process, in the order in which they were made."
    without_baselines: tuple[Cell, Data] | None = None
    "The data of a task as it returned them, and a cell of the task, until its trivial predictors are computed."
    baselines: dict[str, Baselines | None] = field(default_factory=dict)
    "By `data_key`: the trivial predictors of a test split, or None if there are none."
    store_error: StoreError | None = None
    "The error that ends the run: the run's own files cannot be written."
    _loaded: dict[str, Data] = field(default_factory=dict)

    def load(self, cell: Cell) -> Data:
        """Return the prepared data of a cell; they are kept for the next cell, which often has the same task."""
        key = digest([cell.task.label, cell.options["task"], cell.options["train"]["validation"]])
        if key not in self._loaded:
            from bench_suite.data.positive import with_positive
            from bench_suite.data.preparation import prepare
            from bench_suite.training.seeding import seed_everything

            self._loaded.clear()
            seed_everything(0)  # a task that draws by a global generator has the same data after any other cell
            module = discovery.load(cell.task.component)
            options = discovery.make_options(cell.task.component, cell.options["task"])
            loaded = module.load(options, self.sources)
            checked = check_key(cell)
            self.unchecked = None if checked in self.checked_tasks else (cell, loaded)
            self.checked_tasks.add(checked)
            is_judged = data_key(cell.task.label, cell.options["task"]) in self.baselines
            self.without_baselines = None if is_judged else (cell, loaded)
            data = prepare(loaded, cell.options["train"]["validation"])
            self._loaded[key] = with_positive(data, cell.options["task"]["positive"], cell.task.label)
            if self.unchecked is not None and (notes := prominent_notes(data)):
                self.callback.data_notes(cell.task.label, notes)
        data = self._loaded[key]
        if cell.fraction != 1.0:
            from bench_suite.data.fractions import subsample

            data = subsample(data, cell.fraction)
        if self.smoke:
            from bench_suite.data.smoke import SMOKE_EXAMPLES, SMOKE_EXAMPLES_PRETRAINED, smoke_part

            slow = bool(cell.options["model"].get("pretrained"))
            texts = "text" in cell.task.component.words("MODALITY")
            data = smoke_part(data, SMOKE_EXAMPLES_PRETRAINED if slow else SMOKE_EXAMPLES, texts=texts)
        return data

    def begin(self, cell: Cell) -> None:
        """Note that a cell begins, so that a crash of the process is seen by a resume."""
        self.callback.cell(cell)
        if self.unfinished is not None:
            with self.storing():
                self.unfinished.begin(cell.id, self.ended_in.get(cell.id), self.run.checkpoint(cell.unit, "").state())

    def step(self, cell: Cell, step: str, *, probe: bool = False) -> None:
        """Note that a step of a cell begins: `training`, or the label of a probe."""
        self.callback.step(cell, step)
        if self.unfinished is not None:
            self.unfinished.step(step, probe=probe)

    def training(self, cell: Cell, epochs: int, steps: int) -> None:
        """Note that the training of a cell's network begins, and about how long it is."""
        self.callback.training(cell, epochs, steps)
        if self.unfinished is not None:
            self.unfinished.training_begins(steps)

    def window(self, cell: Cell, window: Window) -> None:
        """Note that a window of a cell's training has closed."""
        self.callback.window(cell, window)
        if self.unfinished is not None and window.seconds > 0:
            self.unfinished.training(window.step, window.samples / window.seconds, window.loss)

    def repeated_end(self, cell: Cell) -> Unfinished | None:
        """Return what is known of the processes that ended in a cell, if there were `max_ends` in the same step."""
        earlier = self.ended_in.get(cell.id)
        if (
            earlier is None
            or earlier.ends < self.max_ends
            or earlier.progress != self.run.checkpoint(cell.unit, "").state()
        ):
            return None
        return earlier

    def placement(self, cell: Cell) -> Placement:
        """Return where and how a cell computes on this machine.

        Raises:
            BenchError: this machine lacks the device or precision.
        """
        return placement_of(cell, 1 if cell.unit in self.exclusive else self.jobs)

    @contextmanager
    def storing(self) -> Iterator[None]:
        """Enter around each write of the run's own files: an error of it ends the run.

        A `StoreError` from elsewhere, such as one that a component raises, is an error of its cell.
        """
        try:
            yield
        except StoreError as error:
            self.store_error = error
            raise

    def raise_if_run_ends(self, error: BaseException | None = None) -> None:
        """Raise what ends the run: Ctrl-C, or an error of the run's own files, also if a component has caught it."""
        if self.store_error is not None:
            raise self.store_error
        if isinstance(error, KeyboardInterrupt):
            raise error

    def checkpoint(self, cell: Cell, weights_key: str) -> RunCheckpoint:
        """Return where an engine saves the unfinished training of a cell's unit."""
        return RunCheckpoint(self.run.checkpoint(cell.unit, weights_key), self)

    def missing(self, cell: Cell) -> list[str]:
        """Return the labels of the cell's probes that are still to do, inapplicable ones included."""
        return [label for label in cell.probes if label not in self.done.get(cell.id, frozenset())]


@dataclass(frozen=True)
class RunCheckpoint:
    """`contracts.Checkpoints` of a run: an error of its file ends the run, whatever the engine does with it."""

    file: Checkpoint
    context: RunContext

    def save(self, content: bytes) -> None:
        """Replace what was saved before."""
        with self.context.storing():
            self.file.save(content)

    def load(self) -> bytes | None:
        """Return what was saved last; None if there is nothing."""
        return self.file.load()


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
        devices=cell.devices,
        strategy=cell.strategy,
        honoured=cell.engine.words("DEVICES") if cell.engine else None,
        precisions=_precisions(cell),
    )


def _precisions(cell: Cell) -> tuple[str, ...] | None:
    """Return the precisions that `auto` may stand for; None if an estimator decides."""
    if cell.engine is None:
        return None
    private = cell.options["train"]["privacy"] is not None  # its sums are exact in 32 bits only
    return tuple(word for word in cell.engine.words("PRECISIONS") if not private or word == "32-true")
