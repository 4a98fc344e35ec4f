"""Lock a run for the one process that drives it, and say which process that is."""

from __future__ import annotations

import os
import socket
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from pathlib import Path

from bench_suite.store import forms
from bench_suite.store.atomic import StoreError, check_path_length, write_file, writing_error
from bench_suite.store.json_reader import Damage, read_json
from bench_suite.store.records import dumps

DRIVER = "driver.json"
"Name of the file in the folder of a run that names the process which drives it."

LOCK = ".lock"
"Name of the file in the folder of a run that the driver has locked."


@dataclass(frozen=True)
class Driver:
    """The process that drives a run, as it noted itself."""

    process: int
    since: str
    "ISO 8601, UTC, to the second."
    host: str = ""
    "Name of its machine; empty in files of older versions."
    alive: bool | None = None
    "Whether it runs; None if that cannot be told from here, because it is on another machine."


def driver_of(folder: Path) -> Driver | None:
    """Return the process that drives a run, or was killed while it did; None if no process does.

    Args:
        folder: the run's folder; nothing is written there.
    """
    try:
        entry = read_json((folder / DRIVER).read_bytes(), forms.DRIVER)
    except (OSError, Damage):
        return None
    driver = Driver(entry["process"], entry["since"], entry.get("host", ""))
    return replace(driver, alive=_is_alive(driver, folder / LOCK))


def _is_alive(driver: Driver, lock: Path) -> bool | None:
    """Return whether a driver runs; None if this machine cannot tell."""
    if driver.host not in ("", socket.gethostname()) or os.name != "posix":  # elsewhere the signal 0 is not harmless
        return None
    try:
        os.kill(driver.process, 0)
    except ProcessLookupError:
        return False if driver.host else None
    except (OSError, OverflowError):
        return True  # another user's process
    return _is_locked(lock)


def _is_locked(path: Path) -> bool:
    """Return whether a process has locked a file; the id of a process that was killed may belong to another one now."""
    import fcntl

    try:
        file = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    except OSError:
        return True
    try:
        fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except OSError:
        return True
    finally:
        os.close(file)
    return False


@contextmanager
def run_lock(folder: Path, name: str) -> Iterator[None]:
    """Lock a run while the body of the `with` statement runs; `driver.json` in its folder names the process.

    Args:
        folder: the run's folder.
        name: the run's id.

    Raises:
        StoreError: another process has locked it; the message names the process.
    """
    import filelock

    check_path_length(folder.parent)
    process = os.getpid()
    # Not in the lock's own file: a second driver that tries to lock it empties that file.
    holder = folder / DRIVER
    lock = filelock.FileLock(folder / LOCK, timeout=0)
    try:
        lock.acquire()
    except filelock.Timeout:
        by = "a process"
        with suppress(OSError, Damage):
            driver = read_json(holder.read_bytes(), forms.DRIVER)
            by = f"process {driver['process']}, since {driver['since']}"
        raise StoreError(
            f"run {name} is being driven by {by}\n  wait until it ends, or stop it; then: bench run … --resume"
        ) from None
    except OSError as error:
        raise writing_error(error, folder) from error
    try:
        write_file(holder, dumps({"process": process, "since": _now(), "host": socket.gethostname()}).encode())
        yield
    finally:
        if os.getpid() == process:  # a forked child shares the lock, which belongs to its parent
            with suppress(OSError):
                holder.unlink()
            lock.release()


def _now() -> str:
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
