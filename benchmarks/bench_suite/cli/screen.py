"""One screen: sections of lines that are cut until they fit the terminal, each with a line on what it leaves out."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

Height = Callable[[str], int]
"Returns the rows that a text takes on the terminal."


@dataclass(frozen=True)
class Entry:
    """A text of a section: a line, or a sentence that the terminal folds."""

    text: str
    err: bool = False
    "Whether it goes to standard error."
    style: str = ""
    "Its colour on a terminal, or `bold`; empty for none."


@dataclass(frozen=True)
class Section:
    """Entries that belong together, the most important first."""

    entries: Sequence[Entry]
    least: int = 0
    "Number of entries that are shown however small the screen is."
    expendable: bool = False
    "Whether it is cut before all others, such as a blank line."
    rest: Callable[[Sequence[Entry]], str] | None = None
    "Returns the line that stands for entries that are left out; None leaves them out silently."


def fit(sections: Sequence[Section], height: Height, rows: int | None) -> list[Entry]:
    """Return the entries that fit, with a line for what is left out.

    An expendable section is cut first, then the longest one, from its end.

    Args:
        sections: the sections, from top to bottom.
        height: returns the rows that a text takes.
        rows: the rows of the screen; None if all entries are wanted, such as in a file.
    """
    kept = [len(section.entries) for section in sections]
    if rows is not None:
        while sum(_rows(section, count, height) for section, count in zip(sections, kept)) > rows:
            spare = {number: count - sections[number].least for number, count in enumerate(kept)}
            spare = {number: count for number, count in spare.items() if count > 0}
            if not spare:
                break
            first = max(spare, key=lambda number: (sections[number].expendable, spare[number], number))
            kept[first] = 0 if sections[first].expendable else kept[first] - 1
    return [entry for section, count in zip(sections, kept) for entry in _shown(section, count)]


def _rows(section: Section, count: int, height: Height) -> int:
    return sum(height(entry.text) for entry in _shown(section, count))


def _shown(section: Section, count: int) -> list[Entry]:
    left_out = section.entries[count:]
    shown = [*section.entries[:count]]
    if left_out and section.rest is not None:
        shown.append(Entry(section.rest(left_out), err=left_out[0].err))
    return shown
