"""Runs for Weights & Biases, written offline: a folder for each cell, which `wandb sync` uploads.

They are written during a run (`follow`) or from a finished one (`export_to`). The cells of a run are one group. Nothing
is sent over the network, unless `WANDB_MODE=online` says so.
"""

from __future__ import annotations

import io
import os
import re
import shutil
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path
from typing import Any, Literal

from bench_suite.contracts import BenchError, Record, describe_error
from bench_suite.execution.callbacks import RunCallback
from bench_suite.store.records import dumps, to_json
from bench_suite.store.runs import Run
from bench_suite.tracking.artifacts import pictures
from bench_suite.tracking.callback import TrackerCallback
from bench_suite.tracking.finished_run import write_run
from bench_suite.tracking.tracker import Point, TrackedCell, Tracker, Written, unwritable
from bench_suite.tracking.values import (
    cell_tags,
    cells_text,
    final_metrics,
    hyper_parameters,
    record_digest,
    run_tags,
    shown_path,
)

IMPORTS = ("wandb",)
_WRITTEN = "bench-record.txt"
"Name of the file in a cell's folder that contains the digest of the record that was written."
_MAX_NAME = 128


@dataclass(frozen=True)
class Options:
    project: str = ""
    "Name of the project; by default `WANDB_PROJECT`, or the name of the suite."


def follow(callback: RunCallback, run: Run) -> TrackerCallback:
    """Return a callback that writes offline runs and passes each call on to `callback`."""
    return TrackerCallback(callback, WandbRuns(run, _folder(run, None), Options()))


def export_to(run: Run, target: str | None, options: Options) -> str:
    """Write the cells of a finished run as offline runs; those that are there already, unchanged, are left as they are.

    Args:
        run: the run.
        target: the folder in which `wandb/` is created; None for `WANDB_DIR`, or the folder of the run if that is not
            set.
        options: the project.

    Returns:
        Where they are, and on a further line how to upload them.

    Raises:
        BenchError: the folder cannot be written.
    """
    return write_run(run, WandbRuns(run, _folder(run, target), options))


