"""The program that measures: it runs in the environment of a side, and imports `bench_suite` as that side has it.

It is run by its path, so that both sides are measured by the same code even if `bench_suite` itself is what changed.
The process imports packages that both sides share, and forks a worker when it is told to: a fresh process that costs no
import. A worker reads the suite of its side, prepares cells, and measures them when it is told to.
"""

from __future__ import annotations

import contextlib
import ctypes
import gc
import importlib
import importlib.util
import json
import os
import signal
import socket
import sys
import traceback
from pathlib import Path
from types import ModuleType
from typing import Any

ADDR_NO_RANDOMIZE = 0x0040000  # from <sys/personality.h>
PR_SET_PDEATHSIG = 1  # from <sys/prctl.h>


# ── the process that forks ──────────────────────────────────────────────────────────────────────


def main() -> int:
    """Import the modules of the first line of the standard input, and fork a worker for each further line (JSON)."""
    _end_with_parent(int(sys.argv[1]))
    fixed = _fix_addresses()
    for module in json.loads(sys.stdin.readline() or "[]"):
        with contextlib.suppress(Exception):
            importlib.import_module(module)
    gc.collect()
    gc.freeze()  # a collection in a worker would copy the pages of what is imported here
    sys.stdout.write(json.dumps({"addresses_fixed": fixed, "can_fork": _threads() == 1}) + "\n")
    sys.stdout.flush()
    signal.signal(signal.SIGCHLD, _log_ends)
    for line in sys.stdin:
        server = os.getpid()
        if os.fork() == 0:
            status = 1
            try:
                signal.signal(signal.SIGCHLD, signal.SIG_DFL)
                _end_with_parent(server)
                os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
                os.dup2(2, 1)  # what components print goes to the log
                serve(json.loads(line))
                status = 0
            except BaseException:  # noqa: BLE001 - the parent reads the log
                traceback.print_exc()
            finally:
                sys.stderr.flush()
                os._exit(status)
    return 0


def _log_ends(number: int, frame: object) -> None:
    """Write to the log how a worker ended, if a signal ended it."""
    with contextlib.suppress(ChildProcessError):
        while True:
            pid, status = os.waitpid(-1, os.WNOHANG)
            if not pid:
                return
            if os.WIFSIGNALED(status):
                os.write(2, f"process {pid} was ended by {signal.Signals(os.WTERMSIG(status)).name}\n".encode())


def _end_with_parent(parent: int) -> None:
    if sys.platform == "linux":
        ctypes.CDLL(None, use_errno=True).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != parent:
        os._exit(1)


def _fix_addresses() -> bool:  # noqa: RET503 - `execv` does not return
    """Run this program again without address-space randomisation, if that is allowed; return whether it is off."""
    if sys.platform != "linux":
        return False
    personality = ctypes.CDLL(None).personality
    personality.argtypes, personality.restype = [ctypes.c_ulong], ctypes.c_int
    current = personality(0xFFFFFFFF)
    if current != -1 and current & ADDR_NO_RANDOMIZE:
        return True
    if current == -1 or personality(current | ADDR_NO_RANDOMIZE) == -1:
        return False
    os.execv(sys.executable, [sys.executable, *sys.orig_argv[1:]])


def _threads() -> int:
    """Return the number of threads that a fork would lose; jemalloc starts its own again."""
    tasks = Path("/proc/self/task")
    with contextlib.suppress(OSError):
        names = [(task / "comm").read_text(encoding="utf-8", errors="replace") for task in tasks.iterdir()]
        return sum(not name.startswith("jemalloc_bg") for name in names)
    import threading

    return threading.active_count()


# ── a worker ────────────────────────────────────────────────────────────────────────────────────


def serve(settings: dict[str, Any]) -> None:
    """Answer orders until the connection ends."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    connection = socket.socket(socket.AF_UNIX)
    connection.connect(settings["socket"])
    file = connection.makefile("rw", encoding="utf-8")
    os.environ.update(settings["environment"])
    if settings["offline"]:
        os.environ["HF_HUB_OFFLINE"] = "1"
    os.chdir(settings["cwd"])
    _use_folder(Path(settings["toplevel"]), Path(settings["folder"])) if settings["toplevel"] else None
    worker = _timed_work().Worker(settings)

    def answer(content: dict[str, Any]) -> None:
        file.write(json.dumps(content) + "\n")
        file.flush()

    answer({"pid": os.getpid()})
    for line in file:
        order = json.loads(line)
        try:
            _pin(order.pop("cores", None))
            content = getattr(worker, order.pop("do"))(**order)
        except BaseException as error:  # noqa: BLE001 - whatever a model raises costs its cell only
            trace = traceback.format_exc()
            content = {"error": _text(error), "kind": type(error).__name__, "trace": trace}
        answer(content)


def _text(error: BaseException) -> str:
    try:
        known = type(error).__module__.startswith("bench_suite")
        return str(error) if known else f"{type(error).__name__}: {error}"
    except Exception:  # noqa: BLE001 - an error whose text cannot be read
        return type(error).__name__


def _pin(cores: list[int] | None) -> None:
    """Let every thread of this process run on these processors only."""
    if not cores or not hasattr(os, "sched_setaffinity"):
        return
    tasks = [int(task) for task in os.listdir("/proc/self/task")] if os.path.isdir("/proc/self/task") else [0]
    for task in tasks:
        with contextlib.suppress(OSError):
            os.sched_setaffinity(task, cores)


def _timed_work() -> ModuleType:
    """Return the module beside this one, by its path: `bench_suite` may be another one here."""
    name = "bench_suite_timed_work"
    if name not in sys.modules:
        path = Path(__file__).with_name("timed_work.py")
        spec = importlib.util.spec_from_file_location(name, path)
        assert spec is not None
        assert spec.loader is not None
        sys.modules[name] = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(sys.modules[name])
    return sys.modules[name]


def _use_folder(toplevel: Path, folder: Path) -> None:
    """Import from `folder` what would be imported from the repository, such as a package that is installed editable."""
    entries = [Path(entry).resolve() for entry in sys.path if entry]
    for name, module in list(sys.modules.items()):
        if name.startswith("__editable__"):
            entries += [Path(path).parent for path in getattr(module, "MAPPING", {}).values()]
    mapped = []
    for entry in entries:
        if entry.is_relative_to(toplevel) and not _timed_work().is_installed(entry):
            other = folder / entry.relative_to(toplevel)
            if other.is_dir():
                mapped.append(str(other))
    mapped = list(dict.fromkeys(mapped))
    sys.path[:0] = mapped
    old = os.environ.get("PYTHONPATH")
    os.environ["PYTHONPATH"] = os.pathsep.join([*mapped, *([old] if old else [])])


if __name__ == "__main__":
    sys.exit(main())
