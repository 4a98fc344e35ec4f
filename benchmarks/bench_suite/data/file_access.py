"""Whether files and folders can be opened, found out before any is read; each refusal says what to do."""

from __future__ import annotations

import errno
import os
import stat
from pathlib import Path

from bench_suite.contracts import DataInvalid


def check_file(file: Path, label: str) -> None:
    """Raise DataInvalid if a file cannot be opened.

    It cannot if it is a link that leads nowhere, if this user may not read it, or if it is no regular file, such as a
    pipe, from which nothing may ever come.

    Args:
        file: The file.
        label: What messages call it.
    """
    try:
        mode = os.stat(file).st_mode
    except OSError as error:
        raise DataInvalid(_unreachable(file, label, error)) from error
    if not stat.S_ISREG(mode):
        raise DataInvalid(f"{label} is no regular file: write it to one")
    if not os.access(file, os.R_OK):
        raise DataInvalid(f"{label} cannot be read: permission denied; allow it: chmod +r {label}")


def check_folder(folder: Path, label: str) -> None:
    """Raise DataInvalid if this user may not list a folder and open what is in it: its files would be left out.

    Args:
        folder: The folder, or a link to one.
        label: What messages call it.
    """
    try:
        os.stat(folder)
    except OSError as error:
        raise DataInvalid(_unreachable(folder, label, error)) from error
    if not os.access(folder, os.R_OK | os.X_OK):
        raise DataInvalid(f"the folder {label} cannot be read: permission denied; allow it: chmod +rx {label}")


def state_of(file: Path) -> tuple[int, ...] | None:
    """Return what differs after a file was rewritten: size, times of change, and inode; None if it is not there."""
    try:
        state = os.stat(file)
    except (OSError, ValueError):  # ValueError: a null in the name
        return None
    return state.st_size, state.st_mtime_ns, state.st_ctime_ns, state.st_ino


def _unreachable(path: Path, label: str, error: OSError) -> str:
    """Return the message for a file or folder whose state cannot be read."""
    if isinstance(error, PermissionError):
        parents = [*reversed(path.absolute().parents), *reversed(Path(os.path.realpath(path)).parents)]
        closed = next((parent for parent in parents if not os.access(parent, os.X_OK)), path.parent)
        return (
            f"{label} cannot be read: permission denied for what is in the folder {closed.name}; allow it: "
            f"chmod +x {closed.name}"
        )
    if error.errno == errno.ELOOP:
        return f"{label} is a link that leads back to itself: put the file itself there"
    if os.path.islink(path):
        return f"{label} is a link to {os.readlink(path)}, which does not exist"
    return f"{label} cannot be read: {error.strerror}"
