"""Parts of large tables: some rows of the needed columns at a time, from CSV, JSON lines, Parquet and Arrow."""

from __future__ import annotations

import codecs
import json
import re
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bench_suite.contracts import BenchError, DataInvalid
from bench_suite.data.csv_head import HEAD, check_comments, column_names, separator, without_separator_line
from bench_suite.data.file_names import COMPRESSIONS, ending
from bench_suite.imported.text_blocks import BLOCK, MAX_ROW, TextFacts, blocks_of, survey

if TYPE_CHECKING:
    import pyarrow as pa

STREAMED = (".csv", ".tsv", ".jsonl", ".ndjson", ".parquet", ".arrow")
"Endings of tables that are read in parts."
MIN_BYTES = 1 << 25
"Bytes of a file from which it is read in parts; of a compressed one, an eighth of it. Smaller ones are read whole."
PARQUET_ROW = 32
"Bytes that count for a row of a Parquet file, whose size does not show how much it contains."
ROWS = 1 << 16
"Rows of a part of a file that states their number."


def is_large(path: Path) -> bool:
    """Return whether a table is read in parts."""
    packed = path.suffix.lower() in COMPRESSIONS
    form = ending(path.name)
    if form not in STREAMED or (packed and form in (".parquet", ".arrow")):
        return False
    if form == ".parquet":
        return _parquet_rows(path) * PARQUET_ROW >= MIN_BYTES
    return path.stat().st_size >= (MIN_BYTES // 8 if packed else MIN_BYTES)


def _parquet_rows(path: Path) -> int:
    """Return the number of rows of a Parquet file; 0 if it cannot be read."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        return int(pq.read_metadata(path).num_rows)
    except (pa.ArrowException, OSError):
        return 0


class LargeTable:
    """A table that is read in parts."""

    def __init__(self, path: Path, encoding: str | None) -> None:
        self.path = path
        self.encoding = encoding
        self.form = ending(path.name)
        self.delimiter = ","
        self.skipped = 0
        "Lines before the line of names."
        self.row_bytes = 0.0
        "Mean length of the first rows of a text that is not compressed; 0 if it is not known."
        self.names = self._names()

    def count(self, check: Callable[[int, int], None]) -> None:
        """Call `check` with the rows and bytes of the file, which raises BenchError if they are too many."""
        if self.form == ".parquet":
            metadata = self._parquet().metadata
            check(metadata.num_rows, self.path.stat().st_size)
        elif self.form == ".arrow":
            check(sum(batch.num_rows for batch in self._arrow_batches()), self.path.stat().st_size)
        elif self.form in (".jsonl", ".ndjson"):
            lines = size = 0
            for block in blocks_of(self.path, self.encoding):
                lines, size = lines + block.count(b"\n"), size + len(block)
                check(lines, size)
        else:
            self.facts: TextFacts = survey(self.path, self.delimiter, self.encoding, check)

    def parts(self, columns: Sequence[str]) -> Iterator[pa.Table]:
        """Yield the rows with some columns; `count` was called before.

        Raises:
            BenchError: the file cannot be read as a table.
        """
        import pyarrow as pa

        try:
            if self.form == ".parquet":
                for batch in self._parquet().iter_batches(ROWS, columns=list(columns)):
                    yield pa.Table.from_batches([batch]).select(list(columns))
            elif self.form == ".arrow":
                for batch in self._arrow_batches():
                    yield pa.Table.from_batches([batch]).select(list(columns))
            elif self.form in (".jsonl", ".ndjson"):
                yield from self._json_parts(columns)
            else:
                yield from self._csv_parts(columns)
        except (pa.ArrowException, OSError) as error:
            reason = (str(error).splitlines() or [type(error).__name__])[0]
            raise BenchError(f"{self.path.name} cannot be read (is it complete?): {reason[:300]}") from error

    def _names(self) -> list[str]:
        import pyarrow as pa

        try:
            if self.form == ".parquet":
                return list(self._parquet().schema_arrow.names)
            if self.form == ".arrow":
                return list(next(self._arrow_batches()).schema.names)
        except (pa.ArrowException, OSError, StopIteration) as error:
            raise BenchError(f"{self.path.name} cannot be read (is it complete?): {error}") from error
        head = next(blocks_of(self.path, self.encoding), b"")
        if self.path.suffix.lower() not in COMPRESSIONS and head.count(b"\n") > 1:
            start, end = head.find(b"\n") + 1, head.rfind(b"\n") + 1
            self.row_bytes = (end - start) / head.count(b"\n", start, end)
        if self.form in (".jsonl", ".ndjson"):
            line = head.split(b"\n", 1)[0]
            return list(_object(line, self.path.name, 1))
        if not head.strip():
            raise BenchError(f"{self.path.name} is empty: a line with the names of the columns is expected")
        try:
            content, stated = without_separator_line(head[:HEAD])
            self.skipped = 0 if stated is None else 1
            check_comments(content, stated, self.path.name, 1 + self.skipped)
            content = content.lstrip(b"\r\n")
            self.delimiter = stated or ("\t" if ".tsv" in self.path.name.lower() else separator(content))
            return column_names(content, self.delimiter, True, self.path.name)
        except DataInvalid as error:
            raise BenchError(with_options(str(error))) from error

    def _parquet(self) -> Any:
        import pyarrow.parquet as pq

        return pq.ParquetFile(self.path)

    def _arrow_batches(self) -> Iterator[pa.RecordBatch]:
        import pyarrow as pa

        with pa.memory_map(str(self.path)) as source:
            try:
                reader = pa.ipc.open_file(source)
            except pa.ArrowInvalid:
                source.seek(0)
                yield from pa.ipc.open_stream(source)
                return
            for number in range(reader.num_record_batches):
                yield reader.get_batch(number)

    def _csv_parts(self, columns: Sequence[str]) -> Iterator[pa.Table]:
        import pyarrow as pa
        from pyarrow import csv as arrow_csv

        quotes = self.facts.quotes
        included = list(dict.fromkeys([next(name for name in self.names if name), *columns]))
        schema = pa.schema([(column, pa.string()) for column in included])
        parse = arrow_csv.ParseOptions(
            delimiter=self.delimiter, quote_char='"' if quotes else False, newlines_in_values=quotes
        )
        convert = arrow_csv.ConvertOptions(
            column_types=schema, include_columns=included, strings_can_be_null=False, null_values=[]
        )
        read = arrow_csv.ReadOptions(block_size=BLOCK, skip_rows=self.skipped)
        stream = _Stream(blocks_of(self.path, self.encoding))
        try:
            with arrow_csv.open_csv(stream, read_options=read, parse_options=parse, convert_options=convert) as reader:
                row = 0
                for batch in reader:
                    table = pa.Table.from_batches([batch])
                    _check_joined(table, row, self.path.name)
                    row += table.num_rows
                    yield table.select(list(columns))
        except pa.ArrowInvalid as error:
            text = (str(error).splitlines() or [""])[0]
            if "straddling" in text:
                raise BenchError(f"{self.path.name}: a row has more than {BLOCK:,} bytes: is it a table?") from error
            if "utf8" in text.lower():
                raise BenchError(
                    f"{self.path.name} is not written in UTF-8: state its encoding, such as --encoding cp1252"
                ) from error
            raise BenchError(f"{self.path.name} cannot be read as CSV: {text[:300]}") from error

    def _json_parts(self, columns: Sequence[str]) -> Iterator[pa.Table]:
        rows: dict[str, list[Any]] = {column: [] for column in columns}
        first = 0
        for number, line in _lines(blocks_of(self.path, self.encoding), self.path.name):
            one = _object(line, self.path.name, number)
            for column, values in rows.items():
                values.append(one.get(column))
            if len(rows[columns[0]]) == ROWS:
                yield _typed(rows, self.path.name, first)
                rows, first = {column: [] for column in columns}, first + ROWS
        if rows[columns[0]]:
            yield _typed(rows, self.path.name, first)


def _typed(rows: dict[str, list[Any]], name: str, first: int) -> pa.Table:
    """Return some rows of JSON as a table. A column has texts, numbers, truth values or lists of numbers."""
    import pyarrow as pa

    arrays = {}
    for column, values in rows.items():
        try:
            arrays[column] = pa.array(values)
        except (pa.ArrowException, OverflowError) as error:
            raise BenchError(several_types(name, column, values, first)) from error
    return pa.table(arrays)


def with_options(message: str) -> str:
    """Return a message about a text file with the option of the command in place of a suite's key."""
    message = re.sub(r'encoding = "([^"]+)"', r"--encoding \1", message)
    return message.replace(
        'or state the separator, such as delimiter = ";"', "or begin the file with a line that states it, such as sep=;"
    )


def json_values(path: Path, column: str, encoding: str | None) -> list[Any]:
    """Return the values of a column of a small JSON file, as they stand there; None in a row without one."""
    content = b"".join(blocks_of(path, encoding))
    if content.lstrip().startswith(b"["):
        rows = json.loads(content)
    else:
        rows = [_object(line, path.name, number) for number, line in _lines(iter([content]), path.name)]
    return [row.get(column) if isinstance(row, dict) else None for row in rows]


def several_types(name: str, column: str, values: Sequence[Any], first: int = 0) -> str:
    """Return the message for a column of a JSON file with values of several types.

    Args:
        name: of the file.
        column: its name.
        values: of some rows.
        first: rows before them.
    """
    kinds = [_kind(value) for value in values]
    usual, _ = Counter(kind for kind in kinds if kind).most_common(1)[0]
    row = next((number for number, kind in enumerate(kinds) if kind not in (usual, "")), None)
    if row is None:
        return f"{name}: the column {column!r} has whole numbers of more than 64 bits: write them as texts"
    return (
        f"{name}: the column {column!r} has {json.dumps(values[row])[:40]} in row {first + row + 1:,}, and {usual} in "
        "most rows: correct it, or remove the row"
    )


def _kind(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, bool):
        return "truth values"
    if isinstance(value, int | float):
        return "numbers"
    return "texts" if isinstance(value, str) else "lists or objects"


def _object(line: bytes, name: str, number: int) -> dict[str, Any]:
    try:
        row = json.loads(line)
    except (ValueError, RecursionError) as error:
        raise BenchError(f"{name}: line {number:,} is not JSON (is the file complete?): {error}") from error
    if isinstance(row, dict):
        return row
    raise BenchError(f"{name}: line {number:,} is no JSON object: one object a line is expected")


def _lines(blocks: Iterator[bytes], name: str) -> Iterator[tuple[int, bytes]]:
    """Yield the lines that are not empty, with their numbers."""
    rest, number = b"", 0
    for block in blocks:
        *lines, rest = (rest + block).split(b"\n")
        for line in lines:
            number += 1
            if line.strip():
                yield number, line
        if len(rest) > MAX_ROW:
            raise BenchError(f"{name}: line {number + 1:,} has more than {MAX_ROW:,} bytes")
    if rest.strip():
        yield number + 1, rest


def _check_joined(table: pa.Table, row: int, name: str) -> None:
    """Refuse a file that seems to be several, one after the other: a row repeats the names, or has an order mark."""
    import pyarrow.compute as pc

    first = table.column(0)
    odd = pc.or_(pc.starts_with(first, pattern="\ufeff"), pc.equal(first, table.column_names[0]))
    for at in pc.indices_nonzero(odd.combine_chunks()).to_pylist():
        values = [table.column(number)[at].as_py() for number in range(table.num_columns)]
        marked = values[0].encode().startswith(codecs.BOM_UTF8)
        if marked or (len(values) > 1 and values == table.column_names):
            what = "begins with a byte order mark" if marked else "repeats the line of names"
            raise BenchError(
                f"{name}: row {row + at + 1:,} {what}, as if files had been put one after the other: remove what was "
                "repeated, or import the files by their names"
            )


class _Stream:
    """A file, as Arrow reads it, of blocks that follow one another."""

    def __init__(self, blocks: Iterator[bytes]) -> None:
        self._blocks = blocks
        self._rest = b""
        self.closed = False

    def read(self, size: int = -1) -> bytes:
        """Return the next bytes, at most `size`; empty at the end."""
        if not self._rest:
            self._rest = next(self._blocks, b"")
        part, self._rest = (self._rest, b"") if size < 0 else (self._rest[:size], self._rest[size:])
        return part

    def readable(self) -> bool:
        """Return that it can be read."""
        return True

    def seekable(self) -> bool:
        """Return that only its next bytes can be read."""
        return False

    def close(self) -> None:
        """Read no more."""
        self.closed = True
