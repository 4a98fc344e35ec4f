"""Clusters: submit tasks through submitit, ask whether they have ended, interrupt and cancel them."""

from __future__ import annotations

import getpass
import math
import os
import signal
import subprocess
import time
from collections.abc import Collection, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

import submitit
from submitit.core.utils import FailedJobError, FailedSubmissionError
from submitit.slurm.slurm import read_job_id

from bench_suite.contracts import BenchError
from bench_suite.executors.slurm.launcher import Launcher, LauncherEnded
from bench_suite.executors.slurm.resources import Resources
from bench_suite.executors.slurm.task import Order, cause_of, run_task

if TYPE_CHECKING:
    from bench_suite.executors.slurm import Options

ARRAY_SIZE = 1000
"Largest number of tasks of an array: most clusters allow 1,001 (`MaxArraySize`)."
PARALLEL = 256
"Number of tasks of an array that run at the same time, unless `jobs` states it."
START_MINUTES = 5
"What a job has beyond the timeout of its unit, to start Python and PyTorch."
ENDED = frozenset(
    ("BOOT_FAIL", "CANCELLED", "COMPLETED", "DEADLINE", "FAILED", "NODE_FAIL", "OUT_OF_MEMORY", "PREEMPTED", "REVOKED",
     "TIMEOUT")
)  # fmt: skip
"The states of Slurm that a job does not leave."
NODE_LOST = frozenset(("BOOT_FAIL", "NODE_FAIL", "PREEMPTED"))
"The states whose cause is not the unit."
_IDS_A_CALL = 500


@dataclass(frozen=True)
class State:
    """How a job has ended, as far as the cluster knows."""

    name: str = ""
    "The state of Slurm; empty if it is not known."
    cause: str = ""
    "The signal's name or the exit status that Slurm noted."

    @property
    def text(self) -> str:
        """The state in words."""
        return self.cause if self.name == "FAILED" and self.cause else self.name


class Cluster(Protocol):
    """Where tasks run."""

    poll_seconds: float
    "Pause between two looks at the files of the tasks."
    lag_seconds: float
    "How long a file that a task has written may be invisible here."

    def submit(self, orders: Sequence[Order], resources: Resources) -> list[str]:
        """Submit orders that need the same; return the id of the job of each.

        Raises:
            LauncherEnded: the process that submits them has ended; they may be submitted again under other keys.
            BenchError: the cluster refuses them.
        """

    def ended(self, jobs: Collection[str], *, now: bool = False) -> dict[str, State]:
        """Return the jobs that have ended, by id, as it was known a short time ago, or is known now."""

    def interrupt(self, jobs: Collection[str]) -> None:
        """Interrupt jobs that run, as Ctrl-C would, and cancel those that wait."""

    def cancel(self, jobs: Collection[str], processes: Collection[int]) -> None:
        """End jobs at once; `processes` are the ids of their workers, as far as they are known."""


class Slurm:
    """A cluster under Slurm."""

    poll_seconds = 1.0
    lag_seconds = 10.0

    def __init__(self, folder: Path, options: Options) -> None:
        """Ask nothing yet; `folder` receives the files of the jobs, and must be visible on all nodes."""
        self.folder = folder
        self._options = options
        self._known: dict[str, State] = {}
        self._listed: set[str] = set()
        "Jobs that Slurm has shown once."
        self._submitted = self._asked = -math.inf

    def submit(self, orders: Sequence[Order], resources: Resources) -> list[str]:
        """Submit one array; see `Cluster`."""
        try:
            executor = submitit.SlurmExecutor(self.folder)
            executor.update_parameters(**parameters(self._options, resources))
            jobs = executor.map_array(run_task, orders)
        except (FailedJobError, FailedSubmissionError, OSError) as error:
            raise BenchError(f"sbatch refuses the jobs: {error}") from error
        self._submitted = time.monotonic()
        return [str(job.job_id) for job in jobs]

    def ended(self, jobs: Collection[str], *, now: bool = False) -> dict[str, State]:
        """Ask `sacct` and `squeue`, at most every 2 to 30 seconds; see `Cluster`."""
        at = time.monotonic()
        pause = min(30.0, max(2.0, (at - self._submitted) / 2))
        if jobs and (now or at - self._asked > pause):
            self._asked = at
            self._ask(jobs, at)
        return {job: self._known[job] for job in jobs if job in self._known}

    def _ask(self, jobs: Collection[str], at: float) -> None:
        arrays = sorted({job.partition("_")[0] for job in jobs})
        accounted = _output(["sacct", "-X", "-P", "-n", "-o", "JobID,State,ExitCode", "-j", ",".join(arrays)])
        queued = _output(["squeue", "-h", "-r", "-t", "all", "-u", getpass.getuser(), "-o", "%i|%T"])
        states = dict(_states(accounted or ""))
        in_queue = dict(_states(queued or ""))
        self._listed |= states.keys() | in_queue.keys()
        for job in jobs:
            for state in (states.get(job), in_queue.get(job)):
                if state is not None and state.name in ENDED:
                    self._known[job] = state
                    break
            else:
                # A job that was submitted just now may not be shown yet.
                waited = job in self._listed or at - self._submitted > 60
                if queued is not None and job not in in_queue and waited:
                    self._known[job] = State()

    def interrupt(self, jobs: Collection[str]) -> None:
        """Cancel what waits, and send SIGINT to what runs; see `Cluster`."""
        self._scancel(jobs, "--state=PENDING")
        self._scancel(jobs, "--signal=INT")

    def cancel(self, jobs: Collection[str], processes: Collection[int]) -> None:
        """Cancel the jobs; see `Cluster`."""
        self._scancel(jobs)

    def _scancel(self, jobs: Collection[str], *flags: str) -> None:
        listed = list(jobs)
        for start in range(0, len(listed), _IDS_A_CALL):
            _output(["scancel", *flags, *listed[start : start + _IDS_A_CALL]])


