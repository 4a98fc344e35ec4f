"""A call in a fresh process that does not outlive this one, however this one ends.

The module imports the standard library only, so that the new process is tied to this one before it imports PyTorch.
"""

from __future__ import annotations

import ctypes
import multiprocessing
import os
import pickle
import signal
import sys
import threading
import traceback
from collections.abc import Callable
from multiprocessing.connection import Connection, wait
from typing import Any, Generic, TypeVar, cast

from bench_suite.contracts import BenchError, describe_error, error_text

_Result = TypeVar("_Result")
_PR_SET_PDEATHSIG = 1  # from <sys/prctl.h>


class FreshProcess(Generic[_Result]):
    """A fresh interpreter that calls one function; a context manager that leaves no process behind.

    The process ends with the context, and it is killed if this process is killed.
    """

    def __init__(self, function: Callable[..., _Result], *arguments: Any) -> None:
        """Prepare the call.

        Args:
            function: a function of a module, which the other process imports.
            arguments: its arguments, which are pickled.
        """
        context = multiprocessing.get_context("spawn")
        self._receiver, self._sender = context.Pipe(duplex=False)
        # Pickled here, so that the other process is tied to this one before it imports what the arguments need.
        call = pickle.dumps((function, arguments))
        # Not a daemon: the function may start processes itself, and `end_with_parent` ends it as surely.
        self._process = context.Process(target=_serve, args=(os.getpid(), call, self._sender), daemon=False)

    def __enter__(self) -> FreshProcess[_Result]:
        try:
            self._process.start()
        except BaseException:  # Ctrl-C may come when the process is there already
            self.__exit__()
            raise
        self._sender.close()
        return self

    def __exit__(self, *error: object) -> None:
        if self._process.pid is not None:
            self._process.kill()
            self._process.join()
        self._receiver.close()

    def has_ended(self, seconds: float = 0.0) -> bool:
        """Return whether the call has ended, or the process has; wait for that so many seconds at most."""
        return bool(wait([self._receiver, self._process.sentinel], seconds))

    def result(self) -> _Result:
        """Wait for the end of the call, and return its result.

        Raises:
            BenchError: the function raised one; it has the same message.
            RuntimeError: the function raised another error, or its process ended without a result.
        """
        try:
            result, error, is_expected, trace = pickle.loads(self._receiver.recv_bytes())
        except EOFError:
            self._process.join()
            raise RuntimeError(f"a further process {_ending(self._process.exitcode)} without a result") from None
        if error is None:
            return cast(_Result, result)
        if is_expected:
            raise BenchError(error)
        raised = RuntimeError(f"in a further process: {error}")
        raised.add_note(trace)
        raise raised


def call_in_fresh_process(function: Callable[..., _Result], *arguments: Any) -> _Result:
    """Call a function in a fresh interpreter, and return its result; arguments and errors as of `FreshProcess`."""
    with FreshProcess(function, *arguments) as process:
        return process.result()


def _ending(status: int | None) -> str:
    if status is not None and status < 0:
        return f"was ended by {signal.Signals(-status).name}"
    return f"ended with exit status {status}"


def _serve(parent: int, call: bytes, sender: Connection) -> None:
    """Call the pickled function in the new process and send `(result, error, is_expected, traceback)`."""
    end_with_parent(parent)
    try:
        function, arguments = pickle.loads(call)
        answer = pickle.dumps((function(*arguments), None, False, ""))
    except BaseException as error:  # noqa: BLE001 - raised again in the process that waits
        is_expected = issubclass(type(error), BenchError)
        text = error_text(error) if is_expected else describe_error(error)
        answer = pickle.dumps((None, text, is_expected, "".join(traceback.format_tb(error.__traceback__))))
    sender.send_bytes(answer)


def end_with_parent(parent: int) -> None:
    """Let this process end as soon as the one that started it has ended.

    On Linux the kernel kills it. Elsewhere, and if the thread that started it has ended before the process, a thread
    waits for the end of the parent.

    Args:
        parent: the id of the process that started this one.
    """
    if sys.platform == "linux":
        ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    if hasattr(os, "getppid") and os.getppid() != parent:
        os._exit(1)  # the parent ended before the signal was set
    process = multiprocessing.parent_process()
    if process is not None:
        threading.Thread(target=_exit_after, args=(process.sentinel,), daemon=True, name="parent watch").start()


def _exit_after(sentinel: int) -> None:
    wait([sentinel])
    os._exit(1)
