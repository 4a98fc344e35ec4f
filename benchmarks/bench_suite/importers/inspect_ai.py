"""Inspect: the logs of `inspect eval`, as `.eval` archives or as `.json`, with the scores of each sample and epoch."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bench_suite.contracts import BenchError, ImportedCell
from bench_suite.imported.archives import open_archive, read_entry
from bench_suite.imported.heads import first_keys
from bench_suite.imported.json_files import LogOptions, finite, mapping, moment, parse, read_document, sequence, text
from bench_suite.imported.logs import ItemScores
from bench_suite.imported.tables import ending_of, number_of

ABSENT = {
    "probabilities": "the log contains grades of answers, and no probabilities",
    "hardware": "the log does not state it",
    "training": "the log does not state how the model was trained, nor how long that took",
}
GRADES = {"C": 1.0, "I": 0.0, "P": 0.5, "N": 0.0}
"Inspect's grades correct, incorrect, partial and no answer, as its `value_to_float` counts them."
_WORDS = {"yes": 1.0, "true": 1.0, "no": 0.0, "false": 0.0}


@dataclass(frozen=True, kw_only=True)
class Options(LogOptions):
    "Those of every log."


def matches(path: Path, head: bytes) -> bool:
    """Return whether a file is an archive named `.eval`, or JSON with the keys of a log."""
    if path.suffix.lower() == ".eval":
        return head.startswith(b"PK\x03\x04")
    return ending_of(path) == ".json" and {"status", "eval", "plan"} <= set(first_keys(head))


def cells(paths: Sequence[Path], options: Options) -> Iterator[ImportedCell]:
    """Yield a cell for each log.

    Raises:
        BenchError: a log cannot be read, did not end well, has no samples, or has one epoch of a sample twice.
    """
    for path in paths:
        header, samples = _archive(path) if path.suffix.lower() == ".eval" else _document(path)
        status = text(header.get("status"))
        if status != "success":
            message = text(mapping(header.get("error") or {}, f"{path.name}: error").get("message"))
            raise BenchError(
                f"{path.name}: the evaluation ended with the status {status or 'unknown'}"
                f"{f' ({message})' if message else ''}: its scores are not those of the whole task; finish it with "
                "inspect eval-retry"
            )
        yield _cell(path, header, samples, options)


def _archive(path: Path) -> tuple[Mapping[str, Any], Iterable[Mapping[str, Any]]]:
    """Return the header of an archive, and its samples, which are read one at a time."""
    archive = open_archive(path)
    names = {entry.filename: entry for entry in archive.infolist()}
    if "header.json" not in names:
        archive.close()
        raise BenchError(f"{path.name} has no header.json: the evaluation was interrupted, or it is no log of Inspect")
    header = mapping(
        parse(read_entry(archive, names["header.json"], path.name), path.name), f"{path.name}: header.json"
    )

    def samples() -> Iterator[Mapping[str, Any]]:
        with archive:
            for name, entry in names.items():
                if name.startswith("samples/") and name.endswith(".json"):
                    yield mapping(
                        parse(read_entry(archive, entry, path.name), f"{path.name}: {name}"), f"{path.name}: {name}"
                    )

    return header, samples()


def _document(path: Path) -> tuple[Mapping[str, Any], Iterable[Mapping[str, Any]]]:
    header = mapping(read_document(path), path.name)
    samples = sequence(header.get("samples") or [], f"{path.name}: samples")
    return header, (mapping(sample, f"{path.name}: samples[{number}]") for number, sample in enumerate(samples))


def _cell(
    path: Path, header: Mapping[str, Any], samples: Iterable[Mapping[str, Any]], options: Options
) -> ImportedCell:
    """Return the cell of one log: a metric for each scorer, from the scores by sample and epoch."""
    odd: dict[str, list[str]] = {}
    scores = ItemScores(path.name, absences=odd)
    ungraded = 0
    for sample in samples:
        if sample.get("error"):
            ungraded += 1
            continue
        values = _values(sample.get("scores"), path.name, odd)
        if not values and not sample.get("scores"):
            ungraded += 1
            continue
        scores.add(text(sample.get("id"), 1_000), values, text(sample.get("epoch")))
    for metric in odd:  # of a scorer that gave no number at all, there is the reason only
        scores.scores.setdefault(metric, [])
    if not scores.items:
        raise BenchError(f"{path.name}: no sample has a score: it was written without samples, or was not scored")
    facts = mapping(header.get("eval") or {}, f"{path.name}: eval")
    notes = [f"samples with an error or without a score, left out: {ungraded:,}"] if ungraded else []
    config = mapping(facts.get("config") or {}, f"{path.name}: eval.config")
    settings = {
        "task_version": facts.get("task_version"),
        "task_args": facts.get("task_args"),
        "limit": config.get("limit"),
        "epochs": config.get("epochs"),
    }
    packages = {str(name): text(version) for name, version in mapping(facts.get("packages") or {}, path.name).items()}
    revision = facts.get("revision")
    commit = text(revision.get("commit")) if isinstance(revision, Mapping) and not revision.get("dirty") else ""
    return scores.cell(
        options.task_name or text(facts.get("task")) or path.stem, options.name or text(facts.get("model")) or "model",
        better={}, stated={}, options={"evaluate": {k: v for k, v in settings.items() if v not in (None, {}, 0)}},
        environment={"packages": packages} if packages else {}, started=moment(facts.get("created")), commit=commit,
        notes=notes,
    )  # fmt: skip


def _values(scores: Any, name: str, odd: dict[str, list[str]]) -> dict[str, float]:
    """Return the scores of a sample as numbers: one of a scorer, or several if its value is an object.

    Args:
        scores: of the sample.
        name: of the log, for errors.
        odd: by metric, the values that are no number; they are added.
    """
    values: dict[str, float] = {}
    for scorer, score in mapping(scores or {}, f"{name}: scores").items():
        value = score.get("value") if isinstance(score, Mapping) else score
        parts = value.items() if isinstance(value, Mapping) else [("", value)]
        for key, part in parts:
            number = GRADES.get(part, _WORDS.get(part.lower())) if isinstance(part, str) else finite(part)
            if number is None and isinstance(part, str):
                number = finite(number_of(part))
            metric = f"{scorer}_{key}" if key else str(scorer)
            if number is not None:
                values[metric] = number
            else:
                odd.setdefault(metric, []).append(f"{json.dumps(part, default=str)[:60]} is no number")
    return values
