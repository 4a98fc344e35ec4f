"""`bench new`: a task, model, engine or probe of one's own, as a working file with its test."""

from __future__ import annotations

import importlib.util
import keyword
import shlex
from collections.abc import Mapping
from pathlib import Path

import click

from bench_suite.cli.arguments import NearestChoice
from bench_suite.cli.output import say
from bench_suite.cli.scaffold import fill, write_new
from bench_suite.components import discovery
from bench_suite.contracts import Kind

KINDS: Mapping[str, Kind] = {"task": "tasks", "model": "models", "engine": "engines", "probe": "probes"}
_TRY: Mapping[str, str] = {
    "task": "bench try --task {use} --model mlp,logistic_regression --trust",
    "model": "bench try --task digits,breast_cancer --model {use} --trust",
    "engine": "bench try --task digits --model mlp --set matrix.engine={use} --trust",
    "probe": "bench try --task digits --model mlp --probe quality,{use} --trust",
}
_SUITE: Mapping[str, str] = {
    "task": '[[tasks]]\n  use = "{use}"',
    "model": '[[models]]\n  use = "{use}"',
    "engine": '[matrix]\n  engine = ["native", "{use}"]',
    "probe": '[probes.{name}]\n  use = "{use}"',
}


@click.command()
@click.argument("kind", type=NearestChoice(tuple(KINDS)), metavar="KIND")
@click.argument("name")
@click.option("--folder", type=click.Path(path_type=Path, file_okay=False), default=Path(), metavar="DIR",
              help="Write the files to DIR; default: the working folder.")  # fmt: skip
def command(kind: str, name: str, folder: Path) -> None:
    """Write NAME.py, a working task, model, engine or probe (KIND), and its test, test_NAME.py.

    Replace what is there by your own; the comments say what the program expects. A suite names the file by its
    path, relative to the suite's folder, and runs with --trust. No file is overwritten.

    \b
      bench new model my_net
      bench new task my_data --folder components
      bench new engine my_loop
      bench new probe my_question
    """
    check_name(name, folder)
    if name in discovery.builtin(KINDS[kind]):
        raise click.UsageError(
            f'"{name}" is a built-in {kind}, and yours could be mistaken for it; choose another name, such as my_{name}'
        )
    words = {"name": name, "title": name.replace("_", " ").capitalize(), "class_name": _class_name(name)}
    file, test = folder / f"{name}.py", folder / f"test_{name}.py"
    write_new({file: fill(f"{kind}.py.txt", **words), test: fill(f"test_{kind}.py.txt", **words)})
    use = file.as_posix() if file.is_absolute() else f"./{file.as_posix()}"
    say(f"written: {file}\n         {test}\n")
    say(f"next: {_TRY[kind].format(use=shlex.quote(use))}")
    say(f"      bench show {kind} {shlex.quote(use)}      its facts and options, read without running it")
    say(f"      pytest {shlex.quote(str(test))}      its test; to get pytest: pip install pytest")
    say(f"\nin a suite in this folder, which then runs with --trust:\n\n  {_SUITE[kind].format(name=name, use=use)}")


def check_name(name: str, folder: Path) -> None:
    """Raise UsageError if this cannot be the name of a Python file that others import."""
    rule = "letters, digits and _, and begins with a letter: my_model"
    if not name.isidentifier() or not name.isascii() or name.startswith("_"):
        raise click.UsageError(f'"{name}" is no name for a component; a name has {rule}')
    if keyword.iskeyword(name) or keyword.issoftkeyword(name):
        raise click.UsageError(f'"{name}" is a keyword of Python; choose another name, such as my_{name}')
    if name.startswith("test_"):
        raise click.UsageError(f'"{name}" would be the name of a test; leave out test_: the test is a second file')
    if not (folder / f"{name}.py").exists() and importlib.util.find_spec(name) is not None:
        raise click.UsageError(
            f'"{name}" is an installed module, which {name}.py would hide; choose another name, such as my_{name}'
        )


def _class_name(name: str) -> str:
    """Return the name of a class: `MyNet` for `my_net`."""
    return "".join(part[:1].upper() + part[1:] for part in name.split("_")) or "Model"
