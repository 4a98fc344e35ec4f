"""Export a model card of Hugging Face: a README.md whose metadata (`model-index`) contain the results of a model.

Each metric of the leaderboard that does not depend on the speed of the machine becomes a result: its mean over seeds,
with data set, split, revision, and as `args` the interval, seeds, number of examples, unit and direction. The text
below has all metrics of the leaderboard in a table, and how the model was trained, on which data, and how to do it
again. What only the author knows, such as the intended use, is left to be written.

A card is about one model. If a run has several, `--set model=NAME` chooses one, and `--output FOLDER/` writes a card
for each, as FOLDER/MODEL/README.md. The metadata are written and read back by `huggingface_hub`.
"""

from __future__ import annotations

import json
import os
import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bench_suite.components import discovery
from bench_suite.components.suggestions import nearest
from bench_suite.contracts import BenchError, ComponentError
from bench_suite.reports import escaping, formatting, leaderboard, provenance
from bench_suite.reports.columns import Column
from bench_suite.reports.findings import shown_findings
from bench_suite.reports.rows import Row
from bench_suite.reports.table import Table, standings
from bench_suite.reports.values import Value
from bench_suite.store.records import is_timing, plain
from bench_suite.store.runs import Run

if TYPE_CHECKING:
    from huggingface_hub import EvalResult

IMPORTS = ("huggingface_hub",)
SUFFIXES = ("README.md",)
FILE = "README.md"
SPLIT = "test"
"The split that probes measure on."
TASK_TYPES: Mapping[tuple[str, str], str] = {
    ("image", "classification"): "image-classification",
    ("text", "classification"): "text-classification",
    ("table", "classification"): "tabular-classification",
    ("table", "regression"): "tabular-regression",
}
"Types of tasks on the hub, by modality and problem."
METRIC_TYPES: Mapping[str, str] = {"macro_f1": "f1", "binary_f1": "f1", "macro_roc_auc": "roc_auc"}
"Names of metrics on the hub that differ from those of this program."


@dataclass(frozen=True)
class Options:
    """Options of the cards."""

    model: str = ""
    "Write the card of this model of the run; default: of its only one, or of all into a folder."
    name: str = ""
    "Name of the model in its card; default: its name in the suite."
    license: str = ""
    "Licence of the model, as the hub spells it: `apache-2.0`, `mit`. Without it, the card states none."
    task_type: str = ""
    "Type of the task on the hub, such as `text-classification`; default: from modality and problem."


@dataclass(frozen=True)
class Part:
    """The rows of one model in one table."""

    table: Table
    rows: tuple[Row, ...]


def export(run: Run, target: str | None, options: Options) -> bytes | dict[str, bytes]:
    """Return one card; or several, by path, if `target` is a folder.

    Raises:
        BenchError: it is a smoke run, has no such model, or has several and `target` is no folder.
    """
    if run.info.get("smoke"):
        raise BenchError(f"{run.name} is a smoke run, whose numbers mean nothing\n  run it without --smoke")
    models = _models(run)
    if options.model and options.model not in models:
        hint = nearest(options.model, models)
        raise BenchError(f"{run.name} has no results of a model {options.model}{hint} (models: {', '.join(models)})")
    chosen = [options.model] if options.model else [*models]
    if not chosen:
        raise BenchError(f"{run.name} has no cell with a result, so there is no card to write")
    folder = target is not None and (target.endswith(("/", os.sep)) or Path(target).is_dir())
    if len(chosen) == 1:
        card = card_of(run, chosen[0], models[chosen[0]], options)
        return {FILE: card} if folder else card
    if not folder:
        raise BenchError(
            f"a card is about one model, and {run.name} has several: {', '.join(chosen)}\n"
            f"  choose one with: --set model={chosen[0]}\n  or write a card for each with: --output cards/"
        )
    if options.name:
        raise BenchError("the option name is for the card of one model\n  choose it with: --set model=NAME")
    folders = _folders(chosen)
    return {f"{folders[model]}/{FILE}": card_of(run, model, models[model], options) for model in chosen}


def _models(run: Run) -> dict[str, list[Part]]:
    """Return what the tables of a run contain of each model that has a value."""
    models: dict[str, list[Part]] = {}
    for table in standings([run]).tables:
        rows: dict[str, list[Row]] = {}
        for row in table.rows:
            if any(value.value is not None for value in row.values.values()):
                rows.setdefault(row.model, []).append(row)
        for model, own in rows.items():
            models.setdefault(model, []).append(Part(table, tuple(own)))
    return models


def _folders(models: Sequence[str]) -> dict[str, str]:
    """Return a name of a folder for each model; a number follows if two models would have the same."""
    used: Counter[str] = Counter()
    folders = {}
    for model in models:
        word = re.sub(r"[^\w.-]+", "-", model, flags=re.ASCII).strip("-.") or "model"
        used[word.lower()] += 1
        folders[model] = word if used[word.lower()] == 1 else f"{word}-{used[word.lower()]}"
    return folders