class Local:
    """This machine: each task is a job of submitit's local executor."""

    poll_seconds = 0.1
    lag_seconds = 0.0

    def __init__(self, folder: Path) -> None:
        """Start nothing yet; `folder` receives the files of the jobs."""
        self.folder = folder
        self._launcher: Launcher | None = None

    def submit(self, orders: Sequence[Order], resources: Resources) -> list[str]:
        """Start the tasks; see `Cluster`."""
        if self._launcher is None:
            self._launcher = Launcher(self.folder)
        try:
            return [self._launcher.start(order) for order in orders]
        except LauncherEnded:
            self._launcher = None
            raise

    def ended(self, jobs: Collection[str], *, now: bool = False) -> dict[str, State]:
        """Look at the processes; see `Cluster`."""
        return {job: State() for job in jobs if not self._is_running(job)}

    def interrupt(self, jobs: Collection[str]) -> None:
        """Send SIGTERM to the processes that control the tasks, which the tasks pass on as SIGINT; see `Cluster`."""
        for job in jobs:
            self._signal(job, signal.SIGTERM)

    def cancel(self, jobs: Collection[str], processes: Collection[int]) -> None:
        """Kill the workers with all that they have started, and then the rest; see `Cluster`."""
        for process in processes:
            with suppress(OSError):
                os.killpg(process, signal.SIGKILL)
        for job in jobs:
            self._signal(job, signal.SIGKILL)  # the task and the worker end with it

    def _signal(self, job: str, number: int) -> None:
        if job not in self.ended([job]):
            with suppress(OSError):
                os.kill(int(job), number)

    def _is_running(self, job: str) -> bool:
        """Return whether there is a process with that id which controls these tasks."""
        try:
            command = Path(f"/proc/{int(job)}/cmdline").read_bytes().decode(errors="replace").replace("\0", " ")
        except OSError:
            command = _output(["ps", "-o", "command=", "-p", job]) or "" if not Path("/proc/self").exists() else ""
        return "submitit.local._local" in command and str(self.folder) in command


def parameters(options: Options, resources: Resources) -> dict[str, Any]:
    """Return the parameters of submitit's Slurm executor for an array.

    None leaves out what submitit sets otherwise: without `time`, a job of it would end after five minutes.
    """
    minutes = None if options.timeout is None else math.ceil(options.timeout / 60) + START_MINUTES
    extra = {name.replace("-", "_"): value for name, value in (options.extra or {}).items()}
    cpus = extra.get("cpus_per_task", resources.cpus)
    return {
        "job_name": "bench-suite",
        "wckey": None,
        "time": minutes,
        "partition": options.partition,
        "account": options.account,
        "cpus_per_task": resources.cpus,
        "exclusive": True if resources.alone else None,
        "mem": None if options.memory is None else f"{math.ceil(options.memory * 1024)}M",
        "gpus_per_node": options.gpus or resources.gpus,
        "array_parallelism": options.jobs or PARALLEL,
        "setup": [*options.setup] or None,
        # Since Slurm 22.05, `srun` has one CPU unless it is told.
        "srun_args": [] if cpus is None else [f"--cpus-per-task={cpus}"],
        # A task that Slurm started again by itself would run cells again that have their records.
        "additional_parameters": {"no_requeue": True, **extra},
    }


def _states(lines: str) -> Iterator[tuple[str, State]]:
    """Yield the id and the state in each line `ID|STATE` or `ID|STATE|EXIT:SIGNAL` of Slurm's commands."""
    for line in lines.splitlines():
        fields = line.strip().split("|")
        if len(fields) < 2 or not fields[0] or "." in fields[0]:
            continue
        status, _, number = (fields[2] if len(fields) > 2 else "").partition(":")
        cause = cause_of(-int(number)) if number.isdecimal() and int(number) else ""
        cause = cause or (cause_of(int(status)) if status.isdecimal() else "")
        state = State((fields[1].split() or [""])[0].rstrip("+"), cause)
        try:
            ids = read_job_id(fields[0])
        except ValueError:  # an id of a heterogeneous job, which is none of ours
            continue
        for array, *numbers in ids:
            first, last = (int(numbers[0]), int(numbers[-1])) if numbers else (0, 0)
            for number_of_task in range(first, last + 1):
                yield f"{array}_{number_of_task}" if numbers else array, state


def _output(command: Sequence[str]) -> str | None:
    """Return what a command prints; None if it is missing, fails, or takes longer than a minute."""
    try:
        return subprocess.run(command, capture_output=True, text=True, check=True, timeout=60).stdout
    except (OSError, subprocess.SubprocessError):
        return None
