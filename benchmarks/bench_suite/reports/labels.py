"""Labels of pictures: any text on one line, shortened."""

from __future__ import annotations

import textwrap
from typing import Any


def plain_label(value: Any, max_length: int) -> str:
    """Return a text on one line, without characters that cannot be printed, of at most this many characters."""
    flat = " ".join("".join(c if c.isprintable() else " " for c in str(value)).split())
    flat = textwrap.shorten(flat, max_length, placeholder="…") if " " in flat else flat
    return flat if len(flat) <= max_length else f"{flat[: max_length - 1]}…"
