"""Tables: files of Parquet, CSV, TSV and JSON as Arrow tables, and what is said of those that cannot be read."""

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
"""Bytes at a file's beginning that are looked at for how it is written."""
LONGEST = 64 << 20
"""Bytes that a line of JSON may have: it is as long as a text is, and Arrow's own limit is 1 MB."""
NOT_UTF8 = "it is not written in UTF-8: open it in the program that wrote it, and save it as UTF-8"
_NUMBER = r"^[-+]?(\d+|\d{1,3}(\.\d{3})+)(,\d+)?$"
"""A number as many languages write it: points between thousands, a comma before decimals."""
_THOUSANDS = r"^[-+]?(\d+|[1-9]\d{0,2}(\.\d{3})+)$"
"""A whole number so written; with a point before other than three digits it has a decimal point."""


def read_tables(
    files: Sequence[Path],
    folder: Path,
    hub_id: str,
    columns: Sequence[str] | None,
    left_out: Collection[str | None] = (),
) -> pa.Table:
    """The rows of all files, one file after another.

    Args:
        folder: of the data set, which `hub_id` stands for in messages.
        columns: those that are needed; None for all.
        left_out: splits of which metadata may name pictures that are not wanted (`imagefolder.left_out`).

    Raises:
        DataInvalid: a file cannot be read, lacks a column, or has others than the first.
    """
    import pyarrow as pa

    tables = []
    for file in files:
        name = f"{hub_id}/{file.relative_to(folder).as_posix()}"
        kind = _format_of(file)
        try:
            tables.append(_read(file, folder, name, columns, left_out))
        except (pa.ArrowException, OSError, EOFError, ValueError) as error:  # ValueError: of Python's reader of JSON
            if (cause := _cause(file, kind, error)) is not None:
                raise DataInvalid(f"{name}: {cause}") from error
            said = {"parquet": "Parquet", "jsonl": "JSON", "json": "JSON"}.get(kind, kind.upper())
            raise DataInvalid(
                f"{name} cannot be read as {said} (truncated, or not fully downloaded?): {first_line(error, folder)}\n"
                f"  to download it again: {hub_command(hub_id)}"
            ) from error
    try:
        return pa.concat_tables([table.cast(tables[0].schema) for table in tables])
    except (pa.ArrowException, ValueError) as error:
        raise DataInvalid(f"{hub_id}: files of one split have different columns: {first_line(error)}") from error


def _cause(file: Path, kind: str, error: BaseException) -> str | None:
    """What a person can mend in a file that is all there; None where more may be wrong with it."""
    text = str(error)
    if kind != "parquet" and (isinstance(error, UnicodeDecodeError) or "invalid utf8" in text.lower()):
        # Where a file ends within a character, it was cut off.
        return None if getattr(error, "reason", "") == "unexpected end of data" else NOT_UTF8
    if isinstance(error, OSError | EOFError):
        return None
    if kind != "parquet" and _head(file).startswith((b"\xff\xfe", b"\xfe\xff")):  # UTF-16
        return NOT_UTF8
    if found := re.search(r"Expected (\d+) columns, got (\d+)", text):
        mark = "\t" if kind == "tsv" else _delimiter(_head(file))
        marks = {",": "commas", ";": "semicolons", "\t": "tabs", "|": "vertical bars"}[mark]
        cut = ", unless the file ends there, cut off" if int(found[2]) < int(found[1]) else ""
        return (
            f"parted by {marks}, as its line of names seems to be, that line has {found[1]} columns and another row "
            f"{found[2]}: put names and values that hold such a mark in quotes{cut}"
        )
    if found := re.search(r"Column\(/(.*?)(?:/\[\])*\) changed from (\w+) to (\w+) in row (\d+)", text):
        return (
            f"the column `{found[1]}` holds a {found[2]}, and in row {int(found[4]) + 1} a {found[3]}: write all alike"
        )
    if found := re.search(r"surrogate pair in string is invalid.* in row (\d+)", text):
        row = int(found[1]) + 1
        return f"row {row} holds one half of a surrogate pair (\\ud800 to \\udfff), which is no character: remove it"
    return None


def _format_of(file: Path) -> str:
    return file.name.removesuffix(".gz").rpartition(".")[2]