# ── the metadata ────────────────────────────────────────────────────────────────────────────────


def card_of(run: Run, model: str, parts: Sequence[Part], options: Options) -> bytes:
    """Return the card of a model.

    Raises:
        BenchError: `huggingface_hub` does not read the metadata back as they were written.
    """
    from huggingface_hub import ModelCard, ModelCardData

    name = _line(options.name or model)
    results = [*_results(run, parts, options)]
    types = [*dict.fromkeys(result.task_type for result in results)]
    hub_ids = [*dict.fromkeys(filter(None, (hub_id(part.table.data) for part in parts)))]
    data = ModelCardData(
        model_name=name,
        eval_results=results or None,
        datasets=hub_ids or None,
        metrics=[*dict.fromkeys(result.metric_type for result in results)] or None,
        license=options.license or None,
        pipeline_tag=types[0] if len(types) == 1 and types[0] != "other" else None,
        tags=["bench-suite"],
    )
    text = f"---\n{data.to_yaml()}\n---\n\n{_body(run, name, parts)}"
    metadata: Any = ModelCard(text).data
    if (metadata.eval_results or []) != results:
        raise BenchError(f"the metadata of the card of {name} do not read back as they were written")
    return text.encode("utf-8")


def _results(run: Run, parts: Sequence[Part], options: Options) -> Iterator[EvalResult]:
    """Yield a result for each metric of the board that is no timing and has a direction."""
    from huggingface_hub import EvalResult

    datasets = Counter(_dataset_of(part.table) for part in parts)
    for part in parts:
        data, dataset = part.table.data, _dataset_of(part.table)
        for row in part.rows:
            for column in part.table.columns:
                value = row.values[column]
                if value.value is None or column.better == "none" or column.reference or _is_timing(row, column):
                    continue
                metric = column.name.partition("/")[2] or column.name
                yield EvalResult(
                    task_type=_line(options.task_type or task_type(run, part.table)),
                    task_name=_line(part.table.task),
                    dataset_type=dataset[0],
                    dataset_name=_line(data.get("name") or part.table.task),
                    # The hub keeps one entry for a data set, configuration, split and revision.
                    dataset_config=_line(leaderboard.name(part.table)) if datasets[dataset] > 1 else None,
                    dataset_split=SPLIT,
                    dataset_revision=dataset[1],
                    dataset_args=_plain({key: data.get(key) for key in ("source", "fingerprint", SPLIT)}),
                    metric_type=_line(METRIC_TYPES.get(metric, metric)),
                    metric_name=_line(_metric_name(row, column)),
                    metric_value=value.value,
                    metric_args=_arguments(row, column, value),
                )


def _dataset_of(table: Table) -> tuple[str, str | None]:
    """Return the id and the revision of a data set: that of the hub, or its name."""
    revision = table.data.get("revision")
    return hub_id(table.data) or _line(table.data.get("name") or table.task), revision and _line(revision)


def hub_id(data: Mapping[str, Any]) -> str:
    """Return the id of a data set on the hub; empty if it is not from there."""
    kind, _, id = str(data.get("source") or "").partition(":")
    return id if kind in ("hub", "folder") and re.fullmatch(r"[\w.-]+(/[\w.-]+)?", id, re.ASCII) else ""


def task_type(run: Run, table: Table) -> str:
    """Return the type of a task on the hub, `other` if its modality is not known."""
    identity = run.info.get("components", {}).get("task", {}).get(table.task, table.task)
    try:
        modality = str(discovery.find("tasks", str(identity), discovery.PACKAGE).facts.get("MODALITY"))
    except ComponentError:  # a file that the suite named, or an imported run
        modality = ""
    return TASK_TYPES.get((modality, str(table.data.get("problem"))), "other")


def _metric_name(row: Row, column: Column) -> str:
    at = "".join(f", {name}={value}" for name, value in column.at)
    axes = "".join(f", {name}={value}" for name, value in row.axes.items())
    return f"{column.name}{at}{axes}"


def _arguments(row: Row, column: Column, value: Value) -> dict[str, Any]:
    """Return what qualifies a value: interval or quartiles, seeds, examples, unit, coordinates."""
    facts: dict[str, Any] = {"unit": column.unit, "better": column.better, "n": value.n}
    if value.interval is not None:
        facts["interval"] = vars(value.interval)
    elif value.spread is not None:
        facts["quartiles"] = value.spread
    facts["seeds"] = [*dict.fromkeys(cell.cell["seed"] for cell in row.cells if "seed" in cell.cell)]
    facts["folds"] = row.folds or None
    facts["at"] = dict(column.at)
    facts["configuration"] = row.axes
    facts["note"] = value.note
    return _plain(facts)


