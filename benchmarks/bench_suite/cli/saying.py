"""What a command says to a person: the one place where text goes to the terminal, which no file may steer."""

from __future__ import annotations

import re
import shutil
import sys
import textwrap
from collections.abc import Iterator

import click

_GAP = re.compile(r"(?<=\S) {3,}(?=\S)")
_HANGING = " " * 6
_WHOLE = re.compile(r" {4}| *bench |.*\b(next|curves|with|to get [a-z ]+): ")
"Lines that are not folded: a file's own, which are indented, and those with a command to be pasted."


def printable(text: str, keep: str = "\n\t") -> str:
    """The text with its control characters spelled out, but for those of `keep`."""
    return "".join(c if c.isprintable() or c in keep else ascii(c)[1:-1] for c in text)


def say(text: object = "", *, err: bool = False) -> None:
    """Print text, on standard error where `err` is set; on a terminal no prose of it is wider than that."""
    shown = printable(str(text))
    if (sys.stderr if err else sys.stdout).isatty():
        shown = folded(shown, shutil.get_terminal_size().columns)
    click.echo(shown, err=err)


def spoken_size(number: float) -> str:
    """A number of bytes as people say it: `2.0 KiB`, `108 KiB`, `1.5 GiB`."""
    for unit in ("bytes", "KiB", "MiB", "GiB"):
        if number < 1024 or unit == "GiB":
            break
        number /= 1024
    return f"{number:.0f} {unit}" if number >= 10 or unit == "bytes" else f"{number:.1f} {unit}"


def folded(text: str, width: int) -> str:
    """The text with its longer lines folded at spaces; of `command   why` the command stays whole, to be pasted."""
    return "\n".join(part for line in text.split("\n") for part in _folded(line, width))


def _folded(line: str, width: int) -> Iterator[str]:
    gap = _GAP.search(line)
    if len(line) <= width or (gap is None and _WHOLE.match(line)):
        yield line
    elif gap is not None:
        yield line[: gap.start()]
        yield from _wrapped(line[gap.end() :], width, _HANGING)
    else:
        yield from _wrapped(line, width)


def _wrapped(text: str, width: int, first: str = "") -> list[str]:
    return textwrap.wrap(
        text, width, initial_indent=first, subsequent_indent=_HANGING, break_long_words=False, break_on_hyphens=False
    )
