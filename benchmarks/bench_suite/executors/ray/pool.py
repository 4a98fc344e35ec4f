"""The pool of Ray actors: gives units to them, watches them, and replaces those that are lost."""

from __future__ import annotations

import os
import sys
import time
from collections import deque
from collections.abc import Iterator
from contextlib import ExitStack, suppress
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from bench_suite.contracts import BenchError, Record
from bench_suite.execution.child import Printed
from bench_suite.execution.endings import at_forced_end
from bench_suite.execution.retries import Retries, WorkerState
from bench_suite.execution.work import Work
from bench_suite.execution.worker_process import Order
from bench_suite.executors.ray.actor import Actor, Hello, Lost, digest_of
from bench_suite.executors.ray.cluster import ASK_SECONDS, Cluster, HeadLost, Shape, kill_local, kill_workers, shapes_of
from bench_suite.store.atomic import StoreError
from bench_suite.suite.plan import Unit

if TYPE_CHECKING:
    from bench_suite.executors.ray import Options

STOP_SECONDS = 30.0
"Seconds that an actor has to end its process, before Ray ends the actor."
NODES_SECONDS = 60.0
"Seconds that a cluster has to replace lost nodes, if none is left that has room for a unit."


@dataclass(eq=False)
class Member:
    """An actor, as the pool sees it."""

    actor: Any
    shape: Shape
    reply: Any
    "The reply that is awaited; None if it waits for a unit."
    state: WorkerState = field(default_factory=WorkerState)
    process: int | None = None
    "Id of its worker process, once it is known."
    stop_by: float | None = None
    "When Ray ends it, on the monotonic clock."
    retiring: bool = False
    "Whether it was told to end."


