"""The one place where text goes to the terminal: control characters are escaped and long prose is folded."""

from __future__ import annotations

import os
import re
import shutil
import sys
import textwrap
from collections.abc import Iterable, Iterator

import click

from bench_suite.cli.terminal import has_colour
from bench_suite.reports.escaping import printable as printable

_GAP = re.compile(r"(?<=\S) {3,}(?=\S)")
"Blanks between a command and its explanation, which may go to a line of its own."
_HANGING = " " * 6
_COMMAND = re.compile(
    r"( *|.*: )(apt-get|bench|export|git|hf|huggingface-cli|mkdir|mlflow|pip|pytest|tensorboard|wandb) "
)
"The beginning of a line that holds a shell command, perhaps after `label: `. Folded, it could not be pasted."
_QUOTED = re.compile(r" {4}\S")
"The beginning of a line that an error quotes from a suite file."
_COMMENT = re.compile(r"""(?P<indent> *)(?P<code>[^#"']*(?:"[^"]*"[^#"']*)*) *# (?P<why>.*)""")
"A line of a TOML file that ends in a comment; a # in quotes begins none."


def say(text: object = "", *, err: bool = False, style: str = "") -> None:
    """Print text to standard output, or to standard error if `err` is set; fold prose to the width of a terminal.

    Args:
        text: the text.
        err: whether it goes to standard error.
        style: a colour, or `bold`, if the stream has colours; empty for none.
    """
    escaped, stream = printable(str(text)), sys.stderr if err else sys.stdout
    if stream.isatty():
        escaped = fold(escaped, shutil.get_terminal_size().columns, quoting=err)
    colour = bool(style) and has_colour(stream)
    if colour:
        escaped = click.style(escaped, bold=True) if style == "bold" else click.style(escaped, fg=style)
    try:
        click.echo(escaped, err=err, color=colour or None)
    except BrokenPipeError:
        # The reader, such as `head`, closed the output; the command goes on and keeps its exit status.
        stream = sys.stderr if err else sys.stdout
        os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())


def say_left_out(damages: Iterable[str], most: int = 5) -> None:
    """Print to standard error what a command left out because it is damaged: file, line, field, and what is wrong."""
    listed = list(dict.fromkeys(damages))
    for damage in listed[:most]:
        say(f"note: damaged and left out: {damage}", err=True)
    if len(listed) > most:
        say(f"note: {len(listed) - most} more are damaged and left out", err=True)


def say_file(text: str) -> None:
    """Print a TOML file; on a terminal fold its long comments only, so that it remains the same document."""
    escaped = printable(text)
    if sys.stdout.isatty():
        escaped = fold_comments(escaped, shutil.get_terminal_size().columns)
    click.echo(escaped, nl=False)


def fold(text: str, width: int, *, quoting: bool = False) -> str:
    """Fold lines that are longer than `width` at spaces.

    A line that begins with a shell command, or has one after `label: `, is not folded. The explanation in a line
    `command   explanation` goes to the next line.

    Args:
        text: lines of text.
        width: the number of columns.
        quoting: do not fold lines that are indented by four spaces: they quote a file.
    """
    return "\n".join(part for line in text.split("\n") for part in _fold_line(line, width, quoting=quoting))


def fold_comments(text: str, width: int) -> str:
    """Fold the long comments of a TOML file; a long comment behind a value goes to the lines above it."""
    return "\n".join(part for line in text.split("\n") for part in _fold_comment(line, width))


def _fold_comment(line: str, width: int) -> Iterator[str]:
    match = _COMMENT.fullmatch(line)
    if len(line) <= width or match is None:
        yield line
        return
    marker = f"{match['indent']}# "
    yield from textwrap.wrap(
        match["why"],
        width,
        initial_indent=marker,
        subsequent_indent=marker,
        break_long_words=False,
        break_on_hyphens=False,
    )
    if match["code"]:
        yield f"{match['indent']}{match['code'].rstrip()}"


def _fold_line(line: str, width: int, *, quoting: bool) -> Iterator[str]:
    gap = _GAP.search(line)
    if len(line) <= width or (gap is None and _COMMAND.match(line)) or (quoting and _QUOTED.match(line)):
        yield line
    elif gap is not None:
        yield line[: gap.start()]
        yield from _wrap(line[gap.end() :], width, _HANGING)
    else:
        yield from _wrap(line, width)


def _wrap(text: str, width: int, first: str = "") -> list[str]:
    hanging = max(_HANGING, " " * (len(text) - len(text.lstrip())), key=len)
    return textwrap.wrap(
        text, width, initial_indent=first, subsequent_indent=hanging, break_long_words=False, break_on_hyphens=False
    )
