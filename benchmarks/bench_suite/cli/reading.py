"""A line on a terminal while many records are read, which goes away when they are."""

from __future__ import annotations

import shutil
import sys
from collections.abc import Iterator
from contextlib import contextmanager

from bench_suite.cli.terminal import is_live
from bench_suite.store.reading_progress import listening

_LINE = "reading {size} of records: {share:.0%} (the next time their index is read)"


@contextmanager
def shown_readings() -> Iterator[None]:
    """Show long readings of records in the block on standard error, if a line can be replaced there."""
    if not is_live(sys.stderr):
        yield
        return
    with listening(_show):
        yield


def _show(done: int, size: int) -> None:
    from bench_suite.environment import format_bytes

    line = _LINE.format(size=format_bytes(size), share=done / size)[: shutil.get_terminal_size().columns - 1]
    sys.stderr.write("\r\x1b[K" if done >= size else f"\r{line}\x1b[K")
    sys.stderr.flush()
