"""Claims about records: how each end of a cell is recorded, and how an error and a metric become fields."""

from __future__ import annotations

import gc
import sys
import weakref

import numpy as np
import pytest

from bench_suite.contracts import BenchError, DataUnavailable, Interval, Metric, MetricRow, Predictions, ProbeRow
from bench_suite.execution import record_builder
from bench_suite.execution.record_builder import (
    RecordBuilder,
    Stopwatch,
    TrainingOutcome,
    data_facts,
    metric_row,
    reason_of,
    release,
    traceback_of,
)

KNOWN = {"a": {"unit": "ms", "better": "lower", "ideal": 0.0, "of_predictions": True, "range": (0.0, None)}, "b": {}}
RAISES = '''
"""A third party's model, and what is wrong with it."""

MODALITIES = ("table",)
PROBLEMS = ("classification",)


def build(data, options):
    raise RuntimeError("no such layer")
'''
SUITE = """
[[tasks]]
use = "loans"
[[models]]
use = "./broken.py"
[probes.quality]
"""


# ── errors ──────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("error", "reason"),
    [
        (BenchError("no GPU"), "no GPU"),
        (ValueError(" two\nlines "), "ValueError: two\nlines"),
        (SystemExit(), "SystemExit"),
        (MemoryError(), "out of memory: MemoryError; try a smaller batch_size"),
        (RuntimeError("CUDA Out Of Memory"), "out of memory: CUDA Out Of Memory; try a smaller batch_size"),
        (RuntimeError("can't allocate memory: 5"), "out of memory: can't allocate memory: 5; try a smaller batch_size"),
    ],
)
def test_the_reason_of_an_error_is_for_the_reader_of_the_record(error, reason):
    assert reason_of(error) == reason


def test_a_traceback_names_files_below_the_folder_of_their_package_only():
    try:
        metric_row(Metric("x", 1.0), "q", KNOWN)
    except ValueError as error:
        text = traceback_of(error)
    assert 'File "bench_suite/execution/record_builder.py", line ' in text
    assert text.endswith("ValueError: yielded `x`, which is not in METRICS\n")
    folder = str(record_builder.__file__).removesuffix("/bench_suite/execution/record_builder.py")
    assert folder in sys.path
    assert folder not in text


def test_no_path_of_this_machine_is_stored(program):
    (program.folder / "broken.py").write_text(RAISES)
    (program.folder / "suite.toml").write_text(SUITE)
    suite, results = program.folder / "suite.toml", program.folder / "elsewhere"
    assert program.run("run", str(suite), "--trust", "--results", str(results)).returncode == 3
    stored = [path for path in results.rglob("*") if path.suffix in (".json", ".jsonl", ".md", ".txt")]
    assert len(stored) >= 4
    assert [path.name for path in stored if str(program.folder) in path.read_text()] == []


def test_an_error_that_is_released_holds_nothing_that_its_frames_held():
    class Model:
        pass

    references = []

    def fail() -> None:
        model = Model()
        references.append(weakref.ref(model))
        raise RuntimeError

    try:
        fail()
    except RuntimeError as error:
        raised = error
    gc.collect()
    assert references[0]() is not None
    release(raised)
    assert references[0]() is None
    assert raised.__traceback__ is None


def test_a_stopwatch_adds_up_the_seconds_of_each_part(monkeypatch):
    times = iter([0.0, 1.0, 10.0, 12.0, 20.0, 24.0])
    monkeypatch.setattr(record_builder.time, "perf_counter", lambda: next(times))
    stopwatch = Stopwatch({"train": 0.5})
    for part in ("train", "probes", "train"):
        with stopwatch(part):
            pass
    assert stopwatch.seconds == {"train": 5.5, "probes": 2.0}


# ── metrics ─────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("facts", "interval", "timing"),
    [
        ({"unit": "steps", "timing": True}, None, True),
        ({"unit": "s", "timing": True}, Interval(0.0, 1.0), True),
        ({"unit": "s", "timing": False}, None, False),
        ({"unit": "ms"}, None, True),
        ({"unit": "tokens/s"}, None, True),
        ({"unit": "s"}, Interval(0.0, 1.0), False),  # over examples, such as the error of a predicted duration
        ({"unit": "s", "of_predictions": True}, None, False),
        ({"unit": "fraction"}, None, False),
    ],
)
def test_a_metric_states_whether_it_is_a_timing_or_its_unit_decides(facts, interval, timing):
    metric = Metric("x", 1.0, "one call", interval=interval, samples=(1.0,))
    assert metric_row(metric, "mine", {"x": {"better": "lower", **facts}}).timing is timing


def test_a_metric_has_the_facts_of_its_probe_and_plain_numbers():
    metric = Metric(
        "a", np.float32(0.5), at={"size": np.int64(8), "part": "x"}, interval=Interval(np.float64(0.25), 1),
        samples=(np.float32(1), 2), n=np.int64(7),
    )  # fmt: skip
    row = metric_row(metric, "speed", KNOWN)
    assert row == MetricRow(
        "speed/a", 0.5, "ms", "lower", None, {"size": 8, "part": "x"}, Interval(0.25, 1.0), (1.0, 2.0), 7, 0.0, True,
        "estimate", (0.0, None), False,
    )  # fmt: skip
    numbers = (row.value, row.at["size"], row.interval.low, row.interval.high, row.samples[0], row.n)
    assert [type(number) for number in numbers] == [float, int, float, float, float, int]


