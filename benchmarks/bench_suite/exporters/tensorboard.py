"""Event files for TensorBoard: training curves during the run, hyperparameters and final metrics of each cell."""

from __future__ import annotations

import json
import math
import re
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bench_suite.contracts import BenchError, Finding, History, MetricRow, Record, Window
from bench_suite.execution.callbacks import RunCallback
from bench_suite.store.atomic import writing_error
from bench_suite.suite.plan import Cell, name

if TYPE_CHECKING:
    from torch.utils.tensorboard import SummaryWriter

MISSING = "--tensorboard needs the package tensorboard\n  to get it: pip install 'bench-suite[tensorboard]'"
Plain = str | float | int | bool


def follow(callback: RunCallback, results: Path, resume: str | None) -> EventFiles:
    """Return a callback that writes event files into the run's folder and passes each call on to `callback`.

    Args:
        callback: the callback to pass on to.
        results: the folder of all runs.
        resume: the run to resume, as `--resume` states it: its id, its path, `newest`, or None.

    Raises:
        BenchError: TensorBoard is not installed.
    """

    def folder(run: str) -> Path:
        is_path = resume is not None and (Path(resume) / "run.json").is_file()
        return ((Path(resume or "") if is_path else results / run) / "tensorboard").absolute()

    return EventFiles(callback, folder)


class EventFiles(RunCallback):
    """A callback that writes event files to `FOLDER/CELL/` and passes each call on to another callback.

    A cell's file is created when its first window closes, so that its curves appear during the training. Each window,
    of 50 ms or longer, costs about 0.3 ms, which are not part of the time that the window measures; a thread does the
    writing. A cell that shares the training of another cell has no curves of its own.
    """

    def __init__(self, other: RunCallback, folder: Callable[[str], Path]) -> None:
        """Check that TensorBoard is installed.

        Args:
            other: the callback to pass on to.
            folder: returns the folder of a run's event files by the run's id.

        Raises:
            BenchError: TensorBoard is not installed.
        """
        try:
            import_module("tensorboard")
        except ImportError:
            raise BenchError(MISSING) from None
        self._other = other
        self._folder_of = folder
        self._folder = Path()
        self._open: dict[str, SummaryWriter] = {}
        self._step_times: dict[str, list[tuple[int, float]]] = {}

    def begin(self, run: str, *, resumed: bool, wanted: bool, done: int, notes: tuple[str, ...], busy: bool) -> None:
        """Set the folder of the run."""
        self._folder = self._folder_of(run)
        self._other.begin(run, resumed=resumed, wanted=wanted, done=done, notes=notes, busy=busy)

    def data_notes(self, task: str, notes: Mapping[str, object]) -> None:
        """Pass the call on."""
        self._other.data_notes(task, notes)

    def findings(self, task: str, findings: Sequence[Finding]) -> None:
        """Pass the call on."""
        self._other.findings(task, findings)

    def cell(self, cell: Cell) -> None:
        """Pass the call on."""
        self._other.cell(cell)

    def step(self, cell: Cell, what: str) -> None:
        """Pass the call on."""
        self._other.step(cell, what)

    def training(self, cell: Cell, epochs: int, steps: int) -> None:
        """Pass the call on."""
        self._other.training(cell, epochs, steps)

    def epoch(self, cell: Cell, row: Mapping[str, float]) -> None:
        """Pass the call on."""
        self._other.epoch(cell, row)

    def window(self, cell: Cell, window: Window) -> None:
        """Add a point to each training curve, at the number of steps done."""
        with self._writing(cell, window.step) as writer:
            writer.add_scalar("train/loss", window.loss, window.step)
            if window.seconds:
                writer.add_scalar("train/samples_per_second", window.samples / window.seconds, window.step)
                writer.add_scalar("train/stalled", window.stalled / window.seconds, window.step)
        self._step_times.setdefault(cell.id, []).append((window.step, time.time()))
        self._other.window(cell, window)

    def trained(self, cell: Cell, history: History | None) -> None:
        """Add the curves over epochs, of `loss` and of the validation metrics, each point at the time of its epoch."""
        step_times = self._step_times.pop(cell.id, [])
        with self._writing(cell) as writer:
            for row in history.epochs if history is not None else ():
                last = history.steps * row["epoch"] / len(history.epochs) if history is not None else 0.0
                when = next((at for step, at in step_times if step >= last), None)  # None: now
                for curve, value in row.items():
                    if curve != "epoch" and math.isfinite(value):
                        writer.add_scalar(f"epoch/{curve}", value, int(row["epoch"]), walltime=when)
        self._other.trained(cell, history)

    def record(self, cell: Cell, record: Record) -> None:
        """Add the hyperparameters and final metrics, or the reason why there are none, and close the cell's file."""
        with self._writing(cell) as writer:
            if record.status != "ok":
                writer.add_text("status", f"{record.status}: {record.reason}")
            if metrics := final_metrics(record.metrics):
                # The name "." puts the metrics beside the curves, and not in a run of their own.
                writer.add_hparams(hyper_parameters(record), metrics, run_name=".")
            self._open.pop(cell.id)
            writer.close()
        self._other.record(cell, record)

    @contextmanager
    def _writing(self, cell: Cell, step: int | None = None) -> Iterator[SummaryWriter]:
        """Yield the cell's writer, which is created if there is none yet.

        If a training is repeated, for example after a kill, TensorBoard ignores everything that the earlier one wrote
        from `step` on.

        Raises:
            StoreError: the file cannot be written.
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
    """Return the folder name of a cell, such as `mnist_mlp_seed-0_9c1e2f3a`: its name, and 8 characters of its id."""
    words = re.sub(r"[^A-Za-z0-9_=+.-]+", "-", name(cell).replace(", ", "_"))
    return f"{words[:100].strip('.-_')}_{cell.id[:8]}"


def hyper_parameters(record: Record) -> dict[str, Plain]:
    """Return the cell's labels, and all options of its task, model and training as `family/option`."""
    options = {
        f"{family}/{option}": value
        for family in ("task", "model", "train")
        for option, value in record.options.get(family, {}).items()
    }
    return {key: _loggable(value) for key, value in (*record.cell.items(), *options.items())}


def final_metrics(metrics: tuple[MetricRow, ...]) -> dict[str, float]:
    """Return the metrics with a value; coordinates are part of the name: `throughput/inference/batch_size=64`."""
    return {
        "/".join([row.name, *(f"{axis}={coordinate}" for axis, coordinate in row.at.items())]): row.value
        for row in metrics
        if row.value is not None
    }


def _loggable(value: Any) -> Plain:
    """Return a value that TensorBoard accepts: a number, string or bool; None becomes `none`, others become JSON."""
    if isinstance(value, bool | int | float | str):
        return value
    return "none" if value is None else json.dumps(value, default=str)
