"""Text of CSV files: encoding, separator, names of columns and quotation marks, checked before a value is believed.

Every value is read as the text that stands in the file (`schema` decides types later, from all files together). Arrow's
reader parses it, because it refuses a row that is too short, which pandas' fills in silence.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from bench_suite.contracts import DataInvalid
from bench_suite.environment import format_bytes

if TYPE_CHECKING:
    import pyarrow as pa

SEPARATORS = {",": "commas", ";": "semicolons", "\t": "tabs", "|": "vertical bars"}
HEAD = 1 << 20
"Bytes at the beginning of a file in which the names of the columns stand."
PART = 16 << 20
"Bytes that are read at a time."
BLOCK = 1 << 20
"Bytes that Arrow parses at a time, which a processor's cache holds; it is enlarged until it holds the longest row."
NOT_UTF8 = 'it is not written in UTF-8: state its encoding, such as encoding = "cp1252"'
QUOTE, NEWLINES = ord('"'), (ord("\n"), ord("\r"))


@dataclass(frozen=True)
class TextOptions:
    """What a suite states about text files; None: decided from the files."""

    delimiter: str | None = None
    encoding: str | None = None
    quotes: bool | None = None
    'Whether `"` encloses values.'


def read_text(file: Path, name: str, options: TextOptions, max_bytes: int) -> pa.Table:
    """Return the rows of a CSV or TSV file; each value is the text that stands there.

    Args:
        file: The file; a compression is known by its ending.
        name: What messages call the file.
        options: What the suite states.
        max_bytes: Most bytes of text.

    Raises:
        DataInvalid: It cannot be read as a table, or in two ways; the message says what to do.
    """
    content = _decoded(read_bytes(file, name, max_bytes), name, options.encoding)
    if not content[:HEAD].strip():
        raise DataInvalid(f"{name} is empty: a line with the names of the columns is expected")
    head = content[:HEAD]
    delimiter = options.delimiter or ("\t" if ".tsv" in file.name.lower() else separator(head))
    quotes = options.quotes
    if quotes is None:
        quotes = _quotes(content, delimiter, name)
    columns = _names(head, delimiter, quotes, name)
    return _parse(content, delimiter, quotes, columns, name)


def read_bytes(file: Path, name: str, max_bytes: int) -> bytes:
    """Return the content of a file, uncompressed.

    Raises:
        DataInvalid: It cannot be read, holds more than `max_bytes`, or changed while it was read.
    """
    import bz2
    import gzip
    import lzma
    import zlib

    opener: Any = {".gz": gzip.open, ".bz2": bz2.open, ".xz": lzma.open}.get(file.suffix.lower(), open)
    try:
        before = file.stat()
        content = b""
        if opener is not open or before.st_size <= max_bytes:
            with opener(file, "rb") as stream:
                # In parts: reading up to a limit at once reserves memory for the whole limit.
                parts, size = [], 0
                while size <= max_bytes and (part := stream.read(PART)):
                    parts.append(part)
                    size += len(part)
            content = b"".join(parts)
        after = file.stat()
    except (OSError, EOFError, lzma.LZMAError, zlib.error) as error:
        reason = getattr(error, "strerror", None) or str(error) or type(error).__name__
        damaged = "" if getattr(error, "strerror", None) else " (is it complete?)"
        raise DataInvalid(f"{name} cannot be read{damaged}: {reason}") from error
    if max(len(content), before.st_size if opener is open else 0) > max_bytes:
        raise DataInvalid(
            f"{name} holds more than {format_bytes(max_bytes)} of text: state a larger max_bytes, or split the file"
        )
    if (before.st_size, before.st_mtime_ns) != (after.st_size, after.st_mtime_ns):
        raise DataInvalid(f"{name} changed while it was read: run again when nothing writes to it")
    return content


def _decoded(content: bytes, name: str, encoding: str | None) -> bytes:
    """Return the content in UTF-8 without a byte order mark."""
    if encoding is None and content.startswith((b"\xff\xfe", b"\xfe\xff")):
        encoding = "utf-16"
    if encoding is not None and encoding.lower().replace("_", "-") not in ("utf-8", "utf8"):
        try:
            content = content.decode(encoding).encode()
        except (UnicodeDecodeError, UnicodeError) as error:
            raise DataInvalid(f"{name} cannot be read as {encoding}: {error}") from error
    return content.removeprefix(b"\xef\xbb\xbf")


def separator(head: bytes) -> str:
    """Return what separates the columns: a comma if the line of names holds one unquoted, else `;`, tab or bar."""
    line = head.split(b"\n", 1)[0].decode(errors="replace")
    names = "".join(line.split('"')[::2])
    return next((mark for mark in (",", ";", "\t", "|") if mark in names), ",")


def _names(head: bytes, delimiter: str, quotes: bool, name: str) -> list[str]:
    """Return the names of the columns. Raise DataInvalid if two are equal."""
    lines = head.decode(errors="replace").lstrip("\r\n")
    limit = csv.field_size_limit(HEAD)
    try:
        names = next(
            csv.reader(
                io.StringIO(lines, newline=""),
                delimiter=delimiter,
                quoting=csv.QUOTE_MINIMAL if quotes else csv.QUOTE_NONE,
            )
        )
    except (csv.Error, StopIteration) as error:
        raise DataInvalid(f"{name}: its line of names cannot be read: {error}") from error
    finally:
        csv.field_size_limit(limit)
    if repeated := [column for column in dict.fromkeys(names) if names.count(column) > 1]:
        raise DataInvalid(
            f"{name}: {names.count(repeated[0])} columns are called `{repeated[0]}`: give each a name of its own"
        )
    return names


# ── quotation marks ─────────────────────────────────────────────────────────────────────────────


def _quotes(content: bytes, delimiter: str, name: str) -> bool:
    """Return whether quotation marks enclose values; False if none begins a value, so that all are text.

    Raises:
        DataInvalid: A value is opened and not closed as it must be, or the file reads as well with a row on each line.
    """
    if b'"' not in content:
        return False  # the rows are the same either way, and are parsed faster without quotes
    data = np.frombuffer(content, dtype=np.uint8)
    marks = np.flatnonzero(data == QUOTE)
    ends = np.zeros(256, dtype=bool)
    ends[[ord(delimiter), *NEWLINES]] = True
    before = ends[data[marks - 1]] | (marks == 0)
    after = ends[data[np.minimum(marks + 1, len(data) - 1)]] | (marks == len(data) - 1)
    if not before.any():
        return False
    opened, closed = _pairs(marks, before, after, data, name, content)
    lines = np.flatnonzero(data == NEWLINES[0])
    inside = np.searchsorted(lines, closed) - np.searchsorted(lines, opened)
    if inside.any() and _reads_line_by_line(content, delimiter):
        line = int(np.searchsorted(lines, opened[int(np.flatnonzero(inside)[0])])) + 1
        raise DataInvalid(
            f"{name}: the value in quotation marks that begins in line {line} goes on in the next line, and the file "
            "reads as well with a row on each line: state quotes = true if it does, quotes = false if the mark is text"
        )
    return True


def _pairs(
    marks: np.ndarray, before: np.ndarray, after: np.ndarray, data: np.ndarray, name: str, content: bytes
) -> tuple[np.ndarray, np.ndarray]:
    """Return the positions of the marks that open and close values, two (k,) arrays.

    Args:
        marks: (m,) positions of all marks.
        before: (m,) bool: the mark stands at the beginning of a value.
        after: (m,) bool: the mark stands at the end of a value.
        data: The file's bytes.
        name: What messages call the file.
        content: The same bytes.
    """
    even, odd = slice(0, None, 2), slice(1, None, 2)
    adjacent_before = np.r_[False, np.diff(marks) == 1]
    adjacent_after = np.r_[np.diff(marks) == 1, False]
    # In a regular file the marks open and close in turn; a doubled mark closes and opens again at once.
    regular = len(marks) % 2 == 0 and bool(
        (before | adjacent_before)[even].all() and (after | adjacent_after)[odd].all()
    )
    if regular:
        return marks[even], marks[odd]
    opened: list[int] = []
    closed: list[int] = []
    inside, skip = False, -1
    for number, mark in enumerate(marks.tolist()):
        if mark == skip:
            continue
        if not inside:
            if before[number]:  # any other mark outside of quotes is text
                opened.append(mark)
                inside = True
        elif adjacent_after[number]:
            skip = mark + 1
        elif after[number]:
            closed.append(mark)
            inside = False
        else:
            raise DataInvalid(_unclosed(content, opened[-1], mark, name))
    if inside:
        raise DataInvalid(_unclosed(content, opened[-1], None, name))
    return np.array(opened), np.array(closed)


def _unclosed(content: bytes, opened: int, mark: int | None, name: str) -> str:
    line = content.count(b"\n", 0, opened) + 1
    if mark is None:
        what = "is never closed"
    else:
        other = content.count(b"\n", 0, mark) + 1
        what = f"is followed by a mark in line {other} that neither closes it nor is doubled"
    return (
        f"{name}: the quotation mark that begins a value in line {line} {what}: correct it, or state quotes = false if "
        "marks are part of the text"
    )


def _reads_line_by_line(content: bytes, delimiter: str) -> bool:
    """Return whether every line has as many columns as the first if quotation marks are text."""
    mark = delimiter.encode()
    lines = [line for line in content.splitlines() if line]
    columns = lines[0].count(mark)
    return columns > 0 and all(line.count(mark) == columns for line in lines)


# ── rows ────────────────────────────────────────────────────────────────────────────────────────


def _parse(content: bytes, delimiter: str, quotes: bool, columns: Sequence[str], name: str) -> pa.Table:
    import pyarrow as pa
    from pyarrow import csv as arrow_csv

    schema = pa.schema([(column, pa.string()) for column in columns])
    parse = arrow_csv.ParseOptions(delimiter=delimiter, quote_char='"' if quotes else False, newlines_in_values=quotes)
    convert = arrow_csv.ConvertOptions(column_types=schema, strings_can_be_null=False, null_values=[])
    block = BLOCK
    while True:
        read = arrow_csv.ReadOptions(block_size=min(block, len(content) + 1))
        try:
            stream = pa.BufferReader(pa.py_buffer(content))
            return arrow_csv.read_csv(stream, read_options=read, parse_options=parse, convert_options=convert)
        except pa.ArrowInvalid as error:
            text = str(error)
            if "straddling object" in text and block < len(content):
                block *= 8
                continue
            if "Empty CSV file" in text:  # a line of names without a line break and without rows
                return schema.empty_table()
            raise DataInvalid(_parse_error(text, delimiter, name)) from error


def _parse_error(text: str, delimiter: str, name: str) -> str:
    """Return what the user can correct. Arrow raises one exception for all errors: its message is the only source."""
    import re

    if "invalid UTF8" in text or "invalid utf8" in text.lower():
        return f"{name}: {NOT_UTF8}"
    if match := re.search(r"Expected (\d+) columns, got (\d+): (.*)", text, re.DOTALL):
        row = match[3].splitlines()[0][:60] if match[3] else ""
        return (
            f"{name}: its line of names, read as separated by {SEPARATORS.get(delimiter, delimiter)}, has {match[1]} "
            f"columns, and another row has {match[2]}: {row!r}: put values that hold the separator in quotes, or state "
            'the separator, such as delimiter = ";"'
        )
    return f"{name} cannot be read as CSV: {text.splitlines()[0]}"