class Pool:
    """Runs the units of a run in actors; a context manager that leaves no actor behind."""

    def __init__(self, work: Work, options: Options, cluster: Cluster) -> None:
        self.work = work
        self.options = options
        self.cluster = cluster
        units = work.todo()
        self.shapes = shapes_of(units, options, cluster, work.context)
        self.pending: dict[Shape, deque[Unit]] = {}
        for unit in sorted(units, key=lambda unit: self.shapes[unit.id].alone):  # timed units last
            self.pending.setdefault(self.shapes[unit.id], deque()).append(unit)
        self.members: list[Member] = []
        self._count_room()
        self.retries = Retries(work, options.retries, max(self.room.values(), default=1), lambda unit: None)
        self._stack = ExitStack()

    def _count_room(self) -> None:
        nodes = self.cluster.nodes()
        self.room = {shape: sum(shape.fitting(node) for node in nodes) for shape in self.pending}

    def __enter__(self) -> Pool:
        self.job = self.work.job(self.options.retries + 1)
        self.digest = digest_of(self.job)
        self._stack.enter_context(at_forced_end(self._kill_all))
        return self

    def __exit__(self, *error: object) -> None:
        import ray

        if error and isinstance(error[1], HeadLost):
            self._abandon()
            return
        try:
            ended = []
            for member in self.members:
                if member.state.unit is not None:  # after an error or -x: it writes a record first
                    member.actor.interrupt.remote()
                if member.process is not None:
                    ended.append(member.actor.stop.remote())
            if ended:
                ray.wait(ended, num_returns=len(ended), timeout=STOP_SECONDS)
        finally:
            for member in self.members:
                with suppress(Exception):  # it has ended, or its node has
                    ray.kill(member.actor)
            if self.cluster.local:
                kill_workers([member.process for member in self.members if member.process is not None])
            self.members.clear()
            self._stack.close()

    def _abandon(self) -> None:
        """Leave the actors of a cluster whose head is lost; what they still write does not count."""
        if self.cluster.local:
            kill_workers([member.process for member in self.members if member.process is not None])
        for member in self.members:
            with suppress(Exception):  # its node may be there still, or not
                member.actor.kill.remote()
            self.retries.seal(member.state)
        self.members.clear()
        self._stack.close()

    def records(self) -> Iterator[Record]:
        """Yield each record when it is on disk.

        Raises:
            KeyboardInterrupt: after the records of the cells that were interrupted.
            HeadLost: the head of the cluster does not answer any more.
            StoreError: a worker cannot write the run's files, or a node does not see them.
            BenchError: workers end before they can run a unit, or no node is left that has room for one.
        """
        try:
            while any(self.pending.values()) or any(member.state.unit for member in self.members):
                self._start_units()
                yield from self._next()
        except KeyboardInterrupt:
            for units in self.pending.values():
                units.clear()
            for member in [*self.members]:
                if member.state.unit is None:
                    self._drop(member)
                else:
                    member.actor.interrupt.remote()
            while self.members:
                yield from self._next(stopping=True)
            raise

    def _start_units(self) -> None:
        """Give units to idle actors, and create or end actors as the pending units need."""
        self._count_room()
        for member in [*self.members]:
            units = self.pending[member.shape]
            if member.process is None and not (units and self.room[member.shape]):
                self._drop(member)  # it waits for room that is not needed, or that no node has any more
            if member.reply is not None or member.retiring:
                continue
            if units:
                unit = units.popleft()
                member.state.begin(unit, self.options.timeout)
                checked = tuple(self.work.context.checked_tasks)
                order = Order(unit.id, (), self.retries.written(unit), checked)
                member.reply = member.actor.exchange.remote(order)
            else:
                member.retiring, member.reply = True, member.actor.stop.remote()
                member.stop_by = time.monotonic() + STOP_SECONDS
        others = any(self.pending[shape] for shape in self.pending if not shape.alone)
        for shape, units in self.pending.items():
            if shape.alone and (others or any(not member.shape.alone for member in self.members)):
                continue
            there = [member for member in self.members if member.shape == shape and not member.retiring]
            waiting = sum(member.state.unit is None for member in there)
            while (
                waiting < len(units)
                and len(there) < self.room[shape]
                and (self.options.jobs is None or len(self.members) < self.options.jobs)
            ):
                there.append(self._create(shape))
                waiting += 1

    def _create(self, shape: Shape) -> Member:
        import ray

        actor: Any = (
            ray.remote(Actor)
            .options(
                num_cpus=shape.cpus, num_gpus=shape.gpus, memory=shape.memory, max_restarts=0, max_task_retries=0,
                max_concurrency=4,
            )
            .remote(
                # No object of Ray's store: if the store is lost with its node, Ray ends this process at once.
                str(self.job), self.digest, shape.cpus, dict(self.cluster.environment), os.getcwd(),
                same_machine=self.cluster.local,
            )
        )  # fmt: skip
        member = Member(actor, shape, actor.exchange.remote(None))
        self.members.append(member)
        return member

    def _next(self, *, stopping: bool = False) -> Iterator[Record]:
        """Wait for the next replies, or the next time limit, and yield the records that they bring."""
        import ray

        replies = {member.reply: member for member in self.members if member.reply is not None}
        if not replies:
            self._await_room()
            return
        now = time.monotonic()
        limits = [
            limit for member in self.members for limit in (member.state.deadline, member.stop_by) if limit is not None
        ]
        timeout = max(0.0, min([*limits, now + ASK_SECONDS]) - now)
        try:
            ready, _ = ray.wait([*replies], num_returns=1, timeout=timeout)
            if ready:  # all that are there, so that no actor waits for the records of another
                ready, _ = ray.wait([*replies], num_returns=len(replies), timeout=0)
        except (ray.exceptions.RaySystemError, ConnectionError) as error:
            raise self.cluster.lost() from error
        if not ready:
            self._stop_late()
        for reply in ready:
            yield from self._take(replies[reply], stopping=stopping)

    def _take(self, member: Member, *, stopping: bool) -> Iterator[Record]:
        """Yield the records that an actor's reply brings."""
        import ray

        try:
            messages = ray.get(member.reply)
        except ray.exceptions.RayError as error:
            reason = "its Ray worker or its node was lost" if member.state.ready else _last_line(error)
            messages = [Lost(reason, seen=False)]
        except ConnectionError as error:
            raise self.cluster.lost() from error
        member.reply = None
        if member.retiring:
            self._drop(member)
            return
        for message in messages:
            if isinstance(message, Printed):
                sys.stderr.write(message.line + "\n")
            elif isinstance(message, Hello):
                if not message.sees_run:
                    raise StoreError(
                        f"the node {message.node} of the Ray cluster does not see the run's folder, "
                        f"{self.job.parent}: give --results a folder on a file system that all nodes share"
                    )
                member.process = message.process
            elif isinstance(message, Lost):
                yield from self._after_end(member, message, stopping=stopping)
                return
            else:
                record = self.retries.handle(member.state, message)
                if record is not None:
                    yield record
        if member.state.unit is not None or not member.state.ready:
            member.reply = member.actor.exchange.remote(None)
        elif stopping:
            self._drop(member)

    def _after_end(self, member: Member, end: Lost, *, stopping: bool) -> Iterator[Record]:
        """Clear up after an actor's process has ended; a unit that it did not complete is tried again."""
        unit = member.state.unit
        self._drop(member)
        if not end.seen:  # it may run still, on a node out of reach
            self.retries.seal(member.state)
        again = yield from self.retries.after_end(member.state, end.ending, self.options.timeout, stopping=stopping)
        if again and unit is not None:
            self.pending[member.shape].appendleft(unit)

    def _stop_late(self) -> None:
        """Stop the units that exceed the time limit, and actors that do not stop."""
        import ray

        now = time.monotonic()
        for member in self.members:
            if member.stop_by is not None and member.stop_by <= now:
                member.stop_by = None
                ray.kill(member.actor)  # its reply is then an error
            elif member.state.deadline is not None and member.state.deadline <= now:
                member.state.deadline, member.state.timed_out = None, True
                member.stop_by = now + STOP_SECONDS
                member.actor.kill.remote()

    def _await_room(self) -> None:
        """Wait until a node has room for a pending unit."""
        until = time.monotonic() + NODES_SECONDS
        while not any(self.room[shape] for shape, units in self.pending.items() if units):
            if time.monotonic() > until:
                shape = next(shape for shape, units in self.pending.items() if units)
                raise BenchError(f"no node is left in the Ray cluster that has {shape}, which a training needs")
            time.sleep(1)
            self._count_room()

    def _drop(self, member: Member) -> None:
        import ray

        self.members.remove(member)
        with suppress(Exception):  # it has ended, or its node has
            ray.kill(member.actor)

    def _kill_all(self) -> None:
        """End all workers at once, since this process ends, and the processes of a cluster of this machine."""
        import ray

        if self.cluster.local:
            kill_workers([member.process for member in self.members if member.process is not None])
            kill_local(self.cluster)
        else:
            ray.wait([member.actor.kill.remote() for member in self.members], num_returns=len(self.members), timeout=1)


def _last_line(error: Exception) -> str:
    """Return the last line of an error's message, which has the cause in Ray's errors."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return lines[-1] if lines else type(error).__name__
