"""Claims about doubts: each kind of mark on timings is one line with the number of cells, before the results."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from bench_suite.contracts import MetricRow, Record
from bench_suite.reports.doubts import cells_in_words, data_notes, doubt_lines, machine_lines
from bench_suite.reports.markdown import report


def timing(name: str = "throughput/train", **marks: str) -> MetricRow:
    return MetricRow(name, 900.0, "samples/s", "higher", samples=(890.0, 910.0), marks=marks)


def test_cells_that_ran_on_a_throttled_device_are_counted_with_the_reasons(record: Callable[..., Record]) -> None:
    cells = [
        record(seed=0, metrics=(timing(throttled="power cap"), timing("throughput/inference", throttled="power cap"))),
        record(seed=1, metrics=(timing(throttled="temperature"), timing("throughput/inference"))),
        record(seed=2, metrics=(timing(),)),
    ]
    assert doubt_lines(cells) == [
        "2 cells ran on a throttled device (power cap, temperature): their rates are too low, and times too long: "
        "minilm on imdb; cool the device or raise its power limit, and run again"
    ]
    assert doubt_lines(cells[:1]) == [
        "1 cell ran on a throttled device (power cap): its rates are too low, and times too long: minilm on imdb; cool "
        "the device or raise its power limit, and run again"
    ]
    assert doubt_lines(cells[2:]) == []


def test_cells_whose_rate_never_became_steady_are_counted_with_the_metrics(record: Callable[..., Record]) -> None:
    names = [f"throughput/{name}" for name in ("train", "inference", "latency_p50", "latency_p95", "latency_p99")]
    cells = [record(seed=0, metrics=tuple(timing(name, unsteady="fell by 20 %") for name in names)), record(seed=1)]
    assert doubt_lines(cells) == [
        "the rate of 1 cell never became steady (throughput/train, throughput/inference, throughput/latency_p50 and 2 "
        "more): minilm on imdb; raise [train] epochs, or read the rate as rough"
    ]


def test_a_line_names_the_first_models_and_tasks_that_it_concerns(record: Callable[..., Record]) -> None:
    cells = [
        record(task=task, model=model, seed=seed, metrics=(timing(unsteady="fell by 20 %"),))
        for task in ("mnist", "imdb") for model in ("mlp", "cnn", "forest") for seed in (0, 1)
    ]  # fmt: skip
    assert cells_in_words(cells[:2]) == "mlp on mnist"
    named = "mlp on mnist, cnn on mnist, forest on mnist, mlp on imdb and 2 more"
    assert cells_in_words(cells) == named
    [line] = doubt_lines(cells)
    assert line.startswith(f"the rate of 12 cells never became steady (throughput/train): {named};")


def test_a_busy_machine_and_several_machines_are_one_line_each(
    make_run: Callable[..., Any], record: Callable[..., Record]
) -> None:
    run = make_run(record(seed=0, machine_busy=True), record(seed=1))
    assert machine_lines(run, run.records()) == [
        "the machine was busy with other work during 1 of 2 cells (minilm on imdb): their rates may be too low, and "
        "times too long; run again on an idle machine to compare them"
    ]
    other = run.add_environment({"hardware": {"cpu": "Other Processor", "cores": 8}})
    with run.writer() as writer:
        writer.write(record(seed=2, environment=other))
    [_, line] = machine_lines(run, run.records())
    assert line.startswith("the cells ran on 2 machines (Example Processor, 2 cores; Other Processor, 8 cores)")
    quiet = make_run(record())
    assert machine_lines(quiet, quiet.records()) == []


def test_prominent_notes_on_the_data_are_listed_once_a_task(record: Callable[..., Record]) -> None:
    data = {"notes": {"labels": "guessed", "columns": "three"}, "prominent": ["labels"]}
    assert data_notes([record(data=data), record(seed=1, data=data), record(task="b")]) == [
        ("imdb", "labels", "guessed")
    ]


def test_they_stand_before_the_results_of_a_report(make_run: Callable[..., Any], record: Callable[..., Record]) -> None:
    run = make_run(record(metrics=(timing(throttled="power cap", unsteady="fell by 31 %"),)))
    text = report(run)
    for words in ("1 cell ran on a throttled device", "the rate of 1 cell never became steady"):
        assert text.index(words) < text.index("## Results")
    assert "throttled" not in report(make_run(record()))
