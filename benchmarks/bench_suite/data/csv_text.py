"""Text of CSV files: encoding, separator, names of columns and quotation marks, checked before a value is believed.

Every value is read as the text that stands in the file (`schema` decides types later, from all files together). Arrow's
reader parses it, because it refuses a row that is too short, which pandas' fills in silence.
"""

from __future__ import annotations

import codecs
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bench_suite.components.options import show
from bench_suite.contracts import DataInvalid
from bench_suite.data.csv_head import (
    HEAD,
    NOT_UTF8,
    SEPARATORS,
    check_comments,
    column_names,
    separator,
    without_separator_line,
)
from bench_suite.data.csv_quotes import encloses_values
from bench_suite.environment import format_bytes

if TYPE_CHECKING:
    import pyarrow as pa

UNNAMED = b"columns without a name, left out"
"Key of a table's metadata: the columns that were left out because they have no name."
PART = 16 << 20
"Bytes that are read at a time."
BLOCK = 1 << 20
"Bytes that Arrow parses at a time, which a processor's cache holds; it is enlarged until it holds the longest row."
NOT_TEXT: Mapping[bytes, str] = {
    b"\x1f\x8b": "is compressed by gzip: give its name the ending .gz",
    b"BZh91AY": "is compressed by bzip2: give its name the ending .bz2",
    b"\xfd7zXZ\x00": "is compressed by xz: give its name the ending .xz",
    b"\x28\xb5\x2f\xfd": "is compressed by zstd: give its name the ending .zst",
    b"PK\x03\x04": "is a ZIP archive or a workbook: unpack it, or save each sheet as CSV",
    b"PAR1\x15": "is a Parquet file: give its name the ending .parquet",
    b"version https://git-lfs": "is a pointer of Git LFS, not the file itself: fetch it with git lfs pull",
    b"\xd0\xcf\x11\xe0": "is a workbook of an older spreadsheet: save each sheet as CSV",
    b"SQLite format 3": "is a database: write the table as CSV",
    b"\x89HDF": "is an HDF5 file: write it as Parquet",
    b"\x93NUMPY": "is an array of NumPy: write it as Parquet",
    b"%PDF": "is a PDF: write its table as CSV",
}  # fmt: skip
"What a file is that begins like this, and what to do."
MARKUP: Mapping[bytes, str] = {
    b"<!doctype": "is a web page, not data: fetch the file again",
    b"<html": "is a web page, not data: fetch the file again",
    b"<?xml": "is XML, not a table: write it as CSV, or fetch the file again if it is an error of a server",
    b"<table": "is a table of a web page: write it as CSV",
    b'{"': "is JSON: give its name the ending .json",
    b'[{"': "is JSON: give its name the ending .json",
}  # fmt: skip
"The same for text, whatever its case and whatever space stands before it."


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
    start = content[:HEAD].lstrip()[:16].lower()
    if (what := next((what for mark, what in MARKUP.items() if start.startswith(mark)), None)) is not None:
        raise DataInvalid(f"{name} {what}")
    if not content[:HEAD].strip():
        raise DataInvalid(f"{name} is empty: a line with the names of the columns is expected")
    content, stated = without_separator_line(content)
    head = content[:HEAD].lstrip(b"\r\n")
    check_comments(content[:HEAD], options.delimiter or stated, name, 1 if stated is None else 2)
    delimiter = options.delimiter or stated or ("\t" if ".tsv" in file.name.lower() else separator(head))
    quotes = options.quotes
    if quotes is None:
        quotes = encloses_values(content, delimiter, name)
    columns = column_names(head, delimiter, quotes, name)
    table = _parse(content, delimiter, quotes, columns, name)
    _check_joined(table, name)
    return _without_unnamed(table, name)


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
        _check_not_utf8(content, name, encoding)
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


def _check_not_utf8(content: bytes, name: str, encoding: str) -> None:
    """Refuse text in UTF-8 that a suite calls one of one byte a letter, which would make two letters of each `ü`."""
    of_one_byte = len(bytes(range(128, 256)).decode(encoding, errors="replace")) == 128
    if content.isascii() or not of_one_byte or codecs.lookup(encoding).name.startswith("utf"):
        return
    try:
        letters = content.decode()
    except UnicodeDecodeError:
        return
    odd = next(letter for letter in letters if not letter.isascii())
    raise DataInvalid(
        f"{name} is written in UTF-8, and the suite states encoding = {show(encoding)}, which would read {odd!r} as "
        f"{odd.encode().decode(encoding, errors='replace')!r}: leave encoding out, or write all files in one encoding"
    )


def _check_joined(table: pa.Table, name: str) -> None:
    """Refuse a file that seems to be several, one after the other: a row repeats the names, or has a byte order mark.

    Raises:
        DataInvalid: It is; the message gives the row.
    """
    import pyarrow.compute as pc

    if not table.num_columns:
        return
    first = table.column(0)
    marked = pc.starts_with(first, pattern="\ufeff")
    repeated = pc.equal(first, table.column_names[0])
    for row in pc.indices_nonzero(pc.or_(marked, repeated).combine_chunks()).to_pylist():
        values = [table.column(number)[row].as_py() for number in range(table.num_columns)]
        names = table.column_names
        again = len(names) > 1 and [values[0].removeprefix("\ufeff"), *values[1:]] == names
        if again or values[0].startswith("\ufeff"):
            what = "repeats the line of names" if again else "begins with a byte order mark"
            raise DataInvalid(
                f"{name}: row {row} {what}, as if files had been put one after the other: remove what was repeated, or "
                "name the files in path"
            )


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
        title = "remove lines before the line of names, such as a title, " if match[1] == "1" else ""
        return (
            f"{name}: its line of names, read as separated by {SEPARATORS.get(delimiter, delimiter)}, has {match[1]} "
            f"columns, and another row has {match[2]}: {row!r}: put values that hold the separator in quotes, {title}"
            'or state the separator, such as delimiter = ";"'
        )
    return f"{name} cannot be read as CSV: {text.splitlines()[0]}"
