"""`bench import`: make a run from the results of another tool."""

from __future__ import annotations

import json
import shlex
import sys
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from bench_suite.cli.arguments import JSON, RESULTS, NearestChoice, shared_options
from bench_suite.cli.output import say
from bench_suite.store.commands import results_option

if TYPE_CHECKING:
    from bench_suite.components.discovery import Component
    from bench_suite.store.runs import Run

COLUMNS = {
    "item": "Column that names the item, such as a question.",
    "model": "Column that names the model.",
    "score": "Columns with scores, separated by commas.",
    "repeat": "Column that numbers the repetitions of an item, a cluster (default: epoch, if there is one).",
    "target": "Column with the right answer.",
    "prediction": "Column with the predicted answer.",
    "scores": "Columns with the probabilities of the classes: one of lists, or one for each class (p_*).",
    "task": "Column that names the task; by default there is one task.",
    "seed": "Column with the seed of the training; each seed becomes a cell.",
    "cluster": "Column of what ties items to one another, such as the text that several questions are about.",
    "group": "Columns with sensitive attributes, separated by commas.",
}
"Help of the options that name columns, by name."
TABLES = ("scores", "predictions")
"Formats whose runs are named after the file; those of other formats are named after the format."


def _columns(command: Any) -> Any:
    for name, text in reversed(COLUMNS.items()):
        command = click.option(f"--{name}", metavar="COLUMN", help=text)(command)
    return command


@click.command(name="import")
@click.argument("files", nargs=-1, required=True, metavar="FILE…", type=click.Path(path_type=Path))
@click.option("--format", "format_name", metavar="NAME", help="Format of the files; by default it is recognised.")
@_columns
@click.option("--better", type=NearestChoice(["higher", "lower"]), help="Which scores are better (default: higher).")
@click.option(
    "--range", "score_range", nargs=2, type=float, metavar="LOW HIGH", help="Refuse scores outside LOW to HIGH."
)
@click.option("--problem", type=NearestChoice(["classification", "regression"]), help="What was predicted.")
@click.option("--classes", metavar="A,B,…", help="Names of the classes, in the order of the probabilities.")
@click.option("--positive", metavar="CLASS", help="The positive class, of two.")
@click.option("--model-value", metavar="MODEL", help="Import this model only.")
@click.option("--task-name", metavar="NAME", help="What the task is called in the run (default: name of the file).")
@click.option("--name", metavar="NAME", help="What the model is called in the run.")
@click.option("--cpu", metavar="NAME", help="Name of the processor, if the file does not state it.")
@click.option("--encoding", metavar="NAME", help="Encoding of text files, such as cp1252 (default: UTF-8).")
@click.option(
    "--max-bytes", type=click.IntRange(1), metavar="N", help="Most bytes of one file (default: what fits into memory)."
)
@click.option("--suite", metavar="NAME", help="Name of the suite that the run belongs to (default: name of the file).")
@click.option(
    "--gate", "gates", multiple=True, metavar="METRIC=TOLERANCE",
    help="Judge this metric in comparisons with the run: scores/score=0.02 allows a loss of 0.02. Repeatable.",
)  # fmt: skip
@shared_options(RESULTS, JSON)
def command(
    files: tuple[Path, ...], gates: tuple[str, ...], format_name: str | None,
    score_range: tuple[float, float] | None, suite: str | None,
    results: Path, as_json: bool, **stated: Any,
) -> None:  # fmt: skip
    """Make a run from the results of another tool, so that compare, leaderboard and report work on them.

    FILE is a table of scores or of predictions (CSV, TSV, Parquet, JSON lines; NumPy arrays), a log of
    lm-evaluation-harness or Inspect, a table of MLflow, or timings of pytest-benchmark, asv or Google
    Benchmark. A folder stands for the files in it. What the files lack is absent, with the reason.

    \b
      bench import scores.csv --item item_id --model model_id --score score
      bench import answers.parquet --target label --scores probabilities
      bench import lm_eval_output/
    """
    from bench_suite.components import discovery
    from bench_suite.imported.detection import detected, files_of, importer_named
    from bench_suite.imported.run_writer import ImportFacts, write_run
    from bench_suite.imported.table_cells import task_of
    from bench_suite.store.runs import Store

    options = {key: value for key, value in {**stated, "range": score_range}.items() if value is not None}
    if format_name is not None:
        importer = importer_named(format_name)
        paths = files_of(files, importer)
    else:
        importer, paths = detected(files, table_format(options))
    check_options(importer, options)
    module = discovery.load(importer)
    suite = suite or (task_of(paths) if importer.name in TABLES else importer.name)
    facts = ImportFacts(
        suite, importer.name, paths, module.ABSENT,
        [f"bench import {shlex.join(map(str, sys.argv[2:]))}"] if sys.argv[1:2] == ["import"] else [],
        gates_of(gates),
    )  # fmt: skip
    run = write_run(Store(results), module.cells(paths, discovery.make_options(importer, options)), facts)
    if as_json:
        click.echo(json.dumps(as_document(run), indent=2))
        return
    for line in lines_of(run):
        say(line)


def table_format(stated: Mapping[str, Any]) -> str:
    """Return the format of a table that the stated columns suggest; empty if they suggest none."""
    if any(option in stated for option in ("target", "prediction", "scores")):
        return "predictions"
    return "scores" if "score" in stated else ""


