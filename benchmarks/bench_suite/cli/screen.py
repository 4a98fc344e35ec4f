"""One screen: sections of lines that are cut until they fit the terminal, each with a line on what it leaves out."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from bench_suite.cli.output import fold, printable
from bench_suite.reports.escaping import width
from bench_suite.reports.shortening import cut


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
    text_rows: int | None = None
    "Rows of the terminal that a text takes at most if not everything fits; None for any number."
    most: int | None = None
    "Number of entries that are shown at most if not everything fits; None for any number."
    rest: Callable[[Sequence[Entry]], str] | None = None
    "Returns the line that stands for entries that are left out; None leaves them out silently."


def fit(sections: Sequence[Section], columns: int, rows: int | None) -> list[Entry]:
    """Return the entries that fit, with a line for what is left out.

    If not everything fits, long texts are cut first, and sections end at their `most` entries. Then expendable sections
    go, then entries of the longest section from its end, down to its `least`. If that is still too much, the texts of
    sections with `text_rows` get one row, and then further entries go, but the first of each section that has no line
    for what is left out.

    Args:
        sections: the sections, from top to bottom.
        columns: the columns of the terminal.
        rows: its rows; None if all entries are wanted, such as in a file.
    """
    counts = [len(section.entries) for section in sections]
    if rows is None or _rows(sections, counts, columns) <= rows:
        return _shown(sections, counts)
    sections = [_with_short_texts(section, columns) for section in sections]
    counts = [count if one.most is None else min(count, one.most) for one, count in zip(sections, counts)]
    counts = _fewer(sections, counts, columns, rows, [section.least for section in sections])
    if _rows(sections, counts, columns) > rows:
        sections = [one if one.text_rows is None else replace(one, text_rows=1) for one in sections]
        sections = [_with_short_texts(section, columns) for section in sections]
        counts = _fewer(sections, counts, columns, rows, [1] * len(sections))
        counts = _fewer(sections, counts, columns, rows, [int(section.rest is None) for section in sections])
    for number, section in enumerate(sections):  # a line that stands for one entry may take as much room as the entry
        whole = [*counts[:number], len(section.entries), *counts[number + 1 :]]
        if len(section.entries) - counts[number] == 1 and _rows(sections, whole, columns) <= rows:
            counts = whole
    return _shown(sections, counts)


def _fewer(
    sections: Sequence[Section], counts: Sequence[int], columns: int, rows: int, least: Sequence[int]
) -> list[int]:
    """Return how many entries of each section are shown if they have to fit, as far as `least` allows."""
    counts = [*counts]
    while _rows(sections, counts, columns) > rows:
        spare = {number: count - least[number] for number, count in enumerate(counts) if count > least[number]}
        if not spare:
            break
        first = max(spare, key=lambda number: (sections[number].expendable, spare[number], number))
        counts[first] = 0 if sections[first].expendable else counts[first] - 1
    return counts


def _with_short_texts(section: Section, columns: int) -> Section:
    if section.text_rows is None:
        return section
    return replace(
        section, entries=[replace(one, text=_cut(one.text, columns, section.text_rows)) for one in section.entries]
    )


def _cut(text: str, columns: int, most: int) -> str:
    lines = fold(printable(text), columns).split("\n")
    return text if len(lines) <= most else "\n".join([*lines[: most - 1], _ended(lines[most - 1], columns)])


def _ended(line: str, columns: int) -> str:
    return cut(line, columns - 2).removesuffix("…").rstrip() + " …"


def _rows(sections: Sequence[Section], counts: Sequence[int], columns: int) -> int:
    """Return the rows that the entries take on the terminal."""
    texts = (fold(printable(entry.text), columns) for entry in _shown(sections, counts))
    return sum(max(1, -(-width(line) // columns)) for text in texts for line in text.split("\n"))


def _shown(sections: Sequence[Section], counts: Sequence[int]) -> list[Entry]:
    shown: list[Entry] = []
    for section, count in zip(sections, counts):
        shown += section.entries[:count]
        left_out = section.entries[count:]
        if left_out and section.rest is not None:
            shown.append(Entry(section.rest(left_out), err=left_out[0].err))
    return shown
