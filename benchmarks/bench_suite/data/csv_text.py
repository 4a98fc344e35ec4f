"""Text of CSV files: encoding, separator, names of columns and quotation marks, checked before a value is believed.

Every value is read as the text that stands in the file (`schema` decides types later, from all files together). Arrow's
reader parses it, because it refuses a row that is too short, which pandas' fills in silence.
"""

from __future__ import annotations

import csv
import io
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from bench_suite.contracts import DataInvalid
from bench_suite.environment import format_bytes

if TYPE_CHECKING:
    import pyarrow as pa

SEPARATORS = {",": "commas", ";": "semicolons", "\t": "tabs", "|": "vertical bars"}
UNNAMED = b"columns without a name, left out"
"Key of a table's metadata: the columns that were left out because they have no name."
HEAD = 1 << 20
"Bytes at the beginning of a file in which the names of the columns stand."
PART = 16 << 20
"Bytes that are read at a time."
BLOCK = 1 << 20
"Bytes that Arrow parses at a time, which a processor's cache holds; it is enlarged until it holds the longest row."
NOT_UTF8 = 'it is not written in UTF-8: state its encoding, such as encoding = "cp1252"'
NOT_TEXT: Mapping[bytes, str] = {
    b"\x1f\x8b": "is compressed by gzip: give its name the ending .gz",
    b"BZh91AY": "is compressed by bzip2: give its name the ending .bz2",
    b"\xfd7zXZ\x00": "is compressed by xz: give its name the ending .xz",
    b"\x28\xb5\x2f\xfd": "is compressed by zstd: give its name the ending .zst",
    b"PK\x03\x04": "is a ZIP archive or a workbook: unpack it, or save each sheet as CSV",
    b"PAR1\x15": "is a Parquet file: give its name the ending .parquet",
    b"version https://git-lfs": "is a pointer of Git LFS, not the file itself: fetch it with git lfs pull",
    b"<!DOCTYPE": "is a web page, not data: download the file again",
    b"<html": "is a web page, not data: download the file again",
}  # fmt: skip
"What a file is that begins like this, and what to do."
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
    content = decoded(read_bytes(file, name, max_bytes), name, options.encoding)
    if not content[:HEAD].strip():
        raise DataInvalid(f"{name} is empty: a line with the names of the columns is expected")
    content, stated = _without_separator_line(content)
    head = content[:HEAD].lstrip(b"\r\n")
    delimiter = options.delimiter or stated or ("\t" if ".tsv" in file.name.lower() else separator(head))
    quotes = options.quotes
    if quotes is None:
        quotes = _quotes(content, delimiter, name)
    columns = _names(head, delimiter, quotes, name)
    return _without_unnamed(_parse(content, delimiter, quotes, columns, name), name)


def read_bytes(file: Path, name: str, max_bytes: int) -> bytes:
    """Return the content of a file, uncompressed.

    Raises:
        DataInvalid: It cannot be read, holds more than `max_bytes`, or changed while it was read.
    """
    import bz2
    import gzip
    import lzma
    import zlib

    opener: Any = {".gz": gzip.open, ".bz2": bz2.open, ".xz": lzma.open, ".zst": _open_zstd}.get(
        file.suffix.lower(), open
    )
    try:
        if os.path.exists(file) and not os.path.isfile(file):
            raise DataInvalid(f"{name} is no regular file: write it to one")
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


def _open_zstd(file: Path, mode: str) -> Any:
    """Open a file that zstd compressed; Arrow's reader is there on each version of Python."""
    import pyarrow as pa

    return pa.input_stream(str(file), compression="zstd")


def _without_separator_line(content: bytes) -> tuple[bytes, str | None]:
    """Return the content without a first line such as `sep=;`, which spreadsheets write, and that separator."""
    import re

    if match := re.match(rb"sep=([^\r\n\w])\r?\n", content):
        return content[match.end() :], match[1].decode()
    return content, None


