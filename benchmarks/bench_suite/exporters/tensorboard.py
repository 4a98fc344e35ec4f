"""Event files for TensorBoard: training curves, hyperparameters with final metrics, and pictures of each cell.

They are written during a run (`follow`) or from a finished one (`export_to`), one folder for each cell.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from bench_suite.contracts import Record
from bench_suite.execution.callbacks import RunCallback
from bench_suite.store.histories import read_history
from bench_suite.store.runs import Run
from bench_suite.tracking.artifacts import pictures
from bench_suite.tracking.callback import TrackerCallback
from bench_suite.tracking.finished_run import write_run
from bench_suite.tracking.tracker import Point, TrackedCell, Tracker, Written, unwritable
from bench_suite.tracking.values import cells_text, final_metrics, hyper_parameters, record_digest, shown_path

if TYPE_CHECKING:
    from torch.utils.tensorboard import SummaryWriter

IMPORTS = ("tensorboard",)
FOLDER = "tensorboard"
"Name of the folder in that of the run."
_WRITTEN = "bench-record.txt"
"Name of the file in a cell's folder that contains the digest of the record that was written."


def follow(callback: RunCallback, run: Run) -> TrackerCallback:
    """Return a callback that writes event files into the run's folder and passes each call on to `callback`."""
    return TrackerCallback(callback, EventFiles(run, run.path / FOLDER))


def export_to(run: Run, target: str | None) -> str:
    """Write event files of a finished run; cells that are there already are written again only if they have changed.

    Args:
        run: the run.
        target: the folder; None for `tensorboard` in the folder of the run.

    Returns:
        Where they are, and on a further line how to open them.
    """
    return write_run(run, EventFiles(run, run.path / FOLDER if target is None else Path(target), replace=True))


class EventFiles(Tracker):
    """Event files in `FOLDER/CELL/`. A cell that shares the training of another cell has no curves of its own."""

    def __init__(self, run: Run, folder: Path, *, replace: bool = False) -> None:
        """Make the tracker; nothing is written yet.

        Args:
            run: the run whose artifacts are shown.
            folder: where the folders of the cells are.
            replace: whether files of a cell that are there already are replaced.
        """
        self._run = run
        self._folder = folder.absolute()
        self._replace = replace
        self._open: dict[str, SummaryWriter] = {}
        self._written = self._unchanged = 0

    def is_written(self, cell: TrackedCell, record: Record) -> bool:
        """Return whether the files of the cell were written with this record."""
        try:
            written = (self._cell_folder(cell) / _WRITTEN).read_text(encoding="utf-8")
        except (OSError, ValueError):
            return False
        if written != record_digest(record):
            return False
        self._unchanged += 1
        return True

    def add_points(self, cell: TrackedCell, points: Sequence[Point]) -> None:
        """Add the points, each at its own time.

        If a training is repeated, for example after a kill, TensorBoard ignores everything that the earlier one wrote
        from the first step on.
        """
        with self._writing(cell, purge_step=min(point.step for point in points) if points else None) as writer:
            for point in points:
                writer.add_scalar(point.curve, point.value, point.step, walltime=point.at)

    def finish(self, cell: TrackedCell, record: Record) -> None:
        """Add the hyperparameters, final metrics and pictures, or the reason why there are none; close the file."""
        self._written += 1
        with self._writing(cell) as writer:
            if record.status != "ok":
                writer.add_text("status", f"{record.status}: {record.reason}")
            if metrics := final_metrics(record.metrics):
                # The name "." puts the metrics beside the curves, and not in a run of their own.
                writer.add_hparams(hyper_parameters(record), metrics, run_name=".")
            self._add_pictures(writer, record)
            self._open.pop(cell.id)
            writer.close()
            (self._cell_folder(cell) / _WRITTEN).write_text(record_digest(record), encoding="utf-8")

    def close(self, *, complete: bool) -> Written:
        """Close all files."""
        for writer in self._open.values():
            writer.close()
        self._open.clear()
        folder = shown_path(self._folder)
        return Written(
            f"{folder} ({cells_text(self._written, self._unchanged)})", f"curves: tensorboard --logdir {folder}"
        )

    def _add_pictures(self, writer: SummaryWriter, record: Record) -> None:
        from tensorboard.compat.proto.summary_pb2 import Summary

        for picture in pictures(self._run, record.artifacts):
            width, height = (int.from_bytes(picture.png[at : at + 4], "big") for at in (16, 20))  # PNG's first chunk
            image = Summary.Image(height=height, width=width, colorspace=3, encoded_image_string=picture.png)
            file_writer = writer._get_file_writer()
            file_writer.add_summary(Summary(value=[Summary.Value(tag=picture.name, image=image)]), 0)

    def _cell_folder(self, cell: TrackedCell) -> Path:
        return self._folder / folder_name(cell)

    @contextmanager
    def _writing(self, cell: TrackedCell, purge_step: int | None = None) -> Iterator[SummaryWriter]:
        """Yield the cell's writer, which is created if there is none yet.

        Raises:
            BenchError: the file cannot be written.
        """
        folder = self._cell_folder(cell)
        try:
            if cell.id not in self._open:
                from torch.utils.tensorboard import SummaryWriter

                if self._replace and read_history(self._run.path, cell.id) is not None:  # else the curves would be lost
                    for path in folder.glob("events.out.tfevents.*"):
                        path.unlink()
                self._open[cell.id] = SummaryWriter(str(folder), purge_step=purge_step, flush_secs=10)
            yield self._open[cell.id]
        except OSError as error:
            raise unwritable(folder, error) from error


def folder_name(cell: TrackedCell) -> str:
    """Return the folder name of a cell, such as `mnist_mlp_seed-0_9c1e2f3a`: its name, and 8 characters of its id."""
    words = re.sub(r"[^A-Za-z0-9_=+.-]+", "-", cell.name.replace(", ", "_"))
    return f"{words[:100].strip('.-_')}_{cell.id[:8]}"