def test_a_metric_without_facts_has_no_unit_and_no_direction():
    row = metric_row(Metric("b", None, "not defined here"), "q", KNOWN)
    assert (row.name, row.value, row.unit, row.better, row.reason, row.kind) == (
        "q/b", None, "", "none", "not defined here", "estimate",
    )  # fmt: skip


@pytest.mark.parametrize(
    ("metric", "error", "message"),
    [
        (0.5, TypeError, "a probe must yield Metric or Artifact, not float"),
        (Metric("c", 1.0), ValueError, "yielded `c`, which is not in METRICS"),
        (Metric("a", 1.0, kind="count"), ValueError, "`a`: kind must be one of .*, not 'count'"),
        (Metric("a", 1.0), ValueError, "yielded `a` without a value, an interval or samples, and without a reason"),
        (Metric("a", None, kind="exact"), ValueError, "yielded `a` without a value"),
        (Metric("a", 1.0, 5), TypeError, "`a`: reason must be a string, not 5"),
        (Metric("a", 1.0, interval=(0, 1)), TypeError, r"`a`: interval must be an Interval, not \(0, 1\)"),
        (Metric("a", 1.0, "once", {"b": [1]}), TypeError, r"`a`: a coordinate must be a string or a number, not \[1\]"),
    ],
)
def test_a_metric_of_a_wrong_form_is_refused(metric, error, message):
    with pytest.raises(error, match=message):
        metric_row(metric, "q", KNOWN)


@pytest.mark.parametrize(
    "metric", [Metric("a", 1.0, kind="exact"), Metric("a", 1.0, kind="single"), Metric("a", 1.0, samples=(1.0,))]
)
def test_a_count_one_observation_and_a_metric_with_samples_need_no_reason(metric):
    assert metric_row(metric, "q", KNOWN).value == 1.0


# ── records ─────────────────────────────────────────────────────────────────────────────────────


def test_probes_without_a_result_are_skipped_or_not_applicable(context):
    cell = context.plan.cells[0]
    cell.probes["quality"] = "needs groups"
    record = RecordBuilder(cell, context).record("interrupted", "Ctrl-C")
    keys = context.plan.probe_keys
    assert record.probes == {
        "quality": ProbeRow("not applicable", keys["quality"], "needs groups"),
        "generalization": ProbeRow("skipped", keys["generalization"], "the cell is interrupted"),
    }
    assert (record.status, record.reason, record.id, record.cell) == ("interrupted", "Ctrl-C", cell.id, cell.labels)
    assert record.options["placement"] == {"device": "cpu", "threads": 1, "precision": "32-true"}
    assert (record.run, record.suite, record.data) == (context.run.name, "three", {})


def test_a_record_has_the_times_and_notes_of_a_training_only_if_it_is_the_first_of_its_unit(context):
    first, second, _ = context.plan.cells
    context.notes = ("--trust",)
    outcome = TrainingOutcome(first, seconds={"train": 2.0}, notes=["evaluated only"], weights_key="41d0")
    records = []
    for cell in (first, second):
        builder = RecordBuilder(cell, context)
        builder.outcome = outcome
        builder.seconds["probes"] = 1.0
        records.append(builder.record("ok"))
    assert [set(record.seconds) for record in records] == [{"train", "probes", "total"}, {"probes", "total"}]
    assert records[0].notes == ("--trust", "evaluated only")
    assert records[1].notes == ("--trust", "evaluated only", "shares the training of another cell")
    assert [record.shared_training for record in records] == [False, True]
    assert {record.weights_key for record in records} == {"41d0"}


def test_a_cell_that_an_error_ended_is_failed_with_a_traceback_or_unavailable_without(context):
    cell = context.plan.cells[0]
    failed = RecordBuilder(cell, context).failed(RuntimeError("no such layer"))
    assert (failed.status, failed.reason) == ("failed", "RuntimeError: no such layer")
    (file,) = context.run.path.glob("cells/*/traceback-cell.txt")
    assert file.read_text().endswith("RuntimeError: no such layer\n")
    file.unlink()
    unavailable = RecordBuilder(cell, context).failed(DataUnavailable("no data", "bench data fetch"))
    assert (unavailable.status, unavailable.reason) == ("unavailable", "no data\n  to get it: bench data fetch")
    assert not list(context.run.path.glob("cells/*/*"))


def test_the_facts_of_the_data_are_their_origin_and_the_size_of_each_split(context):
    cell = context.plan.cells[0]
    builder = RecordBuilder(cell, context)
    data = context.load(cell)
    builder.outcome.data_facts = data_facts(data)
    facts = builder.record("ok").data
    assert facts["problem"] == "classification"
    assert facts["fingerprint"] == data.source.fingerprint
    assert {name: facts[name] for name in data.splits} == {name: len(split) for name, split in data.splits.items()}
    assert None not in facts.values()


def test_predictions_that_are_kept_are_named_in_the_record(context):
    builder = RecordBuilder(context.plan.cells[0], context)
    builder.keep("test", Predictions("test", np.arange(2), {"predictions": np.arange(2)}))
    (row,) = builder.record("ok").artifacts
    assert row.name == "predictions/test"
    assert context.run.read_predictions(row)["predictions"].tolist() == [0, 1]