def decoded(content: bytes, name: str, encoding: str | None) -> bytes:
    """Return text in UTF-8 without a byte order mark.

    Raises:
        DataInvalid: It is not written in the encoding, or it is no text.
    """
    if (what := next((what for start, what in NOT_TEXT.items() if content.startswith(start)), None)) is not None:
        raise DataInvalid(f"{name} {what}")
    if encoding is None and content.startswith((b"\xff\xfe\x00\x00", b"\x00\x00\xfe\xff")):
        encoding = "utf-32"
    if encoding is None and content.startswith((b"\xff\xfe", b"\xfe\xff")):
        encoding = "utf-16"
    if encoding is not None and encoding.lower().replace("_", "-") not in ("utf-8", "utf8"):
        try:
            content = content.decode(encoding).encode()
        except (UnicodeDecodeError, UnicodeError) as error:
            raise DataInvalid(f"{name} cannot be read as {encoding}: {error}") from error
    content = content.removeprefix(b"\xef\xbb\xbf")
    if (zero := content.find(b"\0")) >= 0:
        line = content.count(b"\n", 0, zero) + 1
        raise DataInvalid(
            f"{name}: line {line} holds a byte of value 0, which no text has: state its encoding, such as encoding = "
            '"utf-16", or write the file again'
        )
    return content


def separator(head: bytes) -> str:
    """Return what separates the columns: a comma if the line of names holds one unquoted, else `;`, tab or bar."""
    line = head.replace(b"\r", b"\n").split(b"\n", 1)[0].decode(errors="replace")
    names = "".join(line.split('"')[::2])
    return next((mark for mark in (",", ";", "\t", "|") if mark in names), ",")


def _first_rows(head: bytes) -> bytes:
    """Return the beginning of a file up to a line break, so that no letter is cut in two."""
    return head if len(head) < HEAD else head[: max(head.rfind(b"\n"), head.rfind(b"\r")) + 1] or head


def _names(head: bytes, delimiter: str, quotes: bool, name: str) -> list[str]:
    """Return the names of the columns. Raise DataInvalid if two are equal."""
    try:
        lines = _first_rows(head).decode()
    except UnicodeDecodeError as error:
        raise DataInvalid(f"{name}: {NOT_UTF8}") from error
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
    named = [column for column in names if column]
    if repeated := [column for column in dict.fromkeys(named) if named.count(column) > 1]:
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
        _check_spaces(marks, after, data, ord(delimiter), name, content)
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


def _check_spaces(
    marks: np.ndarray, after: np.ndarray, data: np.ndarray, delimiter: int, name: str, content: bytes
) -> None:
    """Refuse values in quotation marks after a space, such as `1, "a"`: the marks would be part of the text."""
    spaced = (data[marks - 1] == ord(" ")) & (data[marks - 2] == delimiter) & (marks > 1)
    if spaced.any() and after.any():
        line = content.count(b"\n", 0, int(marks[spaced][0])) + 1
        raise DataInvalid(
            f"{name}: a space stands before the quotation mark in line {line}, so the mark would be part of the text: "
            "remove the spaces after separators, or state quotes = false"
        )


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


def _without_unnamed(table: pa.Table, name: str) -> pa.Table:
    """Return a table without columns that have no name: those without any value, and a first one that numbers the rows.

    Raises:
        DataInvalid: Such a column holds anything else.
    """
    left_out = []
    for number, column in reversed([*enumerate(table.column_names)]):
        if column:
            continue
        values = table.column(number).to_pylist()
        index = number == 0 and _counts_rows(values)
        if any(values) and not index:
            raise DataInvalid(
                f"{name}: column {number + 1} has no name in the line of names, and holds values such as "
                f"{next(filter(None, values))[:40]!r}: give it one, or remove the column"
            )
        table = table.remove_column(number)
        why = "which numbers the rows (a name would keep it)" if index else "without values"
        left_out.append(f"column {number + 1}, {why}")
    return table.replace_schema_metadata({UNNAMED: "; ".join(reversed(left_out))}) if left_out else table


def _counts_rows(values: Sequence[str]) -> bool:
    """Return whether values are consecutive whole numbers; part of a table may begin with another than 0."""
    first = values[0] if values else ""
    if not first.isdecimal():
        return False
    return all(value == str(number) for number, value in enumerate(values, int(first)))


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
            table = arrow_csv.read_csv(stream, read_options=read, parse_options=parse, convert_options=convert)
        except pa.ArrowInvalid as error:
            text = str(error)
            if "straddling object" in text and block < len(content):
                block *= 8
                continue
            if "Empty CSV file" in text:  # a line of names without a line break and without rows
                return schema.empty_table()
            raise DataInvalid(_parse_error(text, delimiter, name)) from error
        if table.column_names != list(columns):
            raise DataInvalid(
                f"{name}: its line of names cannot be read: write plain names, separated as the values are"
            )
        return table


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
