"""Records as columns: what comes back is what was added, and metrics are made when they are read."""

from __future__ import annotations

import copy
import json
import pickle
from dataclasses import fields
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bench_suite.contracts import ArtifactRow, Interval, MetricRow, ProbeRow, Record
from bench_suite.store.collector import Collector
from bench_suite.store.columns import Metrics, heads_of, metric_at
from bench_suite.store.records import from_json, merge

texts = st.sampled_from(["", "a", "q/accuracy", "é", "\ud800", "\n"])
numbers = (
    st.floats(allow_nan=False, allow_infinity=False) | st.integers(-(2**70), 2**70) | st.sampled_from([0, 0.0, -0.0, 1])
)
plain = st.recursive(
    st.none() | st.booleans() | st.floats() | st.integers() | texts,
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(texts, inner, max_size=2),
    max_leaves=4,
)
metrics = st.fixed_dictionaries(
    {"name": st.sampled_from(["q/a", "q/b", "t/c"]), "unit": texts, "better": st.sampled_from(["higher", "none"])},
    optional={
        "at": st.dictionaries(texts, texts | numbers, max_size=2),
        "value": numbers | st.none(),
        "interval": st.fixed_dictionaries({"low": numbers, "high": numbers}, optional={"level": st.just(0.9)}),
        "samples": st.lists(numbers, max_size=3),
        "reason": texts | st.none(),
        "n": st.integers(0, 2**63 - 1),
        "ideal": numbers,
        "kind": st.sampled_from(["exact", "single"]),
        "of_predictions": st.booleans(),
        "timing": st.booleans(),
        "marks": st.dictionaries(texts, texts, max_size=2),
        "range": st.lists(numbers | st.none(), min_size=2, max_size=2),
    },
)
probes = st.fixed_dictionaries(
    {"status": st.just("ok"), "key": texts}, optional={"unrestored": st.just({"a": "b"}), "reason": texts}
)
entries = st.fixed_dictionaries(
    {
        "run": texts, "suite": texts, "id": st.sampled_from("abc"), "weights_key": texts,
        "cell": st.dictionaries(st.sampled_from(["x", "y"]), plain, max_size=2),
        "options": st.dictionaries(st.sampled_from(["x", "y"]), plain, max_size=2),
        "status": st.sampled_from(["ok", "failed"]), "schema": st.just(2),
    },
    optional={
        "reason": texts | st.none(), "environment": texts, "started": texts, "smoke": st.booleans(),
        "probes": st.dictionaries(
            st.sampled_from("qt"), probes, max_size=2
        ),
        "metrics": st.lists(metrics, max_size=3),
        "artifacts": st.lists(
            st.fixed_dictionaries({"name": texts, "kind": texts, "file": texts}, optional={"caption": texts}),
            max_size=2,
        ),
        "seconds": st.dictionaries(texts, numbers, max_size=2), "notes": st.lists(texts, max_size=2),
        "sources": st.dictionaries(texts, texts, max_size=1), "unrestored": st.dictionaries(texts, texts, max_size=1),
        "weights_reused": st.booleans(), "data": st.dictionaries(st.sampled_from(["x", "test"]), plain, max_size=2),
    },
)  # fmt: skip


def collected(records: list[Record]) -> list[Record]:
    collector = Collector()
    for record in records:
        collector.add(record)
    return collector.columns().records()


@given(st.lists(entries, max_size=5))
def test_any_records_come_back_merged_with_the_type_of_every_number(stored: list[dict[str, Any]]) -> None:
    records = [from_json(json.loads(json.dumps(entry))) for entry in stored]
    assert repr(collected(records)) == repr(merge(records))


def test_no_field_is_forgotten() -> None:
    """Each field has another value than its default, and a field that is added later needs one here."""
    metric = MetricRow(
        "q/a", 0.5, "s", "higher", "r", {"x": 1}, Interval(0.0, 1.0, 0.9, "processes"), (1.0,), 3, 1.0, True, "single",
        (None, 1.0), True, {"throttled": "power cap"},
    )  # fmt: skip
    artifact, probe = ArtifactRow("q/x", "text", "f", "c"), ProbeRow("failed", "k", "r", {"a": "b"})
    texts = {field.name: field.name for field in fields(Record) if field.type == "str"}
    flags = {field.name: True for field in fields(Record) if field.type == "bool"}
    maps = {name: {name: "x"} for name in ("cell", "options", "data", "sources", "seconds", "unrestored")}
    rows: dict[str, Any] = {"metrics": (metric,), "artifacts": (artifact,), "probes": {"q": probe}, "notes": ("n",)}
    record = Record(**texts, **flags, **maps, **rows, status="failed", reason="r", schema=7)
    for item in (metric, artifact, probe, record):
        assert not [field.name for field in fields(item) if getattr(item, field.name) == field.default]
    assert repr(collected([record])) == repr([record])


def example(id: str = "a", *values: float) -> Record:
    rows = (
        MetricRow("q/a", values[0] if values else 0.5, "fraction", "higher", interval=Interval(0.4, 0.6), n=10),
        MetricRow("t/b", 3, "s", "lower", at={"size": 1}, samples=(1.0, 2.0), reason="r", kind="exact"),
    )
    artifacts = (ArtifactRow("q/x", "text", "cells/x"),)
    probes = {"q": ProbeRow("ok", "k")}
    return Record("r", "s", id, "w", {"seed": 0}, {}, "ok", probes=probes, metrics=rows, artifacts=artifacts)


def test_lazy_metrics_are_used_like_a_tuple() -> None:
    original = example()
    (record,) = collected([original])
    rows, extra = original.metrics, (original.metrics[0],)
    assert isinstance(record.metrics, Metrics)
    assert record == original
    assert original == record
    assert record.metrics == collected([original])[0].metrics
    assert record.metrics != extra
    assert record.metrics != [*rows]
    assert (len(record.metrics), record.metrics[1], record.metrics[:1]) == (2, rows[1], extra)
    assert (record.metrics + extra, extra + record.metrics) == (rows + extra, extra + rows)
    assert repr(record) == repr(original)
    for other in (pickle.loads(pickle.dumps(record)), copy.deepcopy(record)):
        assert other == original
        assert type(other.metrics) is tuple


def test_no_metric_is_made_before_it_is_read(monkeypatch: pytest.MonkeyPatch) -> None:
    one, other = collected([example("a", 0.1), example("b", 0.2)])
    assert heads_of(one) is heads_of(other), "the cells have the same metrics"
    assert [row.name for row in heads_of(one)] == ["q/a", "t/b"]
    assert metric_at(other, 0).value == 0.2
    assert one.metrics
    monkeypatch.setattr("bench_suite.store.columns.Columns.metric", None)
    with pytest.raises(TypeError):
        list(one.metrics)


def test_plain_records_have_heads_too() -> None:
    record = example()
    assert heads_of(record) is record.metrics
    assert metric_at(record, 1) is record.metrics[1]


def test_records_of_one_cell_are_merged_in_the_order_of_first_appearance() -> None:
    later = Record("r", "s", "a", "w2", {"seed": 0}, {}, "ok", metrics=(MetricRow("new/c", 1.0, "", "none"),))
    records = [example("a"), example("b"), later]
    assert collected(records) == merge(records)
    assert [(record.id, len(record.metrics)) for record in collected(records)] == [("a", 3), ("b", 2)]
