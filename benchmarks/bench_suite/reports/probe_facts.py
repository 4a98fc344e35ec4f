"""The facts of the probes of a run, by their labels, read from the components that are installed here."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from bench_suite.components import discovery
from bench_suite.contracts import BenchError
from bench_suite.store.runs import Run


def probe_facts(run: Run) -> dict[str, Mapping[str, Any]]:
    """Return the facts of each probe that a run applied, by its label.

    The suite's text says which component has a label. Files that the suite names by path are not searched: they may be
    elsewhere. Such a probe has no entry, nor has one of a program that is not installed here.
    """
    facts: dict[str, Mapping[str, Any]] = {}
    labels = dict.fromkeys(label for record in run.records() for label in record.probes)
    for label, use in {**{label: label for label in labels}, **_uses(str(run.info.get("text") or ""))}.items():
        if discovery.is_path(use):
            continue
        try:
            facts[label] = discovery.find("probes", use, Path()).facts
        except BenchError:  # of a program that is not installed here
            continue
    return facts


def _uses(text: str) -> dict[str, str]:
    """Return the `use` of each probe that states one, by its label."""
    try:
        probes: Any = tomllib.loads(text).get("probes", {})
    except tomllib.TOMLDecodeError:
        return {}
    tables = probes.items() if isinstance(probes, Mapping) else ()
    return {
        label: use
        for label, options in tables
        if isinstance(options, Mapping) and isinstance(use := options.get("use"), str)
    }
