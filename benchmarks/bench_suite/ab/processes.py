"""Processes as the parent sees them: a server that imports what both sides share, and workers that it forks."""

from __future__ import annotations

import json
import os
import secrets
import select
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import IO, Any

from bench_suite.contracts import BenchError

WORKER = Path(__file__).with_name("worker.py")
STARTING_SECONDS = 120.0
"Most seconds until a process answers for the first time."
LOG_CHARACTERS = 4_000
"Last characters of a log that are searched for the cause of a crash."
LIBRARIES = ("torch", "numpy", "scipy", "pandas", "pyarrow", "sklearn", "bench_suite")
"Packages that a server may import before it forks: they start no thread that a fork would lose."


class SideError(BenchError):
    """A side cannot be measured at all: its suite, its environment, its files."""


class CellError(Exception):
    """A worker could not do what it was told: a model raised, or the process ended. The message is the reason."""

    def __init__(self, message: str, trace: str = "", *, crashed: bool = False) -> None:
        super().__init__(message)
        self.trace = trace
        self.crashed = crashed


@dataclass(frozen=True)
class Side:
    """One of the two programs that are compared."""

    label: str
    "`base` or `head`."
    name: str
    "What it is called in messages: a revision, or options."
    folder: Path
    "Where its files are."
    toplevel: Path | None
    "Root of the repository; None if there is none."
    suite: str
    "Path of the suite file, or the name of one that ships."
    overrides: tuple[str, ...] = ()
    python: str = ""
    "Interpreter."
    cwd: Path = field(default_factory=Path.cwd)
    offline: bool = False


class Scratch:
    """A temporary folder for sockets and logs; a context manager."""

    def __enter__(self) -> Scratch:
        self._folder = tempfile.TemporaryDirectory(prefix="bench-ab-")  # short: a socket's path has 108 bytes at most
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._folder.cleanup()

    def path(self, suffix: str) -> Path:
        """Return a new path."""
        return Path(self._folder.name) / f"{secrets.token_hex(4)}{suffix}"


class Server:
    """A process that forks workers; a context manager that leaves none behind."""

    def __init__(self, scratch: Scratch, python: str, threads: int, preload: Sequence[str], cwd: Path) -> None:
        """Start the process.

        Args:
            scratch: where its log and its sockets go.
            python: the interpreter.
            threads: number of threads of numerical libraries.
            preload: modules to import before the first fork.
            cwd: working folder in which it starts.
        """
        self._scratch, self.python = scratch, python
        self.log = scratch.path(".log")
        counts = ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS", "NUMEXPR_NUM_THREADS")
        environment = {**os.environ, **dict.fromkeys(counts, str(threads)), "PYTHONHASHSEED": "0"}
        with self.log.open("wb") as log:
            self.process = subprocess.Popen(
                [python, "-P", str(WORKER), str(os.getpid())], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                stderr=log, text=True, start_new_session=True, env=environment, cwd=cwd,
            )  # fmt: skip
        self._write([*preload])
        self.addresses_fixed = self.can_fork = False
        self._ready = False
        self._workers: list[WorkerProcess] = []

    def __enter__(self) -> Server:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def pin(self, cores: Sequence[int]) -> None:
        """Let it, and what it forks until they are told otherwise, run on these processors only."""
        if hasattr(os, "sched_setaffinity"):
            with suppress(OSError):
                os.sched_setaffinity(self.process.pid, cores)

    def wait(self) -> None:
        """Wait until it has imported. Raises SideError if it cannot start."""
        if self._ready:
            return
        output: IO[str] | None = self.process.stdout
        assert output is not None
        readable, _, _ = select.select([output], [], [], STARTING_SECONDS)
        line = output.readline() if readable else ""
        if not line:
            raise SideError(f"{self.python} does not start: {self.last_words()}")
        answer = json.loads(line)
        self.addresses_fixed, self.can_fork, self._ready = answer["addresses_fixed"], answer["can_fork"], True

    def start(self, side: Side) -> WorkerProcess:
        """Return a new worker of a side."""
        self.wait()
        worker = WorkerProcess(self, side, self._scratch.path(".s"))
        self._workers.append(worker)
        return worker

    def order_fork(self, settings: Mapping[str, Any]) -> None:
        """Let the process fork."""
        self._write(settings)

    def _write(self, content: Any) -> None:
        assert self.process.stdin is not None
        with suppress(OSError):
            self.process.stdin.write(json.dumps(content) + "\n")
            self.process.stdin.flush()

    def last_words(self) -> str:
        """Return the last line of the log, or how the process ended."""
        text = self.log.read_bytes()[-LOG_CHARACTERS:].decode(errors="replace") if self.log.exists() else ""
        lines = [line.strip() for line in text.splitlines() if line.strip()]
        return lines[-1] if lines else f"exit status {self.process.poll()}"

    def cause_of_end(self, pid: int) -> str:
        """Return the signal that ended a worker, else the last line of the log."""
        began = f"process {pid} was "
        for _ in range(20):
            time.sleep(0.05)  # the server writes it when it notices
            lines = self.log.read_text(encoding="utf-8", errors="replace").splitlines()
            if causes := [line.removeprefix(began) for line in lines if line.startswith(began)]:
                return causes[-1]
        return self.last_words()

    def close(self) -> None:
        """End the process and its workers at once."""
        for worker in self._workers:
            worker.close()
        with suppress(OSError):
            os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait()
        for stream in (self.process.stdin, self.process.stdout):
            with suppress(OSError):
                stream.close() if stream is not None else None


