"""Event files that TensorBoard shows: training curves as they come, hyper-parameters and final metrics of each cell."""

from __future__ import annotations

import json
import math
import re
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bench_suite.contracts import BenchError, History, MetricRow, Record, Window
from bench_suite.execution.callbacks import RunCallback
from bench_suite.store.atomic import writing_error
from bench_suite.suite.plan import Cell, name

if TYPE_CHECKING:
    from torch.utils.tensorboard import SummaryWriter

MISSING = "--tensorboard needs the package tensorboard\n  to get it: pip install 'bench-suite[tensorboard]'"
Plain = str | float | int | bool


def follow(callback: RunCallback, results: Path, resume: str | None) -> EventFiles:
    """The callback, and event files in the run's folder, which lies in `results` unless `resume` is its path.

    Raises BenchError where TensorBoard is not installed.
    """

    def folder(run: str) -> Path:
        named = resume is not None and (Path(resume) / "run.json").is_file()  # by its path, wherever it lies
        return ((Path(resume or "") if named else results / run) / "tensorboard").absolute()

    return EventFiles(callback, folder)


class EventFiles(RunCallback):
    """A callback that passes everything on to another one, and writes what it is told to `FOLDER/CELL/`.

    A file is begun when a cell's first window closes, so that curves are there while it trains. A window, of 50 ms or
    longer, costs about 0.3 ms, which lie outside the time that it measures; a thread of its own does the writing. A
    cell that shares another one's training has no curves of its own.
    """

    def __init__(self, other: RunCallback, folder: Callable[[str], Path]) -> None:
        """`folder`: of a run's id, where its event files go. Raises BenchError where TensorBoard is not installed."""
        try:
            import_module("tensorboard")
        except ImportError:
            raise BenchError(MISSING) from None
        self._other = other
        self._folder_of = folder
        self._folder = Path()
        self._open: dict[str, SummaryWriter] = {}
        self._passed: dict[str, list[tuple[int, float]]] = {}

    def begin(self, run: str, *, resumed: bool, wanted: bool, done: int, notes: tuple[str, ...], busy: bool) -> None:
        """Take note of where the run lies."""
        self._folder = self._folder_of(run)
        self._other.begin(run, resumed=resumed, wanted=wanted, done=done, notes=notes, busy=busy)

    def cell(self, cell: Cell) -> None:
        """Nothing of its own."""
        self._other.cell(cell)

    def step(self, cell: Cell, what: str) -> None:
        """Nothing of its own."""
        self._other.step(cell, what)

    def window(self, cell: Cell, window: Window) -> None:
        """A point of each training curve, at the number of steps done."""
        with self._writing(cell, window.step) as writer:
            writer.add_scalar("train/loss", window.loss, window.step)
            if window.seconds:
                writer.add_scalar("train/samples_per_second", window.samples / window.seconds, window.step)
                writer.add_scalar("train/stalled", window.stalled / window.seconds, window.step)
        self._passed.setdefault(cell.id, []).append((window.step, time.time()))
        self._other.window(cell, window)

    def trained(self, cell: Cell, history: History | None) -> None:
        """A point of each curve by epochs, `loss` and what was taken on the validation split, at its own time."""
        passed = self._passed.pop(cell.id, [])
        with self._writing(cell) as writer:
            for row in history.epochs if history is not None else ():
                last = history.steps * row["epoch"] / len(history.epochs) if history is not None else 0.0
                when = next((at for step, at in passed if step >= last), None)  # None: now
                for curve, value in row.items():
                    if curve != "epoch" and math.isfinite(value):
                        writer.add_scalar(f"epoch/{curve}", value, int(row["epoch"]), walltime=when)
        self._other.trained(cell, history)

    def record(self, cell: Cell, record: Record) -> None:
        """Hyper-parameters and final metrics, or why there are none; and the end of the cell's file."""
        with self._writing(cell) as writer:
            if record.status != "ok":
                writer.add_text("status", f"{record.status}: {record.reason}")
            if metrics := final(record.metrics):
                # Under the name ".": the metrics stand beside the curves, and not in a run of their own.
                writer.add_hparams(hyper_parameters(record), metrics, run_name=".")
            self._open.pop(cell.id)
            writer.close()
        self._other.record(cell, record)

    @contextmanager
    def _writing(self, cell: Cell, step: int | None = None) -> Iterator[SummaryWriter]:
        """The cell's writer, made where there is none yet; raises StoreError where nothing can be written.

        A training that is done again, after a kill say, begins at `step`: what an earlier one wrote from there on is
        left out by TensorBoard.
        """
        folder = self._folder / folder_name(cell)
        try:
            if cell.id not in self._open:
                from torch.utils.tensorboard import SummaryWriter

                self._open[cell.id] = SummaryWriter(str(folder), purge_step=step, flush_secs=10)
            yield self._open[cell.id]
        except OSError as error:
            raise writing_error(error, folder) from error


def folder_name(cell: Cell) -> str:
    """`mnist_mlp_seed-0_9c1e2f3a`: the cell in words that a file name may hold, and the first letters of its id."""
    words = re.sub(r"[^A-Za-z0-9_=+.-]+", "-", name(cell).replace(", ", "_"))
    return f"{words[:100].strip('.-_')}_{cell.id[:8]}"


def hyper_parameters(record: Record) -> dict[str, Plain]:
    """What the cell is and all options of its model, its training and its task, by `family/option`."""
    options = {
        f"{family}/{option}": value
        for family in ("task", "model", "train")
        for option, value in record.options.get(family, {}).items()
    }
    return {key: _plain(value) for key, value in (*record.cell.items(), *options.items())}


def final(metrics: tuple[MetricRow, ...]) -> dict[str, float]:
    """The metrics that have a value, their coordinates in the name: `throughput/inference/batch_size=64`."""
    return {
        "/".join([row.name, *(f"{axis}={place}" for axis, place in row.at.items())]): row.value
        for row in metrics
        if row.value is not None
    }


def _plain(value: Any) -> Plain:
    """TensorBoard knows numbers, strings and truth values; `none` stands for what is not set, lists are written out."""
    if isinstance(value, bool | int | float | str):
        return value
    return "none" if value is None else json.dumps(value, default=str)