def gates_of(stated: Iterable[str]) -> dict[str, dict[str, Any]]:
    """Return the rules of gates by metric.

    Raises:
        UsageError: one has not the form METRIC=TOLERANCE.
    """
    gates: dict[str, dict[str, Any]] = {}
    for gate in stated:
        metric, equals, tolerance = gate.rpartition("=")
        share = tolerance.endswith("%")
        try:
            number = float(tolerance.removesuffix("%"))
        except ValueError:
            number = -1.0
        if not equals or "/" not in metric or not 0 <= number < float("inf"):
            raise click.UsageError(
                f"--gate {gate} is not METRIC=TOLERANCE, such as scores/score=0.02 or timing/seconds=5%"
            )
        gates[metric.strip()] = {"tolerance": tolerance if share else number}
    return gates


def check_options(importer: Component, stated: Mapping[str, Any]) -> None:
    """Raise UsageError if an option was stated that the format does not have."""
    from bench_suite.components import discovery

    for option in stated:
        if option not in importer.options:
            formats = [
                name
                for name in discovery.builtin("importers")
                if option in discovery.find("importers", name, Path()).options
            ]
            raise click.UsageError(
                f"--{option.replace('_', '-')} is not an option of the format {importer.name}, but of "
                f"{', '.join(formats)}; state another one with --format if {importer.name} is not the right format"
            )


def as_document(run: Run) -> dict[str, Any]:
    """Return the run and its cells as plain values for JSON."""
    from bench_suite.store.records import metric_to_json

    cells = [
        {
            "id": record.id,
            "cell": dict(record.cell),
            "examples": record.data.get("test"),
            "probes": {label: row.status for label, row in record.probes.items()},
            "metrics": [metric_to_json(row) for row in record.metrics],
            "notes": list(record.notes),
        }
        for record in run.records()
    ]
    return {"schema": 1, "run": run.name, "suite": run.info["suite"], **run.info["imported"], "cells": cells}


MAX_LINES = 20
"Cells that are listed in the terminal; the report has all."
MAX_METRICS = 4
"Metrics of a cell that are listed."


def lines_of(run: Run) -> Iterator[str]:
    """Yield what was imported, for a person: cells with their first metrics, and what the files lack."""
    from bench_suite.imported.example_scores import LABEL
    from bench_suite.store.records import label_of
    from bench_suite.suite.cell import name_of

    records = run.records()
    imported = run.info["imported"]
    files = [str(file["name"]) for file in imported["files"]]
    of = files[0] if len(files) == 1 else f"{len(files)} files"
    yield f"{run.name}: {_count(len(records), 'cell')} from {of}, format {imported['format']}"
    for record in records[:MAX_LINES]:
        yield f"  {_short(name_of(record.cell))}"
        valued = [row for row in record.metrics if row.value is not None]
        for row in valued[:MAX_METRICS]:
            yield f"      {_metric_text(run, record, row)}"
            if row.reason is not None and label_of(row.name) == LABEL and not row.of_predictions:
                yield f"        {_short(f'not paired by item: {row.reason}')}"
        if len(valued) > MAX_METRICS:
            yield f"      and {len(valued) - MAX_METRICS} more metrics"
        absent = [row for row in record.metrics if row.value is None and label_of(row.name) == LABEL]
        for row in absent[:MAX_METRICS]:
            yield f"      {_short(f'{row.name} absent: {row.reason}')}"
        if len(absent) > MAX_METRICS:
            yield f"      and {len(absent) - MAX_METRICS} more absent metrics, with the reason in the report"
        for label, probe in record.probes.items():
            if probe.status != "ok":
                yield f"      {label}: {probe.status}: {probe.reason}"
        for note in record.notes[1:]:  # the first one names the files
            yield f"      {note}"
    if len(records) > MAX_LINES:
        yield f"  and {len(records) - MAX_LINES} more cells"
    for what, reason in imported["absent"].items():
        yield f"absent: {what}: {reason}"
    if others := _other_examples(records):
        yield f"note: {others}"
    yield f"\nnext: bench leaderboard {run.name}{results_option(run.path.parent)}"


def _metric_text(run: Run, record: Any, row: Any) -> str:
    from bench_suite.reports.formatting import plain_number, scale_for

    scale = scale_for([row.value], row.unit)
    unit = f" {scale.unit}" if scale.unit else ""
    text = f"{row.name} {plain_number(row.value / scale.divisor, 4)}{unit}"
    if row.interval is not None:
        ends = [plain_number(end / scale.divisor, 4) for end in (row.interval.low, row.interval.high)]
        text += f" [{ends[0]}, {ends[1]}] over {row.interval.over}"
    return text


def _other_examples(records: Any) -> str:
    """Return a note if models of one task were tested on different items; empty if not."""
    by_task: dict[str, dict[str, int]] = {}
    for record in records:
        examples = str(record.data.get("fingerprints", {}).get("test", {}).get("examples"))
        if examples != "None":
            by_task.setdefault(str(record.cell["task"]), {}).setdefault(examples, int(record.data["test"]))
    tasks = [task for task, sets in by_task.items() if len(sets) > 1]
    if not tasks:
        return ""
    return (
        f"the models of {', '.join(tasks[:5])} were tested on different items: they are not ranked in one table, and "
        "compared on the items that both have"
    )


def _short(text: str, limit: int = 120) -> str:
    text = " ".join(text.split())  # a name may contain line breaks
    return text if len(text) <= limit else f"{text[: limit - 1]}…"


def _count(number: int, word: str) -> str:
    return f"{number:,} {word}{'' if number == 1 else 's'}"
