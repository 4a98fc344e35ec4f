"""The file of the examples beside a page: which one is ours, so that it goes when no page links to it any more."""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path

MARKER = '<meta name="bench-suite" content="examples beside a page">'
"Stands in the head of each such file."
HEAD_BYTES = 2000
"The marker is in the first bytes of the file."


def beside(page: Path) -> Path:
    """Return the path of the examples beside a page."""
    return page.with_name(f"{page.stem}-examples{page.suffix}")


def is_foreign(path: Path) -> bool:
    """Return whether there is something of this name that this package did not write."""
    return os.path.lexists(path) and not _is_ours(path)


def remove_stale(path: Path) -> bool:
    """Remove the examples of an earlier page; a file that this package did not write stays.

    Args:
        path: the file, which need not exist.

    Returns:
        Whether it was removed.
    """
    with suppress(OSError):
        if _is_ours(path):
            path.unlink()
            return True
    return False


def _is_ours(path: Path) -> bool:
    try:
        if path.is_symlink() or not path.is_file():
            return False
        with path.open("rb") as file:
            return MARKER.encode() in file.read(HEAD_BYTES)
    except OSError:
        return False
