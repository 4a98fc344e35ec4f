"""Names of metrics of Hugging Face `evaluate` in a suite, `evaluate:ID?argument=value`; nothing is imported."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import Any, cast, get_args
from urllib.parse import parse_qsl

from bench_suite.contracts import Better

PREFIX = "evaluate:"
EXAMPLES = "evaluate:seqeval, evaluate:user/metric, evaluate:./my_metric or evaluate:f1?average=macro&better=higher"


@dataclass(frozen=True)
class EvaluateName:
    """A metric of `evaluate` as a suite names it."""

    target: str
    "Argument of `evaluate.load`: an id of the hub, or the absolute path of a script."
    local: bool
    "Whether the target is a path; else it may come from the hub."
    name: str
    "The metric's name here, after the probe's label."
    better: Better = "none"
    "Which direction is better. `evaluate` does not state it, so the suite may."
    part: str | None = None
    "Name of the result to take, if the module returns several."
    config: str | None = None
    "Configuration of the module, such as `multiclass` of `roc_auc`."
    arguments: Mapping[str, Any] = field(default_factory=dict)
    "Further keyword arguments of `compute`."


def read_name(use: str, folder: Path) -> EvaluateName:
    """Parse a metric's name in a suite.

    A question mark is followed by `key=value` pairs joined by `&`, as in a URL. The keys `better`, `part`, `config` and
    `name` are fields of `EvaluateName`. Any other key is an argument of `compute`; its value is JSON, else a string.

    Args:
        use: the name, `evaluate:…`.
        folder: a relative path is relative to it.

    Raises:
        ValueError: the name is not valid; the message says what is right.
    """
    target, _, query = use.removeprefix(PREFIX).partition("?")
    name = name_of(use)
    try:
        pairs = dict(parse_qsl(query, keep_blank_values=True, strict_parsing=True)) if query else {}
    except ValueError:
        raise ValueError(f"{use}: write key=value after the question mark, and join pairs by & ({EXAMPLES})") from None
    if not all(key.isidentifier() for key in pairs):
        raise ValueError(f"{use}: write the name of an argument before each = ({EXAMPLES})")
    stated = {key: pairs.pop(key) for key in ("better", "part", "config") if key in pairs}
    pairs.pop("name", None)
    if stated.get("better", "none") not in get_args(Better):
        raise ValueError(f'{use}: better must be "higher", "lower" or "none", not "{stated["better"]}"')
    local = target.startswith((".", "/", "~")) or target.endswith(".py")
    if local:
        target = str(_find_script(folder / Path(target).expanduser(), use))
    elif not re.fullmatch(r"[A-Za-z0-9_][\w.-]*(/[A-Za-z0-9_][\w.-]*)?", target):
        raise ValueError(f"{use} names no metric of evaluate: write an id, or a path that starts with ./ ({EXAMPLES})")
    if not re.fullmatch(r"[\w.-]+", name):
        raise ValueError(f'{use}: "{name}" is no name for a metric: use letters, digits, _ . and -')
    return EvaluateName(
        target, local, name, cast(Better, stated.get("better", "none")), stated.get("part"), stated.get("config"),
        {key: _parse_value(text) for key, text in pairs.items()},
    )  # fmt: skip


def name_of(use: str) -> str:
    """Return a metric's name: the `name` that the suite states, else the last part of its file or id."""
    if not use.startswith(PREFIX):
        return PurePosixPath(use).stem
    target, _, query = use.removeprefix(PREFIX).partition("?")
    return dict(parse_qsl(query)).get("name") or PurePosixPath(target).name.removesuffix(".py")


def _find_script(path: Path, use: str) -> Path:
    """Return the script of a path: the file itself, or the file in a folder that has the folder's name."""
    try:
        script = path / f"{path.resolve().name}.py" if path.is_dir() else path
        if script.suffix == ".py" and script.is_file():
            return script.resolve()
    except OSError:  # a name that is too long
        pass
    raise ValueError(
        f"{use[:200]}: there is no such metric script (a Python file, or a folder that contains a file of the same "
        "name; the path is relative to the folder of the file that names it)"
    )


def _parse_value(text: str) -> Any:
    try:
        return json.loads(text)
    except ValueError:
        return text
