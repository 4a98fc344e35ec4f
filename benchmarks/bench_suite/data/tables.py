"""Reader of Parquet, CSV, TSV and JSON files as Arrow tables, with messages for files that cannot be read."""

from __future__ import annotations

import io
import json
import re
from collections.abc import Collection, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bench_suite.contracts import DataInvalid
from bench_suite.data.hub import first_line, hub_command, with_columns
from bench_suite.data.imagefolder import METADATA, with_pictures, without_pictures

if TYPE_CHECKING:
    import pyarrow as pa
    from pyarrow import csv

HEAD = 1 << 20
"""Bytes at the beginning of a file from which its form is inferred."""
LONGEST = 64 << 20
"""Most bytes of a line of JSON, which is as long as the text in it; Arrow's own limit is 1 MB."""
NOT_UTF8 = "it is not written in UTF-8: open it in the program that wrote it, and save it as UTF-8"
_NUMBER = r"^[-+]?(\d+|\d{1,3}(\.\d{3})+)(,\d+)?$"
"""A number with points between thousands and a decimal comma, as in many languages."""
_THOUSANDS = r"^[-+]?(\d+|[1-9]\d{0,2}(\.\d{3})+)$"
"""A whole number in that form; a point that is not followed by three digits is a decimal point."""


def read_tables(
    files: Sequence[Path],
    folder: Path,
    hub_id: str,
    columns: Sequence[str] | None,
    excluded: Collection[str | None] = (),
) -> pa.Table:
    """Return the rows of all files, in the order of the files.

    Args:
        files: The files.
        folder: Folder of the data set, which messages call `hub_id`.
        hub_id: The data set's id.
        columns: The needed columns; None for all.
        excluded: Splits whose pictures are dropped if metadata name them (`imagefolder.other_splits`).

    Raises:
        DataInvalid: A file cannot be read, lacks a column, or has other columns than the first.
    """
    import pyarrow as pa

    tables = []
    for file in files:
        name = f"{hub_id}/{file.relative_to(folder).as_posix()}"
        kind = _format_of(file)
        try:
            tables.append(_read(file, folder, name, columns, excluded))
        except (pa.ArrowException, OSError, EOFError, ValueError) as error:  # ValueError: from Python's reader of JSON
            if (cause := _cause(file, kind, error)) is not None:
                raise DataInvalid(f"{name}: {cause}") from error
            format = {"parquet": "Parquet", "jsonl": "JSON", "json": "JSON"}.get(kind, kind.upper())
            reason = first_line(error, folder)
            raise DataInvalid(
                f"{name} cannot be read as {format} (truncated, or not fully downloaded?): {reason}\n"
                f"  to download it again: {hub_command(hub_id)}"
            ) from error
    try:
        return pa.concat_tables([table.cast(tables[0].schema) for table in tables])
    except (pa.ArrowException, ValueError) as error:
        raise DataInvalid(f"{hub_id}: files of one split have different columns: {first_line(error)}") from error


def _cause(file: Path, kind: str, error: BaseException) -> str | None:
    """Return what the user can correct in a complete file; None if the file may be damaged otherwise.

    Arrow raises the same exception for all of these, so its message is the only source.
    """
    text = str(error)
    if kind != "parquet" and (isinstance(error, UnicodeDecodeError) or "invalid utf8" in text.lower()):
        # A file that ends within a character was truncated.
        truncated = isinstance(error, UnicodeDecodeError) and error.reason == "unexpected end of data"
        return None if truncated else NOT_UTF8
    if isinstance(error, OSError | EOFError):
        return None
    if kind != "parquet" and _head(file).startswith((b"\xff\xfe", b"\xfe\xff")):  # UTF-16
        return NOT_UTF8
    if match := re.search(r"Expected (\d+) columns, got (\d+)", text):
        mark = "\t" if kind == "tsv" else _delimiter(_head(file))
        marks = {",": "commas", ";": "semicolons", "\t": "tabs", "|": "vertical bars"}[mark]
        cut = ", unless the file is truncated there" if int(match[2]) < int(match[1]) else ""
        return (
            f"its line of names, read as separated by {marks}, has {match[1]} columns, and another row has {match[2]}: "
            f"put names and values that hold such a mark in quotes{cut}"
        )
    if match := re.search(r"Column\(/(.*?)(?:/\[\])*\) changed from (\w+) to (\w+) in row (\d+)", text):
        row = int(match[4]) + 1
        return f"the column `{match[1]}` holds a {match[2]}, and in row {row} a {match[3]}: write one type only"
    if match := re.search(r"surrogate pair in string is invalid.* in row (\d+)", text):
        row = int(match[1]) + 1
        return f"row {row} holds one half of a surrogate pair (\\ud800 to \\udfff), which is no character: remove it"
    return None


