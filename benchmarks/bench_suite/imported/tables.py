"""Tables of other tools: CSV, TSV, Parquet, Arrow and JSON as columns of texts or numbers, refused if they are wrong.

Small files are read whole. Of large ones some rows are in memory at a time, and of these the columns that are needed
are collected: each different text once, and numbers as numbers. A table that would not fit into memory is refused
before it is read.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bench_suite.contracts import BenchError, DataInvalid
from bench_suite.data.csv_text import TextOptions
from bench_suite.data.file_access import check_file
from bench_suite.data.file_names import COMPRESSIONS
from bench_suite.data.file_sets import FileSet
from bench_suite.data.table_formats import read_table
from bench_suite.environment import format_bytes
from bench_suite.imported.labels import Labels, from_array
from bench_suite.imported.table_memory import REMEDY, WHOLE, check_estimate, checker
from bench_suite.imported.table_parts import LargeTable, is_large, json_values, several_types, with_options

if TYPE_CHECKING:
    import numpy as np
    import pyarrow as pa

ENDINGS = (".csv", ".tsv", ".parquet", ".arrow", ".json", ".jsonl", ".ndjson")
"Endings of the names of tables, without a compression such as `.gz`."
MAX_WHOLE = 2 << 30
"Most bytes of a file that is read whole, uncompressed, unless the user states another number."
MAX_NUMBER = 1e100
"Greatest number, so that a sum of squares is a number."
Converter = Callable[["pa.Table", str, int], "np.ndarray | pa.Array"]
"Returns a column of some rows as it is collected: its table, its name, and the number of rows before."
_TRUTHS = {"true": 1.0, "false": 0.0, "correct": 1.0, "incorrect": 0.0, "c": 1.0, "i": 0.0}
"Texts that stand for a score: of a table that wrote truth values, and of Inspect's grades."


def ending_of(path: Path) -> str:
    """Return the ending of a file's name, in lower case and without that of a compression."""
    suffixes = [suffix.lower() for suffix in path.suffixes]
    return next((suffix for suffix in reversed(suffixes) if suffix not in COMPRESSIONS), "")


def is_table(path: Path) -> bool:
    """Return whether a file's name has the ending of a table."""
    return ending_of(path) in ENDINGS


@dataclass(frozen=True)
class Tables:
    """Some files with the rows of one table, of which the names of the columns are known and no row is kept."""

    paths: Sequence[Path]
    files: Sequence[LargeTable | pa.Table]
    "A file that is read in parts, or the rows of one that was read whole."
    names: Sequence[str]
    "The columns that all files have, in the order of the first file."
    encoding: str | None = None

    def read(self, columns: Sequence[str], converters: Mapping[str, Converter] | None = None) -> pa.Table:
        """Return the rows of the files one after another.

        Args:
            columns: the columns that are needed.
            converters: how a column of a large file is converted before it is collected; texts are collected as a
                dictionary.

        Raises:
            BenchError: a file cannot be read, there are no rows, or they do not fit into memory.
        """
        import pyarrow as pa

        names = ", ".join(path.name for path in self.paths[:3])
        tables: list[pa.Table] = []
        for number, file in enumerate(self.files):
            if isinstance(file, LargeTable):
                known = sum(table.num_rows for table in tables)
                file.count(checker(self.paths[: number + 1], len(columns), known))
                for part in file.parts(columns):
                    tables.append(_compact(part, converters or {}, known))
                    known += part.num_rows
            else:
                _check_types(file.select(list(columns)), self.paths[number], self.encoding)
                tables.append(file.select(list(columns)))
        rows = sum(table.num_rows for table in tables)
        if not rows:
            raise BenchError(f"{names}: there are no rows, only names of columns")
        checker(self.paths, len(columns))(rows, sum(path.stat().st_size for path in self.paths))
        if len(tables) == 1:
            return tables[0]
        if len({isinstance(file, LargeTable) for file in self.files}) > 1:  # dictionaries and plain texts
            tables = [_compact(table, {}, 0) for table in tables]
        try:
            return pa.concat_tables(tables, promote_options="permissive")
        except pa.ArrowException as error:
            reason = str(error).splitlines()[0]
            raise BenchError(f"{names}: a column has values of different types: {reason}") from error


