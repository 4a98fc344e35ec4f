"""How a run's process may end: Ctrl-C, a signal from outside, a call of `os._exit`, a crash.

A crash can only be noted here, for the next resume: the process is gone.
"""

from __future__ import annotations

import faulthandler
import os
import signal
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from typing import Any, NoReturn

from bench_suite.store.unfinished import UnfinishedCells

EXIT_FAILED = 3
"Exit status of a process that a component ends with `os._exit(0)`: cells are missing."


_at_forced_end: list[tuple[Callable[[], None], bool]] = []


@contextmanager
def at_forced_end(function: Callable[[], None], *, outside: bool = True) -> Iterator[None]:
    """Call a function if a second Ctrl-C or a signal from outside ends this process during the block.

    Args:
        function: the function.
        outside: whether a signal from outside, such as SIGTERM or SIGHUP, calls it too.
    """
    entry = (function, outside)
    _at_forced_end.append(entry)
    try:
        yield
    finally:
        _at_forced_end.remove(entry)


def _force_end(*, outside: bool) -> None:
    for function, also_outside in _at_forced_end:
        if also_outside or not outside:
            with suppress(Exception):  # each gets its turn, whatever happened to another
                function()


@contextmanager
def noted_endings(unfinished: UnfinishedCells) -> Iterator[None]:
    """Note how the process ends while cells are run; `unfinished` is closed at the end of the block."""
    with ExitStack() as stack:
        stack.callback(unfinished.close)
        stack.enter_context(_noted_crashes(unfinished))
        stack.enter_context(_noted_exits(unfinished))
        stack.enter_context(two_stage_interrupt(unfinished))
        stack.enter_context(_ended_from_outside(unfinished))
        yield


@contextmanager
def two_stage_interrupt(unfinished: UnfinishedCells) -> Iterator[None]:
    """Let the first Ctrl-C raise KeyboardInterrupt, and a second one end the process at once with exit status 130."""

    def first(number: int, frame: Any) -> None:
        signal.signal(signal.SIGINT, second)
        raise KeyboardInterrupt

    def second(number: int, frame: Any) -> None:
        unfinished.end()
        _force_end(outside=False)
        sys.stderr.write("\nended at once; everything recorded so far is safe\n")
        sys.stderr.flush()
        os._exit(130)

    with _handlers({signal.SIGINT: first}, only_default=False):
        yield


@contextmanager
def _ended_from_outside(unfinished: UnfinishedCells) -> Iterator[None]:
    """End the process on SIGTERM and SIGHUP as usual, but note before that the cell is not the cause."""

    def handler(number: int, frame: Any) -> None:
        unfinished.end()
        _force_end(outside=True)
        signal.signal(number, signal.SIG_DFL)
        os.kill(os.getpid(), number)

    names = ("SIGTERM", "SIGHUP")
    with _handlers({getattr(signal, name): handler for name in names if hasattr(signal, name)}, only_default=True):
        yield


@contextmanager
def _handlers(handlers: dict[int, Callable[[int, Any], None]], *, only_default: bool) -> Iterator[None]:
    """Set handlers of signals during the block, in the main thread; `only_default` leaves handlers of others alone."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    wanted = {
        n: handler for n, handler in handlers.items() if not only_default or signal.getsignal(n) is signal.SIG_DFL
    }
    before = {number: signal.signal(number, handler) for number, handler in wanted.items()}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


@contextmanager
def _noted_exits(unfinished: UnfinishedCells) -> Iterator[None]:
    """Let `os._exit`, if a component calls it in this process, note the call; status 0 becomes `EXIT_FAILED`."""
    process, before = os.getpid(), os._exit

    def noting(status: int) -> NoReturn:
        cell = unfinished.current()
        if os.getpid() != process or cell is None:  # a child that was forked ends as it wants
            before(status)
        unfinished.cause(f"os._exit({status})")
        sys.stderr.write(
            f"\na component called os._exit({status}) in a cell (step: {cell.step or 'beginning'}): the run ends; "
            "everything recorded so far is safe\n  go on with: bench run … --resume\n"
        )
        sys.stderr.flush()
        before(int(status) or EXIT_FAILED)

    os._exit = noting
    try:
        yield
    finally:
        os._exit = before


@contextmanager
def _noted_crashes(unfinished: UnfinishedCells) -> Iterator[None]:
    """Let Python write the stacks of all threads if a signal such as SIGSEGV ends the process."""
    if faulthandler.is_enabled():  # somebody else, such as pytest or the user, has asked for them elsewhere
        yield
        return
    with unfinished.crash_file() as file:
        faulthandler.enable(file)
        try:
            yield
        finally:
            faulthandler.disable()
