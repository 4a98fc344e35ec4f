"""What a stream can show: a live display or plain lines, and colours or none."""

from __future__ import annotations

import os
from typing import TextIO

DUMB = ("dumb", "unknown")
"Terminals without control of the cursor, by the variable TERM."


def is_live(stream: TextIO) -> bool:
    """Return whether a live display can be drawn on a stream: a terminal that moves its cursor, and no CI job."""
    return stream.isatty() and not _is_dumb() and not _is_set("CI")


def has_colour(stream: TextIO) -> bool:
    """Return whether text on a stream may have colours.

    `NO_COLOR` forbids them (no-color.org), `FORCE_COLOR` wants them in a file or a pipe too; otherwise a live terminal
    has them.
    """
    if os.environ.get("NO_COLOR"):
        return False
    return _is_set("FORCE_COLOR") or is_live(stream)


def _is_dumb() -> bool:
    name = os.environ.get("TERM", "")
    return name.lower() in DUMB or (not name and os.name == "posix")


def _is_set(variable: str) -> bool:
    return os.environ.get(variable, "").lower() not in ("", "0", "false", "no")
