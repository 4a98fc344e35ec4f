"""Records as lines of JSON: limited in size, upgraded from old schemas and merged when they are read."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import asdict, fields, is_dataclass, replace
from typing import Any, TypeVar, get_args

from bench_suite.contracts import (
    ArtifactRow,
    Better,
    Interval,
    MetricKind,
    MetricRow,
    ProbeRow,
    Record,
)
from bench_suite.store import forms
from bench_suite.store import json_reader as checks
from bench_suite.store.json_reader import Damage, read_json

SCHEMA = 2
RECORD_BYTES = 256 * 1024
"Largest size of a record's line, in bytes."
RECORD_SAMPLES = 64
"Largest number of samples of a metric in a record."
REASON_CHARACTERS = 2000
"Reasons and notes are cut after this many characters: a longer text is a traceback, which has a file of its own."

UPGRADES: dict[int, Callable[[dict[str, Any]], dict[str, Any]]] = {1: lambda entry: _from_schema_1(entry)}
"Functions that upgrade an entry of the schema in the key to the next one; files are never rewritten."

_PART_BYTES = RECORD_BYTES // 8
_ENCODER = json.JSONEncoder(allow_nan=False, separators=(",", ":"))
_KINDS = get_args(MetricKind)
_Row = TypeVar("_Row")


def plain(value: Any, *, gaps: bool = False) -> Any:
    """Return `value` in the types of JSON: dict, list, str, finite number, bool, None.

    Arrays and NumPy scalars become lists and numbers. JSON has no number that is not finite: such a float becomes its
    name (`"nan"`, `"inf"`), or None if `gaps` is set.
    """
    kind = type(value)
    if kind is str or kind is int or kind is bool or value is None:
        return value
    if kind is dict:  # a test of the type takes a twentieth of one for `Mapping`
        return {str(key): plain(entry, gaps=gaps) for key, entry in value.items()}
    if kind is list or kind is tuple:
        return [plain(entry, gaps=gaps) for entry in value]
    if isinstance(value, float):
        if math.isfinite(value):
            return float(value)
        return None if gaps else str(float(value))
    if isinstance(value, Mapping):
        return {str(key): plain(entry, gaps=gaps) for key, entry in value.items()}
    if isinstance(value, (list, tuple)):
        return [plain(entry, gaps=gaps) for entry in value]
    if isinstance(value, (set, frozenset)):
        return sorted((plain(entry, gaps=gaps) for entry in value), key=str)
    if isinstance(value, int):
        return int(value)
    if hasattr(value, "tolist"):  # NumPy arrays and scalars, tensors
        return plain(value.tolist(), gaps=gaps)
    if is_dataclass(value) and not isinstance(value, type):
        return {field.name: plain(getattr(value, field.name), gaps=gaps) for field in fields(value)}
    return str(value)


def _dumps_plain(entry: Mapping[str, Any]) -> str:
    """Return the same text as `dumps` of what `to_json` returned, without making every value plain again."""
    try:
        return _ENCODER.encode(entry)
    except (TypeError, ValueError):  # such as a type of NumPy that a caller stated in a field of text
        return dumps(entry)


def dumps(value: Any, *, indent: int | None = None) -> str:
    """Return JSON text of anything that `plain` accepts; it is ASCII only, so that no character can break a line."""
    separators = (",", ":") if indent is None else None
    return json.dumps(plain(value), allow_nan=False, indent=indent, separators=separators)


# ── to JSON ─────────────────────────────────────────────────────────────────────────────────────


def to_json(record: Record) -> dict[str, Any]:
    """Return the record as plain JSON values; empty fields of metrics and artifacts are left out."""
    return {
        "schema": SCHEMA,
        "run": record.run,
        "suite": record.suite,
        "id": record.id,
        "weights_key": record.weights_key,
        "cell": plain(record.cell),
        "options": plain(record.options),
        "status": record.status,
        "reason": _cut(record.reason),
        "probes": {
            label: _without_empty(plain(vars(row) | {"reason": _cut(row.reason)}))
            for label, row in record.probes.items()
        },
        "data": plain(record.data),
        **({"sources": plain(record.sources)} if record.sources else {}),
        "metrics": [metric_to_json(row) for row in record.metrics],
        "artifacts": [artifact_to_json(row) for row in record.artifacts],
        "environment": record.environment,
        "started": record.started,
        "seconds": plain(record.seconds),
        "notes": [_cut(note) for note in record.notes],
        "smoke": record.smoke,
        "weights_reused": record.weights_reused,
        "shared_training": record.shared_training,
        "machine_busy": record.machine_busy,
        **({"unrestored": plain(record.unrestored)} if record.unrestored else {}),
    }


def metric_to_json(row: MetricRow) -> dict[str, Any]:
    """Return a metric as JSON values; a value that is not finite is stored as absent, with a reason that says so."""
    value, reason = row.value, row.reason
    if value is not None and not math.isfinite(value):
        value, reason = None, reason or f"not a finite number: {float(row.value or 0.0)}"
    entry: dict[str, Any] = {"name": row.name, "at": plain(row.at), "value": plain(value)}
    entry |= {"unit": row.unit, "better": row.better}
    interval = row.interval
    if interval is not None and math.isfinite(interval.low) and math.isfinite(interval.high):
        entry["interval"] = plain(interval)
    samples = [float(sample) for sample in row.samples if math.isfinite(sample)]
    optional = {"reason": _cut(reason), "samples": samples, "n": plain(row.n), "ideal": plain(row.ideal)}
    optional["of_predictions"] = row.of_predictions or None
    optional["kind"] = None if row.kind == "estimate" else row.kind
    optional["range"] = None if row.range is None else plain(row.range)
    optional["timing"] = row.timing
    optional["marks"] = plain(row.marks) or None
    return entry | _without_empty(optional)


def artifact_to_json(row: ArtifactRow) -> dict[str, Any]:
    """Return an artifact's row as JSON values."""
    return _without_empty({key: str(value) for key, value in asdict(row).items()})  # a probe may state any caption