class WorkerProcess:
    """A worker, as its parent sees it."""

    def __init__(self, server: Server, side: Side, address: Path) -> None:
        self.side = side
        self._server = server
        self._pid = 0
        with socket.socket(socket.AF_UNIX) as listener:
            listener.bind(str(address))
            listener.listen(1)
            server.order_fork(
                {
                    "socket": str(address), "suite": side.suite, "overrides": list(side.overrides),
                    "folder": str(side.folder), "toplevel": str(side.toplevel) if side.toplevel else None,
                    "cwd": str(side.cwd), "offline": side.offline, "environment": {},
                }
            )  # fmt: skip
            listener.settimeout(STARTING_SECONDS)
            try:
                self._connection, _ = listener.accept()
            except TimeoutError:
                raise SideError(f"a process of {side.name} does not start: {server.last_words()}") from None
        self._file = self._connection.makefile("rw", encoding="utf-8")
        self._pid = self.answer(STARTING_SECONDS)["pid"]

    @property
    def alive(self) -> bool:
        """Whether it takes orders."""
        return self._pid > 0

    def give(self, order: str, **arguments: Any) -> None:
        """Give an order; `answer` waits for what comes back."""
        with suppress(OSError, ValueError):  # it has ended, or was closed: the answer says so
            self._file.write(json.dumps({"do": order, **arguments}) + "\n")
            self._file.flush()

    def answer(self, seconds: float) -> dict[str, Any]:
        """Return the answer to the last order.

        Args:
            seconds: to wait at most; then the process is ended.

        Raises:
            CellError: it raised an error, ended, or took too long.
        """
        self._connection.settimeout(max(1.0, seconds))
        try:
            line = self._file.readline()
        except (OSError, ValueError):
            self.close()
            raise CellError(f"no answer within {seconds:.0f} s", crashed=True) from None
        if not line:
            cause = self._server.cause_of_end(self._pid)
            self.close()
            raise CellError(f"its process ended: {cause}", crashed=True)
        content: dict[str, Any] = json.loads(line)
        if "error" in content:
            raise CellError(content["error"], content["trace"])
        return content

    def ask(self, order: str, seconds: float, **arguments: Any) -> dict[str, Any]:
        """Give an order and return its answer. Raises CellError as `answer` does."""
        self.give(order, **arguments)
        return self.answer(seconds)

    def close(self) -> None:
        """End the process."""
        with suppress(OSError):
            self._file.close()
        with suppress(OSError):
            self._connection.close()
        if self._pid > 0:
            with suppress(OSError):
                os.kill(self._pid, signal.SIGKILL)
            self._pid = 0
