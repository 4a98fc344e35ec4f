"""JSON files of other tools: read whole or line by line up to a size, with errors that name the file and the field."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from bench_suite.contracts import BenchError
from bench_suite.imported.text_blocks import encoding_of, opened

MAX_DOCUMENT = 1 << 30
"Most bytes of a document, which is in memory as a whole."
_PART = 1 << 20
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
    content = bytearray()
    with _readable(path) as file:
        while part := file.read(_PART):
            content += part
            if len(content) > MAX_DOCUMENT:
                raise BenchError(
                    f"{path.name} has {path.stat().st_size:,} bytes, and {MAX_DOCUMENT:,} of text are allowed: import "
                    "a part of it"
                )
    return parse(bytes(content), path.name)


@contextmanager
def _readable(path: Path) -> Iterator[Any]:
    """Open a file, which may be compressed, for reading.

    Raises:
        BenchError: it cannot be read, or its compressed content is not complete.
    """
    import lzma
    import zlib

    try:
        with opened(path) as file:
            yield file
    except (OSError, EOFError, lzma.LZMAError, zlib.error) as error:
        reason = getattr(error, "strerror", None) or str(error)
        raise BenchError(f"{path.name} cannot be read (is it complete?): {reason}") from error


def parse(content: bytes, name: str) -> Any:
    """Return the JSON value in some bytes; `NaN` and `Infinity`, which some tools write, are read too.

    Args:
        content: UTF-8, or UTF-16 if it begins with its mark.
        name: what errors call it.
    """
    try:
        encoding = encoding_of(content)
        return json.loads(content.decode("utf-8-sig" if encoding == "utf-8" else encoding))
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
    with _readable(path) as file:
        number, rest = 0, b""
        for block in iter(lambda: bytes(file.read(_PART)), b""):
            *lines, rest = (rest + block).split(b"\n")
            for line in lines:
                number += 1
                if line.strip():
                    yield number, mapping(parse(line, f"{path.name}: line {number}"), f"{path.name}: line {number}")
            if len(rest) > MAX_LINE:
                raise BenchError(f"{path.name}: line {number + 1} has more than {MAX_LINE:,} bytes")
        if rest.strip():
            where = f"{path.name}: line {number + 1}"
            yield number + 1, mapping(parse(rest, where), where)


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
