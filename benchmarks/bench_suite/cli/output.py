"""What a command says to a person: the one place where text goes to the terminal, which no file may steer."""

from __future__ import annotations

import os
import re
import shutil
import sys
import textwrap
from collections.abc import Iterator

import click

_GAP = re.compile(r"(?<=\S) {3,}(?=\S)")
_HANGING = " " * 6
_WHOLE = re.compile(r" *bench |.*\b(next|curves|with|to get [a-z ]+): ")
"Lines that are not folded: those with a command to be pasted."
_QUOTED = re.compile(r" {4}\S")
"On standard error, lines of a suite's file beneath what is wrong with them: they stay as they are."
_COMMENT = re.compile(r"""(?P<indent> *)(?P<code>[^#"']*(?:"[^"]*"[^#"']*)*) *# (?P<why>.*)""")
"A line of a TOML file that ends in a comment; one in quotes is none."


def printable(text: str, keep: str = "\n\t") -> str:
    """The text with its control characters spelled out, but for those of `keep`."""
    return "".join(c if c.isprintable() or c in keep else ascii(c)[1:-1] for c in text)


def say(text: object = "", *, err: bool = False) -> None:
    """Print text, on standard error where `err` is set; on a terminal no prose of it is wider than that."""
    shown = printable(str(text))
    if (sys.stderr if err else sys.stdout).isatty():
        shown = folded(shown, shutil.get_terminal_size().columns, quoting=err)
    try:
        click.echo(shown, err=err)
    except BrokenPipeError:
        # Whoever read it has gone, as `head` does; what the command finds, and its exit status, stay what they are.
        stream = sys.stderr if err else sys.stdout
        os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())


def say_file(text: str) -> None:
    """Print a TOML file; on a terminal its longer comments are folded, so that it stays the same file."""
    shown = printable(text)
    if sys.stdout.isatty():
        shown = commented(shown, shutil.get_terminal_size().columns)
    click.echo(shown, nl=False)


def folded(text: str, width: int, *, quoting: bool = False) -> str:
    """The text with its longer lines folded at spaces; of `command   why` the command stays whole, to be pasted.

    `quoting`: lines indented by four spaces are a file's own, and stay whole too.
    """
    return "\n".join(part for line in text.split("\n") for part in _folded(line, width, quoting=quoting))


def commented(text: str, width: int) -> str:
    """A TOML file with its longer comments folded into several; one behind a value goes above it."""
    return "\n".join(part for line in text.split("\n") for part in _commented(line, width))


def _commented(line: str, width: int) -> Iterator[str]:
    found = _COMMENT.fullmatch(line)
    if len(line) <= width or found is None:
        yield line
        return
    sign = f"{found['indent']}# "
    yield from textwrap.wrap(
        found["why"], width, initial_indent=sign, subsequent_indent=sign, break_long_words=False, break_on_hyphens=False
    )
    if found["code"]:
        yield f"{found['indent']}{found['code'].rstrip()}"


def _folded(line: str, width: int, *, quoting: bool) -> Iterator[str]:
    gap = _GAP.search(line)
    if len(line) <= width or (gap is None and _WHOLE.match(line)) or (quoting and _QUOTED.match(line)):
        yield line
    elif gap is not None:
        yield line[: gap.start()]
        yield from _wrapped(line[gap.end() :], width, _HANGING)
    else:
        yield from _wrapped(line, width)


def _wrapped(text: str, width: int, first: str = "") -> list[str]:
    hanging = max(_HANGING, " " * (len(text) - len(text.lstrip())), key=len)
    return textwrap.wrap(
        text, width, initial_indent=first, subsequent_indent=hanging, break_long_words=False, break_on_hyphens=False
    )
