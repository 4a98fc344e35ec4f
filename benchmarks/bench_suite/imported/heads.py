"""The beginnings of files: the names of a table's columns, the keys of a JSON document, without reading the rest."""

from __future__ import annotations

import json
import re
from pathlib import Path

from bench_suite.contracts import BenchError
from bench_suite.data.file_names import COMPRESSIONS
from bench_suite.imported.tables import ending_of
from bench_suite.imported.text_blocks import encoding_of, opened

HEAD = 1 << 16
"Bytes of a file by which its format is recognised."
_PART = 1 << 12
_KEY = re.compile(r'"((?:[^"\\]|\\.)*)"\s*:')


def head_of(path: Path) -> bytes:
    """Return the first bytes of a file, uncompressed; empty if it cannot be read."""
    import lzma
    import zlib

    head = b""
    try:
        with opened(path) as file:
            while len(head) < HEAD and (part := bytes(file.read(_PART))):  # of a file that was cut, what is there
                head += part
    except (OSError, EOFError, lzma.LZMAError, zlib.error):
        return head
    return head[:HEAD]


def columns_of(path: Path, head: bytes) -> set[str]:
    """Return the names of the columns of a table in lower case; empty if the file is no table."""
    form = ending_of(path)
    if form in (".csv", ".tsv"):
        return _csv_columns(path, head)
    if form == ".parquet" and path.suffix.lower() not in COMPRESSIONS:
        return _parquet_columns(path)
    if form in (".json", ".jsonl", ".ndjson"):
        return {key.lower() for key in first_keys(head)}
    return set()


def _csv_columns(path: Path, head: bytes) -> set[str]:
    from bench_suite.data.csv_head import column_names, separator

    for encoding in ("utf-8-sig", "utf-16", "latin-1"):
        try:
            text = head.decode(encoding, errors="ignore" if encoding == "utf-8-sig" and b"\0" not in head else "strict")
            content = text.encode()
            delimiter = "\t" if ".tsv" in path.name.lower() else separator(content)
            return {name.lower() for name in column_names(content, delimiter, True, path.name)}
        except (UnicodeError, BenchError):
            continue
    return set()


def _parquet_columns(path: Path) -> set[str]:
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        return {name.lower() for name in pq.read_schema(path).names}
    except (pa.ArrowException, OSError):
        return set()


def first_keys(head: bytes) -> list[str]:
    """Return the keys of the first object of JSON or JSON lines, those of objects inside it left out.

    The beginning of a longer document is enough: keys that follow are not in the result.
    """
    text = head.decode(encoding_of(head), errors="ignore").lstrip("\ufeff \t\r\n[")
    if not text.startswith("{"):
        return []
    keys, depth, at = [], 0, 0
    while at < len(text):
        mark = text[at]
        if mark == '"':
            match = _KEY.match(text, at)
            end = match.end() if match else _end_of_text(text, at)
            if match and depth == 1:
                keys.append(_unescaped(match[1]))
            at = end
            continue
        depth += {"{": 1, "[": 1, "}": -1, "]": -1}.get(mark, 0)
        if depth <= 0:
            break
        at += 1
    return keys


def _end_of_text(text: str, start: int) -> int:
    """Return the position after the text in quotation marks that begins at `start`."""
    match = re.compile(r'"(?:[^"\\]|\\.)*"').match(text, start)
    return match.end() if match else len(text)


def _unescaped(key: str) -> str:
    try:
        return str(json.loads(f'"{key}"'))
    except ValueError:
        return key
