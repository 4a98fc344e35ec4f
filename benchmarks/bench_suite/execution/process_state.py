"""The state of the process that a component may change for all others: noted before a cell, and restored after it.

The same holds between the probes of a cell, for the state after the training.

Each setting states how it is read and written. What cannot be restored, such as a thread that goes on, is returned, so
that the record can contain it.
"""

from __future__ import annotations

import gc
import locale
import logging
import multiprocessing
import os
import random
import signal
import socket
import sys
import tempfile
import threading
import warnings
from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from functools import partial
from typing import Any

from bench_suite.execution.setting import Setting

_LIBRARY_VARIABLES = ("KMP_DUPLICATE_LIB_OK", "KMP_INIT_AT_FORK")
"Environment variables that libraries set when they are imported, for as long as the process lives."
_UNREADABLE = object()


@dataclass
class ProcessState:
    """The values of settings at one moment, and the threads and processes that there were."""

    values: list[tuple[Setting, Any]]
    threads: frozenset[int | None] = frozenset()
    processes: frozenset[int | None] = frozenset()

    @classmethod
    def capture(cls, settings: Iterable[Setting]) -> ProcessState:
        """Return the values of these settings at this moment."""
        values = [(setting, _read(setting)) for setting in settings]
        children = frozenset(process.pid for process in multiprocessing.active_children())
        return cls(values, frozenset(thread.ident for thread in threading.enumerate()), children)

    def capture_again(self, more: Iterable[Setting] = ()) -> ProcessState:
        """Return the values of the same settings at this moment, beside the threads and processes of this state.

        Args:
            more: further settings, such as those of a model.
        """
        values = [(setting, _read(setting)) for setting in (*(setting for setting, _ in self.values), *more)]
        return ProcessState(values, self.threads, self.processes)

    def restore(self) -> Changes:
        """Restore every setting that has changed; return what was restored and what could not be."""
        changes = Changes()
        for setting, value in self.values:
            if value is _UNREADABLE:
                continue
            if setting.same is not None and setting.same(value):
                continue
            if setting.comparable and _is_same(setting, value):
                continue
            error = ""
            try:
                setting.write(value)
            except Exception as raised:  # noqa: BLE001 - a system may refuse it in many ways, and the run goes on
                error = str(raised)
            if not setting.comparable:
                changes.unrestored |= {setting.kind: error} if error else {}
            elif _read(setting) == value:
                changes.restored.append(setting.kind)
            else:
                changes.unrestored[setting.kind] = error or "changed, and cannot be restored"
        changes.unrestored |= self.left_running()
        return changes

    def left_running(self) -> dict[str, str]:
        """Return the threads and processes that were started since and go on: they may draw random numbers."""
        running = {}
        threads = [thread for thread in threading.enumerate() if thread.ident not in self.threads]
        if names := [thread.name for thread in threads if not _is_idle(thread)]:
            running["threads"] = ", ".join(sorted(names))
        children = [process for process in multiprocessing.active_children() if process.pid not in self.processes]
        if children:
            running["processes"] = ", ".join(sorted(process.name for process in children))
        return running


@dataclass
class Changes:
    """What `ProcessState.restore` did."""

    restored: list[str] = field(default_factory=list)
    "Kinds of settings that had changed and were restored."
    unrestored: dict[str, str] = field(default_factory=dict)
    "What could not be restored, by kind, in words."


def _is_same(setting: Setting, value: Any) -> bool:
    try:
        return bool(setting.read() == value)
    except Exception:  # noqa: BLE001 - a system may refuse to read it in many ways; then it is restored
        return False


def _read(setting: Setting) -> Any:
    try:
        return setting.read()
    except Exception:  # noqa: BLE001 - such as the working folder after it was removed
        return _UNREADABLE


_IDLE_IN = (os.path.join("concurrent", "futures", "thread.py"), os.path.join("tqdm", "_monitor.py"))
"Ends of the files in which the waiting threads of libraries are."


def _is_idle(thread: threading.Thread) -> bool:
    """Return whether a thread ends or waits for work in a pool of the standard library, or belongs to tqdm."""
    if not thread.is_alive() or thread is threading.current_thread():
        return True
    frame = sys._current_frames().get(thread.ident or 0)
    own = frame is not None and frame.f_code.co_filename.endswith(_IDLE_IN[0])
    return own or type(thread).__module__.partition(".")[0] == "tqdm"


# ── the interpreter and the operating system ────────────────────────────────────────────────────


_ENVIRONMENT: Any = getattr(os, "environb", os.environ)  # where there are bytes, they take a fifth of the time
_KEPT = {name.encode() if _ENVIRONMENT is not os.environ else name for name in _LIBRARY_VARIABLES}


def _variables() -> dict[Any, Any]:
    encoded = getattr(os.environ, "_data", None)
    if isinstance(encoded, dict):  # what `_ENVIRONMENT` reads name by name: a copy takes a thirtieth of the time
        variables = dict(encoded)
        for name in _KEPT:
            variables.pop(name, None)
        return variables
    return {name: value for name, value in _ENVIRONMENT.items() if name not in _KEPT}


def _set_variables(wanted: Mapping[Any, Any]) -> None:
    current = _variables()
    for name in current.keys() - wanted.keys():
        del _ENVIRONMENT[name]
    for name, value in wanted.items():
        if current.get(name) != value:
            _ENVIRONMENT[name] = value


def _filters() -> list[Any]:
    return list(warnings.filters)


def _set_filters(wanted: list[Any]) -> None:
    warnings.filters[:] = wanted  # type: ignore[index]  # a list, which typeshed calls a sequence
    with warnings.catch_warnings():  # its end empties the caches that depend on the filters
        pass


