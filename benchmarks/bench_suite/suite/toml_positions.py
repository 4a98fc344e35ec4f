"""The line of each key of a TOML file: `tomllib` gives values without positions, and errors need both.

The text is valid, since `tomllib` has parsed it. So the scanner follows keys, brackets and strings only, and interprets
no value.
"""

from __future__ import annotations

import re

Path = tuple[str | int, ...]

_BLANK = re.compile(r"(?:[ \t]|#[^\n]*)*")
_SPACE = re.compile(r"(?:[ \t\r\n]|#[^\n]*)*")
_BARE = re.compile(r"[A-Za-z0-9_-]+")
_SCALAR = re.compile(r"[^,\]}#\r\n]+")
_STRINGS = (
    re.compile(r'"""(?:\\.|[^\\])*?"{3,5}(?!")', re.DOTALL),
    re.compile(r"'''.*?'{3,5}(?!')", re.DOTALL),
    re.compile(r'"(?:\\.|[^"\\])*"'),
    re.compile(r"'[^']*'"),
)


def positions(text: str) -> dict[Path, int]:
    """Return the line numbers, from 1, of every key, table and array item of a valid TOML text, by path.

    `("tasks", 0, "use")` has the line on which that key is written; a table has the line of its header.
    """
    return _Scanner(text).document()


def value_spans(text: str) -> dict[Path, tuple[int, int]]:
    """Return where the value of every key of a valid TOML text begins and ends, by path.

    Tables and arrays have no span of their own, but what they contain has.
    """
    scanner = _Scanner(text)
    scanner.document()
    return scanner.spans


class _Scanner:
    """A cursor over the text; its state is the position and the lines collected so far."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.at = 0
        self.line = 1
        self.counted = 0
        self.lines: dict[Path, int] = {}
        self.arrays: dict[Path, int] = {}
        self.spans: dict[Path, tuple[int, int]] = {}

    def document(self) -> dict[Path, int]:
        table: Path = ()
        while True:
            self.skip(_SPACE)
            if self.at >= len(self.text):
                return self.lines
            if self.text.startswith("[[", self.at):
                table = self.header(2)
            elif self.text[self.at] == "[":
                table = self.header(1)
            else:
                self.pair(table)

    def header(self, brackets: int) -> Path:
        line = self.here()
        self.at += brackets
        keys = self.keys()
        self.skip(_BLANK)
        self.at += brackets
        # Each part of the name may be an array of tables: then its newest item is meant.
        path: Path = ()
        for position, key in enumerate(keys):
            path = (*path, key)
            if brackets == 2 and position == len(keys) - 1:
                self.arrays[path] = self.arrays.get(path, -1) + 1
                self.lines.setdefault(path, line)
                path = (*path, self.arrays[path])
            elif path in self.arrays:
                path = (*path, self.arrays[path])
            self.lines.setdefault(path, line)
        return path

    def pair(self, table: Path) -> None:
        line = self.here()
        path = table
        for key in self.keys():
            path = (*path, key)
            self.lines.setdefault(path, line)
        self.skip(_BLANK)
        self.at += 1  # the equals sign
        self.skip(_BLANK)
        self.value(path)

    def keys(self) -> list[str]:
        keys = []
        while True:
            self.skip(_BLANK)
            keys.append(self.key())
            self.skip(_BLANK)
            if not self.text.startswith(".", self.at):
                return keys
            self.at += 1

    def key(self) -> str:
        if self.text[self.at] == '"':
            import tomllib

            return next(iter(tomllib.loads(f"{self.match(_STRINGS[2])} = 0")))
        if self.text[self.at] == "'":
            return self.match(_STRINGS[3])[1:-1]
        return self.match(_BARE)

    def value(self, path: Path) -> None:
        start, opening = self.at, self.text[self.at]
        if opening == "[":
            self.at += 1
            index = 0
            while self.more("]"):
                self.lines.setdefault((*path, index), self.here())
                self.value((*path, index))
                index += 1
        elif opening == "{":
            self.at += 1
            while self.more("}"):
                self.pair(path)
        elif opening in "\"'":
            next(string for string in _STRINGS if self.skip(string))
            self.spans[path] = (start, self.at)
        else:
            scalar = self.match(_SCALAR).rstrip(" \t")
            self.spans[path] = (start, start + len(scalar))

    def more(self, closing: str) -> bool:
        """Return whether another item follows; if not, move past the closing bracket."""
        self.skip(_SPACE)
        if self.text[self.at] == ",":
            self.at += 1
            self.skip(_SPACE)
        if self.text[self.at] == closing:
            self.at += 1
            return False
        return True

    def skip(self, pattern: re.Pattern[str]) -> bool:
        match = pattern.match(self.text, self.at)
        if match is None:
            return False
        self.at = match.end()
        return True

    def match(self, pattern: re.Pattern[str]) -> str:
        match = pattern.match(self.text, self.at)
        if match is None:
            raise ValueError(f"line {self.here()}: not the TOML that was expected here")
        self.at = match.end()
        return match.group()

    def here(self) -> int:
        self.line += self.text.count("\n", self.counted, self.at)
        self.counted = self.at
        return self.line
