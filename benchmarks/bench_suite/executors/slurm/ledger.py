"""The ledger `slurm.json` of a run: which jobs were submitted for which units, for the next `bench run --resume`.

A task runs its unit only if the ledger lists it. So a job that was submitted by a process which was killed before it
could list the job does nothing, and no unit runs twice.
"""

from __future__ import annotations

import json
import time
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from bench_suite.store.atomic import StoreError, write_file

FILE = "slurm.json"
FOLDER = "slurm"
"Folder of the run with the files of the jobs."
_SAVE_SECONDS = 2.0


@dataclass(frozen=True)
class Task:
    """A task of an array, which runs one unit."""

    key: str
    "Names its files in the folder of the jobs."
    unit: str
    "Id of the unit."
    job: str
    "Id of the job: that of the array, `_` and the number of the task; with the cluster `local`, of a process."


class Ledger:
    """The tasks of a run that have not ended, as far as is known, and the ids of all arrays."""

    def __init__(self, run: Path, cluster: str) -> None:
        """Read the ledger of the run, if there is one.

        Args:
            run: the folder of the run.
            cluster: `slurm` or `local`.

        Raises:
            StoreError: it cannot be read, or has tasks of the other cluster.
        """
        self.path = run / FILE
        self.cluster = cluster
        self.arrays: list[str] = []
        self.tasks: dict[str, Task] = {}
        entry = read_ledger(self.path)
        if entry is not None:
            self.arrays = [str(one) for one in entry["arrays"]]
            self.tasks = {one["key"]: Task(**one) for one in entry["tasks"]}
            if self.tasks and entry["cluster"] != cluster:
                raise StoreError(
                    f"{len(self.tasks)} jobs of this run may still run: they were submitted with "
                    f"cluster = {entry['cluster']}\n  resume with: --cluster {entry['cluster']}"
                )
        self._changed = False
        self._saved = 0.0

    def add(self, tasks: Iterable[Task]) -> None:
        """List tasks that were submitted; they are on disk when this returns.

        Raises:
            StoreError: the file cannot be written.
        """
        for task in tasks:
            self.tasks[task.key] = task
            array = task.job.partition("_")[0]
            if array not in self.arrays[-1:]:
                self.arrays.append(array)
        self._changed = True
        self.save()

    def remove(self, task: Task) -> None:
        """Remove a task that has ended. Not at once on disk: a task that is listed too long is found to have ended."""
        self.tasks.pop(task.key, None)
        self._changed = True
        if time.monotonic() - self._saved > _SAVE_SECONDS:
            self.save()

    def save(self) -> None:
        """Write the file, if anything has changed.

        Raises:
            StoreError: the file cannot be written.
        """
        if not self._changed:
            return
        tasks = [asdict(task) for task in self.tasks.values()]
        entry = {
            "schema": 1, "executor": "slurm", "cluster": self.cluster, "arrays": self.arrays, "tasks": tasks,
        }  # fmt: skip
        write_file(self.path, json.dumps(entry, indent=1).encode() + b"\n")
        self._changed, self._saved = False, time.monotonic()


def read_ledger(path: Path) -> dict[str, Any] | None:
    """Return the content of a ledger; None if there is no such file.

    Raises:
        StoreError: it cannot be read.
    """
    try:
        entry: dict[str, Any] = json.loads(path.read_bytes())
        for task in entry["tasks"]:
            Task(**task)
        if not isinstance(entry["arrays"], list) or not isinstance(entry["cluster"], str):
            raise TypeError("arrays and cluster have another form")
    except FileNotFoundError:
        return None
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise StoreError(
            f"{path} cannot be read ({error}): it lists jobs that may still run\n"
            "  cancel them with scancel, remove the file, then: bench run … --resume"
        ) from error
    return entry
