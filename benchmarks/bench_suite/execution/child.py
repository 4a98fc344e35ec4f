"""A child: a worker in a process of its own on this machine, as the process that started it sees it."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bench_suite.execution.events import Event
from bench_suite.execution.worker_process import Order, read_frame, write_frame

_POSIX = os.name == "posix"
_START = (
    "import signal, sys; signal.signal(signal.SIGINT, signal.SIG_DFL); "  # while it imports, Ctrl-C ends it silently
    # Ray blocks the signal in its processes, and a new process inherits that.
    "hasattr(signal, 'pthread_sigmask') and signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGINT}); "
    "from bench_suite.execution.worker_process import main; sys.exit(main(*sys.argv[1:]))"
)


@dataclass(frozen=True)
class Ended:
    """A worker process has ended: its output is at its end."""


@dataclass(frozen=True)
class Printed:
    """A worker, or a component in it, has printed a line."""

    line: str


class Child:
    """A worker process, as its parent sees it."""

    def __init__(
        self,
        job: Path,
        receive: Callable[[Child, Event | Ended | Printed], None],
        environment: Mapping[str, str] | None = None,
        folder: Path | None = None,
    ) -> None:
        """Start the process.

        Args:
            job: the file that `Work.job` wrote.
            receive: takes each event of the process, from any thread.
            environment: its environment variables; None for those of this process.
            folder: its working directory; None for that of this process.
        """
        self._receive = receive
        # A session of its own: Ctrl-C on the terminal reaches the parent only, which tells the workers.
        self.process = subprocess.Popen(
            [sys.executable, "-c", _START, str(job), str(os.getpid())],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, start_new_session=_POSIX,
            env=environment, cwd=folder,
        )  # fmt: skip
        assert self.process.stdin is not None
        self._orders = self.process.stdin
        for target in (self._read_events, self._read_text):
            threading.Thread(target=target, daemon=True).start()

    def give(self, order: Order) -> None:
        """Give it a unit."""
        with suppress(OSError):  # it has ended; the end of its output says so
            write_frame(self._orders, order)

    def dismiss(self) -> None:
        """Let it end after its unit."""
        with suppress(OSError):
            self._orders.close()

    def interrupt(self) -> None:
        """Interrupt it as Ctrl-C would."""
        if self.process.poll() is None:
            with suppress(OSError):
                self.process.send_signal(signal.SIGINT)

    def kill(self) -> None:
        """End it, and what it has started, at once."""
        with suppress(OSError):
            if _POSIX:
                os.killpg(self.process.pid, signal.SIGKILL)
            else:
                self.process.kill()

    def ending(self) -> str:
        """Return how it ended: the signal's name, or its exit status."""
        status = self.process.wait()
        if status < 0:
            with suppress(ValueError):
                return signal.Signals(-status).name
        return f"exit status {status}"

    def _read_events(self) -> None:
        file: Any = self.process.stdout
        with suppress(EOFError, OSError, ValueError):
            while True:
                self._receive(self, read_frame(file))
        self._receive(self, Ended())

    def _read_text(self) -> None:
        with suppress(OSError, ValueError):
            for line in self.process.stderr or ():
                self._receive(self, Printed(line.decode(errors="replace").rstrip("\n")))
