"""`bench init`: write a commented suite file to start from."""

from __future__ import annotations

import shlex
from pathlib import Path

import click

from bench_suite.cli.output import say
from bench_suite.cli.scaffold import fill, write_new


@click.command()
@click.argument("file", type=click.Path(path_type=Path), default=Path("suite.toml"), metavar="[FILE]")
def command(file: Path) -> None:
    """Write a commented starter suite to FILE, by default suite.toml. No file is overwritten.

    The suite runs unchanged, on data that every installation has. Its comments explain the alternatives.

    \b
      bench init
      bench init suites/mine.toml
    """
    if file.suffix != ".toml":
        raise click.UsageError(f"{file}: a suite is a TOML file, such as {file}.toml")
    if not file.parent.is_dir():
        quoted_folder = shlex.quote(str(file.parent))
        raise click.UsageError(f"{file}: there is no folder {file.parent}; make it first: mkdir -p {quoted_folder}")
    quoted = shlex.quote(str(file))
    title = " ".join(file.stem.replace("_", " ").replace("-", " ").replace('"', " ").replace("\\", " ").split())
    write_new({file: fill("suite.toml", file=quoted, title=title[:1].upper() + title[1:] or "Suite")})
    say(f"written: {file}\n")
    say(f"next: bench plan {quoted}            show its cells without running them")
    say(f"      bench run {quoted} --smoke     test in seconds whether everything works")
