"""The cluster of the executor `ray`: connect to it, what it has, and what each unit needs of it."""

from __future__ import annotations

import atexit
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from bench_suite.contracts import BenchError
from bench_suite.environment import usable_cores
from bench_suite.execution.gpus import gpu_count
from bench_suite.execution.sharing import CoreLeases, Sharing, thread_count, timed_units
from bench_suite.suite.plan import Unit

if TYPE_CHECKING:
    from bench_suite.execution.context import RunContext
    from bench_suite.executors.ray import Options

CONNECT_SECONDS = 30.0
"Seconds that a cluster has for its answer."
SHUTDOWN_SECONDS = 5.0
"Seconds that Ray has to disconnect from a head that is lost."
ASK_SECONDS = 3.0
"Seconds between two questions to the head."
HEAD_SECONDS = 30.0
"Seconds after which a head that does not answer is lost. Ray ends the process of the driver after a minute."
_OBJECTS = 100 * 2**20
"Bytes of a local cluster's store of objects: only events pass through it."

GIGABYTE = 2**30


@dataclass(frozen=True)
class Shape:
    """What a unit leases on one node."""

    cpus: int
    gpus: int = 0
    memory: int | None = None
    "Bytes; None reserves none."
    alone: bool = False
    "Whether it has the node to itself."

    def __str__(self) -> str:
        """Return it in words."""
        parts = [f"{self.cpus} CPU{'s' if self.cpus > 1 else ''}"]
        parts += ["a GPU" if self.gpus == 1 else f"{self.gpus} GPUs"] if self.gpus else []
        parts += [f"{self.memory / GIGABYTE:.3g} GB of memory"] if self.memory else []
        return " and ".join(parts)

    def fitting(self, node: Mapping[str, float]) -> int:
        """Return the number of units of this shape for which a node with these resources has room."""
        needs = {"CPU": self.cpus, "GPU": self.gpus, "memory": self.memory or 0}
        return min(int(node.get(name, 0) // need) for name, need in needs.items() if need)


@dataclass(frozen=True)
class Cluster:
    """A cluster to which this process is connected."""

    local: bool
    "Whether it is of this machine, and ends with the run."
    environment: Mapping[str, str]
    "The environment variables of this process before it imported Ray."
    processes: tuple[int, ...] = ()
    "Ids of the processes of a local cluster that this process has started; they have started the others."

    head: Head | None = None
    "Asks the head whether it is there; None in a cluster that is made up."

    def nodes(self) -> list[Mapping[str, float]]:
        """Return the resources of each node that is alive, as the head said a short time ago.

        Raises:
            HeadLost: the head does not answer any more.
        """
        assert self.head is not None
        return self.head.nodes()

    def lost(self) -> HeadLost:
        """Return the error that the head is lost."""
        assert self.head is not None
        return self.head.lost()


class HeadLost(BenchError):
    """The head of the cluster does not answer any more; from then on, calls of Ray wait for minutes."""


class Head:
    """Asks the head of the cluster again and again for its nodes, in a thread: Ray itself waits for it for minutes."""

    def __init__(self, address: str | None) -> None:
        """Begin to ask."""
        self._address = address
        self._last: tuple[float, list[Mapping[str, float]]] | None = None
        "When the last answer came, and the resources of each node that was alive."
        self._own_lost = False
        "Whether the head has given up the node by which this process is part of the cluster."
        self._began = time.monotonic()
        self._end = threading.Event()
        self._first = threading.Event()
        self._thread = threading.Thread(target=self._ask, daemon=True, name="head of the Ray cluster")
        self._thread.start()

    def _ask(self) -> None:
        import ray

        with suppress(Exception):  # not connected any more: there are no more answers
            own = ray.get_runtime_context().get_node_id()
            while not self._end.is_set():
                nodes = {node["NodeID"]: node["Resources"] for node in ray.nodes() if node["Alive"]}
                if own not in nodes:
                    self._own_lost = True
                    return
                self._last = (time.monotonic(), [*nodes.values()])
                self._first.set()
                self._end.wait(ASK_SECONDS)

    def nodes(self) -> list[Mapping[str, float]]:
        """Return the resources of each node that is alive, as the last answer has them.

        Raises:
            HeadLost: the last answer is older than `HEAD_SECONDS`, or the head has given up this process.
        """
        self._first.wait(HEAD_SECONDS)
        answered, nodes = self._last or (self._began, [])
        if self._own_lost or time.monotonic() - answered > HEAD_SECONDS:
            raise self.lost()
        return nodes

    def lost(self) -> HeadLost:
        """Return the error that the head is lost."""
        where, when = "of this machine", ""
        if self._address is not None:
            where, when = f"at {self._address}", "when it is there again, "
        return HeadLost(
            f"the Ray cluster {where} does not answer any more; everything recorded so far is safe\n"
            f"  {when}go on with: bench run … --resume"
        )

    def stop(self) -> bool:
        """Ask no more; return whether the thread has ended, which the head may hold up."""
        self._end.set()
        self._thread.join(SHUTDOWN_SECONDS)
        return not self._thread.is_alive()


@contextmanager
def connected(address: str | None) -> Iterator[Cluster]:
    """Connect this process to a cluster during the block; without address, start one on this machine.

    Raises:
        HeadLost: it does not answer any more.
        BenchError: it does not answer.
    """
    environment = dict(os.environ)
    if address is not None:
        _check_answer(address)
    os.environ["RAY_USAGE_STATS_ENABLED"] = "0"
    os.environ.setdefault("RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO", "0")  # some versions warn if it is not set
    import ray

    if ray.is_initialized():  # the program that calls this one has its cluster: it stays
        callers = Head(None)
        try:
            yield Cluster(False, environment, head=callers)
        finally:
            callers.stop()
        return
    before = _children(os.getpid())
    settings: dict[str, Any] = {"log_to_driver": False, "logging_level": "ERROR"}
    started: tuple[int, ...] = ()
    head: Head | None = None
    lost = False
    try:
        with _own_signals():
            if address is None:
                ray.init(
                    "local", num_cpus=len(usable_cores()), include_dashboard=False, object_store_memory=_OBJECTS,
                    **settings,
                )  # fmt: skip
            else:
                _init_within(address, settings)
        started = () if address else tuple(child for child in _children(os.getpid()) if child not in before)
        head = Head(address)
        yield Cluster(address is None, environment, started, head)
    except HeadLost:
        lost = True
        raise
    finally:
        ended = head is None or head.stop()
        with _own_signals():
            if lost:
                _leave(started, ended=ended)
            else:
                ray.shutdown()


def _leave(processes: Sequence[int], *, ended: bool) -> None:
    """Leave a cluster whose head is lost: Ray would wait for it, also at the end of this process.

    Args:
        processes: those of a cluster of this machine.
        ended: whether no other thread waits for the head.
    """
    import ray

    kill_tree(processes)
    atexit.unregister(ray.shutdown)
    thread = threading.Thread(target=ray.shutdown, daemon=True, name="end of Ray")
    thread.start()
    thread.join(SHUTDOWN_SECONDS)
    if thread.is_alive() or not ended:
        atexit.register(_end_at_once)


def _end_at_once() -> None:
    """End this process without the end of Python, in which threads of Ray that still wait cause SIGSEGV."""
    for stream in (sys.stdout, sys.stderr):
        with suppress(OSError, ValueError):  # it is closed, or nobody reads it
            stream.flush()
    os._exit(HeadLost.exit_status)


@contextmanager
def _own_signals() -> Iterator[None]:
    """Keep this program's handlers of signals, whatever Ray sets."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _no_answer(address: str, reason: str) -> BenchError:
    return BenchError(
        f"no Ray cluster answers at {address} ({reason})\n"
        "  start one with: ray start --head; or leave out --address (run.address), for a cluster of this machine"
    )


def _not_connected(address: str, reason: str) -> BenchError:
    """Return the error for an address at which something listens: Ray does not say that a token is missing."""
    error = _no_answer(address, reason)
    if "RAY_AUTH_MODE" in os.environ:
        return error
    return BenchError(f"{error}\n  if that cluster has token authentication, first: export RAY_AUTH_MODE=token")


def _check_answer(address: str) -> None:
    """Raise BenchError if nothing listens at the address; `auto` and names without a port are left to Ray."""
    parts = urlsplit(address if "://" in address else f"//{address}")
    try:
        host, port = parts.hostname, parts.port
    except ValueError as error:
        raise _no_answer(address, str(error)) from error
    if parts.scheme not in ("", "ray"):
        raise _no_answer(address, "it is auto, host:port or ray://host:port")
    if parts.scheme == "ray" and port is None:
        port = 10001
    if host is None or port is None:
        if address != "auto":
            raise _no_answer(address, "it is auto, host:port or ray://host:port")
        return
    try:
        socket.create_connection((host, port), timeout=CONNECT_SECONDS / 3).close()
    except OSError as error:
        raise _no_answer(address, str(error)) from error


def _init_within(address: str, settings: Mapping[str, Any]) -> None:
    """Connect to a cluster, or raise BenchError after `CONNECT_SECONDS`, which Ray exceeds by minutes."""
    import ray

    errors: list[BaseException] = []

    def init() -> None:
        try:
            ray.init(address, **settings)
        except BaseException as error:  # noqa: BLE001 - Ray raises many types, which all mean that it is not connected
            errors.append(error)

    thread = threading.Thread(target=init, daemon=True, name="connection to Ray")
    thread.start()
    thread.join(CONNECT_SECONDS)
    if thread.is_alive():
        raise _not_connected(address, f"no answer in {CONNECT_SECONDS:g} s")
    if errors:
        lines = str(errors[0]).strip().splitlines() or [type(errors[0]).__name__]
        raise _not_connected(address, lines[0])


def shapes_of(units: Sequence[Unit], options: Options, cluster: Cluster, context: RunContext) -> dict[str, Shape]:
    """Return what each unit leases, by id.

    Args:
        units: the units to run.
        options: of the executor.
        cluster: where they run.
        context: of the run.

    Raises:
        BenchError: no node of the cluster has it.
    """
    nodes = cluster.nodes()
    most = {name: max((int(node.get(name, 0)) for node in nodes), default=0) for name in ("CPU", "GPU")}
    memory = None if options.memory is None else int(options.memory * GIGABYTE)
    timed, leases = context.exclusive, None
    if options.address is None:
        leases = CoreLeases(usable_cores(), Sharing(context.jobs, context.exclusive))
    elif not options.share_timed and not context.smoke:
        timed = timed_units(context.plan)
    shapes = {}
    for unit in units:
        threads = thread_count(unit, 1) if leases is None else leases.core_count(unit)
        cpus_needed = max(threads, thread_count(unit, 1))
        gpus = gpu_count(unit) if _needs_gpu(unit, has_gpu=most["GPU"] > 0) else 0
        shape = Shape(cpus_needed, gpus, memory)
        if not any(shape.fitting(node) for node in nodes):
            raise BenchError(
                f"a training needs {shape}, and no node of the Ray cluster has it: the largest have {most['CPU']} CPUs "
                f"and {most['GPU']} GPUs\n  change `threads`, `device` or `devices` in [matrix], or run.memory"
            )
        if unit.id in timed:
            cpus = max(int(node.get("CPU", 0)) for node in nodes if shape.fitting(node))
            shape = Shape(max(cpus_needed, cpus), gpus, memory, alone=True)
        shapes[unit.id] = shape
    return shapes


def _needs_gpu(unit: Unit, *, has_gpu: bool) -> bool:
    """Return whether a unit computes on a GPU: with `auto`, if the cluster has one and the engine can use it."""
    devices = {cell.device for cell in unit.cells}
    if any(device.startswith("cuda") for device in devices):
        return True
    engine = unit.cells[0].engine
    return "auto" in devices and has_gpu and (engine is None or "cuda" in engine.words("DEVICES"))


def kill_workers(processes: Sequence[int]) -> None:
    """Kill worker processes of this machine, each with what it has started."""
    for process in processes:
        with suppress(OSError):
            os.killpg(process, signal.SIGKILL)


def kill_local(cluster: Cluster) -> None:
    """Kill all processes of a cluster of this machine; `ray.shutdown` takes seconds, and waits for them."""
    kill_tree(cluster.processes)


def kill_tree(roots: Sequence[int]) -> None:
    """Kill processes, and those that they have started."""
    processes = [*roots]
    for process in processes:
        processes += [child for child in _children(process) if child not in processes]
    for process in processes:
        with suppress(OSError):
            os.kill(process, signal.SIGKILL)


def _children(process: int) -> list[int]:
    """Return the ids of the processes that a process has started and that have not ended."""
    table = []
    for path in Path("/proc").glob("[0-9]*/stat"):
        with suppress(OSError):  # it has ended in the meantime
            table.append((int(path.parent.name), int(path.read_text().rpartition(")")[2].split()[1])))
    if not table:  # no Linux
        done = subprocess.run(["ps", "-A", "-o", "pid=,ppid="], capture_output=True, text=True, check=False)
        rows = (line.split() for line in done.stdout.splitlines())
        table = [(int(pid), int(parent)) for pid, parent in rows]
    return [id for id, parent in table if parent == process]
