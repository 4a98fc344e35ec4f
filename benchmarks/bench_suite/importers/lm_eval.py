"""lm-evaluation-harness: `samples_TASK_TIME.jsonl` with the scores by document, and `results_TIME.json` beside them.

The files are those of `lm_eval --log_samples --output_path FOLDER`. Without samples, the values of the results are
imported with the harness's standard errors; they cannot be paired by item.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence, Set
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bench_suite.contracts import BenchError, Better, ImportedCell
from bench_suite.imported.heads import first_keys
from bench_suite.imported.json_files import LogOptions, finite, mapping, moment, read_document, read_lines, text
from bench_suite.imported.logs import ItemScores, Stated

ABSENT = {
    "probabilities": "the scores by item are imported, and not the log-likelihoods of the answers",
    "hardware": "the log states it as free text, and scores do not depend on it",
    "training": "the log does not state how the model was trained, nor how long that took",
}
_SAMPLES = re.compile(r"samples_(?P<task>.+)_(?P<time>\d{4}-\d\d-\d\dT[\d\-.:]+)\.jsonl$")
_RESULTS = re.compile(r"results_(?P<time>\d{4}-\d\d-\d\dT[\d\-.:]+)\.json$")


@dataclass(frozen=True, kw_only=True)
class Options(LogOptions):
    "Those of every log."


def matches(path: Path, head: bytes) -> bool:
    """Return whether a file is named as the harness names it, and has the keys that it writes."""
    keys = set(first_keys(head))
    if _SAMPLES.search(path.name):
        return {"doc_id", "filter"} <= keys or {"doc_id", "resps"} <= keys
    return bool(_RESULTS.search(path.name)) and "results" in keys


def cells(paths: Sequence[Path], options: Options) -> Iterator[ImportedCell]:
    """Yield a cell for each task and model.

    Raises:
        BenchError: a file cannot be read, a document occurs twice, or samples lack the results of their time.
    """
    results = _results(paths)
    sampled: dict[Path, set[str]] = {}
    for path in paths:
        if (match := _SAMPLES.search(path.name)) is None:
            if _RESULTS.search(path.name) is None:
                raise BenchError(f"{path.name} is not named samples_TASK_TIME.jsonl or results_TIME.json")
            continue
        beside = path.parent / f"results_{match['time']}.json"
        document = results.get(beside)
        if document is None and beside.is_file():
            document = mapping(read_document(beside), beside.name)
        sampled.setdefault(beside, set()).add(match["task"])
        yield _cell(match["task"], document or {}, _samples(path), options, path, stated=document is not None)
    for path, document in results.items():
        missing = _unread_samples(path, sampled.get(path, set()))
        for task in mapping(document.get("results", {}), f"{path.name}: results"):
            if task not in sampled.get(path, ()) and _stated(document, task):
                yield _cell(str(task), document, {}, options, path, stated=True, unread=missing.get(str(task), ""))


def _results(paths: Sequence[Path]) -> dict[Path, Mapping[str, Any]]:
    chosen = [path for path in paths if _RESULTS.search(path.name)]
    return {path: mapping(read_document(path), path.name) for path in chosen}


def _unread_samples(path: Path, read: Set[str]) -> dict[str, str]:
    """Return the files of samples beside some results that were not read, by task.

    Raises:
        BenchError: one is empty, as if the evaluation had been interrupted.
    """
    match = _RESULTS.search(path.name)
    unread: dict[str, str] = {}
    for file in sorted(path.parent.glob(f"samples_*_{match['time']}.jsonl")) if match else []:
        task = _SAMPLES.search(file.name)
        if task is None or task["task"] in read:
            continue
        if not file.stat().st_size:
            raise BenchError(f"{file.name} is empty: was the evaluation interrupted? Remove it to import the results")
        unread[task["task"]] = file.name
    return unread


def _cell(
    task: str, document: Mapping[str, Any], samples: Mapping[str, ItemScores], options: Options, path: Path, *,
    stated: bool, unread: str = "",
) -> ImportedCell:  # fmt: skip
    """Return the cell of one task: the metrics of its filters."""
    merged = ItemScores(path.name)
    for scores in samples.values():
        merged = scores if not merged.items else _joined(merged, scores)
    if not samples and not _stated(document, task):
        raise BenchError(f"{path.name}: there are no samples")
    values = _stated(document, task)
    if len(samples) == 1:  # one filter: its name is part of no metric
        (only,) = samples
        values = {name.removesuffix(f"_{only}"): value for name, value in values.items()}
    elif not samples and all(name.endswith("_none") for name in values):
        values = {name.removesuffix("_none"): value for name, value in values.items()}
    notes: tuple[str, ...] = (
        () if stated else ("the results file of these samples is not there, so model and settings are not known",)
    )
    if unread:
        notes = (*notes, f"{unread} lies beside the results and was not read: import it with them")
    better = _directions(document, task, values, merged)
    return merged.cell(
        options.task_name or task, options.name or _model(document, path), better=better, stated=values,
        options={"evaluate": _settings(document, task)}, environment=_packages(document),
        started=moment(document.get("date")), notes=notes,
    )  # fmt: skip


def _samples(path: Path) -> dict[str, ItemScores]:
    """Return the scores of each filter: the harness writes a line for each document and filter."""
    by_filter: dict[str, ItemScores] = {}
    for number, line in read_lines(path):
        where = f"{path.name}: line {number}"
        if "doc_id" not in line:
            raise BenchError(f"{where} has no doc_id: it is no sample of lm-evaluation-harness")
        item = f"{line['doc_id']}:{text(line.get('doc_hash'))}"
        names = line.get("metrics")
        if not isinstance(names, list):  # older versions do not list them
            names = [name for name, value in line.items() if name not in _FIELDS and finite(value) is not None]
        scores = {str(name): value for name in names if (value := finite(line.get(str(name)))) is not None}
        by_filter.setdefault(text(line.get("filter")) or "none", ItemScores(path.name)).add(item, scores)
    if len(by_filter) > 1:
        for name, of_filter in by_filter.items():
            of_filter.scores = {f"{metric}_{name}": values for metric, values in of_filter.scores.items()}
    return by_filter


_FIELDS = ("doc_id", "doc", "target", "arguments", "resps", "filtered_resps", "filter", "doc_hash", "prompt_hash",
           "target_hash")  # fmt: skip
"Fields of a sample that are no metric."
_COUNTS = ("sample_len", "sample_count")
"Numbers of a task in the results that are no metric."


def _joined(first: ItemScores, second: ItemScores) -> ItemScores:
    """Return the scores of two filters of the same documents.

    Raises:
        BenchError: they have different documents.
    """
    position = {item: number for number, item in enumerate(second.items)}
    if len(position) < len(second.items) or set(first.items) != set(position) or len(first.items) != len(position):
        raise BenchError(f"{first.where}: its filters have different documents, or a document occurs twice")
    order = [position[item] for item in first.items]
    scores = {
        metric: [values[number] for number in order]
        for metric, values in second.scores.items()
        if len(values) == len(position)
    }
    return ItemScores(first.where, first.items, first.repeats, {**first.scores, **scores})


def _stated(document: Mapping[str, Any], task: str) -> dict[str, Stated]:
    """Return the values of a task in the results, by metric and filter: `acc,none` is `acc_none`."""
    values = document.get("results", {}).get(task, {}) if isinstance(document.get("results", {}), Mapping) else {}
    entries = mapping(values, f"results of {task}")
    count = entries.get("sample_len")
    old = not any("," in str(key) for key in entries)
    stated = {}
    for key, value in entries.items():
        name, comma, chosen = str(key).partition(",")
        number = finite(value)
        if old and key not in _COUNTS:  # of versions before 0.4, which have no filters
            comma, chosen = ",", "none"
        if comma and number is not None and not name.endswith("_stderr"):
            error = finite(entries.get(f"{name}_stderr" if old else f"{name}_stderr,{chosen}"))
            stated[f"{name}_{chosen}"] = Stated(number, error, count if isinstance(count, int) else None)
    return stated


def _directions(
    document: Mapping[str, Any], task: str, stated: Mapping[str, Stated], scores: ItemScores
) -> dict[str, Better]:
    """Return which values are better, by the name that a metric has here."""
    known = document.get("higher_is_better", {})
    of_task = known.get(task, {}) if isinstance(known, Mapping) else {}
    directions: dict[str, Better] = {}
    for name in (*stated, *scores.scores):
        stem = next((metric for metric in of_task if name == metric or name.startswith(f"{metric}_")), None)
        if stem is not None and isinstance(of_task[stem], bool):
            directions[name] = "higher" if of_task[stem] else "lower"
        elif stem is not None:
            directions[name] = "none"
    return directions


def _model(document: Mapping[str, Any], path: Path) -> str:
    """Return the name of the model: what its arguments name, else what the harness calls it."""
    config = document.get("config", {})
    arguments = config.get("model_args") if isinstance(config, Mapping) else None
    if isinstance(arguments, str):
        arguments = dict(part.split("=", 1) for part in arguments.split(",") if "=" in part)
    for key in ("pretrained", "model", "path"):
        if isinstance(arguments, Mapping) and arguments.get(key):
            return text(arguments[key])
    return (
        text(document.get("model_name")) or text(config.get("model") if config else "") or path.parent.name or "model"
    )


def _settings(document: Mapping[str, Any], task: str) -> dict[str, Any]:
    """Return what decides a score besides the model: cells that differ in it are not compared."""
    config = document.get("config", {})
    sources = {
        "num_fewshot": document.get("n-shot"),
        "task_version": document.get("versions"),
    }
    settings = {name: values.get(task) for name, values in sources.items() if isinstance(values, Mapping)}
    settings |= {name: config.get(name) for name in ("limit", "gen_kwargs") if isinstance(config, Mapping)}
    settings["chat_template"] = bool(document.get("chat_template"))
    return {name: value for name, value in settings.items() if value not in (None, "", {}, False)}


def _packages(document: Mapping[str, Any]) -> dict[str, Any]:
    versions = {"lm_eval": "lm_eval_version", "transformers": "transformers_version"}
    packages = {name: text(document[key]) for name, key in versions.items() if document.get(key)}
    return {"packages": packages} if packages else {}