class WandbRuns(Tracker):
    """The offline runs of Weights & Biases that belong to one run of the suite."""

    def __init__(self, run: Run, folder: Path, options: Options) -> None:
        """Make the tracker; nothing is written yet.

        Args:
            run: the run.
            folder: in which `wandb/` is.
            options: the project.
        """
        self._run = run
        self._folder = folder
        self._project = _clean(options.project or os.environ.get("WANDB_PROJECT", "") or str(run.info["suite"]))
        self._mode: Literal["online", "offline"] = "online" if os.environ.get("WANDB_MODE") == "online" else "offline"
        self._open: dict[str, Any] = {}
        self._written = self._unchanged = self._uploaded = 0

    def is_written(self, cell: TrackedCell, record: Record) -> bool:
        """Return whether the cell is there with this record, or was uploaded, so that it can no longer be replaced."""
        folders = self._cell_folders(cell)
        if any(_digest(folder) == record_digest(record) for folder in folders):
            self._unchanged += 1
            return True
        if any(_is_uploaded(folder) for folder in folders):
            self._uploaded += 1
            return True
        return False

    def add_points(self, cell: TrackedCell, points: Sequence[Point]) -> None:
        """Log the points; those of one step and one kind of curve are one row."""
        with self._writing():
            target = self._wandb_run(cell)
            for (kind, step, _), row in groupby(
                points, key=lambda one: (one.curve.partition("/")[0], one.step, one.at)
            ):
                values = [*row]
                named = {point.curve: point.value for point in values}
                target.log({f"{kind}/step": step, **named, "_timestamp": values[0].at})

    def finish(self, cell: TrackedCell, record: Record) -> None:
        """Write the configuration, the final metrics as the summary, the pictures and the record, and end the run."""
        with self._writing():
            import wandb
            from PIL import Image

            target = self._wandb_run(cell)
            target.config.update({**hyper_parameters(record), **cell_tags(record)}, allow_val_change=True)
            images = {
                picture.name: wandb.Image(Image.open(io.BytesIO(picture.png)), caption=picture.caption)
                for picture in pictures(self._run, record.artifacts)
            }
            if images:
                target.log(images)
            target.summary.update({**final_metrics(record.metrics, intervals=True), "status": record.status})
            folder = Path(target.dir)
            (folder / "record.json").write_text(dumps(to_json(record), indent=2), encoding="utf-8")
            target.save(str(folder / "record.json"), base_path=str(folder), policy="now")
            target.finish(exit_code=0 if record.status == "ok" else 1)
            self._open.pop(cell.id)
            (folder.parent / _WRITTEN).write_text(record_digest(record), encoding="utf-8")
            self._written += 1

    def close(self, *, complete: bool) -> Written:
        """End the runs of cells that have no record: they were interrupted."""
        with self._writing():
            for target in self._open.values():
                target.finish(exit_code=255)
            self._open.clear()
        left_out = f"; {self._uploaded} changed after their upload and were left out" if self._uploaded else ""
        cells = cells_text(self._written, self._unchanged)
        pattern = self._folder / "wandb" / f"offline-run-*-{_clean(self._run.name)}-*"
        return Written(
            f"{shown_path(self._folder / 'wandb')} ({cells}{left_out})",
            f"to upload: wandb sync {shown_path(pattern.parent)}/{pattern.name}",
        )

    def _wandb_run(self, cell: TrackedCell) -> Any:
        """Return the open run of a cell; a new one replaces what an earlier attempt has written, if not uploaded."""
        if cell.id not in self._open:
            import wandb

            self._folder.mkdir(parents=True, exist_ok=True)
            for folder in self._cell_folders(cell):
                if not _is_uploaded(folder):
                    shutil.rmtree(folder)
            self._open[cell.id] = target = wandb.init(
                id=self._id(cell), name=cell.name, group=self._run.name[:_MAX_NAME], project=self._project,
                dir=str(self._folder), config=run_tags(self._run), reinit="create_new", settings=self._settings(),
            )  # fmt: skip
            for kind in ("train", "epoch"):
                target.define_metric(f"{kind}/step")
                target.define_metric(f"{kind}/*", step_metric=f"{kind}/step")
        return self._open[cell.id]

    def _settings(self) -> Any:
        """Return settings that keep the terminal, the code and the machine out of it."""
        import wandb

        return wandb.Settings(
            mode=self._mode, silent=True, console="off", disable_git=True, disable_code=True, save_code=False,
            x_disable_meta=True, x_disable_stats=True, x_disable_machine_info=True,
        )  # fmt: skip

    def _id(self, cell: TrackedCell) -> str:
        return f"{_clean(self._run.name)[: _MAX_NAME - 9]}-{cell.id[:8]}"

    def _cell_folders(self, cell: TrackedCell) -> list[Path]:
        return sorted((self._folder / "wandb").glob(f"*run-*-{self._id(cell)}"))

    @contextmanager
    def _writing(self) -> Iterator[None]:
        """Raise BenchError instead of the errors of wandb and of the system."""
        os.environ.setdefault("WANDB_ERROR_REPORTING", "false")  # nothing is sent, errors of wandb neither
        import wandb

        try:
            yield
        except OSError as error:
            raise unwritable(self._folder, error) from error
        except wandb.Error as error:
            raise BenchError(f"wandb cannot write to {shown_path(self._folder)}: {describe_error(error)}") from error


def _folder(run: Run, target: str | None) -> Path:
    return Path(target or os.environ.get("WANDB_DIR") or run.path).absolute()


def _clean(text: str) -> str:
    """Return a text without what wandb refuses in ids and names of projects."""
    return re.sub(r"[^\w.+-]+", "-", text)[:_MAX_NAME] or "bench"


def _digest(folder: Path) -> str:
    """Return the digest of the record that a folder was written with; empty if it is not complete."""
    try:
        return (folder / _WRITTEN).read_text(encoding="utf-8")
    except (OSError, ValueError):
        return ""


def _is_uploaded(folder: Path) -> bool:
    """Return whether `wandb sync` has uploaded a folder, or wandb has while it wrote it."""
    return any(folder.glob("*.wandb.synced")) or folder.name.startswith("run-")
