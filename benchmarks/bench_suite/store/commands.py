"""Commands that a person can paste: `bench …` with the results folder of the run that it is about."""

from __future__ import annotations

import os
import shlex
from pathlib import Path

DEFAULT = "results"
"The folder that commands read without `--results`, unless the variable states another one."
VARIABLE = "BENCH_RESULTS"
"The environment variable that states the folder."


def bench(*words: str, results: Path | None = None) -> str:
    """Return a command, quoted for a shell: `bench report RUN --results DIR`.

    Args:
        words: the words after `bench`.
        results: the folder of the runs that the command reads; None for a command that reads none.
    """
    option = "" if results is None else results_option(results)
    return f"{shlex.join(['bench', *words])}{option}"


def results_option(root: Path) -> str:
    """Return the option `--results` with a blank before it, or nothing if a command finds the folder without it."""
    folder = display_path(root)
    stated = os.environ.get(VARIABLE) or DEFAULT
    return "" if folder == DEFAULT == os.path.normpath(stated) else f" --results {shlex.quote(folder)}"


def display_path(path: Path) -> str:
    """Return the path relative to the working folder if it is inside that folder, else the path itself."""
    try:
        return os.path.relpath(path) if Path(path).absolute().is_relative_to(Path.cwd()) else str(path)
    except FileNotFoundError:  # a component has removed the working folder
        return str(path)
