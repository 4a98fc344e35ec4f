"""Blocks of text files: uncompressed, as UTF-8, some megabytes at a time, so that a file need not fit into memory."""

from __future__ import annotations

import codecs
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bench_suite.contracts import BenchError, DataInvalid
from bench_suite.data.csv_quotes import encloses_values
from bench_suite.data.csv_text import MARKUP, NOT_TEXT
from bench_suite.data.file_names import ending

BLOCK = 1 << 24
"Bytes that are read at a time."
MAX_ROW = 1 << 26
"Most bytes of a row, which is in memory as a whole."
_SAMPLE = 16
"Bytes by which a file that is no text is recognised."


@dataclass(frozen=True)
class TextFacts:
    """What is known of a text file after a first reading."""

    size: int
    "Bytes, uncompressed and as UTF-8."
    lines: int
    quotes: bool
    "Whether quotation marks enclose values."


def blocks_of(path: Path, encoding: str | None = None) -> Iterator[bytes]:
    """Yield the content of a text file in blocks of UTF-8, without a byte order mark.

    Args:
        path: the file; a compression is known by its ending.
        encoding: None: UTF-8, or UTF-16 or UTF-32 if the file begins so.

    Raises:
        BenchError: it cannot be read, is no text, is written in another encoding, or changed while it was read.
    """
    import lzma
    import zlib

    try:
        before = path.stat()
        with opened(path) as stream:
            yield from _decoded(stream, path.name, encoding)
        after = path.stat()
    except (OSError, EOFError, lzma.LZMAError, zlib.error) as error:
        reason = getattr(error, "strerror", None) or str(error) or type(error).__name__
        raise BenchError(f"{path.name} cannot be read (is it complete?): {reason}") from error
    if (before.st_size, before.st_mtime_ns) != (after.st_size, after.st_mtime_ns):
        raise BenchError(f"{path.name} changed while it was read: import it again when nothing writes to it")


def opened(path: Path) -> Any:
    """Return a file, opened for reading its uncompressed bytes; a compression is known by its ending."""
    import bz2
    import gzip
    import lzma

    import pyarrow as pa

    suffix = path.suffix.lower()
    if suffix == ".zst":
        return pa.input_stream(str(path), compression="zstd")
    openers: dict[str, Any] = {".gz": gzip.open, ".bz2": bz2.open, ".xz": lzma.open}
    return openers.get(suffix, open)(path, "rb")


def _decoded(stream: Any, name: str, encoding: str | None) -> Iterator[bytes]:
    """Yield blocks of UTF-8."""
    block = bytes(stream.read(BLOCK))
    if (what := next((what for start, what in NOT_TEXT.items() if block.startswith(start)), None)) is not None:
        raise BenchError(f"{name} {what}")
    encoding = encoding or encoding_of(block)
    decoder = codecs.getincrementaldecoder(encoding)() if codecs.lookup(encoding).name != "utf-8" else None
    block = block.removeprefix(codecs.BOM_UTF8) if decoder is None else block
    beginning, line = True, 1
    while block:
        following = bytes(stream.read(BLOCK))
        if decoder is not None:
            try:
                block = decoder.decode(block, final=not following).encode()
            except UnicodeError as error:
                raise BenchError(f"{name} cannot be read as {encoding}: {error}") from error
        if beginning:
            block = block.removeprefix(codecs.BOM_UTF8)
            start = block.lstrip()[:_SAMPLE].lower()
            marks = MARKUP if ending(name) in (".csv", ".tsv") else {}
            if (what := next((what for mark, what in marks.items() if start.startswith(mark)), None)) is not None:
                raise BenchError(f"{name} {what}")
            beginning = False
        if (zero := block.find(b"\0")) >= 0:
            at = line + block.count(b"\n", 0, zero)
            raise BenchError(
                f"{name}: line {at:,} contains a byte of value 0, which no text has: state its encoding, such as "
                "--encoding utf-16, or write the file again"
            )
        line += block.count(b"\n")
        yield block
        block = following


def encoding_of(head: bytes) -> str:
    """Return the encoding that the first bytes of a text show: UTF-8 unless a mark states another one."""
    if head.startswith((codecs.BOM_UTF32_LE, codecs.BOM_UTF32_BE)):
        return "utf-32"
    return "utf-16" if head.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)) else "utf-8"


def survey(path: Path, delimiter: str, encoding: str | None, check: Any) -> TextFacts:
    """Return the size of a CSV file, its number of lines, and whether quotation marks enclose values.

    Args:
        path: the file.
        delimiter: what separates its values.
        encoding: of the file; None if it is not stated.
        check: called with the lines and bytes that are known so far; raises BenchError if they are too many.

    Raises:
        BenchError: the file cannot be read, or its quotation marks cannot.
    """
    size, lines, quotes, rest, start = 0, 0, False, b"", 1
    newline = b""
    for block in blocks_of(path, encoding):
        newline = newline or (b"\r" if b"\n" not in block and b"\r" in block else b"\n")
        size += len(block)
        lines += block.count(newline)
        check(lines, size)
        piece = rest + block
        cut = _end_of_rows(piece, newline)
        if cut == 0 and len(piece) > MAX_ROW:
            cut = piece.rfind(newline) + 1
            if cut == 0:
                raise BenchError(f"{path.name}: row {lines + 1:,} has more than {MAX_ROW:,} bytes: is it a table?")
        quotes = _encloses(piece[:cut], delimiter, path.name, start) or quotes
        start, rest = start + piece.count(newline, 0, cut), piece[cut:]
    return TextFacts(size, lines, _encloses(rest, delimiter, path.name, start) or quotes)


def _encloses(rows: bytes, delimiter: str, name: str, start: int) -> bool:
    """Return whether quotation marks enclose values in some rows, the first of which begins in line `start`."""
    part = name if start == 1 else f"{name}, in the part from line {start:,} on"
    try:
        return bool(rows.strip()) and encloses_values(rows, delimiter, part)
    except DataInvalid as error:
        raise BenchError(str(error)) from error


def _end_of_rows(piece: bytes, newline: bytes) -> int:
    """Return the position after the last line break outside of quotation marks; 0 if there is none."""
    at, odd = len(piece), piece.count(b'"') % 2 == 1
    while (start := piece.rfind(newline, 0, at)) >= 0:
        odd ^= piece.count(b'"', start, at) % 2 == 1
        if not odd:
            return start + 1
        at = start
    return 0
