"""How a suite names a metric of Hugging Face `evaluate`: `evaluate:ID?argument=value`, read without importing it."""

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
    """One metric of `evaluate` as a suite asks for it."""

    target: str
    "What `evaluate.load` is given: an id of the hub, or the whole path of a script."
    local: bool
    "Whether it is a path; else it may come from the hub."
    name: str
    "What the metric is called here, after the probe's label."
    better: Better = "none"
    "Which direction is better: `evaluate` does not say, so the suite may."
    part: str | None = None
    "The one result that is wanted, where the module gives several."
    config: str | None = None
    "Its configuration, such as `multiclass` of `roc_auc`."
    arguments: Mapping[str, Any] = field(default_factory=dict)
    "Further keyword arguments of `compute`."


def read_name(use: str, folder: Path) -> EvaluateName:
    """What `use` asks for; a path starts at `folder`. Raises ValueError whose text says what would be right.

    After a question mark stand `key=value`, joined by `&`, as in an address: `better`, `part`, `config` and `name` are
    fields of `EvaluateName`, any other key is an argument of `compute`, its value JSON or else a string.
    """
    target, _, query = use.removeprefix(PREFIX).partition("?")
    called = name_of(use)
    try:
        pairs = dict(parse_qsl(query, keep_blank_values=True, strict_parsing=True)) if query else {}
    except ValueError:
        raise ValueError(f"{use}: after the question mark stand key=value, joined by & ({EXAMPLES})") from None
    if not all(key.isidentifier() for key in pairs):
        raise ValueError(f"{use}: the key before each = is the name of an argument ({EXAMPLES})")
    stated = {key: pairs.pop(key) for key in ("better", "part", "config") if key in pairs}
    pairs.pop("name", None)
    if stated.get("better", "none") not in get_args(Better):
        raise ValueError(f'{use}: better is "higher", "lower" or "none", not "{stated["better"]}"')
    local = target.startswith((".", "/", "~")) or target.endswith(".py")
    if local:
        target = str(_script(folder / Path(target).expanduser(), use))
    elif not re.fullmatch(r"[A-Za-z0-9_][\w.-]*(/[A-Za-z0-9_][\w.-]*)?", target):
        raise ValueError(f"{use} names no metric of evaluate: an id, or a path that starts with ./ ({EXAMPLES})")
    if not re.fullmatch(r"[\w.-]+", called):
        raise ValueError(f'{use}: "{called}" is no name for a metric: letters, digits, _ . and -')
    return EvaluateName(
        target, local, called, cast(Better, stated.get("better", "none")), stated.get("part"), stated.get("config"),
        {key: _value(text) for key, text in pairs.items()},
    )  # fmt: skip


def name_of(use: str) -> str:
    """What a metric that a suite names is called: the `name` that it states, else its file's or id's last part."""
    if not use.startswith(PREFIX):
        return PurePosixPath(use).stem
    target, _, query = use.removeprefix(PREFIX).partition("?")
    return dict(parse_qsl(query)).get("name") or PurePosixPath(target).name.removesuffix(".py")


def _script(path: Path, use: str) -> Path:
    """The script: the file itself, or the file in a folder that is called like the folder."""
    try:
        script = path / f"{path.resolve().name}.py" if path.is_dir() else path
        if script.suffix == ".py" and script.is_file():
            return script.resolve()
    except OSError:  # a name that is too long
        pass
    raise ValueError(
        f"{use[:200]}: there is no such metric script (a Python file, or a folder that holds one of its own name; "
        "its path starts at the folder of the file that names it)"
    )


def _value(text: str) -> Any:
    try:
        return json.loads(text)
    except ValueError:
        return text
