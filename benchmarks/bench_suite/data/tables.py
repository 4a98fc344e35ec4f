"""Tables: files of Parquet, CSV, TSV and JSON as Arrow tables, and what is said of those that cannot be read."""

from __future__ import annotations

import io
import json
import re
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bench_suite.contracts import DataInvalid
from bench_suite.data.hub import first_line, hub_command, with_columns
from bench_suite.data.imagefolder import METADATA, with_pictures

if TYPE_CHECKING:
    import pyarrow as pa

HEAD = 1 << 20
"""Bytes at a file's beginning that are looked at for how it is written."""
LONGEST = 64 << 20
"""Bytes that a line of JSON may have: it is as long as a text is, and Arrow's own limit is 1 MB."""


def read_tables(files: Sequence[Path], folder: Path, hub_id: str, columns: Sequence[str] | None) -> pa.Table:
    """The rows of all files, one file after another.

    Args:
        folder: of the data set, which `hub_id` stands for in messages.
        columns: those that are needed; None for all.

    Raises:
        DataInvalid: a file cannot be read, lacks a column, or has others than the first.
    """
    import pyarrow as pa

    tables = []
    for file in files:
        name = f"{hub_id}/{file.relative_to(folder).as_posix()}"
        kind = _kind(file)
        try:
            tables.append(_read(file, folder, name, columns))
        except (pa.ArrowException, OSError, EOFError, ValueError) as error:  # ValueError: of Python's reader of JSON
            said = {"parquet": "Parquet", "jsonl": "JSON", "json": "JSON"}.get(kind, kind.upper())
            raise DataInvalid(
                f"{name} cannot be read as {said} (truncated, or not fully downloaded?): {first_line(error, folder)}\n"
                f"  to get it anew: {hub_command(hub_id)}"
            ) from error
    try:
        return pa.concat_tables([table.cast(tables[0].schema) for table in tables])
    except (pa.ArrowException, ValueError) as error:
        raise DataInvalid(f"{hub_id}: files of one split have different columns: {first_line(error)}") from error


def _kind(file: Path) -> str:
    return file.name.removesuffix(".gz").rpartition(".")[2]


def _read(file: Path, folder: Path, name: str, columns: Sequence[str] | None) -> pa.Table:
    if file.name not in METADATA:
        return _reader(file)(file, name, columns)
    place = file.parent.relative_to(folder).as_posix()
    table = with_pictures(_reader(file)(file, name, None), "" if place == "." else place)
    return with_columns(table, name, columns)


def _reader(file: Path) -> Any:
    readers = {"parquet": _read_parquet, "jsonl": _read_json, "json": _read_json}
    return readers.get(_kind(file), _read_csv)


def _read_parquet(file: Path, name: str, columns: Sequence[str] | None) -> pa.Table:
    import pyarrow.parquet as pq

    with file.open("rb") as stream:
        reader = pq.ParquetFile(stream)
        names = reader.schema_arrow.names
        read = None if columns is None else [column for column in columns if column in names]
        return with_columns(reader.read(columns=read), name, columns, names)


# ── CSV ─────────────────────────────────────────────────────────────────────────────────────────


def _read_csv(file: Path, name: str, columns: Sequence[str] | None) -> pa.Table:
    from pyarrow import csv

    delimiter = "\t" if _kind(file) == "tsv" else _delimiter(_head(file))
    # Where a comma is free for it, it is what many languages write before the decimals.
    decimal = "," if delimiter == ";" and re.search(rb"(?m)(^|;)-?\d+,\d+(;|\r?$)", _head(file)) else "."
    table = csv.read_csv(
        file,
        parse_options=csv.ParseOptions(delimiter=delimiter, newlines_in_values=True),
        convert_options=csv.ConvertOptions(decimal_point=decimal),
    )
    return with_columns(table, name, columns)


def _delimiter(head: bytes) -> str:
    """A comma, unless the line of names has none and one of those that others write in its place."""
    names = re.sub(rb'"[^"]*"', b"", head.partition(b"\n")[0])
    return "," if b"," in names else next((mark for mark in ";\t|" if mark.encode() in names), ",")


def _head(file: Path) -> bytes:
    import pyarrow as pa

    with pa.input_stream(file) as stream:  # decompressed, where its name says that it is compressed
        return bytes(stream.read(HEAD))


# ── JSON ────────────────────────────────────────────────────────────────────────────────────────


def _read_json(file: Path, name: str, columns: Sequence[str] | None) -> pa.Table:
    """One object a line, or one list of objects."""
    import pyarrow as pa
    from pyarrow import json as arrow_json

    options = arrow_json.ReadOptions(block_size=LONGEST)
    if not _head(file).lstrip(b"\xef\xbb\xbf \t\r\n").startswith(b"["):
        table = arrow_json.read_json(file, read_options=options)
        _refuse_lists(table, name, columns or ())
        return with_columns(table, name, columns)
    with pa.input_stream(file) as stream:
        rows = json.loads(bytes(stream.read()).decode("utf-8-sig"))
    if odd := [number for number, row in enumerate(rows) if not isinstance(row, dict)]:
        raise DataInvalid(f"{name} is a list in which place {odd[0]} holds no object: one object a row is expected")
    # As lines, so that both forms of the same rows have the same types.
    lines = "\n".join(map(json.dumps, rows)).encode()
    return with_columns(arrow_json.read_json(io.BytesIO(lines), read_options=options), name, columns)


def _refuse_lists(table: pa.Table, name: str, columns: Sequence[str]) -> None:
    """Raises DataInvalid where the rows that are looked for are a list within one object."""
    import pyarrow as pa

    lists = [field.name for field in table.schema if pa.types.is_list(field.type)]
    if table.num_rows == 1 and lists and not {*columns} <= {*table.column_names}:
        raise DataInvalid(
            f"{name} is one object with lists in it ({', '.join(lists)}); a list of objects alone, or one object a "
            "line, is expected: write the rows as such"
        )
