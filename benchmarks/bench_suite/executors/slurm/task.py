"""A task of an array: it starts a worker for its unit, waits for it, and notes how it ended.

submitit calls `run_task`. The worker is a process of its own, so that a crash of it is known by its signal, and signals
that submitit uses do not reach it.

`bench run` alone decides whether a unit is tried again (`driver`): only it knows which cells have their records.
submitit and Slurm would start a task again under the same order, and cells with a record would run twice. So the signal
by which submitit requeues a task is ignored, and the job is submitted with `--no-requeue` (`cluster.parameters`).
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from bench_suite.contracts import BenchError
from bench_suite.execution.event_files import EventFile
from bench_suite.execution.events import WorkerFailed
from bench_suite.executors.slurm.ledger import FILE as LEDGER
from bench_suite.executors.slurm.ledger import FOLDER, read_ledger
from bench_suite.store.atomic import StoreError, write_file
from bench_suite.training.fresh_process import end_with_parent

LISTED_SECONDS = 60.0
"How long a task waits until the ledger lists it."
_START = (
    "import signal, sys; signal.signal(signal.SIGINT, signal.SIG_DFL); "  # while it imports, Ctrl-C ends it silently
    "from bench_suite.executors.slurm.task import work; sys.exit(work(int(sys.argv[1])))"
)


@dataclass(frozen=True)
class Order:
    """What a task is to run."""

    key: str
    "Names its files in the folder of the jobs."
    run: str
    "The folder of the run, an absolute path."
    job: str
    "The file that `Work.job` wrote."
    unit: str
    "Id of the unit."
    written: tuple[str, ...] = ()
    "Ids of its cells that have a record already, from a task that ended."
    checked: tuple[str, ...] = ()
    "Keys of the data that need no check."
    timeout: float | None = None
    "Seconds after which the unit is stopped."
    local: bool = False
    "Whether the task runs on the machine of `bench run`, on the cores and GPUs that this order names."
    cores: tuple[int, ...] = ()
    "The processors that it may use; empty for those of its allocation."
    gpus: str | None = None
    "Its value of `CUDA_VISIBLE_DEVICES`; None if the variable is not to be set."


@dataclass(frozen=True)
class Ending:
    """How the worker of a task has ended."""

    cause: str = ""
    "Name of the signal, the exit status, or the timeout; empty if the worker ended by itself."


def events_file(run: Path, key: str) -> Path:
    """Return the path of the events of a task."""
    return run / FOLDER / f"{key}.events"


def ending_file(run: Path, key: str) -> Path:
    """Return the path of the file in which a task notes its end."""
    return run / FOLDER / f"{key}.end"


def read_ending(path: Path) -> Ending | None:
    """Return how a task has ended; None if it has noted nothing."""
    try:
        return Ending(str(json.loads(path.read_bytes())["cause"]))
    except (OSError, ValueError, KeyError, TypeError):
        return None


def run_task(order: Order) -> None:
    """Run the unit of an order in a process of its own, and note how that ended."""
    if order.local:
        end_with_parent(int(os.environ["SUBMITIT_LOCAL_JOB_ID"]))
    # Slurm sends SIGINT and SIGTERM to the worker too.
    for name in ("SIGINT", "SIGTERM", "SIGCONT"):
        signal.signal(getattr(signal, name), lambda number, frame: None)
    signal.signal(requeue_signal(), signal.SIG_IGN)  # the worker inherits that
    if not _is_listed(order):
        return
    environment = dict(os.environ)
    if order.local:  # submitit has set the variable: `range(gpus)`, whichever GPUs are free or visible
        environment.pop("CUDA_VISIBLE_DEVICES", None)
        environment |= {} if order.gpus is None else {"CUDA_VISIBLE_DEVICES": order.gpus}
    process = subprocess.Popen(
        [sys.executable, "-u", "-c", _START, str(os.getpid())], stdin=subprocess.PIPE, env=environment,
        start_new_session=order.local, text=True,
    )  # fmt: skip
    if order.local:
        _pass_on_interrupts(process)
    assert process.stdin is not None
    with suppress(OSError):
        process.stdin.write(json.dumps(asdict(order)))
        process.stdin.close()
    try:
        cause = cause_of(process.wait(order.timeout))
    except subprocess.TimeoutExpired:
        cause = f"no end after {order.timeout:g} s, the timeout"
    finally:
        _kill(process, group=order.local)
    run = Path(order.run)
    write_file(ending_file(run, order.key), json.dumps(asdict(Ending(cause))).encode())


def requeue_signal() -> int:
    """Return the signal upon which submitit ends a task early and requeues it: SIGUSR2, unless its variable says so."""
    return signal.Signals[f"SIG{os.environ.get('SUBMITIT_PREEMPT_SIGNAL', 'USR2')}"]


def work(parent: int) -> int:
    """Run the unit of the order on the standard input; return the exit status."""
    end_with_parent(parent)
    stated: dict[str, Any] = json.load(sys.stdin)
    order = Order(**stated)
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
    log = EventFile(events_file(Path(order.run), order.key))
    try:
        signal.signal(signal.SIGINT, signal.default_int_handler)
        from bench_suite.execution.sharing import pin
        from bench_suite.execution.worker import Worker

        if order.cores:
            pin(tuple(order.cores))
        with Worker(Path(order.job), log) as worker:
            for _ in worker.run(order.unit, order.written, order.checked):
                pass
        return 0
    except KeyboardInterrupt:
        log(WorkerFailed("interrupted", 130, interrupted=True))
        return 130
    except BenchError as error:
        log(WorkerFailed(str(error), error.exit_status))
        return error.exit_status


def cause_of(status: int) -> str:
    """Return how a process ended in words: the signal's name, or its exit status; empty for 0."""
    if status < 0:
        with suppress(ValueError):
            return signal.Signals(-status).name
    return f"exit status {status}" if status else ""


def _is_listed(order: Order) -> bool:
    """Wait until the ledger lists the task; return False if it does not."""
    deadline = time.monotonic() + LISTED_SECONDS
    pause = 0.05
    while True:
        try:
            entry = read_ledger(Path(order.run) / LEDGER)
        except StoreError:
            return False
        if entry is not None and any(task["key"] == order.key for task in entry["tasks"]):
            return True
        if time.monotonic() > deadline:
            return False
        time.sleep(pause)
        pause = min(2.0, 2 * pause)


def _pass_on_interrupts(process: subprocess.Popen[str]) -> None:
    """Let the first SIGTERM, by which `bench run` interrupts a task on its machine, be a Ctrl-C for the worker."""

    def handler(number: int, frame: Any) -> None:
        signal.signal(signal.SIGTERM, lambda number, frame: None)
        process.send_signal(signal.SIGINT)

    signal.signal(signal.SIGTERM, handler)


def _kill(process: subprocess.Popen[str], *, group: bool) -> None:
    """End the worker, and what it has started if it has a group of its own."""
    with suppress(OSError):
        if group:
            os.killpg(process.pid, signal.SIGKILL)
        else:
            process.kill()
    process.wait()
