"""The columns of a data frame as its docstring documents them, compared with the columns that it has."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import pandas as pd

ANY = "as in"
"Begins a type that the suite or the data decide."


@dataclass(frozen=True)
class Column:
    """A row of the table in a docstring."""

    name: str
    type: str
    missing: str

    def matches(self, column: str) -> bool:
        """Return whether it documents a column; words in capitals stand for any name."""
        pattern = "".join(
            ".+" if part.isupper() else re.escape(part) for part in re.split(r"([A-Z]{2,})", self.name) if part
        )
        return re.fullmatch(pattern, column) is not None

    def allows(self, kind: str) -> bool:
        """Return whether a column may have this type; a column of texts without any text is one of objects."""
        wanted = set(self.type.split(" or "))
        return self.type.startswith(ANY) or kind in wanted or ("str" in wanted and kind in ("object", "string"))


def documented(function: Callable[..., object]) -> list[Column]:
    """Return the columns that the docstring of a function lists."""
    rows = re.findall(r"^ *\| (`.+?`) \| (.*?) \|.*\| (.*?) \|$", function.__doc__ or "", re.MULTILINE)
    return [Column(name, kind, missing) for names, kind, missing in rows for name in re.findall("`(.+?)`", names)]


def check(frame: pd.DataFrame, function: Callable[..., object], *, extra: bool = False) -> None:
    """Check that a frame has the documented columns, of the documented types, and gaps only where they are allowed.

    Args:
        frame: what the function returned.
        function: has the docstring.
        extra: whether the docstring allows columns that it does not list.
    """
    columns = documented(function)
    assert columns, "the docstring has a table"
    fixed = [column for column in columns if not re.search("[A-Z]{2,}", column.name)]
    assert {column.name for column in fixed} - set(frame.columns) == set(), "documented, and not there"
    for name in frame.columns:
        # A name that is documented itself comes before one in capitals, which may stand for it too.
        entry = next((one for one in fixed if one.name == name), None)
        entry = entry or next((one for one in columns if one.matches(name) and "." in one.name), None)
        entry = entry or next((one for one in columns if one.matches(name)), None)
        assert entry is not None or extra, f"{name} is not documented"
        if entry is None:
            continue
        assert entry.allows(str(frame[name].dtype)), (name, frame[name].dtype, entry.type)
        assert entry.missing != "never" or not frame[name].isna().any(), f"{name} has gaps"
