"""Check what a program passes to the Python interface, so that a wrong type is an error that says what to give."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from bench_suite.contracts import BenchError
from bench_suite.store.runs import Run

RUN = "a run as bench_suite.load() returns it"
RUN_OR_NAME = f"the id of a run, its path, or {RUN}"
NAME = "the id of a run, the beginning of its id, its path, or 'latest'"
TEXT = "a text"
PATH = "a path"
MAX_SHOWN = 60
"Characters of a wrong value that an error shows."


class ArgumentError(BenchError):
    """An argument of a wrong type."""


def check(parameter: str, value: object, types: type | tuple[type, ...], expected: str) -> None:
    """Check the type of an argument.

    Args:
        parameter: name of the parameter.
        value: what was passed.
        types: the types that are right.
        expected: what to give, in words.

    Raises:
        ArgumentError: it has another type.
    """
    if not isinstance(value, types) or (isinstance(value, bool) and types is int):
        raise ArgumentError(f"{parameter}: give {expected}, not {_shown(value)}")


def check_each(parameter: str, values: object, types: type | tuple[type, ...], expected: str, one: str) -> None:
    """Check the types of a list of arguments; a text is no list of texts.

    Args:
        parameter: name of the parameter.
        values: what was passed.
        types: the types of an element that are right.
        expected: what to give for all of it, in words.
        one: what to give for an element, in words.

    Raises:
        ArgumentError: it is no list, or an element has another type.
    """
    if isinstance(values, str | bytes) or not isinstance(values, Iterable):
        raise ArgumentError(f"{parameter}: give {expected}, not {_shown(values)}")
    for number, value in enumerate(values):
        check(f"{parameter}[{number}]", value, types, one)


def check_runs(runs: Iterable[object]) -> None:
    """Check that all arguments are runs."""
    check_each("runs", runs, Run, RUN, RUN)


def check_results(results: object) -> None:
    """Check the folder of all runs.

    Raises:
        ArgumentError: it is no path, or the path of something that is no folder.
    """
    check("results", results, (str, Path), "the folder of the runs as a text or a path")
    if not Path(results).is_dir() and Path(results).exists():  # type: ignore[arg-type]  # checked in the line above
        raise ArgumentError(f"results: {results} is no folder: give the folder of the runs")


def _shown(value: object) -> str:
    text = repr(value)
    return f"{text if len(text) <= MAX_SHOWN else text[: MAX_SHOWN - 1] + '…'} ({type(value).__name__})"