def _plain(facts: Mapping[str, Any]) -> dict[str, Any]:
    """Return the facts that are not empty as YAML keeps them: `huggingface_hub` drops what is None."""
    return {key: _printable(plain(value)) for key, value in facts.items() if value not in (None, "", [], {}, ())}


def _printable(value: Any) -> Any:
    if isinstance(value, dict):
        return {_line(key): _printable(entry) for key, entry in value.items() if entry is not None}
    if isinstance(value, list):
        return [_printable(entry) for entry in value if entry is not None]
    return _line(value) if isinstance(value, str) else value


def _is_timing(row: Row, column: Column) -> bool:
    metrics = (metric for cell in row.cells for metric in cell.metrics if metric.name == column.name)
    return any(map(is_timing, metrics))


def _line(text: object) -> str:
    """Return a text on one line, without characters that YAML or UTF-8 cannot hold."""
    return " ".join("".join(c if c.isprintable() else " " for c in str(text)).split())


# ── the text ────────────────────────────────────────────────────────────────────────────────────


def _body(run: Run, name: str, parts: Sequence[Part]) -> str:
    tables = [part.table for part in parts]
    suite = escaping.inline(run.info.get("title") or run.info["suite"])
    sections = [
        f"# {escaping.inline(name)}",
        f"Written by bench-suite from the run {escaping.code(run.name)} of the suite *{suite}*. "
        "Intended use and limitations: *to be written by the author of the model.*",
        "## Results",
        *(text for part in parts for text in (f"### {leaderboard.heading(part.table)}", _part(part))),
        leaderboard.reading([table for table in tables if table.rows]),
        *_findings(run, tables),
        "## Training",
        *(_training(part) for part in parts),
        "## Data",
        provenance.data(tables),
        "## Environment",
        provenance.run_facts(run, tables),
        "## Reproduce",
        provenance.reproduction_commands(run),
        *([escaping.block(str(run.info["text"]), "toml")] if run.info.get("text") else []),
    ]
    return "\n\n".join(filter(None, sections)) + "\n"


def _part(part: Part) -> str:
    """Return the results of the model on one task: a line for each metric, a column for each configuration."""
    notes = escaping.Notes()
    lines = []
    for column in part.table.columns:
        scale = formatting.scale_for((row.values[column].value for row in part.table.rows), column.unit)
        values = [leaderboard.value_text(row.values[column], column, scale) for row in part.rows]
        marks = [notes.mark(row.values[column].note) for row in part.rows]
        title = leaderboard.title(column, scale) + (f" − {column.reference}" if column.reference else "")
        lines.append([escaping.inline(title), *(value + mark for value, mark in zip(values, marks))])
    lines.append(["Seeds", *(str(row.seeds) for row in part.rows)])
    header = ["Metric", *("Value" if not row.axes else leaderboard.row_head(row) for row in part.rows)]
    several = sum(row.rank is not None for row in part.table.rows) > 1
    ranks = [_rank(part.table, row) for row in part.rows if row.rank is not None and several]
    text = [leaderboard.about(part.table), escaping.table(header, lines, right=range(1, len(header)))]
    return "\n\n".join([*text, *map(escaping.inline, (*notes.lines(), *ranks))])


def _rank(table: Table, row: Row) -> str:
    """Return the rank of a row among the models of the run, in words."""
    ranked = sum(other.rank is not None for other in table.rows)
    metric = "" if table.sort is None else f" by {table.sort.name}"
    shared = ", shared with others that cannot be told apart" if row.tied else ""
    return f"{row.label}: rank {row.rank} of {ranked}{metric} among the models of this run{shared}."


def _training(part: Part) -> str:
    """Return the options of the model and its training on one task, from its first cell."""
    texts = []
    for row in part.rows:
        options = row.cells[0].options
        stated = {family: plain(options[family]) for family in ("model", "train") if options.get(family)}
        engine = row.cells[0].cell.get("engine")
        by = f", trained by the engine {escaping.inline(engine)}" if engine else ""
        heading = f"{leaderboard.heading(part.table)}, {escaping.inline(row.label)}{by}:"
        lines = [
            f"{family}.{key} = {json.dumps(value)}" for family, own in stated.items() for key, value in own.items()
        ]
        texts.append(f"{heading}\n\n{escaping.block(chr(10).join(lines))}")
    return "\n\n".join(texts)


def _findings(run: Run, tables: Sequence[Table]) -> list[str]:
    """Return what the checks found on the data and results of these tasks."""
    tasks = {table.task for table in tables}
    lines = [
        f"- {escaping.inline(f'{one.task}: {one.summary} ({one.severity} {one.code})')}"
        for one in shown_findings(run.findings)
        if one.task in tasks
    ]
    return ["## Findings", "\n".join(lines)] if lines else []