def open_tables(paths: Sequence[Path], *, encoding: str | None = None, max_bytes: int = 0) -> Tables:
    """Return some files with the names of the columns that all of them have.

    Args:
        paths: the files.
        encoding: encoding of text files; None: UTF-8, or UTF-16 if the file begins so.
        max_bytes: most bytes of one file; 0: as many as fit into memory.

    Raises:
        BenchError: a file cannot be read as a table, is too large, or has no columns in common with another one.
    """
    files: list[LargeTable | pa.Table] = []
    for path in paths:
        try:
            check_file(path, path.name)
        except DataInvalid as error:
            raise BenchError(str(error)) from error
        if not is_table(path):
            raise BenchError(f"{path.name} is no table: its name must end in {', '.join(ENDINGS)}")
        if max_bytes and path.stat().st_size > max_bytes:
            raise BenchError(
                f"{path.name} has {path.stat().st_size:,} bytes, and {max_bytes:,} are allowed: {REMEDY}, "
                "or state a larger --max-bytes"
            )
        files.append(_large(path, encoding) if is_large(path) else _whole(path, encoding, max_bytes or MAX_WHOLE))
    known = [list(file.names if isinstance(file, LargeTable) else file.column_names) for file in files]
    for path, names in zip(paths, known, strict=True):
        if len(set(names)) < len(names):
            twice = next(name for name in names if names.count(name) > 1)
            raise BenchError(f"{path.name}: {names.count(twice)} columns are called {twice!r}: give each its own name")
    shared = [name for name in known[0] if name and all(name in others for others in known)]
    if not shared:
        raise BenchError(f"{', '.join(path.name for path in paths[:3])}: the files have no column in common")
    return Tables(paths, files, shared, encoding)


def _large(path: Path, encoding: str | None) -> LargeTable:
    """Return a file that is read in parts, unless its first rows show that it is far too large."""
    file = LargeTable(path, encoding)
    if file.row_bytes:
        check_estimate(path, file.row_bytes, checker([path], 1))
    return file


def _whole(path: Path, encoding: str | None, max_bytes: int) -> pa.Table:
    """Return the rows of a file that is read whole."""
    import pyarrow as pa

    from bench_suite.training.process_memory import available_memory

    size, left = path.stat().st_size, available_memory()
    is_json = ending_of(path) in (".json", ".jsonl", ".ndjson")
    if is_json and left is not None and size * WHOLE > left * 2**20:
        raise BenchError(
            f"{path.name} has {size:,} bytes, and is read whole, which takes about {format_bytes(size * WHOLE)} of "
            f"memory; {format_bytes(left * 2**20)} are free: write one object a line, with the ending .jsonl, which "
            f"is read in parts; or {REMEDY}"
        )
    files = FileSet(path.name, path.parent, "csv", {"test": (path,)})
    try:
        return read_table(files, path, TextOptions(encoding=encoding), max_bytes)
    except DataInvalid as error:  # here the file is the input of a command, not the data of a suite
        raise BenchError(with_options(str(error))) from error
    except pa.ArrowException as error:
        raise BenchError(f"{path.name} cannot be read: {str(error).splitlines()[0]}") from error


def _check_types(table: pa.Table, path: Path, encoding: str | None) -> None:
    """Raise BenchError if a column of a JSON file has values of several types; the message names the first odd row."""
    import pyarrow as pa

    for field in table.schema:
        if isinstance(field.type, pa.BaseExtensionType):
            raise BenchError(several_types(path.name, field.name, json_values(path, field.name, encoding)))


def _compact(part: pa.Table, converters: Mapping[str, Converter], first: int) -> pa.Table:
    """Return some rows with converted columns, and with each different text once."""
    import pyarrow as pa

    arrays: dict[str, Any] = {}
    for name in part.column_names:
        values = part.column(name)
        if name in converters:
            converted = converters[name](part, name, first)
            arrays[name] = converted if isinstance(converted, pa.Array) else pa.array(converted)
        elif pa.types.is_dictionary(values.type):
            arrays[name] = values.cast(pa.dictionary(pa.int32(), pa.large_string()))
        elif is_text(values.type):
            arrays[name] = values.cast(pa.large_string()).combine_chunks().dictionary_encode()
        else:
            arrays[name] = values
    return pa.table(arrays)


def is_text(kind: pa.DataType) -> bool:
    """Return whether values of a type are texts, each in its row or once in a dictionary."""
    import pyarrow as pa

    if pa.types.is_dictionary(kind):
        kind = kind.value_type
    return bool(pa.types.is_string(kind) or pa.types.is_large_string(kind))


def labels(table: pa.Table, column: str, *, first: int = 0) -> Labels:
    """Return a column as texts, each different one once.

    Args:
        table: the rows.
        column: its name.
        first: rows before those of the table, for errors.

    Raises:
        BenchError: a row has no value.
    """
    import pyarrow as pa

    values = table.column(column)
    if pa.types.is_nested(values.type):
        raise BenchError(f"the column {column!r} contains lists or objects, and one value a row is expected")
    _require_values(values, column, first)
    if not (pa.types.is_dictionary(values.type) or is_text(values.type)):
        values = values.dictionary_encode()
        values = pa.chunked_array([
            pa.DictionaryArray.from_arrays(chunk.indices, chunk.dictionary.cast(pa.string())) for chunk in values.chunks
        ])  # fmt: skip
    return from_array(values)


