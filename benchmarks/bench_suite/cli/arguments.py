"""Arguments and options that several commands share."""

from __future__ import annotations

import shlex
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any, TypeVar

import click
from click.shell_completion import CompletionItem

from bench_suite.cli.completion_values import suites
from bench_suite.components.suggestions import nearest
from bench_suite.store.commands import results_option

Command = TypeVar("Command", bound=Callable[..., Any])


class NearestChoice(click.Choice):  # without [str]: generic since click 8.2 only
    """A choice between words; an error suggests the nearest spelling."""

    def __init__(self, words: Iterable[str], listed: Iterable[str] | None = None) -> None:
        """Accept `words`.

        Args:
            words: every accepted spelling.
            listed: the words that errors and completion list, if some of `words` are alternative spellings; all by
                default.
        """
        super().__init__([*words])
        self.listed = [*(listed or self.choices)]

    def convert(self, value: str, param: click.Parameter | None, ctx: click.Context | None) -> str:
        """Return the word, or fail with a list of the accepted words."""
        if value in self.choices:
            return value
        return self.fail(f"'{value}' is not one of {', '.join(self.listed)}{nearest(value, self.choices)}", param, ctx)

    def shell_complete(self, ctx: click.Context, param: click.Parameter, incomplete: str) -> list[CompletionItem]:
        """Return the listed words that begin with `incomplete`."""
        return [CompletionItem(word) for word in self.listed if word.startswith(incomplete)]


SUITE = click.argument("suite", metavar="SUITE", shell_complete=suites)
RESULTS = click.option(
    "--results", type=click.Path(path_type=Path), default=Path("results"), envvar="BENCH_RESULTS", show_default=True,
    help="Folder that stores the runs.",
)  # fmt: skip
JSON = click.option("--json", "as_json", is_flag=True, help="Print JSON for programs.")
REFERENCE = click.option(
    "--reference", metavar="MODEL",
    help="Show how much the other models differ from this one, or from the `best` of each task; default: "
    "`[report] reference` of the suite.",
)  # fmt: skip
SMOKE = click.option(
    "--smoke", is_flag=True,
    help="Test everything in seconds: in each split at most 64 examples (16 for a pretrained model), texts of at most "
    "16 words, one epoch, and few repetitions of each probe. The numbers mean nothing: gates are not judged, and the "
    "run is never ranked, compared or resumed.",
)  # fmt: skip
SET = click.option(
    "--set", "overrides", metavar="KEY=VALUE", multiple=True,
    help="Change a value of the suite: train.epochs=5, tasks.mnist.data=full, matrix.seed=[0,1,2]. Repeatable.",
)  # fmt: skip
ONLY = click.option(
    "--only", metavar="AXIS=VALUE", multiple=True,
    help="Select the cells with this value: task=mnist, model=mlp,cnn, seed=0. Repeatable.",
)  # fmt: skip
SEEDS = click.option(
    "--seeds", metavar="N|all",
    help="Run N seeds: those of matrix.seed, by default 0, and the ones that follow. `all`: the most of [gate] seeds.",
)  # fmt: skip
KEYWORD = click.option(
    "-k", "keyword", metavar="EXPRESSION", default="",
    help="Select the cells that match, as in pytest: 'mlp and not seed=1'. A word is part of a cell's name, or "
    "AXIS=VALUE.",
)  # fmt: skip

EXECUTOR = click.option(
    "--executor", metavar="NAME",
    help="Where the cells run: inline, one after another in this process (default), processes, ray or slurm (same as "
    "--set run.executor=NAME).",
)  # fmt: skip
JOBS = click.option(
    "--jobs", metavar="N",
    help="Run N trainings at the same time, each in a process with cores of its own (same as --set run.jobs=N).",
)  # fmt: skip
ADDRESS = click.option(
    "--address", metavar="ADDRESS",
    help="With --executor ray: a cluster that is there already, as auto, HOST:PORT or ray://HOST:PORT; default: a "
    "cluster of this machine, for the run (same as --set run.address=ADDRESS).",
)  # fmt: skip
CLUSTER = click.option(
    "--cluster", metavar="NAME",
    help="With --executor slurm: slurm (default), or local, which runs the same tasks on this machine (same as "
    "--set run.cluster=NAME).",
)  # fmt: skip


def with_executor(
    overrides: tuple[str, ...],
    executor: str | None,
    jobs: str | None,
    address: str | None = None,
    cluster: str | None = None,
) -> tuple[str, ...]:
    """Return the overrides with those that `--executor`, `--jobs`, `--address` and `--cluster` stand for."""
    stated = {"run.executor": executor, "run.jobs": jobs, "run.address": address, "run.cluster": cluster}
    return (*overrides, *(f"{key}={value}" for key, value in stated.items() if value is not None))


def run_arguments(
    suite: str, overrides: Iterable[str], only: Iterable[str], *, keyword: str = "", trust: bool = False,
    results: Path = Path("results"),
) -> str:  # fmt: skip
    """Return the arguments of a `bench run` of the same cells, with the same results folder, quoted for a shell."""
    words = [suite]
    words += [word for override in overrides for word in ("--set", override)]
    words += [word for choice in only for word in ("--only", choice)]
    words += ["-k", keyword] if keyword else []
    words += ["--trust"] if trust else []
    return f"{shlex.join(words)}{results_option(results)}"


def shared_options(*options: Callable[[Any], Any]) -> Callable[[Command], Command]:
    """Return a decorator that adds several options to a command, in this order."""

    def apply(command: Command) -> Command:
        for option in reversed(options):
            command = option(command)
        return command

    return apply
