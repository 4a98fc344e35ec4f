"""What metrics mean, in plain words: their definitions, from the facts of probes, problems and metrics."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

from bench_suite.components import discovery
from bench_suite.contracts import BenchError
from bench_suite.reports.columns import Column
from bench_suite.reports.probe_facts import probe_facts
from bench_suite.store.runs import Run

_DIRECTIONS = {"higher": "Higher is better", "lower": "Lower is better", "none": "Neither direction is better"}


@dataclass(frozen=True)
class MetricText:
    """What one metric means."""

    name: str
    "`probe/metric`"
    title: str
    "Its name in plain words; empty if its own name is plain."
    about: str
    "Its definition in one line, without a full stop; empty if its component states none, or is not installed here."
    better: str
    unit: str
    range: str
    "`from 0 to 1`, `0 or more`; empty if it is not known."

    @property
    def sentence(self) -> str:
        """The definition as a sentence; empty without one."""
        return f"{self.about[:1].upper()}{self.about[1:]}." if self.about else ""

    @property
    def facts(self) -> str:
        """Direction, unit and range, as in `Higher is better. Unit: fraction, from 0 to 1.`"""
        unit = ", ".join(filter(None, (self.unit, self.range)))
        return f"{_DIRECTIONS[self.better]}.{f' Unit: {unit}.' if unit else ''}"

    @property
    def line(self) -> str:
        """All of it in a line, as in `Share of right predictions. Higher is better. Unit: fraction, from 0 to 1.`"""
        return f"{self.sentence} {self.facts}".strip()


def metric_texts(run: Run, columns: Iterable[Column]) -> dict[str, MetricText]:
    """Return what each metric of some columns means, by its name.

    Args:
        run: the run, whose suite says which component has which label.
        columns: columns of its tables.
    """
    of_probes = probe_facts(run)
    texts: dict[str, MetricText] = {}
    for column in columns:
        if column.name in texts:
            continue
        label, _, name = column.name.partition("/")
        stated: Mapping[str, Any] = of_probes.get(label, {}).get("METRICS", {}).get(name) or _of_problems(name)
        texts[column.name] = MetricText(
            column.name, stated.get("title", ""), stated.get("about", ""), column.better, column.unit,
            range_text(stated.get("range")),
        )  # fmt: skip
    return texts


def range_text(bounds: tuple[float | None, float | None] | None) -> str:
    """Return the smallest and the largest value of a metric in words; empty if neither is known."""
    low, high = (None if end is None else f"{end:g}".replace("-", "−") for end in bounds or (None, None))
    if low is not None and high is not None:
        return f"from {low} to {high}"
    return f"{low} or more" if low is not None else f"{high} or less" if high is not None else ""


@lru_cache(maxsize=512)
def _of_problems(name: str) -> Mapping[str, Any]:
    """Return the facts of a metric that a problem states, or that has a file of its own; empty if there is none."""
    for problem in discovery.builtin("problems"):
        facts = discovery.find("problems", problem, Path()).facts.get("METRICS", {})
        if name in facts:
            return dict(facts[name])
    if name in discovery.builtin("metrics"):
        try:
            metric = discovery.find("metrics", name, Path())
        except BenchError:
            return {}
        # A metric's file begins with its definition: `Accuracy: the share of correct predictions.`
        first = metric.doc.strip().split("\n", 1)[0].rstrip(".?")
        return {"about": first, "range": metric.facts.get("RANGE")}
    return {}
