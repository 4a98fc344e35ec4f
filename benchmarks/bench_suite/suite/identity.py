"""Identities: what makes two cells, two trainings or two probes the same on every machine."""

from __future__ import annotations

import hashlib
import json
import posixpath
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from bench_suite.components.discovery import Component, resolve_paths
from bench_suite.components.options import MISSING, Option
from bench_suite.suite.spec import ComponentUse


def digest(value: Any) -> str:
    """Return a short stable hash of plain values, independent of the order of keys."""
    text = json.dumps(value, sort_keys=True, separators=(",", ":"), default=list)
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def resolve(options: Mapping[str, Option], stated: Mapping[str, Any]) -> dict[str, Any]:
    """Return all options: the stated values, and the defaults of the others."""
    return {**{key: option.default for key, option in options.items() if option.default is not MISSING}, **stated}


def changed(options: Mapping[str, Option], stated: Mapping[str, Any]) -> dict[str, Any]:
    """Return the stated options that differ from their defaults: only these enter an identity."""
    return {key: value for key, value in stated.items() if key not in options or options[key].default != value}


def component_identity(component: Component) -> str:
    """Return the component's name; for a file, the stated path: `a/model.py` and `b/model.py` are two models."""
    return posixpath.normpath(component.use) if component.external else component.name


def probe_key(probe: ComponentUse) -> str:
    """Return the hash of a probe's `use`, `VERSION`, changed options, and the contents of files and tasks they name."""
    stated = changed(probe.component.options, probe.stated)
    contents = [
        hashlib.sha256(Path(path).read_bytes()).hexdigest()
        for option, path in sorted(resolve_paths(probe.component, stated).items())
        if option in probe.component.words("PATHS") and isinstance(path, str) and Path(path).is_file()
    ]
    contents += [
        part.source_hash if part.external else f"{part.name} {part.version}"
        for part in probe.named
        if part.kind == "tasks"
    ]
    return digest([component_identity(probe.component), probe.component.version, stated, *contents])
