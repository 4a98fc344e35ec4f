"""Lock a run for the one process that drives it."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from bench_suite.store import forms
from bench_suite.store.atomic import StoreError, check_path_length, write_file, writing_error
from bench_suite.store.json_reader import Damage, read_json
from bench_suite.store.records import dumps

DRIVER = "driver.json"
"Name of the file in the folder of a run that names the process which drives it."


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
    lock = filelock.FileLock(folder / ".lock", timeout=0)
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
        write_file(holder, dumps({"process": process, "since": _now()}).encode())
        yield
    finally:
        if os.getpid() == process:  # a forked child shares the lock, which belongs to its parent
            with suppress(OSError):
                holder.unlink()
            lock.release()


def _now() -> str:
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
