"""As many of the first lines as a text may have characters, and the number of the others."""

from __future__ import annotations

import bisect
from collections.abc import Callable, Sequence
from typing import TypeVar

_Item = TypeVar("_Item")
_Line = TypeVar("_Line")


def fitting_lines(
    items: Sequence[_Item], line_of: Callable[[_Item], _Line], join: Callable[[list[_Line]], str], limit: int, rest: str
) -> str:
    """Return the lines of as many of the first items as fit into `limit` characters, and the number of the others.

    Only about as many lines are made as fit, or twice as many: a comparison of 10,000 cells has tens of thousands.

    Args:
        items: what the lines are of.
        line_of: returns the line of an item.
        join: returns the text of some lines; more lines give a longer text.
        limit: the greatest length of the text of the lines.
        rest: what the others are, after `N more`.
    """
    if not items:
        return ""
    lines: list[_Line] = []

    def length(count: int) -> int:
        lines.extend(map(line_of, items[len(lines) : count]))
        return len(join(lines[:count]))

    bound = 1  # a number of lines that does not fit, or all of them
    while bound < len(items) and length(bound) <= limit:
        bound *= 2
    fitting = bisect.bisect_right(range(1, min(bound, len(items)) + 1), limit, key=length)
    parts = [join(lines[:fitting])] if fitting else []
    parts += [f"{len(items) - fitting} more {rest}"] if fitting < len(items) else []
    return "\n\n".join(parts)
