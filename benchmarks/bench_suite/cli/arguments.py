"""Options that several commands share."""

from __future__ import annotations

import os
import shlex
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any, TypeVar

import click
from click.shell_completion import CompletionItem

from bench_suite.cli.completion_values import suites
from bench_suite.components.suggestions import nearest

Command = TypeVar("Command", bound=Callable[..., Any])


class NearestChoice(click.Choice):  # without [str]: generic since click 8.2 only
    """A choice of words that knows the nearest right spelling."""

    def __init__(self, words: Iterable[str], said: Iterable[str] | None = None) -> None:
        """`said`: those that an error lists, where some are other spellings of these."""
        super().__init__([*words])
        self.said = [*(said or self.choices)]

    def convert(self, value: str, param: click.Parameter | None, ctx: click.Context | None) -> str:
        """The word itself; fails with what there is."""
        if value in self.choices:
            return value
        return self.fail(f"'{value}' is not one of {', '.join(self.said)}{nearest(value, self.choices)}", param, ctx)

    def shell_complete(self, ctx: click.Context, param: click.Parameter, incomplete: str) -> list[CompletionItem]:
        """The words as an error lists them."""
        return [CompletionItem(word) for word in self.said if word.startswith(incomplete)]


SUITE = click.argument("suite", metavar="SUITE", shell_complete=suites)
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
KEYWORD = click.option(
    "-k", "keyword", metavar="EXPRESSION", default="",
    help="Only cells that match, as in pytest: 'mlp and not seed=1'. A word is part of a cell's name, or AXIS=VALUE.",
)  # fmt: skip


def again(
    suite: str, overrides: Iterable[str], only: Iterable[str], *, keyword: str = "", trust: bool = False,
    results: Path = Path("results"),
) -> str:  # fmt: skip
    """The words after `bench run` that mean the same cells in the same place, quoted so that they can be pasted."""
    words = [suite]
    words += [word for override in overrides for word in ("--set", override)]
    words += [word for choice in only for word in ("--only", choice)]
    words += ["-k", keyword] if keyword else []
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
