"""The job of a run: the file from which a worker, a process of its own, knows what to run and where to write."""

from __future__ import annotations

import pickle
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from bench_suite.contracts import BenchError, Record
from bench_suite.store.atomic import write_file
from bench_suite.suite.plan import Plan

FILE = "job.pickle"
"Name of the file in the folder of the run, for workers that end with the run; it is removed then."


@dataclass(frozen=True)
class Job:
    """What a worker needs to run any unit of a plan."""

    plan: Plan
    run: str
    "The folder of the run, an absolute path."
    environment: str
    "Hash of the environment, as the records name it."
    code: str
    "Hash of the program's own source: a worker with another one refuses the job."
    version: str
    "Version of the program."
    smoke: bool = False
    offline: bool = False
    notes: tuple[str, ...] = ()
    machine_busy: bool = False
    elsewhere: bool = False
    "Whether the workers run on other machines, each of which it describes itself."
    max_ends: int = 2
    "Number of processes that may end in one step of a cell before its record says so."
    done: Mapping[str, frozenset[str]] = field(default_factory=dict)
    "Labels of the probes that are complete, by cell id."
    earlier: Mapping[str, Record] = field(default_factory=dict)
    "The records that a resume found, by cell id, of cells that are not complete."


def write_job(job: Job, name: str = FILE) -> Path:
    """Write the file of a job, which only its owner can read, and return its path.

    Args:
        job: the job.
        name: path of the file in the folder of the run.

    Raises:
        StoreError: it cannot be written.
    """
    path = write_file(Path(job.run) / name, pickle.dumps(job))
    path.chmod(0o600)
    return path


def read_job(path: Path) -> Job:
    """Return the job in a file that `write_job` wrote. Never read a file from somebody else: it can run any code.

    Raises:
        BenchError: the file is missing or is no job.
    """
    try:
        job = pickle.loads(path.read_bytes())
    except (OSError, pickle.UnpicklingError, EOFError, AttributeError, ImportError) as error:
        raise BenchError(f"{path.name} of the run cannot be read: {error}") from error
    if not isinstance(job, Job):
        raise BenchError(f"{path.name} of the run is no job")
    return job
