"""Facts of a component: literal constants of its file, each of a known form, read without running the file."""

from __future__ import annotations

import ast
import math
from collections.abc import Collection
from pathlib import Path
from typing import Any, get_args

from bench_suite.contracts import Better, ComponentError, Kind, Question

_WORDS = ("tuple of strings", lambda v: isinstance(v, tuple) and all(isinstance(w, str) for w in v))
_WORD_OR_WORDS = ("string or tuple of strings", lambda v: isinstance(v, str) or _WORDS[1](v))
_TABLE = ("dictionary with string keys", lambda v: isinstance(v, dict) and all(isinstance(k, str) for k in v))
_STRING = ("string", lambda v: isinstance(v, str))


def _is_metric(facts: Any) -> bool:
    return (
        isinstance(facts, dict)
        and all(isinstance(facts.get(name, ""), str) for name in ("unit", "title", "about"))
        and facts.get("better", "none") in get_args(Better)
        and isinstance(facts.get("timing", False), bool)
        and ("range" not in facts or _is_range(facts["range"], facts.get("ideal")))
    )


def _is_range(bounds: Any, ideal: Any = None) -> bool:
    """Return whether these are the smallest and the largest value of a metric, with its ideal value between them."""
    if not _is_pair(bounds) or any(isinstance(bound, bool) or bound != bound for bound in bounds):
        return False
    low, high = (-math.inf if bounds[0] is None else bounds[0], math.inf if bounds[1] is None else bounds[1])
    return bool(low < high and (ideal is None or (isinstance(ideal, int | float) and low <= ideal <= high)))


def _are_names(names: Any) -> bool:
    """Return whether these are names, such as those of packages, or names by the value of an option."""
    return all(map(_WORDS[1], names.values())) if isinstance(names, dict) else _WORDS[1](names)


def _is_pair(bounds: Any) -> bool:
    return (
        isinstance(bounds, tuple) and len(bounds) == 2 and all(b is None or isinstance(b, int | float) for b in bounds)
    )


