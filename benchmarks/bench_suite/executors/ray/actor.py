"""The actor of the executor `ray`: it runs on a node of the cluster, and holds a worker process there.

The process is a child of the actor, not the actor itself. So a crash has its signal's name, a hang can be stopped, and
a component finds a fresh interpreter, without the settings that Ray makes in its own.
"""

from __future__ import annotations

import hashlib
import os
import queue
import socket
import sys
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path

from bench_suite.environment import usable_cores
from bench_suite.execution.child import Child, Ended, Printed
from bench_suite.execution.events import Event, Ready, UnitEnded, WorkerFailed
from bench_suite.execution.gpus import VISIBLE
from bench_suite.execution.worker_process import Order

PASSED = ("BENCH_", "HF_")
"How the names of the variables begin that a worker takes from the driver."
THREADS = ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS")
"Variables that a worker has if the driver has them: Ray sets some."
BATCH_SECONDS = 0.2
"Events that only show progress are sent so often."
SEEN_SECONDS = 10.0
"A file system of several machines may show a new file late."


@dataclass(frozen=True)
class Hello:
    """The actor is there."""

    node: str
    "Name of its machine."
    sees_run: bool
    "Whether it sees the folder of the run."
    process: int | None
    "Id of the worker process; None if there is none."
    cores: tuple[int, ...]
    "The processors that it leases."
    gpus: tuple[str, ...]
    "The GPUs that it leases, as `CUDA_VISIBLE_DEVICES` names them."


@dataclass(frozen=True)
class Lost:
    """The worker process has ended."""

    ending: str
    "How: the signal's name, or its exit status."
    seen: bool = True
    "Whether its actor saw the end; otherwise it may run still, on a node out of reach."


Message = Event | Printed | Hello | Lost


def worker_environment(
    node: Mapping[str, str], driver: Mapping[str, str], gpus: Sequence[str], *, same_machine: bool
) -> dict[str, str]:
    """Return the environment variables of a worker process.

    The GPUs that Ray has leased to the actor are the visible ones. Without a lease, what the user has set stays: Ray
    would write an empty value over it.

    Args:
        node: the variables of the actor, in which Ray has set some.
        driver: those of the process that drives the run.
        gpus: the leased GPUs, as Ray names them: as indices, or as the user's own value names them, such as UUIDs.
        same_machine: whether the cluster is of the driver's machine: then the driver's variables are used.
    """
    if same_machine:
        environment = dict(driver)
    else:
        environment = dict(node)
        environment |= {name: value for name, value in driver.items() if name.startswith(PASSED)}
        for name in THREADS:
            environment.pop(name, None)
            if name in driver:
                environment[name] = driver[name]
    if gpus:
        environment[VISIBLE] = ",".join(gpus)
    # The worker imports the program from where the actor has it.
    package = str(Path(__file__).parents[3])
    paths = [package, *filter(None, environment.get("PYTHONPATH", "").split(os.pathsep))]
    environment["PYTHONPATH"] = os.pathsep.join(dict.fromkeys(paths))
    return environment


class CoreLocks:
    """Cores of a machine that no other actor leases, whatever cluster it is part of."""

    def __init__(self) -> None:
        self._locks: list[socket.socket] = []

    def take(self, count: int) -> tuple[int, ...]:
        """Lease that many cores until the process ends; the first ones if others have all of them."""
        cores = usable_cores()
        if sys.platform != "linux" or count >= len(cores):
            return cores[:count]
        leased: list[int] = []
        for core in cores:
            if len(leased) == count:
                break
            lock = socket.socket(socket.AF_UNIX)
            try:
                lock.bind(f"\0bench-suite core {core}")  # the kernel frees the name when the process ends
            except OSError:
                lock.close()
            else:
                self._locks.append(lock)
                leased.append(core)
        leased += [core for core in cores if core not in leased][: count - len(leased)]
        return tuple(sorted(leased))


class Actor:
    """A worker process on a node, and its events."""

    def __init__(
        self, job: str, digest: str, cpus: int, driver: Mapping[str, str], folder: str, *, same_machine: bool
    ) -> None:
        """Start the process.

        Args:
            job: the file that `Work.job` wrote.
            digest: of the content of that file.
            cpus: number of cores that it leases.
            driver: environment variables of the process that drives the run.
            folder: its working directory, which the worker has too if the node has it.
            same_machine: whether the cluster is of the driver's machine.
        """
        import ray

        self._messages: queue.SimpleQueue[Message | Ended] = queue.SimpleQueue()
        self._child: Child | None = None
        self._cores = CoreLocks().take(cpus)
        gpus = tuple(map(str, ray.get_gpu_ids()))
        seen = sees_file(Path(job), digest)
        if seen:
            environment = worker_environment(os.environ, driver, gpus, same_machine=same_machine)
            there = Path(folder) if Path(folder).is_dir() else None
            self._child = Child(Path(job), lambda _, event: self._messages.put(event), environment, there)
        process = None if self._child is None else self._child.process.pid
        self._messages.put(Hello(socket.gethostname(), seen, process, self._cores, gpus))

    def exchange(self, order: Order | None) -> list[Message]:
        """Give the process a unit, if there is one, and return its next messages; wait for them."""
        child = self._child
        if order is not None and child is not None:
            child.give(replace(order, cores=self._cores))
        batch: list[Message] = []
        until: float | None = None
        while True:
            try:
                timeout = None if until is None else max(0.0, until - time.monotonic())
                message = self._messages.get(timeout=timeout)
            except queue.Empty:
                return batch
            if isinstance(message, Ended):
                assert child is not None
                ending = child.ending()
                child.kill()  # what it had started
                return [*batch, Lost(ending)]
            batch.append(message)
            if isinstance(message, Ready | UnitEnded | WorkerFailed) or (
                isinstance(message, Hello) and not message.sees_run
            ):
                return batch
            if until is None:
                until = time.monotonic() + BATCH_SECONDS

    def interrupt(self) -> None:
        """Interrupt the process as Ctrl-C would."""
        if self._child is not None:
            self._child.interrupt()

    def kill(self) -> None:
        """End the process, and what it has started, at once."""
        if self._child is not None:
            self._child.kill()

    def stop(self) -> None:
        """Let the process end, and wait for it."""
        if self._child is not None:
            self._child.dismiss()
            self._child.process.wait()
            self._child.kill()


def digest_of(path: Path) -> str:
    """Return a digest of the content of a file."""
    return hashlib.sha256(path.read_bytes()).hexdigest()


def sees_file(path: Path, digest: str, seconds: float = SEEN_SECONDS) -> bool:
    """Return whether this machine sees the file with that content, now or after a few seconds."""
    until = time.monotonic() + seconds
    while True:
        with suppress(OSError):
            if digest_of(path) == digest:
                return True
        if time.monotonic() >= until:
            return False
        time.sleep(0.2)