def _format_of(file: Path) -> str:
    return file.name.removesuffix(".gz").rpartition(".")[2]


def _read(
    file: Path, folder: Path, name: str, columns: Sequence[str] | None, excluded: Collection[str | None]
) -> pa.Table:
    if file.name not in METADATA:
        return _reader(file)(file, name, columns)
    parent = file.parent.relative_to(folder).as_posix()
    described = with_pictures(_reader(file)(file, name, None), "" if parent == "." else parent)
    table = without_pictures(described, excluded)
    if described.num_rows and not table.num_rows:
        others = " or ".join(sorted(filter(None, excluded)))
        raise DataInvalid(f"{name} names pictures of {others} only, and another split has no metadata: add its rows")
    return with_columns(table, name, columns)


def _reader(file: Path) -> Any:
    readers = {"parquet": _read_parquet, "jsonl": _read_json, "json": _read_json}
    return readers.get(_format_of(file), _read_csv)


def _read_parquet(file: Path, name: str, columns: Sequence[str] | None) -> pa.Table:
    import pyarrow.parquet as pq

    with file.open("rb") as stream:
        reader = pq.ParquetFile(stream)
        names = reader.schema_arrow.names
        read = None if columns is None else [column for column in columns if column in names]
        return with_columns(reader.read(columns=read), name, columns, names)


# ── CSV ─────────────────────────────────────────────────────────────────────────────────────────


def _read_csv(file: Path, name: str, columns: Sequence[str] | None) -> pa.Table:
    import pyarrow as pa
    from pyarrow import csv

    delimiter = "\t" if _format_of(file) == "tsv" else _delimiter(_head(file))
    options = csv.ParseOptions(delimiter=delimiter, newlines_in_values=True)
    table = csv.read_csv(file, parse_options=options)
    # Arrow reads invalid text as binary data; invalid names of columns raise when they are read.
    if table.column_names and any(pa.types.is_binary(kind) for kind in table.schema.types):
        raise DataInvalid(f"{name}: {NOT_UTF8}")
    if delimiter != ",":  # the comma may then be a decimal comma
        table = _with_decimal_commas(table, file, options, name, columns)
    return with_columns(table, name, columns)


def _with_decimal_commas(
    table: pa.Table, file: Path, options: csv.ParseOptions, name: str, columns: Sequence[str] | None
) -> pa.Table:
    """Return the table with columns of numbers with decimal commas as numbers.

    Raises:
        DataInvalid: Other columns have decimal points, so that a column of `columns` with commas may hold codes.
    """
    import pyarrow as pa
    import pyarrow.compute as pc
    from pyarrow import csv

    texts = [field.name for field in table.schema if pa.types.is_string(field.type)]
    written = {column: values for column in texts if _all_match(values := _present(table[column]), _NUMBER)}
    commas = [column for column, values in written.items() if pc.any(pc.match_substring(values, ",")).as_py()]
    if not commas or len({*table.column_names}) < table.num_columns:
        return table
    floats = [field.name for field in table.schema if pa.types.is_floating(field.type)]
    if floats:
        convert = csv.ConvertOptions(include_columns=floats, column_types=dict.fromkeys(floats, pa.string()))
        again = csv.read_csv(file, parse_options=options, convert_options=convert)
        thousands = {column: values for column in floats if _all_match(values := _present(again[column]), _THOUSANDS)}
        if points := [column for column in floats if column not in thousands]:
            if comma_columns := [column for column in commas if columns is None or column in columns]:
                values = written[comma_columns[0]]
                example = pc.filter(values, pc.match_substring(values, ","))[0].as_py()
                raise DataInvalid(
                    f"{name}: the column `{comma_columns[0]}` holds numbers with commas, such as {example}, and "
                    f"`{points[0]}` numbers with points: write all with points; or write codes with another mark, "
                    "such as 0/1"
                )
            return table
        written |= thousands
    for column, values in written.items():
        plain = pc.replace_substring(pc.replace_substring(values, ".", ""), ",", ".")
        numbers = pc.cast(pc.replace_substring_regex(plain, r"^\+", ""), pa.float64())
        table = table.set_column(table.column_names.index(column), column, numbers)
    return table


