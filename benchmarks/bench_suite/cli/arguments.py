"""Options that several commands share."""

from __future__ import annotations

import os
import shlex
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any, TypeVar

import click

Command = TypeVar("Command", bound=Callable[..., Any])

SUITE = click.argument("suite", metavar="SUITE")
RESULTS = click.option(
    "--results", type=click.Path(path_type=Path), default=Path("results"), envvar="BENCH_RESULTS", show_default=True,
    help="Folder of the runs.",
)  # fmt: skip
JSON = click.option("--json", "as_json", is_flag=True, help="Print JSON, for a program to read.")
SET = click.option(
    "--set", "overrides", metavar="KEY=VALUE", multiple=True,
    help="Change a value of the suite: train.epochs=5, tasks.mnist.data=full, matrix.seed=[0,1,2]. May be repeated.",
)  # fmt: skip
ONLY = click.option(
    "--only", metavar="AXIS=VALUE", multiple=True,
    help="Only the cells with this value: task=mnist, model=mlp,cnn, seed=0. May be repeated.",
)  # fmt: skip


def again(
    suite: str, overrides: Iterable[str], only: Iterable[str], *, trust: bool = False, results: Path = Path("results")
) -> str:
    """The words after `bench run` that mean the same cells in the same place, quoted so that they can be pasted."""
    words = [suite]
    words += [word for override in overrides for word in ("--set", override)]
    words += [word for choice in only for word in ("--only", choice)]
    words += ["--trust"] if trust else []
    words += [] if results == Path("results") else ["--results", str(results)]
    return shlex.join(words)


def shown(path: Path) -> str:
    """A path from the working folder where it lies below it, else whole."""
    return os.path.relpath(path) if Path(path).is_relative_to(Path.cwd()) else str(path)


def chosen(*options: Callable[[Any], Any]) -> Callable[[Command], Command]:
    """Apply several shared options to a command, in the order they are written."""

    def apply(command: Command) -> Command:
        for option in reversed(options):
            command = option(command)
        return command

    return apply
