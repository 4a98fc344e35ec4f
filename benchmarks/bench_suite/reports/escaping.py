"""Markdown from any string: escaped inline text, aligned tables, code blocks and footnotes."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence

_MAX_PADDED = 40
_MARKS = re.compile(r"([\\`*\[\]|~$])")
_ENTITY = re.compile(r"&(?=#?\w+;)")
_EDGE = re.compile(r"(?<![^\W_])_|_(?![^\W_])")
_BLOCK = re.compile(r"(?:#{1,6}|[-+])(?= |$)|[-=]{2,}$|[0-9]{1,9}(?=[.)](?: |$))")
"What would begin a heading, a list or a rule if a line began with it."
_URL = re.compile(r"(?<=:)//|(?<=\bwww)\.", re.IGNORECASE)
_MENTION = re.compile(r"@(?=[^\W_])(?:(?<!\w@)|(?=[\w.-]+\.\w))|#(?=[0-9])")
"""An `@` before a name or in an address of electronic mail, but not in `recall@5`; a `#` before a number."""
_NOTHING = "&#8203;"
"""A space without width, as an entity. GitHub looks for names and numbers of issues in the rendered text, so only a
character keeps it from notifying people and from linking issues; other tools that post foreign text do the same."""
_JOINERS = "\u200c\u200d"
"Belong to the spelling of some languages, and to emojis."


def inline(text: object) -> str:
    """Return a value as inline Markdown that renders as itself, and that notifies nobody on GitHub.

    Marks are escaped; line breaks and control characters become blanks; invisible characters become visible. Addresses
    do not become links.
    """
    line = flat(text)
    block = _BLOCK.match(line)
    line = _MARKS.sub(r"\\\1", _ENTITY.sub("&amp;", line)).replace("<", "&lt;").replace(">", "&gt;")
    # An underscore inside a word is not a mark; bag_of_words reads better without backslashes.
    line = _EDGE.sub(r"\\_", line)
    if block is not None:  # these characters are not escaped above, so they are still at the start
        cut = block.end() if block[0].isdigit() else 0
        line = f"{line[:cut]}\\{line[cut:]}"
    line = _URL.sub(lambda match: "\\/\\/" if match[0] == "//" else "\\.", line)
    return _MENTION.sub(lambda match: f"{match[0]}{_NOTHING}", line)


def flat(text: object) -> str:
    """Return a value as text on one line, in which each character can be seen."""
    return " ".join(visible("".join(map(_replace_control, str(text)))).split())


def visible(text: str) -> str:
    """Return a text in which invisible characters are their numbers: `⟨U+202E⟩` for one that reverses what follows it.

    Such characters make different names look the same, and a text read as another one. A joiner between two characters
    that are not ASCII is kept: it belongs to a script or to an emoji.
    """
    if text.isascii():
        return text
    characters = []
    for position, character in enumerate(text):
        hidden = unicodedata.category(character) == "Cf"
        if hidden and character in _JOINERS:
            neighbours = text[position - 1 : position] + text[position + 1 : position + 2]
            hidden = len(neighbours) < 2 or any(neighbour.isascii() for neighbour in neighbours)
        characters.append(f"⟨U+{ord(character):04X}⟩" if hidden else character)
    return "".join(characters)


def _replace_control(character: str) -> str:
    category = unicodedata.category(character)
    if category == "Cs":  # half of a surrogate pair: no file can hold it
        return "\ufffd"
    return " " if category in ("Cc", "Zl", "Zp") else character


def attribute(text: object) -> str:
    """Return a value escaped for an HTML attribute inside Markdown."""
    return re.sub(r"""[^\w\s.,:;=()+/–-]|_""", lambda match: f"&#{ord(match[0])};", flat(text))


def code(text: object) -> str:
    """Return a short value as inline code that its own backticks cannot end."""
    line = flat(text)
    if not line:
        return ""
    fence = "`" * (1 + max((len(run) for run in re.findall(r"`+", line)), default=0))
    blank = " " if line[0] == "`" or line[-1] == "`" else ""
    return f"{fence}{blank}{line.replace('|', chr(92) + '|')}{blank}{fence}"


def block(text: str, language: str = "") -> str:
    """Return text as a code block whose fence is longer than any fence in the text; invisible characters are shown."""
    lines = (visible("".join(c if c == "\t" else _replace_control(c) for c in line)) for line in text.splitlines())
    fence = "`" * max(3, 1 + max((len(run) for run in re.findall(r"`+", text)), default=0))
    return "\n".join([f"{fence}{language}", *lines, fence])


def table(header: Sequence[str], rows: Sequence[Sequence[str]], *, right: Sequence[int] = ()) -> str:
    """Return a Markdown table whose columns are aligned in the raw text too.

    Args:
        header: the heads of the columns, as Markdown.
        rows: the cells of each row, as Markdown.
        right: the indices of right-aligned columns.
    """
    # A long entry, such as a reason, exceeds its column instead of widening every row.
    widths = [
        max(3, width(name), *(min(width(row[column]), _MAX_PADDED) for row in rows))
        for column, name in enumerate(header)
    ]

    def line(cells: Sequence[str]) -> str:
        padded = (pad(cell, widths[column], right=column in right) for column, cell in enumerate(cells))
        return f"| {' | '.join(padded)} |"

    rule = (
        "-" * (widths[column] - 1) + ":" if column in right else "-" * widths[column] for column in range(len(header))
    )
    return "\n".join([line(header), f"| {' | '.join(rule)} |", *(line(row) for row in rows)])


_NARROW = re.compile(r"[\x00-\x7f±–−…↑↓µ·×²³¹⁰⁴-⁹]*")
"Texts of characters that take one column each; a tenth of the time of asking for each of them."


def width(text: str) -> int:
    """Return the number of terminal columns that a text takes."""
    if text.isascii() or _NARROW.fullmatch(text):
        return len(text)
    others = [character for character in text if character > "\x7f"]
    wide = sum(unicodedata.east_asian_width(character) in "WF" for character in others)
    return len(text) + wide - sum(unicodedata.combining(character) > 0 for character in others)


def pad(text: str, to: int, *, right: bool = False) -> str:
    """Return the text padded with blanks to a width, on its left side if `right` is set."""
    blanks = " " * (to - width(text))
    return blanks + text if right else text + blanks


MAX_NAMED = 4
"Rows that a footnote names."


class Notes:
    """The footnotes of one table; equal notes share a number."""

    def __init__(self) -> None:
        self._notes: dict[str, int] = {}
        self._rows: dict[str, dict[str, None]] = {}

    def mark(self, note: str | None, row: str = "") -> str:
        """Return the superscript number of a note, with a blank before it; an empty string for no note.

        Args:
            note: the note.
            row: the row of the table that it is about, which `lines` names.
        """
        if not note:
            return ""
        number = self._notes.setdefault(note, len(self._notes) + 1)
        if row:
            self._rows.setdefault(note, {})[row] = None
        return " " + str(number).translate(str.maketrans("0123456789", "⁰¹²³⁴⁵⁶⁷⁸⁹"))

    def lines(self, rows: int = 0) -> list[str]:
        """Return each note after its number, with the rows that it is about, not escaped.

        Args:
            rows: number of rows of the table: a note about all of them names none.
        """
        return [f"{self.mark(note).strip()} {self._named(note, rows)}{note}" for note in self._notes]

    def _named(self, note: str, rows: int) -> str:
        names = list(self._rows.get(note, ()))
        if not names or len(names) == rows:
            return ""
        more = f" and {len(names) - MAX_NAMED} more" if len(names) > MAX_NAMED else ""
        return f"{', '.join(names[:MAX_NAMED])}{more}: "


# ── other media ─────────────────────────────────────────────────────────────────────────────────


def printable(text: str, keep: str = "\n\t") -> str:
    """Return the text with its control characters escaped, except those in `keep`: for a terminal."""
    return "".join(c if c.isprintable() or c in keep else ascii(c)[1:-1] for c in text)
