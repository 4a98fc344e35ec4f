"""Markdown's own marks: any string as inline text, tables that read well raw, and code blocks."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence

_WIDEST = 40
_MARKS = re.compile(r"([\\`*\[\]|~$])")
_ENTITY = re.compile(r"&(?=#?\w+;)")
_EDGE = re.compile(r"(?<![^\W_])_|_(?![^\W_])")


def inline(text: object) -> str:
    """Any value as inline Markdown that renders as itself: marks escaped, line breaks and control characters blank."""
    flat = " ".join("".join(_visible(character) for character in str(text)).split())
    flat = _MARKS.sub(r"\\\1", _ENTITY.sub("&amp;", flat)).replace("<", "&lt;").replace(">", "&gt;")
    # Underscores inside words are no marks, and bag_of_words reads better without backslashes.
    return _EDGE.sub(r"\\_", flat)


def _visible(character: str) -> str:
    category = unicodedata.category(character)
    if category == "Cs":  # half of a surrogate pair: no file can hold it
        return "\ufffd"
    return " " if category in ("Cc", "Zl", "Zp") else character


def attribute(text: object) -> str:
    """Any value as the value of an HTML attribute within Markdown, where no mark of either can end it."""
    flat = " ".join("".join(_visible(character) for character in str(text)).split())
    return re.sub(r"""[^\w\s.,:;=()+/–-]|_""", lambda found: f"&#{ord(found[0])};", flat)


def code(text: object) -> str:
    """A short value as inline code, where what it holds cannot end it."""
    flat = " ".join("".join(_visible(character) for character in str(text)).split())
    if not flat:
        return ""
    fence = "`" * (1 + max((len(run) for run in re.findall(r"`+", flat)), default=0))
    blank = " " if flat[0] == "`" or flat[-1] == "`" else ""
    return f"{fence}{blank}{flat.replace('|', chr(92) + '|')}{blank}{fence}"


def block(text: str, language: str = "") -> str:
    """Text as a code block, behind a fence longer than any in it."""
    lines = ("".join(c if c == "\t" else _visible(c) for c in line) for line in text.splitlines())
    fence = "`" * max(3, 1 + max((len(run) for run in re.findall(r"`+", text)), default=0))
    return "\n".join([f"{fence}{language}", *lines, fence])


def table(header: Sequence[str], rows: Sequence[Sequence[str]], *, right: Sequence[int] = ()) -> str:
    """A table whose columns line up in the raw text too; cells are Markdown already, columns in `right` flush right."""
    # A long entry, such as a reason, stands out alone instead of widening every line.
    widths = [
        max(3, width(name), *(min(width(row[column]), _WIDEST) for row in rows)) for column, name in enumerate(header)
    ]

    def line(cells: Sequence[str]) -> str:
        padded = (pad(cell, widths[column], right=column in right) for column, cell in enumerate(cells))
        return f"| {' | '.join(padded)} |"

    rule = (
        "-" * (widths[column] - 1) + ":" if column in right else "-" * widths[column] for column in range(len(header))
    )
    return "\n".join([line(header), f"| {' | '.join(rule)} |", *(line(row) for row in rows)])


def width(text: str) -> int:
    """Columns that a text takes on a terminal."""
    wide = sum(unicodedata.east_asian_width(character) in "WF" for character in text)
    return len(text) + wide - sum(unicodedata.combining(character) > 0 for character in text)


def pad(text: str, to: int, *, right: bool = False) -> str:
    """The text with blanks up to a width; before it where it stands flush right."""
    blanks = " " * (to - width(text))
    return blanks + text if right else text + blanks


class Notes:
    """Footnotes of one table: the same note has one number."""

    def __init__(self) -> None:
        self._notes: dict[str, int] = {}

    def mark(self, note: str | None) -> str:
        """A raised number that stands for the note, with a blank before it; nothing for no note."""
        if not note:
            return ""
        number = self._notes.setdefault(note, len(self._notes) + 1)
        return " " + str(number).translate(str.maketrans("0123456789", "⁰¹²³⁴⁵⁶⁷⁸⁹"))

    def lines(self) -> list[str]:
        """Each note behind its number, unescaped."""
        return [f"{self.mark(note).strip()} {note}" for note in self._notes]