def line(record: Record, beside: str) -> tuple[bytes, bool, bool]:
    """Return the record's line, and what was left out of it.

    If the record is too long, these are left out, in this order: samples beyond `RECORD_SAMPLES` of each metric (evenly
    spaced ones stay); samples beyond 8; parts that are longer than `_PART_BYTES`; the last metrics.

    Args:
        record: the record.
        beside: path of the file that will contain the complete record; a note in the line names it.

    Returns:
        The line, newline included, of at most `RECORD_BYTES`; whether samples were left out; whether more was.
    """
    whole = to_json(record)
    entry = _thinned(whole, RECORD_SAMPLES)
    text = _dumps_plain(entry)
    if len(text) < RECORD_BYTES:
        return text.encode() + b"\n", entry != whole, False
    entry = _thinned(whole, 8)
    # A resume needs to know how each probe ended, so only the reasons are cut.
    entry["probes"] = {label: row | {"reason": row.get("reason", "")[:100]} for label, row in entry["probes"].items()}
    left_out = []
    for part in ("notes", "options", "data", "artifacts", "cell"):
        if len(dumps(entry[part])) > _PART_BYTES:
            entry[part] = type(entry[part])()
            left_out.append(f"`{part}`")
    metrics: list[dict[str, Any]] = entry["metrics"]
    excess = len(dumps(entry)) - RECORD_BYTES + 1024 + len(beside)
    count = len(metrics)
    while count and excess > 0:
        count -= 1
        excess -= len(dumps(metrics[count])) + 1
    if count < len(metrics):
        entry["metrics"] = metrics[:count]
        left_out.append(f"{len(metrics) - count} of {len(metrics)} metrics")
    if left_out:
        entry["notes"] = [*entry["notes"], f"too long for a record, and complete in {beside}: {', '.join(left_out)}"]
    return dumps(entry).encode() + b"\n", entry["metrics"] != whole["metrics"], bool(left_out)


