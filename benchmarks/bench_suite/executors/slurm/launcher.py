"""A process that starts tasks on this machine, so that neither terminal nor pipes of `bench run` are theirs.

The process that controls a task inherits standard streams and session from the one that starts it. Were that `bench
run`, then a closed terminal would end the tasks, and whoever reads the output of `bench run` would wait for their end.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from dataclasses import asdict
from pathlib import Path
from typing import Any

import submitit

from bench_suite.contracts import BenchError, describe_error
from bench_suite.executors.slurm.task import Order, run_task
from bench_suite.store.atomic import NO_ROOM, writing_error

_MINUTES = 366 * 24 * 60  # the task itself knows its timeout, to the second
_START = "import sys; from bench_suite.executors.slurm.launcher import main; main(sys.argv[1])"


class LauncherEnded(BenchError):
    """The process that starts tasks has ended: whether it has started the last one is not known."""


class Launcher:
    """The process, as `bench run` sees it; it ends with `bench run`, and the tasks go on."""

    def __init__(self, folder: Path) -> None:
        """Start the process; `folder` receives the files of the jobs."""
        self._folder = folder
        self._process = subprocess.Popen(
            [sys.executable, "-c", _START, str(folder)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
            start_new_session=True,
        )  # fmt: skip

    def start(self, order: Order) -> str:
        """Start a task; return the id of its job.

        Raises:
            LauncherEnded: the process has ended. A task that it may have started is in no ledger, so it runs nothing.
            StoreFull: there is no room for the files of the task.
            BenchError: it cannot be started.
        """
        orders, answers = self._process.stdin, self._process.stdout
        assert orders is not None
        assert answers is not None
        try:
            orders.write(json.dumps(asdict(order)) + "\n")
            orders.flush()
            answer = json.loads(answers.readline())
        except (OSError, ValueError) as error:
            raise LauncherEnded("submitit cannot start a task: the process that starts tasks has ended") from error
        if "full" in answer:
            raise writing_error(OSError(answer["full"], ""), self._folder)
        if "job" not in answer:
            raise BenchError(f"submitit cannot start a task: {answer['error']}")
        return str(answer["job"])


def main(folder: str) -> None:
    """Start a task for each order on the standard input, and answer with the id of its job."""
    orders, answers = os.fdopen(os.dup(0)), os.fdopen(os.dup(1), "w")
    nothing = os.open(os.devnull, os.O_RDWR)
    for stream in range(3):
        os.dup2(nothing, stream)
    for line in orders:
        answer: dict[str, Any]
        try:
            executor = submitit.LocalExecutor(folder)
            executor.update_parameters(timeout_min=_MINUTES)
            answer = {"job": executor.submit(run_task, Order(**json.loads(line))).job_id}
        except OSError as error:
            answer = {"full": error.errno} if error.errno in NO_ROOM else {"error": describe_error(error)}
        except Exception as error:  # noqa: BLE001 - whatever submitit raises is reported by the process that asked
            answer = {"error": describe_error(error)}
        answers.write(json.dumps(answer) + "\n")
        answers.flush()