def texts(table: pa.Table, column: str) -> np.ndarray:
    """Return a column as texts, (n,) of objects that equal rows share; see `labels`."""
    return labels(table, column).expanded()


def numbers(
    table: pa.Table, column: str, *, what: str = "a number", truths: bool = False, first: int = 0
) -> np.ndarray:
    """Return a column as numbers, (n,) float64.

    Args:
        table: the rows.
        column: its name.
        what: what is expected, for errors.
        truths: whether `true`, `false`, `correct`, `incorrect`, and the grades `C` and `I`, stand for 1 and 0.
        first: rows before those of the table, for errors.

    Raises:
        BenchError: a row has no value, or one that is no finite number; the message names the first such row.
    """
    import numpy as np
    import pyarrow as pa
    import pyarrow.compute as pc

    values = table.column(column)
    if pa.types.is_nested(values.type):
        raise BenchError(f"the column {column!r} contains lists or objects, and {what} is expected in each row")
    _require_values(values, column, first)
    if pa.types.is_dictionary(values.type):
        result = _numbers_of(from_array(values), column, what, truths, first)
    elif is_text(values.type):
        values = pc.utf8_trim_whitespace(values)
        try:
            result = np.asarray(values.cast(pa.float64()).to_numpy(), dtype=np.float64)
        except pa.ArrowInvalid:
            result = _numbers_of(from_array(values), column, what, truths, first)
    elif pa.types.is_boolean(values.type) or pa.types.is_integer(values.type) or pa.types.is_floating(values.type):
        result = np.asarray(values.cast(pa.float64(), safe=False).to_numpy(), dtype=np.float64)
    else:
        raise BenchError(f"the column {column!r} contains {values.type}, and {what} is expected in each row")
    bad = np.flatnonzero(~(np.abs(result) <= MAX_NUMBER))
    if len(bad):
        others = f" and {len(bad) - 1:,} more rows" if len(bad) > 1 else ""
        raise BenchError(
            f"the column {column!r} has {result[bad[0]]} in row {first + bad[0] + 1:,}{others}: {what} is expected; "
            "remove these rows, or decide which score a missing answer has"
        )
    return result


def _numbers_of(column_labels: Labels, column: str, what: str, truths: bool, first: int) -> np.ndarray:
    """Return the numbers that texts stand for, (n,) float64."""
    import numpy as np

    values = [number_of(text, truths=truths) for text in column_labels.words.to_pylist()]
    if None in values:
        bad = np.array([value is None for value in values])[column_labels.codes]
        rows = np.flatnonzero(bad)
        others = f" (and no number in {len(rows):,} rows in all)" if len(rows) > 1 else ""
        word = column_labels[rows[0]]
        raise BenchError(
            f"the column {column!r} has {word[:40]!r} in row {first + rows[0] + 1:,}{others}, and {what} is expected"
            f"{_advice(word)}"
        )
    return np.array(values, dtype=np.float64)[column_labels.codes]


def number_of(text: str, *, truths: bool = False) -> float | None:
    """Return the number that a text stands for, None if it is none; `float` alone also reads `1_0`."""
    text = text.strip()
    known = _TRUTHS.get(text.lower()) if truths else None
    if known is not None:
        return known
    try:
        return float(text) if "_" not in text else None
    except ValueError:
        return None


def _advice(text: str) -> str:
    """Return what to do about a text that is no number."""
    if number_of(text.replace(",", ".")) is not None:
        return ": write numbers with a decimal point, and without a separator of thousands"
    return ": correct it, or remove the row"


def _require_values(values: pa.ChunkedArray, column: str, first: int) -> None:
    """Raise BenchError if a row of a column has no value, or an empty text."""
    import numpy as np
    import pyarrow as pa
    import pyarrow.compute as pc

    if pa.types.is_dictionary(values.type):
        empty = [
            np.append(np.array([not (word or "").strip() for word in chunk.dictionary.to_pylist()], dtype=bool), True)[
                chunk.indices.fill_null(len(chunk.dictionary)).to_numpy(zero_copy_only=False)
            ]
            for chunk in values.chunks
        ]
        rows = np.flatnonzero(np.concatenate(empty)) if empty else np.empty(0, dtype=np.int64)
    else:
        absent = pc.is_null(values)
        if is_text(values.type):
            absent = pc.or_kleene(absent, pc.fill_null(pc.equal(pc.utf8_trim_whitespace(values), ""), True))
        rows = np.flatnonzero(absent.to_numpy())
    if len(rows):
        raise BenchError(
            f"the column {column!r} has no value in {len(rows):,} of {len(values):,} rows, the first is row "
            f"{first + rows[0] + 1:,}: remove these rows, or give them a value"
        )