def _thinned(entry: dict[str, Any], most: int) -> dict[str, Any]:
    """Return the entry with at most `most` samples of each metric, evenly spaced."""

    def thin(samples: list[float]) -> list[float]:
        return [samples[index * (len(samples) - 1) // (most - 1)] for index in range(most)]

    metrics = [
        metric | {"samples": thin(metric["samples"])} if len(metric.get("samples", ())) > most else metric
        for metric in entry["metrics"]
    ]
    return entry | {"metrics": metrics}


def _cut(text: str | None) -> str | None:
    if text is None or len(text) <= REASON_CHARACTERS:
        return text
    return text[: REASON_CHARACTERS - 1] + "…"


def _without_empty(entry: Mapping[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in entry.items() if value is not None and value != [] and value != ""}


# ── from JSON ───────────────────────────────────────────────────────────────────────────────────


_RECORD_FIELDS = tuple(field.name for field in fields(Record))
_PROBE_FIELDS = tuple(field.name for field in fields(ProbeRow))
_BETTERS = get_args(Better)
_NOWHERE: dict[str, str | float] = {}


def from_json(entry: Mapping[str, Any]) -> Record:
    """Return the record in `entry`, which may be of any schema up to the current one; unknown keys are ignored.

    Raises:
        Damage: the entry is not a record; the error names the field.
    """
    checks.map_of(checks.anything)(entry)
    return _from_shallow_json(entry)


def _from_shallow_json(entry: Any) -> Record:
    """Return the record in `entry`, of which it is known that it is not nested too deeply."""
    checks.mapping(entry)
    upgraded = dict(entry)
    schema = upgraded.get("schema", 1)
    while type(schema) is int and schema in UPGRADES:
        forms.OLD_RECORD(upgraded)
        upgraded = UPGRADES[schema](upgraded)
        schema = upgraded["schema"]
    forms.RECORD(upgraded)
    known = {name: upgraded[name] for name in _RECORD_FIELDS if name in upgraded}
    known["probes"] = probes_from_json(known.get("probes", {}))
    known["metrics"] = _rows(known, "metrics", metric_from_json)
    known["artifacts"] = _rows(known, "artifacts", artifact_from_json)
    known["notes"] = tuple(known.get("notes", ()))
    return Record(**known)


def probes_from_json(rows: Mapping[str, Mapping[str, Any]]) -> dict[str, ProbeRow]:
    """Return the rows of probes, whose form was checked, by their labels."""
    return {
        label: ProbeRow(**{name: row[name] for name in _PROBE_FIELDS if name in row}) for label, row in rows.items()
    }


def _rows(entry: Mapping[str, Any], name: str, read: Callable[[Mapping[str, Any]], _Row]) -> tuple[_Row, ...]:
    """Return the rows in a list of an entry; an error names the list and the number of the row."""
    rows = []
    for index, row in enumerate(entry.get(name, ())):
        try:
            rows.append(read(row))
        except Damage as damage:
            damage.field = (name, index, *damage.field)
            raise
    return tuple(rows)


def _from_schema_1(entry: dict[str, Any]) -> dict[str, Any]:
    """Return the entry in schema 2: with the `kind` of each metric, and the flags, that schema 1 had in words only."""
    options = entry.get("options")
    if isinstance(options, Mapping) and "place" in options:
        options = {key: value for key, value in options.items() if key != "place"} | {"placement": options["place"]}
    notes = [note for note in entry.get("notes", ()) if isinstance(note, str)]
    metrics = [_kind_from_reason(row) if isinstance(row, dict) else row for row in entry.get("metrics", ())]
    return {
        **entry,
        "schema": 2,
        "weights_key": entry.get("reuse", ""),
        **({"options": options} if "options" in entry else {}),
        "metrics": metrics,
        "weights_reused": any(note.startswith("weights kept") for note in notes),
        "shared_training": "shares the training of another cell" in notes,
        "machine_busy": any(note.startswith("the machine was busy") for note in notes),
    }


def _kind_from_reason(row: dict[str, Any]) -> dict[str, Any]:
    """Return a metric of schema 1 with the kind that its reason implies, and the reason without those words."""
    reason = row.get("reason")
    if "kind" in row or not isinstance(reason, str):
        return row
    if match := re.fullmatch(r"exact(?: count)?(?:, (?P<rest>.*))?", reason, re.DOTALL):
        return {**row, "kind": "exact", "reason": match["rest"]}
    if "one observation" in reason:
        rest = re.sub(r"(?:: )?one observation(?:: )?", "", reason, count=1)
        return {**row, "kind": "single", "reason": rest or None}
    return row


def metric_from_json(row: Mapping[str, Any], schema: int = SCHEMA) -> MetricRow:
    """Return the metric in `row`; a value that is not a number becomes absent, with a reason that says so.

    Args:
        row: the metric's JSON values.
        schema: the schema that they are in.

    Raises:
        Damage: a field other than those that say how precise the value is does not have its type.
    """
    if schema == 1:
        row = _kind_from_reason(dict(row))
    usual = _is_usual_metric(row)
    if not usual:
        forms.METRIC_ROW(row)
    interval = _interval(row.get("interval"))
    value, reason = row.get("value"), row.get("reason")
    if value is not None and not checks.is_number(value):
        value, reason, interval = None, f"damaged: {str(value)[:40]} is not a number", None
    n, kind, samples = row.get("n"), row.get("kind"), row.get("samples") or ()
    return MetricRow(
        name=row["name"],
        value=value,
        unit=row["unit"],
        better=row["better"],
        reason=reason,
        at=row.get("at") or {},
        interval=interval,
        samples=tuple(samples if usual else filter(checks.is_number, samples)),
        n=n if type(n) is int and 0 <= n < 2**63 else None,
        ideal=row.get("ideal") if checks.is_number(row.get("ideal")) else None,
        of_predictions=bool(row.get("of_predictions")),
        kind=kind if kind in _KINDS else "estimate",  # type: ignore[arg-type]  # it is one of them
        range=_range(row["range"]) if "range" in row else None,
        timing=row.get("timing"),
        marks=row.get("marks") or {},
    )


def _range(entry: Any) -> tuple[float | None, float | None] | None:
    """Return the smallest and the largest value in `entry`; None if they are damaged."""
    if not isinstance(entry, list) or len(entry) != 2:
        return None
    low, high = entry
    if not all(bound is None or checks.is_number(bound) for bound in entry):
        return None
    return None if low is not None and high is not None and not low < high else (low, high)


def _is_usual_metric(row: Any) -> bool:
    """Return whether the row certainly passes `forms.METRIC_ROW`, which takes ten times as long and names the field."""
    return (
        type(row) is dict
        and type(row.get("name")) is type(row.get("unit")) is str
        and row.get("better") in _BETTERS
        and (row.get("reason") is None or type(row["reason"]) is str)
        and type(at := row.get("at", _NOWHERE)) is dict
        and all(map(checks.is_text_or_number, at.values()))
        and ("samples" not in row or _are_finite_floats(row["samples"]))
        and type(row.get("of_predictions", True)) is type(row.get("timing", True)) is bool
        and "marks" not in row
    )


def _are_finite_floats(values: Any) -> bool:
    return type(values) is list and {*map(type, values)} <= {float} and all(map(math.isfinite, values))


def _interval(entry: Any) -> Interval | None:
    """Return the interval in `entry`; None if there is none, or if its bounds or its level are damaged."""
    if not isinstance(entry, Mapping):
        return None
    low, high, level, over = (entry.get(key) for key in ("low", "high", "level", "over"))
    level, over = 0.95 if level is None else level, "examples" if over is None else over
    if not (checks.is_number(low) and checks.is_number(high) and checks.is_number(level) and isinstance(over, str)):
        return None
    return Interval(low, high, level, over) if 0 < level < 1 else None  # type: ignore[arg-type]  # numbers and a word


def artifact_from_json(row: Mapping[str, Any]) -> ArtifactRow:
    """Return the artifact's row in `row`.

    Raises:
        Damage: a field does not have its type.
    """
    whole = {"kind": "predictions", **row}
    forms.ARTIFACT_ROW(whole)
    return ArtifactRow(whole["name"], whole["kind"], whole["file"], whole.get("caption") or "")


def parse_lines(lines: Iterable[bytes], file: str = "", first: int = 1) -> Iterator[Record | Damage]:
    """Yield the record in each line of a file, or why the line is none.

    Each line is read by itself: a torn line does not affect other lines.

    Args:
        lines: the lines of the file.
        file: path of the file, for the errors.
        first: number of the first of these lines in the file.
    """
    for number, line_content in enumerate(lines, start=first):
        if line_content.strip():
            try:
                yield _read_line(line_content, file, number)
            except Damage as damage:
                yield damage


def _read_line(content: bytes, file: str, number: int) -> Record:
    entry = read_json(content, checks.anything, file, number)
    try:
        return _from_shallow_json(entry)
    except Damage as damage:
        damage.file, damage.line = file, number
        raise


def read_lines(content: bytes) -> tuple[list[Record], int]:
    """Return the records in a file's content, and the number of lines that are torn or are no records."""
    items = list(parse_lines(content.split(b"\n")))
    records = [item for item in items if isinstance(item, Record)]
    return records, len(items) - len(records)


# ── merging ─────────────────────────────────────────────────────────────────────────────────────


def label_of(name: str) -> str:
    """Return the probe's label in the name of a metric or artifact: the part before the first slash."""
    return name.partition("/")[0]


def is_time_unit(unit: str) -> bool:
    """Return whether a unit is one of time, or of a rate: it decides if a metric does not state `timing`."""
    return unit in ("s", "ms") or unit.endswith("/s")


def merge(records: Iterable[Record]) -> list[Record]:
    """Return one record for each `id`, in order of first appearance; of each (id, probe) the latest result counts.

    The merged record is the latest one. Probes, metrics and artifacts that only earlier records have are added, and so
    are all notes, and the `seconds` of parts that only earlier records have.

    Args:
        records: oldest first.
    """
    merged: dict[str, Record] = {}
    for record in records:
        earlier = merged.get(record.id)
        merged[record.id] = record if earlier is None else _merged(earlier, record)
    return list(merged.values())


def _merged(earlier: Record, later: Record) -> Record:
    repeated = {*later.probes, *(label_of(row.name) for row in later.metrics)}
    names = {row.name for row in later.artifacts}
    artifacts = (row for row in earlier.artifacts if row.name not in names and label_of(row.name) not in repeated)
    return replace(
        later,
        probes={**earlier.probes, **later.probes},
        metrics=(*(row for row in earlier.metrics if label_of(row.name) not in repeated), *later.metrics),
        artifacts=(*artifacts, *later.artifacts),
        data=later.data or earlier.data,
        options=later.options or earlier.options,
        seconds={**earlier.seconds, **later.seconds},
        notes=tuple(dict.fromkeys((*earlier.notes, *later.notes))),
        weights_reused=earlier.weights_reused or later.weights_reused,
        shared_training=earlier.shared_training or later.shared_training,
        machine_busy=earlier.machine_busy or later.machine_busy,
        unrestored={**earlier.unrestored, **later.unrestored},
    )


def file_in_words(source: str) -> str:
    """Return the words for a key of `Record.sources`, such as `the pretrained weights` for `model.pretrained`."""
    if source == "model.pretrained":
        return "the pretrained weights"
    component, _, option = source.partition(".")
    return f"the files of the option {source}" if option else f"the file of the {component}"


def is_timing(row: MetricRow) -> bool:
    """Return whether a value is a time or a rate, or was measured in several processes.

    The row states it. For a row of an older record, an interval decides, or samples, or the unit.
    """
    if row.interval is not None and row.interval.over == "processes":
        return True
    if row.timing is not None:
        return row.timing
    return row.interval is None and (bool(row.samples) or is_time_unit(row.unit))
