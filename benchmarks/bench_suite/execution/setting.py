"""One setting of the process, such as the default dtype: how it is read and restored."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Setting:
    """One setting of the process."""

    kind: str
    "What it is, as a record names it."
    read: Callable[[], Any]
    write: Callable[[Any], object]
    "Called with what `read` returned, if the setting has changed."
    comparable: bool = True
    "Whether values are compared by `==`; otherwise the value is always written, and assumed to be restored."
    same: Callable[[Any], bool] | None = None
    "Whether the present value is certainly this one: it spares reading or writing a value that costs more."
    numeric: bool = False
    "Whether it changes the numbers that others compute, so that a change at import is undone too."