_SIGNALS = [
    int(getattr(signal, f"SIG{name}"))
    for name in (
        "INT", "TERM", "HUP", "QUIT", "ALRM", "VTALRM", "PROF", "USR1", "USR2", "CHLD", "PIPE", "SEGV", "FPE", "ABRT",
        "BUS", "ILL", "WINCH", "XCPU", "BREAK",
    )
    if hasattr(signal, f"SIG{name}")
]  # fmt: skip


_handler_of = getattr(sys.modules.get("_signal"), "getsignal", signal.getsignal)
"Returns numbers for the default handlers instead of enumerations, which take twenty times as long."


def _handlers() -> dict[int, Any]:
    return {number: _handler_of(number) for number in _SIGNALS}


def _set_handlers(wanted: Mapping[int, Any]) -> None:
    for number, handler in wanted.items():
        if handler is not None and _handler_of(number) != handler:  # None was set by no Python code
            signal.signal(number, handler)


def _has_timer() -> bool:
    return signal.getitimer(signal.ITIMER_REAL)[0] > 0


def _stop_timer(had_timer: bool) -> None:
    if not had_timer:
        signal.setitimer(signal.ITIMER_REAL, 0)


def _umask() -> int:
    current = os.umask(0o077)
    os.umask(current)
    return current


def _interpreter() -> Iterator[Setting]:
    yield Setting("working folder", os.getcwd, os.chdir)
    yield Setting("environment variables", _variables, _set_variables)
    yield Setting("recursion limit", sys.getrecursionlimit, sys.setrecursionlimit)
    yield Setting("switch interval", sys.getswitchinterval, sys.setswitchinterval)
    yield Setting("longest integer as text", sys.get_int_max_str_digits, sys.set_int_max_str_digits)
    yield Setting("trace function", sys.gettrace, sys.settrace)
    yield Setting("profile function", sys.getprofile, sys.setprofile)
    yield Setting("garbage collection", gc.isenabled, lambda on: gc.enable() if on else gc.disable())
    yield Setting("thresholds of garbage collection", gc.get_threshold, lambda values: gc.set_threshold(*values))
    yield Setting("warnings filters", _filters, _set_filters)
    for name in ("stdin", "stdout", "stderr", "excepthook"):
        yield Setting(f"sys.{name}", partial(getattr, sys, name), partial(setattr, sys, name))
    yield Setting("logging.disable", lambda: logging.root.manager.disable, logging.disable)
    yield Setting(
        "locale", lambda: locale.setlocale(locale.LC_ALL), lambda value: locale.setlocale(locale.LC_ALL, value)
    )
    yield Setting("time limit of sockets", socket.getdefaulttimeout, socket.setdefaulttimeout)
    yield Setting("tempfile.tempdir", lambda: tempfile.tempdir, lambda value: setattr(tempfile, "tempdir", value))
    yield Setting("file mode mask", _umask, os.umask)
    yield Setting("generator of random", random.getstate, random.setstate, comparable=False)


def _system() -> Iterator[Setting]:
    if threading.current_thread() is threading.main_thread():  # only there can handlers be set
        yield Setting("signal handlers", _handlers, _set_handlers)
        if hasattr(signal, "setitimer"):
            yield Setting("alarm", _has_timer, _stop_timer)
    if hasattr(signal, "pthread_sigmask"):
        yield Setting(
            "blocked signals",
            lambda: signal.pthread_sigmask(signal.SIG_BLOCK, ()),
            lambda mask: signal.pthread_sigmask(signal.SIG_SETMASK, mask),
        )
    if hasattr(os, "sched_getaffinity"):
        yield Setting("processors", lambda: os.sched_getaffinity(0), lambda cores: os.sched_setaffinity(0, cores))
    if hasattr(os, "getpriority"):
        own = (os.PRIO_PROCESS, 0)
        yield Setting("priority", partial(os.getpriority, *own), partial(os.setpriority, *own))
    with suppress(ImportError):
        import resource

        for name in ("AS", "DATA", "STACK", "NOFILE", "FSIZE", "CPU"):
            limit = getattr(resource, f"RLIMIT_{name}", None)
            if limit is not None:
                yield Setting(f"limit {name}", partial(resource.getrlimit, limit), partial(resource.setrlimit, limit))


_BACKEND = ("backend", "backend_fallback")
"Settings of Matplotlib that it makes itself when the first figure is drawn."


def _matplotlib() -> dict[str, Any]:
    """Return the settings of Matplotlib that are not those of its start; it may be imported at any time."""
    module = sys.modules.get("matplotlib")
    first, current = getattr(module, "rcParamsOrig", None), getattr(module, "rcParams", None)
    if first is None or current is None:
        return {}
    values = dict.copy(current) | {name: dict.get(first, name) for name in _BACKEND}  # no checks of deprecated names
    if dict.__eq__(values, first):
        return {}
    return {name: value for name, value in values.items() if value != dict.get(first, name)}


def _set_matplotlib(wanted: Mapping[str, Any]) -> None:
    module = sys.modules["matplotlib"]
    first = {name: value for name, value in dict.copy(module.rcParamsOrig).items() if name not in _BACKEND}
    dict.update(module.rcParams, first | dict(wanted))


def all_settings() -> list[Setting]:
    """Return every setting that is noted and restored; it imports NumPy and PyTorch."""
    from bench_suite.execution.numeric_state import numeric_settings

    return [
        *_interpreter(),
        *_system(),
        Setting("settings of Matplotlib", _matplotlib, _set_matplotlib),
        *numeric_settings(),
    ]