FORMS: dict[str, tuple[str, Any]] = {
    "VERSION": ("whole number", lambda v: isinstance(v, int) and not isinstance(v, bool)),
    "MODALITY": _WORD_OR_WORDS,
    "PROBLEM": _WORD_OR_WORDS,
    "MODALITIES": _WORDS,
    "PROBLEMS": _WORDS,
    "PROVIDES": _WORDS,
    "NEEDS": _WORDS,
    "NEEDS_BY": (
        "dictionary of option: {choice: (need, …)}",
        lambda v: _TABLE[1](v) and all(isinstance(c, dict) and all(map(_WORDS[1], c.values())) for c in v.values()),
    ),
    "NEEDS_UNLESS": (
        "dictionary of option: (need, …)",
        lambda v: _TABLE[1](v) and all(map(_WORDS[1], v.values())),
    ),
    "OPTION_NEEDS": (
        "dictionary of option: (need, …), or of option: {choice: (need, …)}",
        lambda v: _TABLE[1](v) and all(map(_are_names, v.values())),
    ),
    "NO_EXAMPLE_GRADIENTS": (
        "string, or dictionary of option: {choice: string}",
        lambda v: (
            _STRING[1](v)
            or (_TABLE[1](v) and all(isinstance(c, dict) and all(map(_STRING[1], c.values())) for c in v.values()))
        ),
    ),
    "QUESTION": (f"one of {', '.join(get_args(Question))}", lambda v: v in get_args(Question)),
    "GROUPS": _WORDS,
    "SHIFTS": _WORDS,
    "CLASSES": _WORDS,
    "ACCEPTS": _WORDS,
    "MODEL_FUNCTIONS": _WORDS,
    "PRECISIONS": _WORDS,
    "DEVICES": _WORDS,
    "STRATEGIES": _WORDS,
    "COMPILE": ("true or false", lambda v: isinstance(v, bool)),
    "DETERMINISTIC": ("true or false", lambda v: isinstance(v, bool)),
    "METRICS": (
        'dictionary of metric: {"about": …, "unit": …, "better": "higher", "lower" or "none", "range": (low, high)}',
        lambda v: _TABLE[1](v) and all(map(_is_metric, v.values())),
    ),
    "METRICS_OF_PROBLEM": ("true or false", lambda v: isinstance(v, bool)),
    "OF_PREDICTIONS": ("true or false", lambda v: isinstance(v, bool)),
    "OF_VALIDATION": ("true or false", lambda v: isinstance(v, bool)),
    "NAMES": _TABLE,
    "PATHS": _WORDS,
    "FILES": _WORDS,
    "IMPORTS": _WORDS,
    "SUFFIXES": _WORDS,
    "BINARY": ("true or false", lambda v: isinstance(v, bool)),
    "IMPORTS_BY": (
        "dictionary of option: (package, …), or of option: {choice: (package, …)}",
        lambda v: _TABLE[1](v) and all(map(_are_names, v.values())),
    ),
    "BOUNDS": (
        "dictionary of option: (least, greatest), each a number or None",
        lambda v: _TABLE[1](v) and all(map(_is_pair, v.values())),
    ),
    "UNIT": _STRING,
    "BETTER": ('"higher", "lower" or "none"', lambda v: v in get_args(Better)),
    "IDEAL": ("number", lambda v: isinstance(v, int | float)),
    "PROPORTION": ("true or false", lambda v: isinstance(v, bool)),
    "RANGE": ("pair (least, greatest), each a number or None", _is_range),
    "SMOKE": _TABLE,
    "HUB": _WORD_OR_WORDS,
    "PACKAGE": _WORDS,
    "DOWNLOADS": ("true or false", lambda v: isinstance(v, bool)),
    "ABSENT": (
        "dictionary of what is absent: reason",
        lambda v: _TABLE[1](v) and all(isinstance(reason, str) for reason in v.values()),
    ),
}
"By the name of a fact: its form in words, and whether a value has it."
_REQUIRED: dict[Kind, tuple[tuple[str, ...], tuple[str, ...]]] = {
    "tasks": (("MODALITY", "PROBLEM"), ("load",)),
    "problems": (("METRICS",), ("loss", "predict")),
    "models": (("MODALITIES", "PROBLEMS"), ("build",)),
    "engines": (("ACCEPTS", "PRECISIONS", "DEVICES", "COMPILE", "DETERMINISTIC"), ("train",)),
    "probes": (("METRICS",), ()),
    "metrics": (("UNIT", "BETTER"), ()),
    "executors": ((), ("execute",)),
    "importers": (("ABSENT",), ("matches", "cells")),
    "exporters": ((), ()),
}
"By kind: the facts and the functions that a component needs."
_ONE_OF: dict[Kind, tuple[str, ...]] = {
    "probes": ("probe", "summarise"),
    "exporters": ("export", "export_run", "export_to", "follow"),
}
"Functions of which a component needs at least one."


def read_facts(tree: ast.Module, path: Path) -> dict[str, Any]:
    """Return the facts that a file states, by name.

    Raises:
        ComponentError: A fact is no literal or has another form; the message names the line.
    """
    facts: dict[str, Any] = {}
    for node in tree.body:
        match node:
            case ast.Assign(targets=[ast.Name(id=name)], value=value) if name in FORMS:
                pass
            case ast.AnnAssign(target=ast.Name(id=name), value=ast.expr() as value) if name in FORMS:
                pass
            case _:
                continue
        form, fits = FORMS[name]
        try:
            facts[name] = ast.literal_eval(value)
        except (ValueError, TypeError, RecursionError, MemoryError):
            raise ComponentError(
                f"{path.name}:{node.lineno}: {name} must be a literal, since it is read without running the file"
            ) from None
        if not fits(facts[name]):
            raise ComponentError(f"{path.name}:{node.lineno}: {name} must be a {form}")
    return facts


def missing_parts(kind: Kind, name: str, facts: Collection[str], functions: Collection[str]) -> list[str]:
    """Return the facts and functions that a component of a kind needs and lacks; `f()` for a function.

    Args:
        kind: of the component.
        name: of the component.
        facts: names of the facts that its file states.
        functions: names of the functions that its file defines.
    """
    needed_facts, needed_functions = _REQUIRED[kind]
    alternatives = _ONE_OF.get(kind, ())
    if kind == "metrics":
        needed_functions = (name,)
    elif not {*functions} & {*alternatives}:
        needed_functions = (*needed_functions, *alternatives[:1])
    return [fact for fact in needed_facts if fact not in facts] + [
        f"{function}()" for function in needed_functions if function not in functions
    ]