def _present(texts: pa.ChunkedArray) -> pa.ChunkedArray:
    """Return the values of a column, with null for those that Arrow's reader of numbers takes as missing."""
    import pyarrow as pa
    import pyarrow.compute as pc
    from pyarrow import csv

    missing = pc.is_in(texts, value_set=pa.array(csv.ConvertOptions().null_values))
    return pc.if_else(missing, pa.scalar(None, pa.string()), texts)


def _all_match(texts: pa.ChunkedArray, pattern: str) -> bool:
    import pyarrow.compute as pc

    return len(texts) > texts.null_count and pc.all(pc.match_substring_regex(texts, pattern)).as_py()


def _delimiter(head: bytes) -> str:
    """Return the delimiter of a CSV file: a comma, unless the line of names has none but has another usual one."""
    names = re.sub(rb'"[^"]*"', b"", head.partition(b"\n")[0])
    return "," if b"," in names else next((mark for mark in ";\t|" if mark.encode() in names), ",")


def _head(file: Path) -> bytes:
    import pyarrow as pa

    with pa.input_stream(file) as stream:  # decompressed if the ending says that it is compressed
        return bytes(stream.read(HEAD))


# ── JSON ────────────────────────────────────────────────────────────────────────────────────────


def _read_json(file: Path, name: str, columns: Sequence[str] | None) -> pa.Table:
    """Read one object a line, or one list of objects."""
    import pyarrow as pa
    from pyarrow import json as arrow_json

    options = arrow_json.ReadOptions(block_size=LONGEST)
    if not _head(file).lstrip(b"\xef\xbb\xbf \t\r\n").startswith(b"["):
        table = arrow_json.read_json(file, read_options=options)
        table.validate(full=True)  # checks that texts are UTF-8, which Arrow's reader does not
        _check_rows(table, name, columns or ())
        return with_columns(table, name, columns)
    with pa.input_stream(file) as stream:
        rows = json.loads(bytes(stream.read()).decode("utf-8-sig"))
    if wrong := [number for number, row in enumerate(rows) if not isinstance(row, dict)]:
        raise DataInvalid(f"{name} is a list whose item {wrong[0]} is not an object: one object a row is expected")
    if not rows:
        raise DataInvalid(f"{name} is an empty list: one object a row is expected")
    # Read as lines, so that both forms of the same rows have the same types.
    lines = "\n".join(map(json.dumps, rows)).encode()
    return with_columns(arrow_json.read_json(io.BytesIO(lines), read_options=options), name, columns)


def _check_rows(table: pa.Table, name: str, columns: Sequence[str]) -> None:
    """Raise DataInvalid if the rows are a list within one object, or stored as columns."""
    import pyarrow as pa

    by_columns = [column for column in columns if column in table.column_names]
    if table.num_rows == 1 and by_columns and all(pa.types.is_nested(table[column].type) for column in by_columns):
        named = ", ".join(f'"{column}": …' for column in by_columns)
        raise DataInvalid(
            f"{name} holds columns, but rows are expected: one object a line, {{{named}}}, or a list of such objects"
        )
    lists = [field.name for field in table.schema if pa.types.is_list(field.type)]
    if table.num_rows == 1 and lists and not {*columns} <= {*table.column_names}:
        raise DataInvalid(
            f"{name} is one object with lists in it ({', '.join(lists)}); write the rows as a list of objects alone, "
            "or one object a line"
        )
