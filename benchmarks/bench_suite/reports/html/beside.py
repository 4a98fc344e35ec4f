"""The file of the examples beside a page: which one is ours, so that it goes when no page links to it any more."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path

MARKER = '<meta name="bench-suite" content="examples beside a page">'
"Stands in the head of each such file."
HEAD_BYTES = 2000
"The marker is in the first bytes of the file."


def beside(page: Path) -> Path:
    """Return the path of the examples beside a page."""
    return page.with_name(f"{page.stem}-examples{page.suffix}")


def remove_stale(path: Path) -> bool:
    """Remove the examples of an earlier page; a file that this package did not write stays.

    Args:
        path: the file, which need not exist.

    Returns:
        Whether it was removed.
    """
    with suppress(OSError):
        if path.is_symlink() or not path.is_file():
            return False
        with path.open("rb") as file:
            head = file.read(HEAD_BYTES)
        if MARKER.encode() in head:
            path.unlink()
            return True
    return False
