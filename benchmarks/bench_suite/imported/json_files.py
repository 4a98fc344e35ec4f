"""JSON files of other tools: read whole or line by line up to a size, with errors that name the file and the field."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from bench_suite.contracts import BenchError

MAX_DOCUMENT = 1 << 30
"Most bytes of a document, which is in memory as a whole."
MAX_LINE = 1 << 28
"Most bytes of one line of JSON lines."


@dataclass(frozen=True, kw_only=True)
class LogOptions:
    name: str = ""
    "What the model is called in the run; by default as in the log."
    task_name: str = ""
    "What the task is called in the run; by default as in the log."


def read_document(path: Path) -> Any:
    """Return the JSON value of a file.

    Raises:
        BenchError: the file is too large, cannot be read, or is no JSON.
    """
    try:
        size = path.stat().st_size
        if size > MAX_DOCUMENT:
            raise BenchError(f"{path.name} has {size:,} bytes, and {MAX_DOCUMENT:,} are allowed: import a part of it")
        return parse(path.read_bytes(), path.name)
    except OSError as error:
        raise BenchError(f"{path.name} cannot be read: {error.strerror or error}") from error


def parse(content: bytes, name: str) -> Any:
    """Return the JSON value in some bytes; `NaN` and `Infinity`, which some tools write, are read too.

    Args:
        content: UTF-8.
        name: what errors call it.
    """
    try:
        return json.loads(content.decode("utf-8-sig"))
    except UnicodeDecodeError as error:
        raise BenchError(f"{name} is not UTF-8 (byte {error.start}): it is no log of this format") from error
    except RecursionError:
        raise BenchError(f"{name} is nested too deeply") from None
    except ValueError as error:
        raise BenchError(f"{name} is not JSON (is it complete?): {error}") from error


def read_lines(path: Path) -> Iterator[tuple[int, Mapping[str, Any]]]:
    """Yield the objects of a file of JSON lines with the numbers of their lines; only one is in memory.

    Raises:
        BenchError: a line is too long, or is no JSON object.
    """
    try:
        with path.open("rb") as file:
            number = 0
            while line := file.readline(MAX_LINE + 1):
                number += 1
                if len(line) > MAX_LINE:
                    raise BenchError(f"{path.name}: line {number} has more than {MAX_LINE:,} bytes")
                if line.strip():
                    yield number, mapping(parse(line, f"{path.name}: line {number}"), f"{path.name}: line {number}")
    except OSError as error:
        raise BenchError(f"{path.name} cannot be read: {error.strerror or error}") from error


def mapping(value: Any, where: str) -> Mapping[str, Any]:
    """Return a value that must be an object.

    Args:
        value: of the JSON.
        where: file and field, for the error.
    """
    if isinstance(value, Mapping):
        return value
    raise BenchError(f"{where} must be an object, and is {type(value).__name__}")


def sequence(value: Any, where: str) -> list[Any]:
    """Return a value that must be a list; see `mapping`."""
    if isinstance(value, list):
        return value
    raise BenchError(f"{where} must be a list, and is {type(value).__name__}")


def finite(value: Any) -> float | None:
    """Return a number or a truth value as a finite float; None for anything else."""
    if not isinstance(value, int | float):
        return None
    try:
        number = float(value)
    except OverflowError:
        return None
    return number if math.isfinite(number) else None


def moment(value: Any) -> str:
    """Return a point in time, in seconds or ISO 8601, as a record states it; empty if it is none."""
    try:
        if isinstance(value, int | float) and not isinstance(value, bool):
            when = datetime.fromtimestamp(value, UTC)
        else:
            when = datetime.fromisoformat(str(value))
            when = when.replace(tzinfo=UTC) if when.tzinfo is None else when.astimezone(UTC)
    except (ValueError, OverflowError, OSError):
        return ""
    return f"{when:%Y-%m-%dT%H:%M:%S}Z"


def text(value: Any, limit: int = 200) -> str:
    """Return a short value as text; empty for an absent one."""
    return "" if value is None else str(value)[:limit]