def _read(
    file: Path, folder: Path, name: str, columns: Sequence[str] | None, left_out: Collection[str | None]
) -> pa.Table:
    if file.name not in METADATA:
        return _reader(file)(file, name, columns)
    place = file.parent.relative_to(folder).as_posix()
    described = with_pictures(_reader(file)(file, name, None), "" if place == "." else place)
    table = without_pictures(described, left_out)
    if described.num_rows and not table.num_rows:
        others = " or ".join(sorted(filter(None, left_out)))
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
    # Arrow takes text that is none for binary data; names raise where they are read.
    if table.column_names and any(pa.types.is_binary(kind) for kind in table.schema.types):
        raise DataInvalid(f"{name}: {NOT_UTF8}")
    if delimiter != ",":  # where a comma is free for it, it may stand before decimals
        table = _with_decimal_commas(table, file, options, name, columns)
    return with_columns(table, name, columns)


def _with_decimal_commas(
    table: pa.Table, file: Path, options: csv.ParseOptions, name: str, columns: Sequence[str] | None
) -> pa.Table:
    """Numbers where all values of a column are such with commas.

    Raises:
        DataInvalid: other columns have points before decimals, so that those of `columns` may be codes as well.
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
            if asked := [column for column in commas if columns is None or column in columns]:
                values = written[asked[0]]
                some = pc.filter(values, pc.match_substring(values, ","))[0].as_py()
                raise DataInvalid(
                    f"{name}: the column `{asked[0]}` holds numbers with commas, such as {some}, and `{points[0]}` "
                    "such with points: write all with points; or codes with another mark, such as 0/1"
                )
            return table
        written |= thousands
    for column, values in written.items():
        plain = pc.replace_substring(pc.replace_substring(values, ".", ""), ",", ".")
        numbers = pc.cast(pc.replace_substring_regex(plain, r"^\+", ""), pa.float64())
        table = table.set_column(table.column_names.index(column), column, numbers)
    return table


def _present(texts: pa.ChunkedArray) -> pa.ChunkedArray:
    """The values of a column, null where a reader of numbers takes one for missing."""
    import pyarrow as pa
    import pyarrow.compute as pc
    from pyarrow import csv

    missing = pc.is_in(texts, value_set=pa.array(csv.ConvertOptions().null_values))
    return pc.if_else(missing, pa.scalar(None, pa.string()), texts)


def _all_match(texts: pa.ChunkedArray, pattern: str) -> bool:
    import pyarrow.compute as pc

    return len(texts) > texts.null_count and pc.all(pc.match_substring_regex(texts, pattern)).as_py()


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
        table.validate(full=True)  # that texts are UTF-8, which Arrow takes on trust
        _refuse_lists(table, name, columns or ())
        return with_columns(table, name, columns)
    with pa.input_stream(file) as stream:
        rows = json.loads(bytes(stream.read()).decode("utf-8-sig"))
    if odd := [number for number, row in enumerate(rows) if not isinstance(row, dict)]:
        raise DataInvalid(f"{name} is a list in which place {odd[0]} holds no object: one object a row is expected")
    if not rows:
        raise DataInvalid(f"{name} is an empty list: one object a row is expected")
    # As lines, so that both forms of the same rows have the same types.
    lines = "\n".join(map(json.dumps, rows)).encode()
    return with_columns(arrow_json.read_json(io.BytesIO(lines), read_options=options), name, columns)


def _refuse_lists(table: pa.Table, name: str, columns: Sequence[str]) -> None:
    """Raises DataInvalid where the rows that are looked for are a list within one object, or columns."""
    import pyarrow as pa

    by_columns = [column for column in columns if column in table.column_names]
    if table.num_rows == 1 and by_columns and all(pa.types.is_nested(table[column].type) for column in by_columns):
        named = ", ".join(f'"{column}": …' for column in by_columns)
        raise DataInvalid(
            f"{name} holds columns, and rows are expected: one object a line, {{{named}}}, or a list of such"
        )
    lists = [field.name for field in table.schema if pa.types.is_list(field.type)]
    if table.num_rows == 1 and lists and not {*columns} <= {*table.column_names}:
        raise DataInvalid(
            f"{name} is one object with lists in it ({', '.join(lists)}); a list of objects alone, or one object a "
            "line, is expected: write the rows as such"
        )
